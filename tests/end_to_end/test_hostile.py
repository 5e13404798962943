"""
Our broker beside hostile clients: a healthy pair has all its messages, in order.
"""

from __future__ import annotations

import atexit
import contextlib
import socket
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache

from twisted.trial.unittest import SynchronousTestCase

from tests.end_to_end.support import ACCEPTED, PATIENCE, OurBroker, greeting, until

#: So many messages of the pair pass while each kind of hostile client is there.
MESSAGES = 50


def frame(topic: bytes, payload: bytes) -> bytes:
    """
    A PUBLISH of QoS 0.
    """
    size = 2 + len(topic) + len(payload)
    length = bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])
    return b"\x30" + length + len(topic).to_bytes(2, "big") + topic + payload


def subscription(topic: bytes) -> bytes:
    """
    A SUBSCRIBE of QoS 0.
    """
    return bytes([0x82, 5 + len(topic), 0, 1]) + len(topic).to_bytes(2, "big") + topic + b"\0"


@cache
def narrow_broker() -> OurBroker:
    """
    One broker for all these tests, with little room before its door.
    """
    broker = OurBroker("--store", "memory", "--max-half-open", "150", "--write-buffer", "20000")
    atexit.register(broker.stop)
    return broker


class HostileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.broker = narrow_broker()
        self.open = ExitStack()
        self.addCleanup(self.open.close)
        self.publisher, self.subscriber = self.guest(b"publisher"), self.guest(b"subscriber")
        self.subscriber.sendall(subscription(b"good"))
        self.take(self.subscriber, 5)
        self.sent = 0

    def call(self) -> socket.socket:
        """
        A connection that has said nothing.
        """
        address = ("127.0.0.1", self.broker.port)
        caller = self.open.enter_context(socket.create_connection(address, timeout=PATIENCE))
        caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return caller

    def guest(self, name: bytes) -> socket.socket:
        """
        A client that is in.
        """
        guest = self.call()
        guest.sendall(greeting(4, name))
        self.assertEqual(self.take(guest, 4), ACCEPTED)
        return guest

    def take(self, guest: socket.socket, size: int) -> bytes:
        taken = b""
        while len(taken) < size:
            more = guest.recv(size - len(taken))
            self.assertNotEqual(more, b"", "a healthy client was closed")
            taken += more
        return taken

    def all_is_well(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        """
        The pair's messages all arrive, in order.
        """
        for _ in range(MESSAGES):
            message = frame(b"good", b"%100d" % self.sent)
            self.sent += 1
            self.publisher.sendall(message)
            meanwhile()
            self.assertEqual(self.take(self.subscriber, len(message)), message)

    def test_before_connect(self) -> None:
        """
        Connections that say nothing, half a CONNECT or a byte now and then, and those that come and go: more than may
        wait to be let in, from the pair's own address. Others are let in all the same.
        """
        crowd: list[socket.socket] = []
        for words in (b"", greeting(4, b"nobody")[:9], b"\x10"):
            for _ in range(100):
                crowd.append(self.call())
                crowd[-1].sendall(words)
            self.all_is_well()
            self.guest(b"newcomer")

        def trickle() -> None:
            with contextlib.suppress(OSError):  # those that came first were closed
                crowd[self.sent % len(crowd)].send(b"\x10")
            self.call().close()

        self.all_is_well(trickle)
        self.guest(b"newcomer")
        self.assertIn("connections were closed to make room for others", self.broker.log)
        self.assertLess(self.broker.log.count("\n"), 100)

    def test_stops_reading(self) -> None:
        """
        A client that asks for everything and reads nothing.
        """
        deaf, loud = self.guest(b"deaf"), self.guest(b"loud")
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.sendall(subscription(b"much"))
        self.take(deaf, 5)
        self.all_is_well(lambda: loud.sendall(frame(b"much", bytes(10_000)) * 8))

    def test_half_a_packet(self) -> None:
        """
        A client that promises a message and stops in its middle.
        """
        for number in range(20):
            self.guest(b"stuck%d" % number).sendall(frame(b"good", bytes(10_000))[:5_000])
        self.all_is_well()

    def test_flood(self) -> None:
        """
        Clients that publish as fast as they can.
        """
        flood = frame(b"much", bytes(30)) * 500
        loud = [self.guest(b"loud%d" % number) for number in range(2)]
        for each in loud:
            each.setblocking(False)

        def more() -> None:
            for each in loud:
                with contextlib.suppress(BlockingIOError):
                    rest[each] = (rest.get(each) or flood)[each.send(rest.get(each) or flood) :]

        rest: dict[socket.socket, bytes] = {}
        self.all_is_well(more)
        self.assertFalse([each for each in loud if self.closed(each)])

    def closed(self, guest: socket.socket) -> bool:
        with contextlib.suppress(BlockingIOError):
            return guest.recv(1) == b""
        return False

    def test_guesses(self) -> None:
        """
        An address that is banned is turned away; here that is this machine, which must be said to be nobody special.
        """
        self.broker = OurBroker(
            *("--store", "memory", "--auth", "memory:ann:sesame", "--trusted-addresses", ""),
            *("--ban-failures", "3", "--login-delay", "0.01", "--ban-answer", "say"),
        )
        self.addCleanup(self.broker.stop)
        answers = []
        for password in (b"1", b"2", b"3", b"sesame"):
            caller = self.call()
            caller.sendall(greeting(5, b"c", b"ann", password))
            answers.append(self.take(caller, 5)[3])
        self.assertEqual(answers, [0x86, 0x86, 0x86, 0x8A])
        until(lambda: "127.0.0.1 is banned for 300 s" in self.broker.log, "the ban in the log")
