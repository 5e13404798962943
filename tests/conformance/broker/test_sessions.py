"""
Sessions, transport and who gets what (sections 4.1, 4.2 and 4.5): what the broker keeps of a client, and how long.
"""

from __future__ import annotations

from hashlib import sha256

from tests.conformance.case import BrokerCase
from tests.conformance.states import states
from txmqtt.codec.constants import PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL
from txmqtt.codec.packets import Ack, Publish


class SessionTests(BrokerCase):
    @states("MQTT311-4.1.0-1", "MQTT5-4.1.0-1", "MQTT31 3.1")
    def test_kept(self) -> None:
        """
        Of a client that comes back the broker knows the subscriptions, what waits for it, and what was under way.
        """
        peer = self.connect("a", keep=True)
        peer.subscribe("t", qos=2)
        publisher = self.connect("p")
        publisher.publish("t", b"one", 1)
        publisher.publish("t", b"two", 2)
        publisher.publish("t", b"three", 2)
        one = peer.expect(PUBLISH, payload=b"one")
        two = peer.expect(PUBLISH, payload=b"two")
        three = peer.expect(PUBLISH, payload=b"three")
        peer.say(Ack(PUBREC, two.packet_id))
        peer.expect(PUBREL, packet_id=two.packet_id)
        peer.say(Publish(b"u", b"mine", 2, packet_id=9))
        peer.expect(PUBREC, packet_id=9)
        peer.drop()
        publisher.publish("t", b"four", 1)
        peer = self.connect("a", keep=True, present=None if self.version == 3 else True)
        peer.take(PUBLISH, payload=b"one", packet_id=one.packet_id)
        peer.take(PUBREL, packet_id=two.packet_id)
        peer.take(PUBLISH, payload=b"three", packet_id=three.packet_id)
        peer.take(PUBLISH, payload=b"four")
        peer.say(Ack(PUBREL, 9))
        peer.take(PUBCOMP, packet_id=9)
        publisher.publish("t", b"five", 1)
        peer.take(PUBLISH, payload=b"five")

    @states("MQTT311-4.1.0-2", "MQTT5-4.1.0-1")
    def test_as_long_as_the_connection(self) -> None:
        """
        A session lasts as long as the connection, also one that nobody wants kept.
        """
        peer = self.connect("a")
        peer.subscribe("t", qos=1)
        publisher = self.connect("p")
        publisher.say(Publish(b"u", b"x", 2, packet_id=1))
        publisher.expect(PUBREC, packet_id=1)
        self.wait(3 if self.target else 1_000)
        publisher.say(Ack(PUBREL, 1))
        publisher.expect(PUBCOMP, packet_id=1)
        publisher.publish("t", b"x", 1)
        peer.expect(PUBLISH, payload=b"x", qos=1)

    @states("MQTT311-4.1.0-2", "MQTT5-4.1.0-2")
    def test_no_longer(self) -> None:
        """
        A session that nobody wants kept ends with its connection.
        """
        peer = self.connect("a")
        peer.subscribe("t", qos=1)
        peer.drop()
        publisher = self.connect("p")
        publisher.publish("t", b"x", 1)
        self.connect("a", keep=True, present=False).silence()

    @states("MQTT5-4.1.0-2")
    def test_expired(self) -> None:
        """
        A session that has waited longer than its client wanted is forgotten, with all that it had.
        """
        peer = self.connect("a", keep=True, session_expiry_interval=1)
        peer.subscribe("t", qos=1)
        peer.drop()
        publisher = self.connect("p")
        publisher.publish("t", b"x", 1)
        self.wait(3.5)
        peer = self.connect("a", keep=True, present=False)
        publisher.publish("t", b"y", 1)
        peer.silence()

    @states("MQTT5-4.1.0-2")
    def test_not_yet_expired(self) -> None:
        """
        The time of a session begins when its connection ends.
        """
        peer = self.connect("a", keep=True, session_expiry_interval=3)
        peer.subscribe("t", qos=1)
        self.wait(3.5)
        peer.drop()
        self.wait(1)
        self.connect("p").publish("t", b"x", 1)
        peer = self.connect("a", keep=True, present=True)
        self.assertEqual([each.payload for each in peer.messages()], [b"x"])


class TransportTests(BrokerCase):
    @states("MQTT5-4.2.0-1", "MQTT311 4.2")
    def test_in_order_and_whole(self) -> None:
        """
        However bytes are cut into pieces on their way, what arrives is what was said, in its order.
        """
        watcher = self.connect("w")
        watcher.subscribe("t", qos=1)
        peer = self.connect("p")
        peer.say_slowly(Publish(b"t", b"slowly", 1, packet_id=1))
        peer.expect(PUBACK, packet_id=1)
        large = b"".join(sha256(b"%d" % number).digest() for number in range(4_096))
        peer.say(*(Publish(b"t", payload, 1, packet_id=5) for payload in (b"two", b"three")))
        peer.expect(PUBACK, packet_id=5)
        peer.expect(PUBACK, packet_id=5)
        peer.publish("t", large, 1)
        self.assertEqual([each.payload for each in watcher.messages()], [b"slowly", b"two", b"three", large])


class EverybodyTests(BrokerCase):
    @states("MQTT311-4.5.0-1", "MQTT5-4.5.0-1", "MQTT31 3.1")
    def test_all_who_subscribed(self) -> None:
        """
        A message that was acknowledged reaches everybody who had subscribed to it, those who are away later.
        """
        names = [(f"{where}{qos}", qos) for where in ("here", "away") for qos in (1, 2)]
        peers = {}
        for name, qos in names:
            peers[name] = self.connect(name, keep=True)
            peers[name].subscribe("t/+", qos=qos)
            if name.startswith("away"):
                peers[name].leave()
        other = self.connect("other")
        other.subscribe("u/+", qos=1)
        publisher = self.connect("p")
        publisher.publish("t/1", b"one", 1)
        publisher.publish("t/2", b"two", 2)
        publisher.drop()
        for name, most in names:
            with self.case(name):
                peer = self.connect(name, keep=True) if name.startswith("away") else peers[name]
                found = [(x.topic, x.payload, x.qos) for x in peer.messages()]
                self.assertEqual(found, [(b"t/1", b"one", 1), (b"t/2", b"two", most)])
        other.silence()

    @states("MQTT311-4.5.0-1", "MQTT31 4.1")
    def test_many_at_once(self) -> None:
        """
        Before 5.0 a client may begin as many exchanges of QoS 2 as it likes: what is acknowledged of them arrives.
        """
        watcher = self.connect("w")
        watcher.subscribe("t", qos=2)
        peer = self.connect("p")
        peer.say(*(Publish(b"t", b"%d" % number, 2, packet_id=number) for number in range(1, 61)))
        for number in range(1, 61):
            peer.take(PUBREC, packet_id=number)
        peer.say(*(Ack(PUBREL, number) for number in range(1, 61)))
        for number in range(1, 61):
            peer.take(PUBCOMP, packet_id=number)
        self.assertEqual(len(watcher.messages()), 60)
