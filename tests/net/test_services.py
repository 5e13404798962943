"""
Servers that a domain announces in DNS.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, TimeoutError, fail, succeed
from twisted.internet.error import ConnectionRefusedError, DNSLookupError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.names.dns import SRV, Record_A, Record_SRV, RRHeader
from twisted.names.error import DNSNameError, DNSServerError
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.net.support_endpoints import Dialled, Hearers
from txmqtt.net.services import ServiceEndpoint, Target, in_order


class Resolver:
    """
    Answers as the test wants.
    """

    def __init__(self, *records: Record_SRV) -> None:
        self.asked: list[str] = []
        self.answer: Deferred[Any] | None = None
        self.records = records

    def lookupService(self, name: str) -> Deferred[Any]:
        self.asked.append(name)
        if self.answer is not None:
            return self.answer
        answers = [RRHeader(name, SRV, payload=each) for each in self.records]
        return succeed(([RRHeader(name, payload=Record_A("192.0.2.1")), *answers], [], []))


def most(low: int, high: int) -> int:
    return high


class OrderTests(SynchronousTestCase):
    def test_priority(self) -> None:
        """
        The lowest priority comes first, whatever the weights.
        """
        targets = [Target(20, 99, "c", 1), Target(10, 0, "a", 1), Target(10, 1, "b", 1)]
        for chance in (most, lambda low, high: low):
            self.assertEqual(in_order(targets, chance)[-1].host, "c")

    def test_weights(self) -> None:
        """
        Among equals each is first as often as its weight says, and all of them come.
        """
        targets = [Target(1, 60, "a", 1), Target(1, 30, "b", 1), Target(1, 10, "c", 1), Target(1, 0, "d", 1)]
        chance = Random(7).randint
        first: Counter[str] = Counter()
        for _ in range(2000):
            order = in_order(targets, chance)
            self.assertEqual(sorted(order), sorted(targets))
            first[order[0].host] += 1
        for host, share in (("a", 0.6), ("b", 0.3), ("c", 0.1), ("d", 0.01)):
            self.assertLess(abs(first[host] / 2000 - share), 0.03)


class ServiceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.dialled: dict[str, Dialled] = {}

    def reach(self, host: str, port: int) -> Dialled:
        """
        See C{ServiceEndpoint}.
        """
        return self.dialled.setdefault(f"{host}:{port}", Dialled())

    def endpoint(self, resolver: Resolver) -> ServiceEndpoint:
        endpoint = ServiceEndpoint(self.clock, "_mqtt._tcp", "example.com", self.reach, resolver, most)
        self.assertTrue(verifyObject(IStreamClientEndpoint, endpoint))
        return endpoint

    def test_in_turn(self) -> None:
        """
        One server after the other is tried until one is reached, and each connection asks DNS anew.
        """
        resolver = Resolver(
            Record_SRV(2, 0, 1883, b"last.example"),
            Record_SRV(1, 0, 1884, b"dead.example"),
            Record_SRV(1, 9, 1885, b"silent.example."),
        )
        endpoint = self.endpoint(resolver)
        waiting = endpoint.connect(Hearers())
        self.assertEqual(resolver.asked, ["_mqtt._tcp.example.com"])
        self.assertEqual(list(self.dialled), ["silent.example:1885"])
        self.clock.advance(4)
        self.assertTrue(self.dialled["silent.example:1885"].cancelled)
        self.dialled["dead.example:1884"].answer.errback(Failure(ConnectionRefusedError()))
        self.assertNoResult(waiting)
        last = self.dialled["last.example:1883"]
        self.clock.advance(60)
        self.assertFalse(last.cancelled)
        self.assertIs(last.succeed(), self.successResultOf(waiting))
        resolver.records = (Record_SRV(1, 0, 1, b"new.example"),)
        endpoint.connect(Hearers())
        self.assertIn("new.example:1", self.dialled)

    def test_none_reached(self) -> None:
        """
        When none can be reached it fails as the last one did.
        """
        waiting = self.endpoint(Resolver(Record_SRV(1, 0, 1, b"a"), Record_SRV(2, 0, 1, b"b"))).connect(Hearers())
        self.clock.advance(4)
        self.dialled["b:1"].answer.errback(Failure(ConnectionRefusedError()))
        self.failureResultOf(waiting, ConnectionRefusedError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_cancelled(self) -> None:
        """
        Cancelling gives up, while DNS is asked and while a server is tried.
        """
        resolver = Resolver(Record_SRV(1, 0, 1, b"a"), Record_SRV(2, 0, 1, b"b"))
        waiting = self.endpoint(resolver).connect(Hearers())
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertTrue(self.dialled["a:1"].cancelled)
        self.assertNotIn("b:1", self.dialled)
        resolver.answer = Deferred()
        waiting = self.endpoint(resolver).connect(Hearers())
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_not_found(self) -> None:
        """
        When DNS knows no such server the words say so.
        """
        for answer, words in (
            (fail(DNSNameError("x")), "_mqtt._tcp.example.com: there is no such record"),
            (fail(DNSServerError("x")), "_mqtt._tcp.example.com was not found in DNS: "),
            (fail(TimeoutError()), "_mqtt._tcp.example.com was not found in DNS: TimeoutError"),
            (succeed(([], [], [])), "there is no such record"),
        ):
            with self.subTest(words=words):
                resolver = Resolver()
                resolver.answer = answer
                error = self.failureResultOf(self.endpoint(resolver).connect(Hearers()), DNSLookupError).value
                self.assertIn(words, str(error))

    def test_nonsense(self) -> None:
        """
        A domain may say that it has no such server; names and ports that are none are passed over, and no more than 16
        servers are tried.
        """
        for record in (Record_SRV(0, 0, 0, b""), Record_SRV(0, 0, 1883, b"a b"), Record_SRV(0, 0, 0, b"a")):
            with self.subTest(record=record):
                waiting = self.endpoint(Resolver(record)).connect(Hearers())
                self.assertIn("has no such server", str(self.failureResultOf(waiting, DNSLookupError).value))
        many = [Record_SRV(each, 0, 1 + each, b"a") for each in range(100)]
        waiting = self.endpoint(Resolver(*many)).connect(Hearers())
        for _ in range(20):
            self.clock.advance(4)
        self.assertEqual(len(self.dialled), 16)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
