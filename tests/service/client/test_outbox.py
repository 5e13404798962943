"""
What waits has bounds, and what happens at them is chosen.
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError

from tests.service.client.support import ServiceTestCase
from txmqtt import LocalProtocolError, Properties, ReasonCode


class FullTests(ServiceTestCase):
    """
    The queue has room for two.
    """

    def test_refuse(self) -> None:
        """
        By default one more is refused, by count and by bytes.
        """
        service = self.service(start=False, max_queued_messages=2)
        answers = [service.publish("t", b"%d" % number, 1) for number in range(3)]
        error = self.failureResultOf(answers[2], LocalProtocolError).value
        self.assertEqual(error.reason, ReasonCode.QUOTA_EXCEEDED)
        self.assertEqual(service.outbox.refused, 1)
        narrow = self.service(start=False, max_queued_bytes=1_000, client_id="narrow")
        self.failureResultOf(narrow.publish("t", b"x" * 1_000, 1), LocalProtocolError)
        self.assertNoResult(narrow.publish("t", b"x", 1))

    def test_drop_oldest(self) -> None:
        """
        Or the one that has waited longest makes room, and its Deferred says so.
        """
        service = self.service(start=False, max_queued_messages=2, queue_full="drop_oldest")
        seen = self.world.watch("t")
        answers = [service.publish("t", b"%d" % number, 1) for number in range(5)]
        for answer in answers[:3]:
            self.assertIn("took its place", str(self.failureResultOf(answer, LocalProtocolError).value))
        service.startService()
        self.world.flush()
        for answer in answers[3:]:
            self.successResultOf(answer)
        self.assertEqual([message.payload for message in seen], [b"3", b"4"])
        self.assertEqual(service.outbox.dropped, 3)

    def test_dropped_and_published_again(self) -> None:
        """
        Whoever hears that his message made room finds the newer one in its place, and may publish once more.
        """
        service = self.service(start=False, max_queued_messages=1, queue_full="drop_oldest")
        seen = self.world.watch("t")
        service.publish("t", b"old", 1).addErrback(lambda _: service.publish("t", b"again", 1))
        newer = service.publish("t", b"newer", 1)
        self.failureResultOf(newer, LocalProtocolError)
        service.startService()
        self.world.flush()
        self.assertEqual([message.payload for message in seen], [b"again"])

    def test_larger_than_the_queue(self) -> None:
        """
        What would not fit into an empty queue is refused, and drops nothing.
        """
        service = self.service(start=False, max_queued_bytes=1_000, queue_full="drop_oldest")
        waiting = service.publish("t", b"x", 1)
        self.failureResultOf(service.publish("t", b"x" * 1_000, 1), LocalProtocolError)
        self.assertEqual((service.outbox.refused, service.outbox.dropped), (1, 0))
        self.assertNoResult(waiting)

    def test_wait(self) -> None:
        """
        Or it waits for room; all come in their order, and at most C{max_waiting} wait.
        """
        service = self.service(start=False, max_queued_messages=2, queue_full="wait", max_waiting=3)
        seen = self.world.watch("t")
        answers = [service.publish("t", b"%d" % number, 1) for number in range(6)]
        self.failureResultOf(answers[5], LocalProtocolError)
        answers[3].cancel()
        self.failureResultOf(answers[3], CancelledError)
        service.startService()
        self.world.flush()
        for number in (0, 1, 2, 4):
            self.successResultOf(answers[number])
        self.assertEqual([message.payload for message in seen], [b"0", b"1", b"2", b"4"])
        self.assertEqual(len(service.outbox), 0)

    def test_wait_with_a_connection(self) -> None:
        """
        The same where the window is full, and not the network is away.
        """
        service = self.service(max_inflight=1, max_queued_messages=1, queue_full="wait")
        seen = self.world.watch("t")
        answers = [service.publish("t", b"%d" % number, 1 + number % 2) for number in range(10)]
        self.world.flush()
        for answer in answers:
            self.successResultOf(answer)
        self.assertEqual([message.payload for message in seen], [b"%d" % number for number in range(10)])

    def test_wait_and_idle(self) -> None:
        """
        It is idle only when nobody waits for room any more.
        """
        service = self.service(start=False, max_queued_messages=1, queue_full="wait")
        done: list[object] = []
        for number in range(4):
            service.publish("t", b"").addCallback(lambda _, number: done.append(number), number)
        service.whenIdle().addCallback(lambda _: done.append("idle"))
        service.startService()
        self.world.advance(1)
        self.assertEqual(done, [0, 1, 2, 3, "idle"])

    def test_wait_in_vain(self) -> None:
        """
        What would not fit into an empty queue does not wait for room that can't come.
        """
        for options in ({"max_queued_bytes": 1_000}, {"max_queued_messages": 0}):
            with self.subTest(options=options):
                service = self.service(start=False, queue_full="wait", **options)
                self.failureResultOf(service.publish("t", b"x" * 1_000, 1), LocalProtocolError)

    def test_cancel_makes_room(self) -> None:
        """
        Who cancels makes room for who waits.
        """
        service = self.service(start=False, max_queued_messages=1, queue_full="wait")
        first = service.publish("t", b"first", 1)
        second = service.publish("t", b"second", 1)
        first.addErrback(lambda failure: failure.trap(CancelledError))
        first.cancel()
        self.world.flush()
        self.assertEqual(len(service.state.outgoing.waiting or ()), 1)
        service.startService()
        self.world.flush()
        self.successResultOf(second)


class LifetimeTests(ServiceTestCase):
    def test_away(self) -> None:
        """
        A publish waits no longer than it should, also while nobody is there to send it.
        """
        self.world.refuse()
        service = self.service()
        short = service.publish("t", b"", 1, lifetime=5)
        expiring = service.publish("t", b"", 1, properties=Properties(message_expiry_interval=5))
        longer = service.publish("t", b"", 1, lifetime=60)
        self.world.advance(4)
        self.assertNoResult(short)
        self.world.advance(2)
        for answer in (short, expiring):
            self.assertIn("expired", str(self.failureResultOf(answer, LocalProtocolError).value))
        self.assertNoResult(longer)
        self.assertEqual(service.outbox.expired, 2)
        self.world.up()
        self.world.advance(60)
        self.successResultOf(longer)

    def test_in_line(self) -> None:
        """
        Also those that wait for room.
        """
        service = self.service(start=False, max_queued_messages=1, queue_full="wait")
        service.publish("t", b"first", 1)
        answer = service.publish("t", b"second", 1, lifetime=3)
        self.world.advance(4)
        self.failureResultOf(answer, LocalProtocolError)

    def test_quality_of_service_0(self) -> None:
        """
        A message of QoS 0 with a lifetime that finds a connection leaves there and then, and takes nobody's place.
        """
        service = self.service(max_inflight=2)
        for _ in range(5):
            self.successResultOf(service.publish("t", b"", 0, lifetime=5))
        self.successResultOf(service.whenIdle())
        self.world.run(service.publish("t", b"", 1))

    def test_one_cancels_the_other(self) -> None:
        """
        Whoever hears that one has expired may cancel another that has, and those that still wait keep their time.
        """
        service = self.service(start=False)
        first = service.publish("t", b"", 1, lifetime=2)
        second = service.publish("t", b"", 1, lifetime=2)
        third = service.publish("t", b"", 1, lifetime=5)
        first.addErrback(lambda _: second.cancel())
        self.world.advance(3)
        self.failureResultOf(second, CancelledError)
        self.assertNoResult(third)
        self.world.advance(3)
        self.failureResultOf(third, LocalProtocolError)

    def test_not_told_to_the_server(self) -> None:
        """
        A lifetime is ours alone; an expiry is counted down by what was waited.
        """
        service = self.service(start=False)
        seen = self.world.watch("t")
        service.publish("t", b"", 1, lifetime=60)
        service.publish("t", b"", 1, properties=Properties(message_expiry_interval=60))
        self.world.advance(20)
        service.startService()
        self.world.flush()
        self.assertEqual([message.properties.message_expiry_interval for message in seen], [None, 40])
