"""
The order of messages (section 4.6), as subscribers see it.
"""

from __future__ import annotations

from tests.conformance.case import BrokerCase
from tests.conformance.peer import Peer
from tests.conformance.states import states
from txmqtt.codec.constants import PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL
from txmqtt.codec.packets import Ack, Publish

#: How many messages: more than a broker has under way to one client at a time.
_MANY = 60


def bodies(many: int, begin: int = 0, mark: str = "") -> list[bytes]:
    return [f"{mark}{number}".encode() for number in range(begin, begin + many)]


class OrderTests(BrokerCase):
    def publish(self, peer: Peer, payloads: list[bytes], qos: int) -> None:
        """
        Several in one write, no answer awaited before.
        """
        for begin in range(0, len(payloads), 10):
            some = payloads[begin : begin + 10]
            peer.say(*(Publish(b"t", each, qos, packet_id=qos and n) for n, each in enumerate(some, 1)))
            if not qos:
                peer.alive()
                continue
            for n in range(1, len(some) + 1):
                peer.take(PUBACK if qos == 1 else PUBREC, packet_id=n)
            if qos == 2:
                peer.say(*(Ack(PUBREL, n) for n in range(1, len(some) + 1)))
                for n in range(1, len(some) + 1):
                    peer.take(PUBCOMP, packet_id=n)

    @states("MQTT311-4.6.0-5", "MQTT311-4.6.0-6", "MQTT5-4.6.0-5", "MQTT5-4.6.0-6")
    def test_at_once(self) -> None:
        """
        Who listens gets the messages of a topic in the order in which they were published, at each QoS.
        """
        publisher = self.connect("p")
        for published in range(3):
            for granted in range(3):
                with self.case(f"published with {published}, granted {granted}"):
                    watcher = self.connect("w")
                    watcher.subscribe("t", qos=granted)
                    self.publish(publisher, bodies(_MANY), published)
                    self.assertEqual([each.payload for each in watcher.messages()], bodies(_MANY))
                    watcher.leave()

    @states("MQTT311-4.6.0-5", "MQTT311-4.6.0-6", "MQTT5-4.6.0-5", "MQTT5-4.6.0-6")
    def test_later(self) -> None:
        """
        Who comes back gets what waited in the order in which it was published, and what is new behind it.
        """
        publisher = self.connect("p")
        for qos in (1, 2):
            with self.case(f"QoS {qos}"):
                watcher = self.connect("w", keep=True)
                watcher.subscribe("t", qos=qos)
                watcher.leave()
                self.publish(publisher, bodies(_MANY), qos)
                watcher = self.connect("w", keep=True)
                self.publish(publisher, bodies(5, _MANY), qos)
                self.assertEqual([each.payload for each in watcher.messages()], bodies(_MANY + 5))
                watcher.leave()

    @states("MQTT311-4.6.0-6", "MQTT5-4.6.0-5")
    def test_again(self) -> None:
        """
        What is sent again after a break comes in its first order, before what had not been sent.
        """
        publisher = self.connect("p")
        for qos in (1, 2):
            with self.case(f"QoS {qos}"):
                watcher = self.connect("w", keep=True)
                watcher.subscribe("t", qos=qos)
                self.publish(publisher, bodies(_MANY), qos)
                first = [watcher.expect(PUBLISH).payload for _ in range(10)]
                self.assertEqual(first, bodies(10))
                watcher.drop()
                watcher = self.connect("w", keep=True, present=True)
                self.publish(publisher, bodies(5, _MANY), qos)
                found = watcher.messages()
                self.assertEqual([each.payload for each in found], bodies(_MANY + 5))
                self.assertEqual([each.dup for each in found[:10]], [True] * 10)
                watcher.leave()

    @states("MQTT311-4.6.0-6", "MQTT5-4.6.0-5")
    def test_each_publisher(self) -> None:
        """
        Where several publish, the messages of each keep their order; so do those of several topics under one filter.
        """
        watcher = self.connect("w")
        watcher.subscribe("t/#", qos=1)
        peers = {mark: self.connect(mark) for mark in "pq"}
        for number in range(1, 21):
            for mark, peer in peers.items():
                for topic in (b"t/1", b"t/2"):
                    packet_id = 2 * number + (topic == b"t/2")
                    peer.say(Publish(topic, f"{mark}{number}".encode(), 1, packet_id=packet_id))
        found = [(each.topic, each.payload) for each in watcher.messages()]
        for mark in peers:
            for topic in (b"t/1", b"t/2"):
                mine = [payload for where, payload in found if where == topic and payload.startswith(mark.encode())]
                self.assertEqual(mine, bodies(20, 1, mark))

    @states("MQTT5-4.6.0-5", "MQTT5-4.6.0-6")
    def test_one_at_a_time(self) -> None:
        """
        The order holds also for who takes one message at a time, and answers late.
        """
        watcher = self.connect("w", receive_maximum=1)
        watcher.subscribe("t", qos=2)
        self.publish(self.connect("p"), bodies(10), 2)
        for payload in bodies(10):
            message = watcher.expect(PUBLISH, payload=payload)
            watcher.silence()
            watcher.say(Ack(PUBREC, message.packet_id))
            watcher.expect(PUBREL)
            watcher.silence()
            watcher.say(Ack(PUBCOMP, message.packet_id))
        watcher.silence()
