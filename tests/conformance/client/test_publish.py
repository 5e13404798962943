"""
PUBLISH (section 3.3) and the exchanges of QoS 1 and 2 (4.3): what our client sends, and what it takes.
"""

from __future__ import annotations

from tests.conformance.case import ClientCase
from tests.conformance.states import states
from txmqtt import Properties
from txmqtt.codec.constants import PUBACK, PUBCOMP, PUBLISH, PUBREC
from txmqtt.codec.packets import Ack, Publish


class SendingTests(ClientCase):
    @states("MQTT311-3.3.1-2", "MQTT311-2.3.1-5", "MQTT311-4.3.1-1", "MQTT5-3.3.1-2", "MQTT5-2.2.1-2", "MQTT5-4.3.1-1")
    def test_qos_0(self) -> None:
        """
        A message of QoS 0 has neither DUP nor a packet identifier.
        """
        peer = self.accept()
        self.client.publish("a/b", b"hi")
        peer.expect("30 07 0003 'a/b' 'hi'" if self.version == 4 else "30 08 0003 'a/b' 00 'hi'")

    @states("MQTT311-4.4.0-1", "MQTT5-4.4.0-1", "MQTT311-3.3.1-1", "MQTT5-3.3.1-1", "MQTT311-2.3.1-3")
    def test_sent_again(self) -> None:
        """
        What was not acknowledged is sent again on the next connection: marked, and under the same number.
        """
        peer = self.accept(clean_start=False)
        self.ignore(self.client.publish("t", b"1", 1), self.client.publish("t", b"2", 2))
        first, second = peer.expect(PUBLISH, dup=False), peer.expect(PUBLISH, dup=False)
        peer.drop()
        peer = self.welcome(self.again(), present=True)
        peer.expect(PUBLISH, payload=b"1", dup=True, packet_id=first.packet_id)
        peer.expect(PUBLISH, payload=b"2", dup=True, packet_id=second.packet_id)
        peer.silence()

    @states("MQTT5-3.3.4-7", "MQTT5-4.9.0-2")
    def test_receive_maximum(self) -> None:
        """
        A client has no more messages under way than the server allows.
        """
        peer = self.accept(announced=Properties(receive_maximum=1))
        self.ignore(*(self.client.publish("t", b"%d" % number, 1) for number in range(3)))
        for number in range(3):
            packet = peer.expect(PUBLISH, payload=b"%d" % number)
            peer.silence()
            peer.say(Ack(PUBACK, packet.packet_id))


class TakingTests(ClientCase):
    @states("MQTT311-3.3.4-1", "MQTT5-3.3.4-1", "MQTT311-4.5.0-2", "MQTT5-4.5.0-2")
    def test_answers(self) -> None:
        """
        A message that nobody asked for is answered as its QoS asks all the same.
        """
        peer = self.accept()
        peer.say(Publish(b"t", b"x"))
        peer.silence()
        peer.say(Publish(b"t", b"x", 1, packet_id=7))
        peer.expect("40 02 0007")
        peer.say(Publish(b"t", b"x", 2, packet_id=8))
        peer.expect(PUBREC, packet_id=8)
        peer.say("62 02 0008")
        peer.expect(PUBCOMP, packet_id=8)

    @states("MQTT311-3.3.1-4", "MQTT5-3.3.1-4")
    def test_qos_3(self) -> None:
        """
        There is no QoS 3: a server that sends it is left.
        """
        peer = self.accept()
        peer.say("36 05 0001 61 0001" if self.version == 4 else "36 07 0001 61 0001 00 78")
        peer.closed(0x81)
