"""
Messages to be read one after another: C{async for message in messages}, or C{await messages.receive()}.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from types import TracebackType
from typing import Any, Self

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

from txmqtt.codec.errors import LocalProtocolError, MQTTError
from txmqtt.net.receiving.inbox import Inbox
from txmqtt.net.values import Message


class Messages:
    """
    The messages of one subscription, in the order in which they came. C{client.messages()} makes it.

    It subscribes when it is first used: by C{async with}, by C{await}, or by reading. It is a place to stand before
    SUBSCRIBE leaves, so that nothing is lost between the subscription and the first read.

    @param subscribe: asks the server; C{unsubscribe} takes it back.
    """

    def __init__(
        self,
        inbox: Inbox,
        subscribe: Callable[[Inbox], Deferred[Any]],
        unsubscribe: Callable[[Inbox], Deferred[Any]],
        keep: bool,
    ) -> None:
        self._inbox = inbox
        self._subscribe = subscribe
        self._unsubscribe = unsubscribe
        self._keep = keep
        self._asked: Deferred[Any] | None = None
        self._granted = False
        self._closed = False
        self._openers: list[Deferred[None]] = []

    @property
    def waiting(self) -> int:
        """
        How many messages are here and not read.
        """
        return len(self._inbox.waiting)

    @property
    def dropped(self) -> int:
        """
        How many messages were thrown away unread: QoS 0 that found no room, and what was here when it was closed.
        """
        return self._inbox.dropped

    # Opening

    def _open(self) -> Deferred[None]:
        self._begin()
        if self._inbox.ended:
            return fail(self._inbox.why or LocalProtocolError("the messages are closed"))
        if self._granted:
            return succeed(None)
        opener: Deferred[None] = Deferred(self._give_up)
        self._openers.append(opener)
        return opener

    def _begin(self) -> None:
        if self._asked is None and not self._closed:
            self._asked = self._subscribe(self._inbox)
            self._asked.addCallbacks(self._now_open, self._refused)

    def _give_up(self, opener: Deferred[None]) -> None:
        self._openers.remove(opener)
        if not self._openers and self._asked is not None:
            self._asked.cancel()

    def _now_open(self, _: object) -> None:
        self._granted = True
        openers, self._openers = self._openers, []
        for opener in openers:
            opener.callback(None)

    def _refused(self, failure: Failure) -> None:
        why = failure.value
        assert isinstance(why, Exception)
        self._closed = True
        openers, self._openers = self._openers, []
        self._unsubscribe(self._inbox).addErrback(lambda _: None)  # of several filters, some may have been granted
        self._inbox.empty()
        self._inbox.end(why)
        for opener in openers:
            opener.errback(why)

    # Reading

    def receive(self, timeout: float | None = None) -> Deferred[Message]:
        """
        The next message. Asking for it says that the one before is dealt with. One can wait at a time.

        @param timeout: how long to wait, seconds; None: for ever.
        @return: fires with the message; fails with C{TimeoutError} when there was none in that time, with
            C{ConnectionClosed} when the connection ended and all that had come is read, and with C{LocalProtocolError}
            when the subscription has ended. Cancelling it loses no message.
        """
        message = self._next(timeout)
        message.addErrback(_closed)
        return message

    def _next(self, timeout: float | None) -> Deferred[Message]:
        message = self._inbox.next(timeout)
        self._begin()
        return message

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Deferred[Message]:
        return self._next(None)

    # The end

    def close(self) -> Deferred[None]:
        """
        Read no more: unsubscribe, and throw away what is not read. With C{keep} the subscription stays, and what is not
        read, or comes from now on, comes again on the next connection.

        @return: fires when the server has agreed, or the connection is gone. Never fails.
        """
        if self._closed:
            return succeed(None)
        self._closed = True
        inbox = self._inbox
        inbox.let_go()
        inbox.empty()
        done: Deferred[Any] = succeed(None)
        if self._asked is not None and not self._keep:
            done = self._unsubscribe(inbox)
        inbox.end(None)
        return done.addCallbacks(lambda _: None, _unless_refused)

    def __await__(self) -> Generator[Any, Any, Self]:
        yield from self._open().__await__()
        return self

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            self._inbox.failed()
            self.close()  # whatever it was, it does not wait for a server
        else:
            await self.close()


def _closed(failure: Failure) -> Failure:
    if failure.check(StopAsyncIteration):
        return Failure(LocalProtocolError("the messages are closed: the subscription has ended"))
    return failure


def _unless_refused(failure: Failure) -> None:
    failure.trap(MQTTError)  # there is no subscription any more, or the server has told why not
