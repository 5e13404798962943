"""
Tests of txmqtt.net.protocol: bytes that go to the socket at once, and those that must not.
"""

from __future__ import annotations

from twisted.internet.tcp import Server
from twisted.trial.unittest import SynchronousTestCase

from tests.net.support import Reactor, Wire, joined, plain


class OddServer(Server):
    """
    A subclass of Twisted's connection, which may do anything with what it writes.
    """

    def write(self, data: bytes) -> None:
        super().write(data.upper())


class Wrapper(Wire):
    """
    A transport that encrypts, and forwards what it does not know, as Twisted's wrappers do.
    """

    def __init__(self, wrapped: Server) -> None:
        super().__init__()
        self.wrapped = wrapped

    def write(self, data: bytes) -> None:
        self.wrapped.write(bytes(byte ^ 0xFF for byte in data))

    def __getattr__(self, name: str) -> object:
        return getattr(self.wrapped, name)


class DirectWriteTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = Reactor()
        self.protocol, self.session = joined(self.reactor)

    def say(self, data: bytes) -> None:
        """
        Something is said in one turn.
        """
        self.session.say(data)
        self.protocol.turn.flush()

    def test_at_once(self) -> None:
        """
        On a plain connection bytes go to the socket at once, and the reactor has nothing to do.
        """
        _, socket = plain(self.protocol, self.reactor)
        self.say(b"hello")
        self.assertEqual((socket.sent, self.reactor.writers), (b"hello", set()))

    def test_partly(self) -> None:
        """
        What the socket does not take waits in the transport; what is said later goes behind it.
        """
        for room in (0, 3):
            with self.subTest(room=room):
                self.setUp()
                transport, socket = plain(self.protocol, self.reactor)
                socket.room = room
                self.say(b"hello")
                self.assertEqual((socket.sent, self.reactor.writers), (b"hello"[:room], {transport}))
                socket.room = 1_000
                self.say(b" world")
                self.assertEqual(socket.sent, b"hello"[:room])
                transport.doWrite()
                self.assertEqual(socket.sent, b"hello world")
                self.say(b"!")
                self.assertEqual(socket.sent, b"hello world!")

    def test_large(self) -> None:
        """
        However large it is, what the socket takes it is given at once: nothing of it is copied, and no turns are spent.
        """
        said = bytes(range(256)) * 4_000
        for room in (0, 1, 128 * 1024, 300_000, len(said)):
            with self.subTest(room=room):
                self.setUp()
                transport, socket = plain(self.protocol, self.reactor)
                socket.room = room
                self.say(said)
                self.assertEqual(socket.sent, said[:room])
                socket.room = len(said)
                while transport in self.reactor.writers:
                    transport.doWrite()
                self.assertEqual(socket.sent, said)

    def test_peer_gone(self) -> None:
        """
        An error of the socket is left to the reactor, which finds the connection lost when it writes.
        """
        transport, socket = plain(self.protocol, self.reactor)
        socket.room = -1
        self.say(b"hello")
        self.assertEqual((self.reactor.writers, self.session.heard), ({transport}, []))
        self.assertIsInstance(transport.doWrite(), Exception)

    def test_slow_peer(self) -> None:
        """
        When more waits in the transport than it likes it tells us, and again when it is gone.
        """
        transport, socket = plain(self.protocol, self.reactor)
        socket.room = 10
        self.say(b"x" * 100_000)
        self.assertTrue(self.session.paused)
        socket.room = 1 << 30
        while transport in self.reactor.writers and len(socket.sent) < 100_000:
            transport.doWrite()
        transport.doWrite()
        self.assertEqual((self.session.paused, len(socket.sent)), (False, 100_000))

    def test_last_words(self) -> None:
        """
        Last words go behind what waits, and the connection closes when they are out.
        """
        transport, socket = plain(self.protocol, self.reactor)
        socket.room = 0
        self.say(b"hello")
        self.session.out.append(b" bye")
        self.protocol.close(0x8B, "over", False)
        self.assertTrue(transport.disconnecting)
        socket.room = 1_000
        self.assertIsInstance(transport.doWrite(), Exception)
        self.assertEqual(socket.sent, b"hello bye")

    def test_not_around_a_subclass(self) -> None:
        """
        A subclass of a plain connection writes for itself.
        """
        transport, socket = plain(self.protocol, self.reactor, OddServer)
        self.say(b"hello")
        transport.doWrite()
        self.assertEqual(socket.sent, b"HELLO")

    def test_not_around_a_wrapper(self) -> None:
        """
        A transport that wraps a plain one, and looks like it, is never gone around: nothing leaves in the clear.
        """
        inner, _ = joined(self.reactor)
        transport, socket = plain(inner, self.reactor)
        self.protocol.makeConnection(Wrapper(transport))
        self.say(b"hello")
        transport.doWrite()
        self.assertEqual(socket.sent, bytes(byte ^ 0xFF for byte in b"hello"))

    def test_not_around_starttls(self) -> None:
        """
        A plain connection that has been told to speak TLS since is not gone around either.
        """
        transport, socket = plain(self.protocol, self.reactor)
        written: list[bytes] = []
        transport.TLS = True
        transport.write = written.append  # type: ignore[method-assign]
        self.say(b"hello")
        self.assertEqual((written, socket.sent), ([b"hello"], b""))
