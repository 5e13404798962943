"""
Order and flow (sections 4.6 and 4.9): in which order our client answers and repeats, and how much it has under way.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred

from tests.conformance.case import ClientCase
from tests.conformance.peer import Peer
from tests.conformance.states import states
from txmqtt import Message, Properties
from txmqtt.codec.constants import PINGREQ, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, SUBSCRIBE, UNSUBSCRIBE
from txmqtt.codec.packets import Ack, Pingresp, Publish, Suback


class OrderTests(ClientCase):
    @states("MQTT311-4.6.0-1", "MQTT5-4.6.0-1", "MQTT31 4.3")
    def test_sent_again_in_order(self) -> None:
        """
        What is sent again comes in the order in which it was sent first, before anything that is new.
        """
        peer = self.accept(clean_start=False, max_inflight=3)
        self.ignore(*(self.client.publish("t", b"%d" % number, 1 + number % 2) for number in range(5)))
        sent = [peer.expect(PUBLISH) for _ in range(3)]
        peer.silence()
        peer.say(Ack(PUBACK, sent[0].packet_id))
        sent = [*sent[1:], peer.expect(PUBLISH)]
        for _ in range(2):
            peer.drop()
            peer = self.welcome(self.again(), present=self.version > 3)
            for each in sent:
                peer.expect(PUBLISH, payload=each.payload, dup=True, packet_id=each.packet_id)
            peer.silence()

    @states("MQTT311-4.6.0-2", "MQTT5-4.6.0-2", "MQTT311-4.6.0-3", "MQTT5-4.6.0-3")
    def test_answers_in_order(self) -> None:
        """
        PUBACKs, and PUBRECs, leave in the order of the messages, in whatever order the application deals with them.
        """
        for qos, kind in ((1, PUBACK), (2, PUBREC)):
            with self.case(f"QoS {qos}"):
                waiting: list[Deferred[None]] = []

                def later(message: Message, waiting: list[Deferred[None]] = waiting) -> Deferred[None]:
                    waiting.append(Deferred())
                    return waiting[-1]

                peer = self.accept()
                self.ignore(self.client.subscribe("t", later, qos))
                peer.expect(SUBSCRIBE)
                numbers = (30, 10, 20)
                peer.say(*(Publish(b"t", b"x", qos, packet_id=number) for number in numbers))
                for each in reversed(waiting):
                    peer.silence()
                    each.callback(None)
                for number in numbers:
                    peer.expect(kind, packet_id=number)
                peer.silence()
                peer.drop()

    @states("MQTT311-4.6.0-4", "MQTT5-4.6.0-4", "MQTT31 4.3")
    def test_pubrel_in_order(self) -> None:
        """
        PUBRELs leave in the order of the PUBRECs, and so do those that are sent again.
        """
        peer = self.accept(clean_start=False)
        self.ignore(*(self.client.publish("t", b"x", 2) for _ in range(3)))
        numbers = [peer.expect(PUBLISH).packet_id for _ in range(3)]
        order = [numbers[2], numbers[0], numbers[1]]
        peer.say(*(Ack(PUBREC, number) for number in order))
        for number in order:
            peer.expect(PUBREL, packet_id=number)
        peer.drop()
        peer = self.welcome(self.again(), present=self.version > 3)
        for number in order:
            peer.expect(PUBREL, packet_id=number)
        peer.silence()

    @states("MQTT311 4.6", "MQTT5 4.6", "MQTT31 4.3")
    def test_delivered_in_order(self) -> None:
        """
        The application gets the messages of each topic in the order in which they came, of whatever QoS.
        """
        got: list[bytes] = []
        peer = self.accept(on_message=lambda message: got.append(message.payload))
        peer.say(*(Publish(b"t", b"%d" % n, n % 3, packet_id=n + 1 if n % 3 else 0) for n in range(9)))
        self.assertEqual(got, [b"%d" % n for n in range(9)])


class FlowTests(ClientCase):
    def allowed(self, maximum: int) -> Peer:
        return self.accept(announced=Properties(receive_maximum=maximum), clean_start=False, keep_alive=0)

    def publish(self, *qos: int) -> None:
        for number, each in enumerate(qos):
            self.ignore(self.client.publish("t", b"%d" % number, each))

    @states("MQTT5-4.9.0-1", "MQTT5-4.9.0-2")
    def test_at_first(self) -> None:
        """
        At first as many messages are open as the server's Receive Maximum, of both QoS together; each connection anew.
        """
        peer = self.allowed(2)
        self.publish(1, 2, 1, 2)
        sent = [peer.expect(PUBLISH) for _ in range(2)]
        peer.silence()
        peer.drop()
        peer = self.welcome(self.again(), present=True, announced=Properties(receive_maximum=1))
        peer.expect(PUBLISH, packet_id=sent[0].packet_id)
        peer.silence()
        peer.drop()
        peer = self.welcome(self.again(), present=True, announced=Properties(receive_maximum=3))
        for each in sent:
            peer.expect(PUBLISH, packet_id=each.packet_id)
        peer.silence()  # what had not left when the connection broke failed then

    @states("MQTT5 4.9")
    def test_what_makes_room(self) -> None:
        """
        A PUBACK, a PUBCOMP and a PUBREC that refuses make room for one more; a PUBREC that does not, makes none.
        """
        peer = self.allowed(1)
        self.publish(1, 2, 2, 1)
        peer.expect(PUBLISH, payload=b"0", packet_id=1)
        peer.say("40 03 0001 83")  # a refusal counts as well
        number = peer.expect(PUBLISH, payload=b"1").packet_id
        peer.say(Ack(PUBREC, number))
        peer.expect(PUBREL, packet_id=number)
        peer.silence()
        peer.say(Ack(PUBCOMP, number))
        number = peer.expect(PUBLISH, payload=b"2").packet_id
        peer.say(Ack(PUBREC, number, 0x83))
        peer.expect(PUBLISH, payload=b"3")
        peer.silence()

    @states("MQTT5 4.9")
    def test_never_more_than_at_first(self) -> None:
        """
        Answers to nothing make no more room than there was.
        """
        peer = self.allowed(2)
        peer.say(*(Ack(PUBACK, number) for number in range(1, 9)))
        self.publish(1, 1, 1, 1)
        for _ in range(2):
            peer.expect(PUBLISH)
        peer.silence()

    @states("MQTT5-4.9.0-3", "MQTT5 4.9")
    def test_all_else_goes_on(self) -> None:
        """
        While no more messages may be sent, everything else is said, read and answered, and QoS 0 is sent.
        """
        got: list[bytes] = []
        peer = self.allowed(1)
        self.publish(2, 1)
        number = peer.expect(PUBLISH, payload=b"0").packet_id
        peer.silence()
        self.client.publish("t", b"zero", 0)
        peer.expect(PUBLISH, payload=b"zero", qos=0)
        answers = [self.client.subscribe("a", lambda message: got.append(message.payload)), self.client.ping()]
        asked = peer.expect(SUBSCRIBE)
        peer.expect(PINGREQ)
        peer.say(Suback(asked.packet_id, [0]), Pingresp())
        for answer in answers:
            self.successResultOf(answer)
        self.ignore(self.client.unsubscribe("b"))
        peer.expect(UNSUBSCRIBE)
        peer.say(Publish(b"a", b"in", 1, packet_id=7), Publish(b"a", b"in", 2, packet_id=8), Ack(PUBREL, 8))
        peer.expect(PUBACK, packet_id=7)
        peer.expect(PUBREC, packet_id=8)
        peer.expect(PUBCOMP, packet_id=8)
        self.assertEqual(got, [b"in", b"in"])
        peer.say(Ack(PUBREC, number))
        peer.expect(PUBREL, packet_id=number)
        peer.silence()

    @states("MQTT5 4.9")
    def test_ours(self) -> None:
        """
        A server that has more messages under way than we allow is left, and told why; as many as we allow are welcome.
        """
        peer = self.accept(receive_maximum=2)
        peer.say(Publish(b"t", b"x", 2, packet_id=1), Publish(b"t", b"x", 2, packet_id=2))
        peer.expect(PUBREC, packet_id=1)
        peer.expect(PUBREC, packet_id=2)
        peer.say(Ack(PUBREL, 1), Publish(b"t", b"x", 2, packet_id=3), Publish(b"t", b"x", 0))
        peer.expect(PUBCOMP, packet_id=1)
        peer.expect(PUBREC, packet_id=3)
        peer.say(Publish(b"t", b"x", 2, packet_id=4))
        peer.closed(0x93)
