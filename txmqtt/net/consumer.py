"""
A client as Twisted's C{IConsumer}: what a producer writes is published, and it is paused while there is no room.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer
from twisted.python.failure import Failure
from zope.interface import implementer

from txmqtt.net.arguments import qos_number, topic_bytes
from txmqtt.net.values import Acknowledgement


class Publisher(Protocol):
    """
    Whoever can publish, and says when there is room for more.
    """

    def publish(
        self, topic: str | bytes, payload: bytes = b"", qos: int = 0, retain: bool = False
    ) -> Deferred[Acknowledgement]: ...

    def when_writable(self) -> Deferred[None]: ...


@implementer(IConsumer)
class MessageConsumer:
    """
    Publishes each piece that is written as a message of its own.

    @ivar done: fires with the number of messages when the producer has unregistered and all are acknowledged; fails
        with what the first of them failed with, and the producer is stopped then.
    """

    def __init__(
        self, client: Publisher, topic: str | bytes | Callable[[bytes], str | bytes], qos: int = 0, retain: bool = False
    ) -> None:
        """
        @param topic: of all messages, or a function that says the topic of each from its payload.
        """
        for verb in ("publish", "when_writable"):
            if not callable(getattr(client, verb, None)):
                raise TypeError(f"client is {type(client).__name__}; expected a client")
        if not callable(topic):
            topic_bytes(topic)
        self._client = client
        self._topic = topic
        self._qos = qos_number(qos)
        self._retain = retain
        self._producer: Any = None
        self._streaming = True
        self._paused = False
        self._left = 0
        self._count = 0
        self._over = False
        self.done: Deferred[int] = Deferred()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """
        See C{IConsumer}.
        """
        if self._producer is not None:
            raise RuntimeError(f"{self._producer!r} is the producer; expected it to unregister before another comes")
        if self._over:
            producer.stopProducing()
            return
        self._producer = producer
        self._streaming = streaming
        if not streaming:
            self._wait()

    def unregisterProducer(self) -> None:
        """
        See C{IConsumer}: there is no more to come.
        """
        self._producer = None
        self._finish()

    def write(self, data: bytes) -> None:
        """
        See C{IConsumer}: publish it.
        """
        if self._over:
            return
        topic = self._topic(data) if callable(self._topic) else self._topic
        self._left += 1
        self._count += 1
        self._client.publish(topic, data, self._qos, self._retain).addCallbacks(self._acknowledged, self._failed)
        if not self._paused:
            self._wait()

    def _wait(self) -> None:
        """
        See whether there is room for more; pause the producer if not.
        """
        self._paused = True
        writable = self._client.when_writable()
        if not writable.called and self._streaming and self._producer is not None:
            self._producer.pauseProducing()
            writable.addCallback(lambda _: self._resume())
        else:
            writable.addCallback(lambda _: self._go_on())
        writable.addErrback(self._failed, False)

    def _resume(self) -> None:
        self._paused = False
        if self._producer is not None:
            self._producer.resumeProducing()

    def _go_on(self) -> None:
        self._paused = False
        if not self._streaming and self._producer is not None:
            self._producer.resumeProducing()

    def _acknowledged(self, _: Acknowledgement) -> None:
        self._left -= 1
        self._finish()

    def _failed(self, failure: Failure, published: bool = True) -> None:
        self._left -= published
        if self._over:
            return
        self._over = True
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.stopProducing()
        self.done.errback(failure)

    def _finish(self) -> None:
        if self._producer is None and not self._left and not self._over:
            self._over = True
            self.done.callback(self._count)
