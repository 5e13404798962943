"""
With a store, a promise outlives the program that gave it, and is found again by its name.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from tests.service.client.support import ServiceTestCase
from tests.service.support import scratch
from txmqtt import ConnectionClosed, LocalProtocolError, MQTTClientService, Phase, ReasonCode, Refused
from txmqtt.backends.client import ClientStore
from txmqtt.codec.packets import Connect, Subscribe
from txmqtt.testing import MQTTWorld


class StoreTestCase(ServiceTestCase):
    """
    A program is started again by making another service with the same file.
    """

    def setUp(self) -> None:
        super().setUp()
        self.path = str(Path(scratch(self)) / "app.db")

    def kept(self, **options: Any) -> MQTTClientService:
        return self.service(store=self.path, **options)

    def end(self, service: MQTTClientService) -> None:
        self.world.run(service.stopService())


class OutcomeTests(StoreTestCase):
    def test_posted(self) -> None:
        """
        C{post} fires when the message is on disk; another life of the program sends it, in its order.
        """
        seen = self.world.watch("t")
        self.world.refuse()
        service = self.kept()
        for number in range(5):
            self.world.run(service.post("t", b"%d" % number, 1 + number % 2, key=f"k{number}"))
        self.end(service)
        self.world.up()
        again = self.kept()
        self.world.run(again.whenIdle())
        self.assertEqual(sorted(message.payload for message in seen), [b"0", b"1", b"2", b"3", b"4"])
        for number in range(5):
            self.assertEqual(self.world.run(again.outcome(f"k{number}")).reason, 0)

    def test_posted_while_connected(self) -> None:
        """
        C{post} fires when the message is on disk and no sooner, also when the message has left by then.
        """
        service = self.kept()
        self.world.connection("me").stall()
        for qos in (1, 2):
            posted = service.post("t", b"", qos)
            self.assertNoResult(posted)
            self.world.run(posted)
            with closing(sqlite3.connect(self.path)) as file:
                self.assertEqual(file.execute("SELECT count(*) FROM promise").fetchone(), (qos,))

    def test_found_again(self) -> None:
        """
        How it ended is told once, to whoever asks first: before it ends, after, or in a later life.
        """
        service = self.kept()
        self.world.connection("me").stall()
        first = service.publish("t", b"", 1, key="first")
        asked = service.outcome("first")
        self.world.run(service.post("t", b"", 1, key="second"))
        self.assertNoResult(asked)
        self.world.connection("me").cut()
        self.world.advance(1)
        self.successResultOf(first)
        self.successResultOf(asked)
        with self.assertRaises(KeyError):
            service.outcome("first")
        self.end(service)
        again = self.kept()
        self.successResultOf(again.outcome("second"))
        with self.assertRaises(KeyError):
            again.outcome("second")
        with self.assertRaises(KeyError):
            again.outcome("never")

    def test_asked_early(self) -> None:
        """
        Whoever asks before the store has been read is told when it has; when the service stops, whoever still waits.
        """
        service = self.kept()
        self.world.run(service.post("t", b"", 1, key="done"))
        self.world.refuse()
        self.world.connection("me").cut()
        self.world.run(service.post("t", b"", 1, key="waits"))
        self.end(service)
        again = self.kept(start=False)
        asked = {key: again.outcome(key) for key in ("done", "waits", "never")}
        for answer in asked.values():
            self.assertNoResult(answer)
        again.startService()
        self.world.flush()
        self.assertIs(self.successResultOf(asked["done"]).reason, ReasonCode.NO_MATCHING_SUBSCRIBERS)
        self.failureResultOf(asked["never"], KeyError)
        self.assertNoResult(asked["waits"])
        self.end(again)
        self.failureResultOf(asked["waits"], ConnectionClosed)
        self.world.up()
        self.assertIs(self.world.run(self.kept().outcome("waits")).reason, ReasonCode.NO_MATCHING_SUBSCRIBERS)

    def test_failed(self) -> None:
        """
        A failure is told as one.
        """
        self.world.refuse()
        service = self.kept()
        self.world.run(service.post("t", b"", 1, key="late", lifetime=5))
        self.world.advance(6)
        self.end(service)
        again = self.kept()
        self.assertIn("expired", str(self.failureResultOf(again.outcome("late"), Refused).value))

    def test_one_name_each(self) -> None:
        """
        Two publishes can't have one name, not even when the older one is of a former life that is only being read.
        """
        self.world.refuse()
        service = self.kept()
        service.publish("t", b"", 1, key="k").addErrback(lambda _: None)
        with self.assertRaisesRegex(ValueError, "outcome"):
            service.publish("t", b"", 1, key="k")
        with self.assertRaisesRegex(ValueError, "QoS 0"):
            service.publish("t", b"", 0, key="z")
        self.world.flush()
        self.end(service)
        again = self.kept(start=False)
        early = again.publish("t", b"", 1, key="k")
        again.startService()
        self.world.flush()
        self.failureResultOf(early, ValueError)

    def test_before_it_is_open(self) -> None:
        """
        What is published before the store has been read comes after what was in it, and is kept too.
        """
        self.world.refuse()
        service = self.kept()
        self.world.run(service.post("t", b"1", 1))
        self.end(service)
        again = self.kept(start=False)
        posted = again.post("t", b"2", 1)
        again.publish("t", b"3", 1).addErrback(lambda _: None)
        self.assertNoResult(posted)
        again.startService()
        self.world.flush()
        self.successResultOf(posted)
        self.end(again)
        self.world.up()
        seen = self.world.watch("t")
        self.world.run(self.kept().whenIdle())
        self.assertEqual([message.payload for message in seen], [b"1", b"2", b"3"])

    def test_never_opened(self) -> None:
        """
        A store that can't be opened ends it all, and says why.
        """
        Path(self.path).write_bytes(b"this is no database" * 100)
        service = self.kept(start=False)
        waiting: list[Deferred[Any]] = [service.publish("t", b"", 1), service.whenReady(), service.post("t", b"", 1)]
        service.startService()
        self.world.flush()
        self.assertIs(service.phase, Phase.GIVEN_UP)
        for answer in waiting:
            self.assertIn("app.db", str(self.error(answer)))
        self.flushLoggedErrors()

    def test_without_a_store(self) -> None:
        service = self.service()
        with self.assertRaisesRegex(ValueError, "store"):
            service.post("t", b"", 1)

    def test_of_somebody_else(self) -> None:
        """
        A store belongs to one client identifier.
        """
        self.end(self.kept())
        service = self.kept(client_id="other")
        self.assertIs(service.phase, Phase.GIVEN_UP)
        self.assertIn("'me'", str(service.error))


class SessionTests(StoreTestCase):
    def test_goes_on(self) -> None:
        """
        The session goes on: subscriptions are not asked for again, and what came meanwhile is delivered.
        """
        service = self.kept()
        self.world.run(service.subscribe("t", self.note, 2))
        self.end(service)
        self.world.publish("t", b"meanwhile", 2)
        again = self.kept(start=False)
        again.on_message = self.note
        again.startService()
        self.world.flush()
        self.assertEqual(self.payloads, [b"meanwhile"])
        self.assertEqual(self.sent(Subscribe), [])
        self.assertFalse(self.sent(Connect)[0].clean_start)

    def test_server_lost_it(self) -> None:
        """
        When the server has lost it, the subscriptions of the former life are asked for again.
        """
        service = self.kept()
        self.world.run(service.subscribe("a/#", self.note, 2))
        self.world.run(service.subscribe("b", self.note, 1))
        self.world.run(service.unsubscribe("b"))
        self.end(service)
        self.world.restart(sessions=False)
        again = self.kept(start=False)
        again.on_message = self.note
        again.startService()
        self.world.flush()
        self.world.publish("a/x", b"still here", 1)
        self.assertEqual(self.payloads, [b"still here"])

    def test_name_that_the_server_gave(self) -> None:
        """
        A session without a name of its own goes on under the one that the server gave it.
        """
        service = self.kept(client_id="")
        name = service.client_id
        self.world.run(service.subscribe("t", self.note, 1))
        self.end(service)
        again = self.kept(client_id="")
        self.assertEqual(again.client_id, name)
        self.assertEqual(self.world.connections[-1].client_id, name)

    def test_stopped_with_promises(self) -> None:
        """
        Who waits when it is stopped is told that the message is kept.
        """
        self.world.refuse()
        service = self.kept()
        answer = service.publish("t", b"", 1)
        self.end(service)
        self.assertIn("will be sent", str(self.failureResultOf(answer, ConnectionClosed).value))

    def test_cancelled(self) -> None:
        """
        What was cancelled before it left is not sent in another life.
        """
        self.world.refuse()
        service = self.kept()
        answer = service.publish("t", b"", 1, key="k")
        answer.addErrback(lambda _: None)
        self.world.flush()
        answer.cancel()
        self.end(service)
        self.world.up()
        seen = self.world.watch("t")
        again = self.kept()
        self.world.run(again.whenIdle())
        self.assertEqual(seen, [])

    def test_store_takes_no_more(self) -> None:
        """
        While the store takes nothing, what would have to wait, or be sent once, fails and is not sent; QoS 1 is sent.
        """
        store = ClientStore(self.path, self.world.clock, operations=0, workers=self.world.clock.make_worker)
        service = self.service(store=store)
        seen = self.world.watch("t")

        def fails(answer: Deferred[Any]) -> None:
            self.world.advance(0.1)
            self.assertIn("could not be stored", str(self.failureResultOf(answer, LocalProtocolError).value))

        self.world.run(service.publish("t", b"1", 1))
        fails(service.publish("t", b"2", 2))
        fails(service.post("t", b"3", 2))
        self.world.down()
        fails(service.publish("t", b"4", 1))
        fails(service.post("t", b"5", 1))
        self.world.up()
        self.world.advance(5)
        self.assertEqual([message.payload for message in seen], [b"1"])

    def test_too_much(self) -> None:
        """
        The queue has the same bounds with a store.
        """
        self.world.refuse()
        service = self.kept(max_queued_messages=2)
        answers = [service.post("t", b"", 1) for _ in range(3)]
        self.failureResultOf(answers[2], LocalProtocolError)
        self.world.flush()
        self.successResultOf(answers[1])


class WorldTests(StoreTestCase):
    def make_world(self) -> MQTTWorld:
        return MQTTWorld()

    def test_quality_of_service_2(self) -> None:
        """
        Ended and begun again at every step of the handshake, in both directions, nothing is lost and nothing doubled.
        """
        seen = self.world.watch("out")
        for steps in range(8):
            service = self.kept()
            service.on_message = self.note
            self.world.run(service.subscribe("in", self.note, 2))
            service.post("out", b"%d" % steps, 2).addErrback(lambda _: None)
            connection = self.world.connection("me")
            connection.slow(12 * (steps + 1))
            self.world.broker.publish("in", b"%d" % steps, 2)
            self.world.advance(1.0)
            connection.cut()
            self.end(service)
        last = self.kept()
        last.on_message = self.note
        self.world.run(last.whenIdle(), within=60)
        self.world.advance(60)
        self.assertEqual(sorted(message.payload for message in seen), [b"%d" % step for step in range(8)])
        self.assertEqual(sorted(self.payloads), [b"%d" % step for step in range(8)])
