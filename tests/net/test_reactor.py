"""
Tests of txmqtt.net.reactor: what it reads as Twisted does, and what of a log context is missed.
"""

from __future__ import annotations

import select
from typing import Any

from twisted.internet import reactor as running
from twisted.internet.error import ConnectionDone, ReactorAlreadyInstalledError
from twisted.internet.protocol import Protocol
from twisted.internet.tcp import Server
from twisted.python import context, log
from twisted.trial.unittest import SynchronousTestCase

from tests.net.support import Reactor, Socket, plain
from txmqtt.net.protocol import MQTTProtocol

if hasattr(select, "epoll"):
    from txmqtt.net.reactor import MQTTReactor, install, prefer
    from txmqtt.net.websocket import WebSocket


def system() -> object:
    """
    What Twisted's log says it is about.
    """
    said: dict[Any, Any] = context.get(log.ILogContext)
    return said["system"]


class Speaking(Socket):
    """
    A socket with something to read.
    """

    said = b"hello"

    def recv(self, size: int) -> bytes:
        return self.said


class Heard:
    """
    Writes down what comes, and in which context.
    """

    heard: list[tuple[bytes, object]]

    def connectionMade(self) -> None:
        self.heard = []

    def dataReceived(self, data: bytes) -> None:
        self.heard.append((data, system()))


class Ours(Heard, MQTTProtocol):
    def __init__(self) -> None:
        pass


class Web(Heard, WebSocket):
    def __init__(self) -> None:
        pass


class Theirs(Heard, Protocol):
    pass


class Broken(Ours):
    def dataReceived(self, data: bytes) -> None:
        raise RuntimeError("broken")


class ReactorTests(SynchronousTestCase):
    """
    One wait for events, which are the test's.
    """

    if not hasattr(select, "epoll"):
        skip = "there is no epoll here"

    def setUp(self) -> None:
        self.lost: list[tuple[object, object, bool]] = []
        self.waited: list[tuple[float, int]] = []
        self.events: list[tuple[int, int]] = []
        # Not initialised: that would take descriptors of the system.
        self.reactor: Any = MQTTReactor.__new__(MQTTReactor)
        self.reactor._selectables = {}
        self.reactor._reads = self.reactor._writes = set()
        self.reactor._poller = self
        setattr(self.reactor, "_disconnectSelectable", lambda *said: self.lost.append(said))  # noqa: B010

    def poll(self, timeout: float, most: int) -> list[tuple[int, int]]:
        """
        In the place of epoll.
        """
        self.waited.append((timeout, most))
        return self.events

    def connected(self, protocol: Any, event: int = select.EPOLLIN) -> Server:
        """
        A plain connection about which there is an event.
        """
        transport, _ = plain(protocol, Reactor())
        transport.socket = Speaking()  # type: ignore[assignment]
        number = len(self.reactor._selectables) + 7
        self.reactor._selectables[number] = transport
        self.events.append((number, event))
        return transport

    def test_read_without_context(self) -> None:
        """
        What an MQTT client says is heard, over TCP and WebSocket, and no context is made for it.
        """
        for kind in (Ours, Web):
            protocol = kind()
            self.connected(protocol)
            self.reactor.doIteration(0.5)
            self.assertEqual(protocol.heard[0], (b"hello", "-"), kind)
        self.assertEqual((self.waited, self.lost), ([(0.5, 1), (0.5, 2)], []))

    def test_everybody_else_has_it(self) -> None:
        """
        Other protocols in the same process are read as by Twisted's own reactor.
        """
        protocol = Theirs()
        transport = self.connected(protocol)
        self.reactor.doIteration(0)
        self.assertEqual(protocol.heard, [(b"hello", transport.logPrefix())])

    def test_waits_for_ever(self) -> None:
        """
        With no timer set it waits until something happens.
        """
        self.reactor.doIteration(None)
        self.assertEqual(self.waited, [(-1, 0)])

    def test_peer_has_gone(self) -> None:
        """
        A connection that its peer has closed is lost, and so is one that fails, which is Twisted's to find out.
        """
        gone, failed = self.connected(Ours()), self.connected(Ours(), select.EPOLLHUP | select.EPOLLERR)
        gone.socket.said = b""  # type: ignore[attr-defined]
        self.reactor.doIteration(0)
        self.assertEqual([each[0] for each in self.lost], [gone, failed])
        self.assertIsInstance(self.lost[0][1], type(ConnectionDone()))

    def test_broken_protocol(self) -> None:
        """
        An error in one connection is logged and ends that connection; the others of the same turn are read.
        """
        broken, protocol = self.connected(Broken()), Ours()
        self.connected(protocol)
        self.reactor.doIteration(0)
        (error,) = self.flushLoggedErrors(RuntimeError)
        self.assertEqual(self.lost, [(broken, error.value, True)])
        self.assertEqual(protocol.heard, [(b"hello", "-")])

    def test_closed_meanwhile(self) -> None:
        """
        A connection that another of the same turn has closed is not read any more.
        """
        protocol = Ours()
        self.connected(protocol)
        self.reactor._selectables.clear()
        self.reactor.doIteration(0)
        self.assertEqual(protocol.heard, [])

    def test_room_to_write(self) -> None:
        """
        A connection that can be written to, or both, is Twisted's: nothing that waits is forgotten.
        """
        protocol = Ours()
        transport = self.connected(protocol, select.EPOLLIN | select.EPOLLOUT)
        transport.dataBuffer = b"later"
        self.reactor.doIteration(0)
        self.assertEqual((protocol.heard[0][0], transport.socket.sent), (b"hello", b"later"))  # type: ignore[attr-defined]

    def test_one_for_a_process(self) -> None:
        """
        A process that has a reactor keeps it.
        """
        prefer()
        from twisted.internet import reactor

        self.assertIs(reactor, running)
        self.assertRaises(ReactorAlreadyInstalledError, install)
