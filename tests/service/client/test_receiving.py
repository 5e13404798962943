"""
What a service receives, whatever becomes of its connections.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from tests.service.client.support import ServiceTestCase
from txmqtt import ConnectionClosed, Message
from txmqtt.codec.packets import Subscribe
from txmqtt.net.receiving.stream import Messages


class ReadingTests(ServiceTestCase):
    def read(self, messages: Messages) -> Deferred[None]:
        async def read() -> None:
            async for message in messages:
                self.note(message)

        return Deferred.fromCoroutine(read())

    def test_reads_on(self) -> None:
        """
        Whoever reads, reads on when the connection is lost and made again; what was published meanwhile, and what had
        come and was not read, comes once.
        """
        service = self.service()
        messages = service.messages("t", 1)
        self.world.publish("t", b"nobody")
        self.world.run(messages.__aenter__())
        for number in range(3):
            self.world.publish("t", b"%d" % number, 1)
        self.world.flush()
        self.assertEqual(messages.waiting, 3)
        self.world.connection("me").cut()
        self.world.publish("t", b"3", 1)
        self.world.advance(1)
        reading = self.read(messages)
        self.world.publish("t", b"4", 1)
        self.world.flush()
        self.assertEqual(self.payloads, [b"0", b"1", b"2", b"3", b"4"])
        self.assertNoResult(reading)
        self.assertEqual(self.sent(Subscribe), [])
        self.world.run(service.stopService())
        self.failureResultOf(reading, ConnectionClosed)

    def test_before_the_start(self) -> None:
        """
        One may begin to read before there is a connection; when the service stops, whoever reads is told.
        """
        service = self.service(start=False)
        reading = self.read(service.messages("t"))
        service.startService()
        self.world.flush()
        self.world.publish("t", b"1")
        self.world.flush()
        self.assertEqual(self.payloads, [b"1"])
        self.world.run(service.stopService())
        self.failureResultOf(reading, ConnectionClosed)

    def test_session_lost(self) -> None:
        """
        A server that has lost the session is asked again with the same identifiers; overlapping callbacks get one copy
        each before and after.
        """
        service = self.service()
        counts = {"a/#": 0, "a/+": 0, "a/b": 0}

        def count(filter: str) -> Any:
            def one_more(message: Message) -> None:
                counts[filter] += 1

            return one_more

        for filter in counts:
            self.world.run(service.subscribe(filter, count(filter), 1))
        self.world.publish("a/b", b"")
        self.world.publish("a/c", b"")
        self.world.flush()
        self.assertEqual(counts, {"a/#": 2, "a/+": 2, "a/b": 1})
        self.world.restart(sessions=False)
        self.world.advance(1)
        self.assertEqual(
            [packet.properties.subscription_identifiers for packet in self.sent(Subscribe)], [(100,), (101,), (102,)]
        )
        self.world.publish("a/b", b"")
        self.world.flush()
        self.assertEqual(counts, {"a/#": 3, "a/+": 3, "a/b": 2})

    def test_withheld(self) -> None:
        """
        What is withheld comes again on the next connection; when the window is full of it, the service sees to that
        itself.
        """
        service = self.service(receive_maximum=2)
        tries: list[bytes] = []

        def unsure(message: Message) -> None:
            tries.append(message.payload)
            if len(tries) < 3:
                raise RuntimeError

        self.world.run(service.subscribe("t", unsure, 1, on_error="withhold"))
        for word in (b"1", b"2"):
            self.world.publish("t", word, 1)
        self.world.advance(1)
        self.world.advance(1)
        self.assertEqual(tries, [b"1", b"2", b"1", b"2"])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 2)
        self.assertEqual(service.figures.withheld, 2)
