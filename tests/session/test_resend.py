"""
Tests of what is sent again: on a new connection in every version, and by timers on 3.1 and 3.1.1.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.session.support import VERSIONS, Talk, acks, publish
from txmqtt.codec.constants import PUBACK, PUBCOMP, PUBREC, PUBREL
from txmqtt.codec.packets import Ack, Pingreq, Pingresp
from txmqtt.codec.properties import Properties
from txmqtt.session.tickets import Ticket
from txmqtt.session.voice import NEVER


def resumed(old: Talk, window: int = 10, properties: Properties | None = None) -> Talk:
    """
    The next connection of the same client.
    """
    old.session.lost()
    books = old.session.outgoing
    return Talk(old.version, now=old.now).open(properties, window=window, outgoing=books)


class ResumptionTests(SynchronousTestCase):
    def test_published_again(self) -> None:
        """
        What was not acknowledged goes again with DUP and its old identifier, in the order of its first sending
        [MQTT5-4.4.0-1] [MQTT5-4.6.0-1] [MQTT5-3.3.1-1] [MQTT311-4.4.0-1] [MQTT311-4.6.0-1] [MQTT311-3.3.1-1].
        """
        for version in VERSIONS:
            with self.subTest(version=version):
                old = Talk(version).open(window=3)
                for payload, qos in ((b"1", 1), (b"2", 2), (b"3", 1), (b"4", 1)):
                    old.post(payload, qos)
                old.say(Ack(PUBACK, 3))
                new = resumed(old)
                again = [publish(b"1", 1, 1, dup=True), publish(b"2", 2, 2, dup=True), publish(b"4", 1, 4, dup=True)]
                self.assertEqual(new.first, again)

    def test_released_again(self) -> None:
        """
        What was released goes on with its PUBREL, first and in the order of the PUBRECs [MQTT5-4.6.0-4]
        [MQTT311-4.6.0-4], and is never published again [MQTT5-4.3.3-6] [MQTT311-4.3.3-1].
        """
        for version in VERSIONS:
            with self.subTest(version=version):
                old = Talk(version).open()
                for payload in (b"1", b"2", b"3"):
                    old.post(payload, 2)
                old.say(Ack(PUBREC, 3), Ack(PUBREC, 2))
                new = resumed(old)
                self.assertEqual(new.first, [*acks(PUBREL, 3, 2), publish(b"1", 2, 1, dup=True)])
                new.say(Ack(PUBCOMP, 2), Ack(PUBCOMP, 3), Ack(PUBREC, 1), Ack(PUBCOMP, 1))
                self.assertEqual((new.heard(), resumed(new).first), ([Ack(PUBREL, 1)], []))

    def test_smaller_window(self) -> None:
        """
        Repeats beyond the new window wait for it; PUBRELs do not.
        """
        old = Talk().open()
        for payload in (b"1", b"2", b"3", b"4"):
            old.post(payload, 2)
        old.say(Ack(PUBREC, 4))
        new = resumed(old, 1)
        self.assertEqual(new.first, [Ack(PUBREL, 4), publish(b"1", 2, 1, dup=True)])
        new.say(Ack(PUBREC, 1), Ack(PUBCOMP, 1))
        self.assertEqual(new.heard(), [Ack(PUBREL, 1), publish(b"2", 2, 2, dup=True)])

    def test_not_before_its_turn(self) -> None:
        """
        New messages, and those that waited, follow the repeats.
        """
        old = Talk().open(window=1)
        old.post(b"1")
        old.post(b"2")
        new = resumed(old, 1)
        new.post(b"3")
        new.say(Ack(PUBACK, 1), Ack(PUBACK, 2))
        order = [publish(b"1", 1, 1, dup=True), publish(b"2", 1, 2), publish(b"3", 1, 3)]
        self.assertEqual([*new.first, *new.heard()], order)

    def test_not_sent_yet(self) -> None:
        """
        What had its identifier but never left, because its record was not made in time, leaves without DUP.
        """
        for early in (False, True):
            with self.subTest(early=early):
                old = Talk().open()
                ticket = Ticket()
                old.hall.tickets += [ticket]
                old.post(b"1", 2, ref=7)
                if early:
                    old.session.lost()
                    old.settle(ticket)
                new = resumed(old)
                old.settle(ticket)
                self.assertEqual((old.heard(), new.first), ([], [publish(b"1", 2, 1)]))

    def test_no_second_record(self) -> None:
        """
        A repeat needs no new record: that it was sent is known.
        """
        old = Talk().open()
        old.post(b"1", 2, ref=7)
        new = resumed(old)
        self.assertEqual((new.first, new.hall.heard), ([publish(b"1", 2, 1, dup=True)], []))

    def test_too_large_now(self) -> None:
        """
        What the client takes no longer, since its new connection allows less, counts as delivered [MQTT5-3.1.2-25].
        """
        old = Talk().open()
        old.post(b"x" * 100, ref=7)
        new = resumed(old, properties=Properties(maximum_packet_size=50))
        self.assertEqual((new.first, new.hall.heard), ([], [("settled", 7, 0x95)]))

    def test_whatever_its_age(self) -> None:
        """
        What was sent once is sent again although its time is over [MQTT5-4.3.3-7].
        """
        old = Talk().open()
        old.post(b"1", expires=old.now + 5)
        old.now += 60
        new = resumed(old)
        self.assertEqual(new.first, [publish(b"1", 1, 1, dup=True, message_expiry_interval=1)])


class TimerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.talk = Talk(4).open(resend_interval=20.0)

    def test_again_and_again(self) -> None:
        """
        On 3.x what is not answered goes again every interval, with DUP and its old identifier, until it is.
        """
        for version in (3, 4):
            with self.subTest(version=version):
                talk = Talk(version).open(resend_interval=20.0)
                talk.post(b"1")
                talk.heard()
                talk.pass_time(19.9)
                self.assertEqual(talk.heard(), [])
                talk.pass_time(0.1)
                self.assertEqual(talk.heard(), [publish(b"1", 1, 1, dup=True)])
                talk.pass_time(20)
                self.assertEqual(talk.heard(), [publish(b"1", 1, 1, dup=True)])
                talk.say(Ack(PUBACK, 1))
                talk.pass_time(100)
                self.assertEqual((talk.heard(), talk.wire.alarm_at), ([], NEVER))

    def test_sets_the_alarm(self) -> None:
        """
        The timer of a packet does not depend on an alarm for anything else.
        """
        self.talk.pass_time(50)
        self.assertEqual(self.talk.wire.alarm_at, NEVER)
        self.talk.post(b"1", 2)
        self.assertEqual(self.talk.wire.alarm_at, self.talk.now + 20)
        self.talk.session.alarm_at = self.talk.wire.alarm_at = NEVER
        self.talk.say(Ack(PUBREC, 1))
        self.assertEqual(self.talk.wire.alarm_at, self.talk.now + 20)

    def test_in_order(self) -> None:
        """
        The older goes first, each when its own time is up [MQTT311-4.6.0-1].
        """
        self.talk.post(b"1")
        self.talk.pass_time(5)
        self.talk.post(b"2", 2)
        self.talk.post(b"3")
        self.talk.heard()
        self.talk.pass_time(15)
        self.assertEqual(self.talk.heard(), [publish(b"1", 1, 1, dup=True)])
        self.talk.pass_time(5)
        self.assertEqual(self.talk.heard(), [publish(b"2", 2, 2, dup=True), publish(b"3", 1, 3, dup=True)])

    def test_released(self) -> None:
        """
        After the PUBREC it is the PUBREL that goes again, in the order of the PUBRECs, and never the PUBLISH
        [MQTT311-4.6.0-4].
        """
        self.talk.post(b"1", 2)
        self.talk.post(b"2", 2)
        self.talk.pass_time(5)
        self.talk.say(Ack(PUBREC, 2), Ack(PUBREC, 1))
        self.talk.heard()
        self.talk.pass_time(19.9)
        self.assertEqual(self.talk.heard(), [])
        self.talk.pass_time(0.1)
        self.assertEqual(self.talk.heard(), acks(PUBREL, 2, 1))

    def test_ended_by_a_repeat(self) -> None:
        """
        When one of the repeats ends the conversation, the others stay unsaid.
        """
        self.talk.post(b"1", 2)
        self.talk.post(b"2", 1)
        self.talk.say(Ack(PUBREC, 1))
        self.talk.heard()
        self.talk.session.send_limit = 3
        self.talk.pass_time(20)
        self.assertEqual((self.talk.heard(), self.talk.reason), ([], 0x95))

    def test_released_after_a_resumption(self) -> None:
        """
        A PUBREL that goes again because of a new connection has its timer too.
        """
        self.talk.post(b"1", 2)
        self.talk.say(Ack(PUBREC, 1))
        self.talk.session.lost()
        talk = Talk(4).open(resend_interval=20.0, outgoing=self.talk.session.outgoing)
        self.assertEqual(talk.first, [Ack(PUBREL, 1)])
        talk.pass_time(20)
        self.assertEqual(talk.heard(), [Ack(PUBREL, 1)])

    def test_release_not_on_record(self) -> None:
        """
        A PUBREL that waits for its record does not leave by the timer either.
        """
        self.talk.post(b"1", 2, ref=7)
        ticket = Ticket()
        self.talk.hall.tickets += [ticket]
        self.talk.say(Ack(PUBREC, 1))
        self.talk.heard()
        self.talk.pass_time(60)
        self.assertEqual(self.talk.heard(), [])
        self.talk.settle(ticket)
        self.assertEqual(self.talk.heard(), [Ack(PUBREL, 1)])

    def test_waits_for_its_window(self) -> None:
        """
        A repeat that waits for the new window is not due before it has left.
        """
        self.talk.post(b"1")
        self.talk.post(b"2")
        self.talk.session.lost()
        talk = Talk(4).open(resend_interval=20.0, window=1, outgoing=self.talk.session.outgoing)
        talk.pass_time(30)
        again = publish(b"1", 1, 1, dup=True)
        self.assertEqual([*talk.first, *talk.heard()], [again, again])
        talk.say(Ack(PUBACK, 1))
        talk.pass_time(20)
        again = publish(b"2", 1, 2, dup=True)
        self.assertEqual(talk.heard(), [again, again])

    def test_not_while_paused(self) -> None:
        """
        To a client that does not read nothing is sent again; when it reads on it has an interval to answer.
        """
        self.talk.post(b"1")
        self.talk.heard()
        self.talk.session.pause()
        self.talk.pass_time(100)
        self.assertEqual((self.talk.heard(), self.talk.wire.alarm_at), ([], NEVER))
        self.talk.session.resume()
        self.talk.pass_time(19.9)
        self.assertEqual(self.talk.heard(), [])
        self.talk.pass_time(0.1)
        self.assertEqual(self.talk.heard(), [publish(b"1", 1, 1, dup=True)])

    def test_an_interval_after_the_pause(self) -> None:
        """
        That interval is left to it although the alarm rings for the keep-alive meanwhile.
        """
        talk = Talk(4).open(resend_interval=20.0, keep_alive=20)
        talk.post(b"1")
        talk.heard()
        talk.session.pause()
        talk.pass_time(25)
        talk.session.resume()
        talk.say(Pingreq())
        talk.session.alarm_at = NEVER
        talk.session.nearer(talk.now + 5)
        talk.pass_time(19.9)
        self.assertEqual(talk.heard(), [Pingresp()])
        talk.pass_time(0.1)
        self.assertEqual(talk.heard(), [publish(b"1", 1, 1, dup=True)])

    def test_never_on_5(self) -> None:
        """
        On 5.0 nothing is sent again on a live connection [MQTT5-4.4.0-1].
        """
        talk = Talk(5).open(resend_interval=20.0)
        alarm = talk.wire.alarm_at
        talk.post(b"1")
        self.assertEqual((len(talk.heard()), talk.wire.alarm_at), (1, alarm))
        talk.pass_time(100)
        self.assertEqual((talk.heard(), talk.wire.alarm_at), ([], NEVER))

    def test_turned_off(self) -> None:
        """
        An interval of 0 turns it off.
        """
        talk = Talk(4).open(resend_interval=0.0)
        talk.post(b"1")
        talk.heard()
        talk.pass_time(100)
        self.assertEqual((talk.heard(), talk.wire.alarm_at), ([], NEVER))

    def test_one_alarm(self) -> None:
        """
        The timers share the alarm of the keep-alive, which is set anew only when something comes nearer.
        """
        talk = Talk(4).open(resend_interval=20.0, keep_alive=10)
        self.assertEqual(talk.wire.alarm_at, talk.now + 10)  # the connect timeout, not yet looked at again
        talk.wire.alarm_at = NEVER
        talk.post(b"1")
        self.assertEqual(talk.wire.alarm_at, NEVER)
        talk.pass_time(0)
        talk.wire.alarm_at = talk.session.alarm_at
        talk.pass_time(5)
        talk.say(Ack(PUBACK, 1))
        talk.pass_time(14.9)
        self.assertEqual(talk.reason, -1)
        talk.pass_time(0.1)
        self.assertEqual(talk.reason, 0x8D)
