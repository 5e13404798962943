"""
Sessions and the exchanges of QoS 1 and 2 (sections 4.1 to 4.5): what our client keeps, sends again and delivers once.
"""

from __future__ import annotations

from typing import Any

from tests.conformance.case import ClientCase
from tests.conformance.peer import Peer
from tests.conformance.states import states
from txmqtt import Message, Properties, Refused
from txmqtt.codec.constants import PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, SUBSCRIBE, UNSUBSCRIBE
from txmqtt.codec.packets import Ack, Publish
from txmqtt.session.packet_ids import Pending


class QosCase(ClientCase):
    """
    @ivar got: the payloads that the application was given.
    """

    def setUp(self) -> None:
        super().setUp()
        self.got: list[bytes] = []

    def note(self, message: Message) -> None:
        self.got.append(message.payload)

    def steady(self, **options: Any) -> Peer:
        """
        A client that says nothing by itself and goes on with its session.
        """
        options.setdefault("clean_start", False)
        if self.version < 5:
            options.setdefault("resend_interval", 0)
        return self.accept(keep_alive=0, on_message=self.note, **options)

    def resumed(self) -> Peer:
        """
        The next connection of the same session.
        """
        return self.welcome(self.again(), present=self.version > 3)  # 3.1 can't say it


class SessionTests(QosCase):
    @states("MQTT311-4.1.0-1", "MQTT5 4.1")
    def test_longer_than_a_connection(self) -> None:
        """
        What is unfinished in either direction outlives the connection, as long as the session goes on.
        """
        peer = self.steady()
        self.ignore(self.client.publish("t", b"1", 1))
        first = peer.expect(PUBLISH)
        peer.say(Publish(b"t", b"in", 2, packet_id=9))
        peer.expect(PUBREC, packet_id=9)
        peer.drop()
        self.wait(3_600)
        peer = self.resumed()
        peer.expect(PUBLISH, payload=b"1", packet_id=first.packet_id)
        peer.say(Publish(b"t", b"in", 2, dup=True, packet_id=9))
        peer.expect(PUBREC, packet_id=9)
        self.assertEqual(self.got, [b"in"])

    @states("MQTT311-4.1.0-2", "MQTT5-4.1.0-1")
    def test_as_long_as_the_connection(self) -> None:
        """
        Even what is not to be kept is kept while the connection is open, however long that is.
        """
        peer = self.steady(clean_start=True)
        answer = self.client.publish("t", b"1", 1)
        first = peer.expect(PUBLISH)
        peer.say(Publish(b"t", b"in", 2, packet_id=9))
        peer.expect(PUBREC)
        self.wait(86_400)
        peer.silence()
        peer.say(Publish(b"t", b"in", 2, dup=True, packet_id=9))
        peer.expect(PUBREC, packet_id=9, reason=0)
        self.assertEqual(self.got, [b"in"])
        peer.say(Ack(PUBREL, 9))
        peer.expect(PUBCOMP, packet_id=9, reason=0)
        peer.say(Ack(PUBACK, first.packet_id))
        self.successResultOf(answer)

    @states("MQTT5 4.1", "MQTT311 3.1.2.4")
    def test_a_session_that_is_gone(self) -> None:
        """
        When the server has no session, what belonged to it is forgotten on our side, too.
        """
        peer = self.steady()
        self.ignore(self.client.publish("t", b"1", 1))
        peer.expect(PUBLISH)
        peer.say(Publish(b"t", b"in", 2, packet_id=9))
        peer.expect(PUBREC)
        peer.drop()
        peer = self.welcome(self.again(), present=False)
        peer.silence()
        peer.say(Publish(b"t", b"new", 2, packet_id=9))
        peer.expect(PUBREC, packet_id=9)
        self.assertEqual(self.got, [b"in", b"new"])


class SendingTests(QosCase):
    @states("MQTT311-4.3.2-1", "MQTT5-4.3.2-1", "MQTT5-4.3.2-2", "MQTT5-4.3.3-1", "MQTT5-4.3.3-2", "MQTT31 4.1")
    def test_free_numbers(self) -> None:
        """
        Each new message, and each request, has a number that no other has; and no DUP.
        """
        peer = self.accept()
        used: dict[int, Publish] = {}
        for number in range(60):
            self.ignore(self.client.publish("t", b"%d" % number, 1 + number % 2))
            if number < 20:
                packet = peer.expect(PUBLISH, payload=b"%d" % number, qos=1 + number % 2, dup=False)
                self.assertTrue(packet.packet_id)
                self.assertNotIn(packet.packet_id, used)
                used[packet.packet_id] = packet
                if number % 4 == 0:  # these come free again
                    peer.say(Ack(PUBACK, packet.packet_id))
                    del used[packet.packet_id]
        self.ignore(self.client.subscribe("a"), self.client.unsubscribe("b"))
        for kind in (SUBSCRIBE, UNSUBSCRIBE):
            asked = peer.take(kind)
            self.assertNotIn(asked.packet_id, used)
            used[asked.packet_id] = asked

    @states("MQTT311-4.3.2-1", "MQTT5-4.3.2-1", "MQTT5-4.3.3-1", "MQTT5-2.2.1-3")
    def test_a_number_that_is_still_used(self) -> None:
        """
        Numbers that are not free are passed over; with none left, a message waits for one.
        """
        peer = self.accept()
        self.ignore(self.client.publish("t", b"open", 1))
        used = peer.expect(PUBLISH).packet_id
        ids, stuck = self.client.state.outgoing.ids, Pending()
        for number in range(1, 65_536):
            if number not in (used, 40_000):
                ids.put(number, stuck)
        self.ignore(self.client.publish("t", b"1", 2), self.client.publish("t", b"2", 1))
        peer.expect(PUBLISH, payload=b"1", packet_id=40_000)
        peer.silence()
        peer.say(Ack(PUBACK, used))
        peer.expect(PUBLISH, payload=b"2", packet_id=used)

    @states("MQTT5-4.3.2-3", "MQTT311-4.3.2-1")
    def test_open_until_puback(self) -> None:
        """
        A message of QoS 1 is open until the PUBACK of its number; other answers are none.
        """
        peer = self.steady()
        answer = self.client.publish("t", b"1", 1)
        first = peer.expect(PUBLISH)
        peer.say(Ack(PUBACK, first.packet_id + 1))
        self.wait(60)
        self.assertNoResult(answer)
        peer.drop()
        self.ignore(answer)
        peer = self.resumed()
        peer.expect(PUBLISH, dup=True, packet_id=first.packet_id)
        peer.say(Ack(PUBACK, first.packet_id))
        peer.drop()
        self.resumed().silence()

    @states("MQTT311-4.3.3-1", "MQTT5-4.3.3-4", "MQTT31 4.1")
    def test_exactly_once(self) -> None:
        """
        A message of QoS 2 goes through PUBREC, PUBREL and PUBCOMP under one number.
        """
        peer = self.accept()
        answer = self.client.publish("t", b"x", 2)
        peer.expect("34 06 0001 't' 0001 'x'" if self.version < 5 else "34 07 0001 't' 0001 00 'x'")
        peer.say("50 02 0001")
        peer.expect("62 02 0001")
        self.assertNoResult(answer)
        peer.say("70 02 0001")
        self.successResultOf(answer)
        peer.silence()

    @states("MQTT311-4.3.3-1", "MQTT5-4.3.3-3", "MQTT5-4.3.3-5", "MQTT5-4.3.3-6")
    def test_exactly_once_broken_off(self) -> None:
        """
        Until PUBREC it is PUBLISH that is sent again, then only PUBREL, until PUBCOMP has come; then nothing.
        """
        peer = self.steady()
        self.ignore(self.client.publish("t", b"x", 2))
        number = peer.expect(PUBLISH, dup=False).packet_id
        peer.drop()
        peer = self.resumed()
        peer.expect(PUBLISH, dup=True, packet_id=number, qos=2)
        peer.say(Ack(PUBREC, number))
        peer.expect(PUBREL, packet_id=number)
        for _ in range(2):
            peer.drop()
            peer = self.resumed()
            peer.expect(PUBREL, packet_id=number)
            peer.silence()
        peer.say(Ack(PUBREC, number))  # again, and answered again: never with PUBLISH
        peer.expect(PUBREL, packet_id=number)
        peer.silence()
        peer.say(Ack(PUBCOMP, number))
        peer.drop()
        self.resumed().silence()

    @states("MQTT5-4.3.3-4", "MQTT5 3.5.2.1")
    def test_pubrec_with_good_news(self) -> None:
        """
        A PUBREC that says that nobody subscribes is no refusal: PUBREL follows.
        """
        peer = self.accept()
        answer = self.client.publish("t", b"x", 2)
        peer.expect(PUBLISH, packet_id=1)
        peer.say("50 03 0001 10")
        peer.expect("62 02 0001")
        peer.say("70 02 0001")
        self.assertEqual(self.successResultOf(answer).reason, 0x10)

    @states("MQTT5 3.6.2.1", "MQTT5 4.3.3", "MQTT311 4.3.3")
    def test_pubrec_for_nothing(self) -> None:
        """
        A PUBREC for what our client does not know is answered all the same, so that the server is rid of it.
        """
        peer = self.accept()
        peer.say("50 02 0007")
        peer.expect("62 02 0007" if self.version == 4 else "62 03 0007 92")
        peer.say("70 02 0007")
        peer.silence()

    @states("MQTT5-4.3.3-7")
    def test_no_expiry_once_sent(self) -> None:
        """
        A message of QoS 2 that was sent is sent again even when its time is over.
        """
        peer = self.steady()
        self.ignore(self.client.publish("t", b"x", 2, properties=Properties(message_expiry_interval=1)))
        number = peer.expect(PUBLISH).packet_id
        peer.drop()
        self.wait(10)
        peer = self.resumed()
        peer.expect(PUBLISH, dup=True, packet_id=number)
        peer.say(Ack(PUBREC, number))
        peer.expect(PUBREL, packet_id=number)

    @states("MQTT5-4.4.0-2", "MQTT5 4.3.3")
    def test_refused(self) -> None:
        """
        A message that is refused is settled: the publisher hears it, and it is not sent again.
        """
        peer = self.steady()
        answers = [self.client.publish("t", b"%d" % qos, qos) for qos in (1, 2)]
        peer.expect(PUBLISH, qos=1, packet_id=1)
        peer.expect(PUBLISH, qos=2, packet_id=2)
        peer.say("40 03 0001 87", "50 03 0002 97")
        for answer, reason in zip(answers, (0x87, 0x97), strict=True):
            self.assertEqual(self.failureResultOf(answer, Refused).value.reason, reason)
        peer.silence()
        peer.drop()
        self.resumed().silence()

    @states("MQTT5-4.4.0-1")
    def test_never_at_another_time(self) -> None:
        """
        While the connection stands nothing is sent again, however long the server takes.
        """
        peer = self.steady()
        self.ignore(self.client.publish("t", b"1", 1), self.client.publish("t", b"2", 2))
        peer.expect(PUBLISH, payload=b"1")
        number = peer.expect(PUBLISH, payload=b"2").packet_id
        self.wait(3_600)
        peer.silence()
        peer.say(Ack(PUBREC, number))
        peer.expect(PUBREL)
        self.wait(3_600)
        peer.silence()

    @states("MQTT31 4.2", "MQTT311 4.4")
    def test_resend_interval(self) -> None:
        """
        On 3.1 and 3.1.1 what is not answered for long is sent again on the same connection: 3.1 asks for it.
        """
        peer = self.accept(resend_interval=20, keep_alive=0)
        answer = self.client.publish("t", b"x", 2)
        number = peer.expect(PUBLISH, dup=False).packet_id
        self.wait(19)
        peer.silence()
        self.wait(1)
        peer.expect(PUBLISH, dup=True, packet_id=number)
        peer.say(Ack(PUBREC, number))
        peer.expect(PUBREL, packet_id=number)
        self.wait(20)
        peer.expect(PUBREL, packet_id=number)
        peer.say(Ack(PUBCOMP, number))
        self.successResultOf(answer)
        self.wait(60)
        peer.silence()
