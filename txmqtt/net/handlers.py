"""
Which callbacks get a message, and when it counts as handled.

A callback stands under its filter. A message calls each callback whose filter matches, once; what no filter matches
goes to the catch-all. A callback that returns a Deferred, or a coroutine, has handled its message when that is done: so
long a QoS 1 or 2 message is not acknowledged. A callback that fails has handled it too: the failure is logged and
counted.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CoroutineType

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from txmqtt.broker.filters import Filters
from txmqtt.codec.packets import Publish
from txmqtt.codec.topics import split_share
from txmqtt.net.values import Message
from txmqtt.session.tickets import DONE, Ticket

_log = Logger()

Callback = Callable[[Message], object]

#: How many topics a table remembers the callbacks of, and how long one may be, bytes.
_REMEMBERED = 4_096
_LENGTH = 256


class Handler:
    """
    One callback under one filter.

    @ivar below: the filter without its share.
    @ivar replaced: whose place it took, until the server has answered.
    """

    def __init__(self, filter: bytes, callback: Callback, replaced: Handler | None) -> None:
        self.filter = filter
        self.below = split_share(filter)[1]
        self.callback = callback
        self.replaced = replaced
        self.gone = False


class _Handling:
    """
    What is still to be done with one message.
    """

    def __init__(self, handlers: Handlers) -> None:
        self.ticket = Ticket()
        self.left = 0
        self._handlers = handlers

    def follow(self, result: Deferred[object]) -> None:
        self.left += 1
        result.addBoth(self._one_less)

    def _one_less(self, _: object) -> None:
        self.left -= 1
        if not self.left:
            self._handlers.wake()
            self.ticket.settle()


class Handlers:
    """
    The callbacks of one session.

    @ivar otherwise: gets what no filter matches.
    @ivar wake: called just before something is settled later than it came: the connection that has the session now,
        which need not be the one that the message came with, has something to say.
    @ivar failures: how many callbacks have failed.
    @ivar unclaimed: how many messages nobody took.
    """

    def __init__(self, otherwise: Callback | None = None) -> None:
        self.otherwise = otherwise
        self.wake: Callable[[], object] = lambda: None
        self.failures = 0
        self.unclaimed = 0
        self._handlers: dict[bytes, Handler] = {}
        self._shares: dict[bytes, list[Handler]] = {}  # by the filter without its share
        self._filters = Filters()
        self._routes: dict[bytes, tuple[str, tuple[Callback, ...]]] = {}

    # Who is there

    def put(self, filter: bytes, callback: Callback) -> Handler:
        """
        From now on this callback stands under this filter, in the place of another that may have stood there.
        """
        handler = Handler(filter, callback, self._remove(filter))
        self._add(handler)
        return handler

    def get(self, filter: bytes) -> Handler | None:
        """
        Who stands under this very filter.
        """
        return self._handlers.get(filter)

    def confirm(self, handler: Handler) -> None:
        """
        The server granted the subscription: there is no way back to whoever was there before.
        """
        handler.replaced = None

    def withdraw(self, handler: Handler) -> None:
        """
        Take a callback away, and put back the one whose place it took.
        """
        handler.gone = True
        if self._handlers.get(handler.filter) is not handler:
            return
        self._remove(handler.filter)
        before = handler.replaced
        while before is not None and before.gone:
            before = before.replaced
        if before is not None:
            self._add(before)

    def discard(self, handler: Handler) -> None:
        """
        Take a callback away for good, unless another has taken its place.
        """
        handler.replaced = None
        self.withdraw(handler)

    def clear(self) -> None:
        """
        The session is over, and with it all subscriptions.
        """
        for filter in list(self._handlers):
            self._remove(filter)

    def _add(self, handler: Handler) -> None:
        self._handlers[handler.filter] = handler
        self._shares.setdefault(handler.below, []).append(handler)
        self._filters.add(handler.below)
        self._routes.clear()

    def _remove(self, filter: bytes) -> Handler | None:
        handler = self._handlers.pop(filter, None)
        if handler is not None:
            shares = self._shares[handler.below]
            shares.remove(handler)
            if not shares:
                del self._shares[handler.below]
                self._filters.discard(handler.below)
            self._routes.clear()
        return handler

    def _find(self, topic: bytes) -> tuple[str, tuple[Callback, ...]]:
        callbacks = [
            handler.callback for interest in self._filters.match(topic) for handler in self._shares[interest.filter]
        ]
        route = (topic.decode(), tuple(callbacks))
        if len(topic) <= _LENGTH:
            if len(self._routes) >= _REMEMBERED:
                self._routes.clear()
            self._routes[topic] = route
        return route

    # What they get

    def deliver(self, packet: Publish) -> Ticket:
        """
        Call whom a message is for.
        """
        topic, callbacks = self._routes.get(packet.topic) or self._find(packet.topic)
        if not callbacks:
            if self.otherwise is None:
                self._nobody(topic)
                return DONE
            callbacks = (self.otherwise,)
        message = Message(topic, packet.payload, packet.qos, packet.retain, packet.dup, packet.properties)
        handling: _Handling | None = None
        for callback in callbacks:
            try:
                result = callback(message)
            except (Exception, SystemExit):
                self._failed(Failure(), topic)
                continue
            if result is None:
                continue
            if isinstance(result, CoroutineType):
                result = Deferred.fromCoroutine(result)
            if isinstance(result, Deferred):
                result.addErrback(self._failed, topic)
                if handling is None:
                    handling = _Handling(self)
                    handling.left = 1  # until all have been called
                handling.follow(result)
        if handling is None:
            return DONE
        handling.left -= 1
        return handling.ticket if handling.left else DONE

    def _failed(self, failure: Failure, topic: str) -> None:
        self.failures += 1
        _log.failure("the callback for a message on {topic!r} failed", failure, topic=topic)

    def _nobody(self, topic: str) -> None:
        if not self.unclaimed:
            _log.warn(
                "a message on {topic!r} matches no subscription that has a callback, and there is no on_message;"
                " from now on such messages are only counted",
                topic=topic,
            )
        self.unclaimed += 1
