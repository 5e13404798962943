"""
A client of a server that does anything, and all that it may be waiting for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Unpack

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from tests.net.support_client import ClientTestCase
from txmqtt import ConnectionClosed, MQTTClient
from txmqtt.codec import encode
from txmqtt.codec.packets import Packet
from txmqtt.net.settings import Options

VERSIONS = (3, 4, 5)

#: The packet identifiers of C{everything}.
QOS_1, QOS_2, ASKED, LEFT = 1, 2, 3, 4


def frame(packet: Packet, version: int) -> bytes:
    return encode.packet(packet, version)


def cuts(data: bytes) -> Iterator[bytes]:
    """
    Each beginning, nothing and all but the last byte included.
    """
    return (data[:size] for size in range(len(data)))


class HostileTestCase(ClientTestCase):
    """
    @ivar ends: how everything that was asked ended: a result or an exception, by name.
    """

    def setUp(self) -> None:
        super().setUp()
        self.asked: set[str] = set()
        self.ends: dict[str, Any] = {}

    def watch(self, **answers: Deferred[Any]) -> None:
        """
        Note how these end.
        """
        for name, answer in answers.items():
            self.asked.add(name)
            answer.addBoth(self._note, name)

    def _note(self, end: Any, name: str) -> None:
        self.ends[name] = end

    def end(self, name: str) -> Any:
        found = self.ends[name]
        return found.value if isinstance(found, Failure) else found

    def opening(self, **options: Unpack[Options]) -> MQTTClient:
        """
        A client that has said CONNECT and is waited for.
        """
        self.asked, self.ends = set(), {}
        client = self.make(**options)
        self.watch(ready=client.whenReady(), closed=client.whenClosed())
        self.said()
        return client

    def everything(self, version: int, options: Options | None = None) -> MQTTClient:
        """
        A client that has asked its server for all that can be asked.
        """
        self.asked, self.ends = set(), {}
        wanted: Options = {**(options or {}), "version": version}
        client = self.open(**wanted)
        self.watch(
            closed=client.whenClosed(),
            qos_1=client.publish("t", b"p", qos=1),
            qos_2=client.publish("t", b"p", qos=2),
            subscribe=client.subscribe(["a", "b"], print, qos=1),
            unsubscribe=client.unsubscribe("c"),
            ping=client.ping(),
            message=client.messages("m").receive(),
        )
        if version == 5:
            self.watch(request=client.request("r", timeout=None))
        self.said()
        return client

    def over(self) -> None:
        """
        The connection is gone if it was not, and nothing is left of it.
        """
        self.lose()
        self.assertEqual(self.asked, self.ends.keys())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def same_end(self) -> ConnectionClosed:
        """
        Everybody was told the same, already.
        """
        self.assertEqual(self.asked - {"closed"}, self.ends.keys() - {"closed"})
        errors = {name: self.end(name) for name in self.ends if name not in ("closed", "ready")}
        self.assertEqual({type(error) for error in errors.values()}, {ConnectionClosed}, errors)
        (words,) = {str(error) for error in errors.values()}
        self.over()
        closed = self.end("closed")
        self.assertIsInstance(closed, ConnectionClosed)
        self.assertEqual(str(closed), words)
        assert isinstance(closed, ConnectionClosed)
        return closed
