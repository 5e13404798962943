"""
Flow control (section 4.9): how many messages may be under way at a time.
"""

from __future__ import annotations

from tests.conformance.case import BrokerCase
from tests.conformance.peer import Peer
from tests.conformance.states import states
from txmqtt.codec.constants import PINGRESP, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, SUBACK, UNSUBACK
from txmqtt.codec.packets import Ack, Pingreq, Publish, Subscribe, Subscription, Unsubscribe


class SenderTests(BrokerCase):
    def watcher(self, most: int, many: int, qos: int = 1, keep: bool = False) -> Peer:
        """
        Who allows so many at a time, and has more coming.
        """
        peer = self.connect("w", keep=keep, receive_maximum=most)
        peer.subscribe("t", qos=qos)
        publisher = self.connect("p")
        for number in range(many):
            publisher.publish("t", b"%d" % number, qos)
        return peer

    def heard(self, peer: Peer, many: int, begin: int = 0) -> list[int]:
        """
        So many come, and no more.

        @return: their packet identifiers.
        """
        found = [peer.expect(PUBLISH, payload=b"%d" % number).packet_id for number in range(begin, begin + many)]
        peer.silence()
        return found

    @states("MQTT5-4.9.0-1", "MQTT5-4.9.0-2")
    def test_at_first(self) -> None:
        """
        At most as many messages as the client allows come at first.
        """
        for most in (1, 2, 7):
            for qos in (1, 2):
                with self.case(f"{most}, QoS {qos}"):
                    peer = self.watcher(most, most + 3, qos)
                    self.heard(peer, most)
                    peer.drop()

    @states("MQTT5-4.9.0-2")
    def test_one_for_one(self) -> None:
        """
        Each PUBACK and PUBCOMP, and each PUBREC that refuses, lets one more message through; no other PUBREC does.
        """
        with self.case("PUBACK"):
            peer = self.watcher(2, 8)
            first, second = self.heard(peer, 2)
            peer.say(Ack(PUBACK, second))
            (third,) = self.heard(peer, 1, 2)
            peer.say(Ack(PUBACK, first, 0x80), Ack(PUBACK, third))
            self.heard(peer, 2, 3)
            peer.drop()
        with self.case("PUBREC and PUBCOMP"):
            peer = self.watcher(2, 8, 2)
            first, second = self.heard(peer, 2)
            peer.say(Ack(PUBREC, second))
            peer.expect(PUBREL, packet_id=second)
            peer.silence()
            peer.say(Ack(PUBCOMP, second))
            (third,) = self.heard(peer, 1, 2)
            peer.say(Ack(PUBREC, first, 0x80))
            self.heard(peer, 1, 3)

    @states("MQTT5 4.9", "MQTT5-4.9.0-1")
    def test_no_more_than_allowed(self) -> None:
        """
        Acknowledgements that nobody waits for never let more through than the client allows.
        """
        peer = self.connect("w", receive_maximum=2)
        peer.subscribe("t", qos=2)
        publisher = self.connect("p")
        publisher.publish("t", b"first", 2)
        packet_id = peer.expect(PUBLISH, payload=b"first").packet_id
        peer.say(Ack(PUBREC, packet_id))
        peer.expect(PUBREL)
        peer.say(*[Ack(PUBCOMP, packet_id)] * 4)
        peer.silence()
        for number in range(5):
            publisher.publish("t", b"%d" % number, 2)
        self.heard(peer, 2)

    @states("MQTT5-4.9.0-2", "MQTT5-4.9.0-1")
    def test_qos_0_is_free(self) -> None:
        """
        Messages of QoS 0 do not count.
        """
        peer = self.watcher(1, 3)
        (first,) = self.heard(peer, 1)
        publisher = self.connect("q")
        for _ in range(5):
            publisher.publish("t", b"free")
        for _ in range(5):
            peer.expect(PUBLISH, payload=b"free", qos=0)
        peer.say(Ack(PUBACK, first))
        self.heard(peer, 1, 1)

    @states("MQTT5 4.9", "MQTT5-4.9.0-1")
    def test_each_connection_anew(self) -> None:
        """
        What a client allows counts for the connection on which it said so, and what is sent again counts.
        """
        peer = self.watcher(4, 9, keep=True)
        self.heard(peer, 4)
        peer.drop()
        peer = self.connect("w", keep=True, present=True, receive_maximum=2)
        again = self.heard(peer, 2)
        peer.say(Ack(PUBACK, again[0]))
        self.heard(peer, 1, 2)
        peer.drop()
        peer = self.connect("w", keep=True, present=True, receive_maximum=6)
        self.heard(peer, 6, 1)

    @states("MQTT5-4.9.0-3")
    def test_everything_else_goes_on(self) -> None:
        """
        While no more messages may be sent, all else is still answered.
        """
        peer = self.watcher(1, 3, 2)
        (packet_id,) = self.heard(peer, 1)
        peer.say(Pingreq())
        peer.expect(PINGRESP)
        peer.say(Subscribe(1001, [Subscription(b"u", 1)]))
        peer.expect(SUBACK, packet_id=1001)
        peer.say(Unsubscribe(1002, [b"u"]))
        peer.expect(UNSUBACK, packet_id=1002)
        peer.say(Publish(b"u", b"x", 1, packet_id=1003))
        peer.expect(PUBACK, packet_id=1003)
        peer.say(Publish(b"u", b"x", 2, packet_id=1004))
        peer.expect(PUBREC, packet_id=1004)
        peer.say(Ack(PUBREL, 1004))
        peer.expect(PUBCOMP, packet_id=1004)
        peer.say(Ack(PUBREC, packet_id))
        peer.expect(PUBREL, packet_id=packet_id)
        peer.silence()


class ReceiverTests(BrokerCase):
    @states("MQTT5 4.9", "MQTT5 3.3.4")
    def test_as_many_as_allowed(self) -> None:
        """
        A client may have as many exchanges under way as the broker has said, again and again, and not one more.
        """
        if self.target is None:
            self.begin(receive_maximum=5)
        peer = self.connect("p")
        properties = peer.connack.properties
        most = (properties.receive_maximum if properties else None) or 65_535
        if most > 1_000:
            self.only_ours(f"it allows {most}")
        for _ in range(2):
            for number in range(1, most + 1):
                peer.say(Publish(b"t", b"x", 2, packet_id=number))
                peer.expect(PUBREC, packet_id=number)
            for number in range(1, most + 1):
                peer.say(Ack(PUBREL, number))
                peer.expect(PUBCOMP, packet_id=number)
        for number in range(1, most + 1):
            peer.say(Publish(b"t", b"x", 2, packet_id=number))
            peer.expect(PUBREC, packet_id=number)
        peer.say(Publish(b"t", b"x", 2, packet_id=most + 1))
        peer.closed(0x93)
