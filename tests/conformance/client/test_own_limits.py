"""
What our client has announced in its CONNECT (section 3.1.2.11), and servers that do not go by it.
"""

from __future__ import annotations

from tests.conformance.case import ClientCase
from tests.conformance.peer import Peer
from tests.conformance.states import states
from txmqtt import Message, Properties
from txmqtt.codec.constants import PUBREC
from txmqtt.codec.packets import Publish


class OwnLimitsTests(ClientCase):
    @states("MQTT5 3.1.2.11.3", "MQTT5 3.3.4")
    def test_receive_maximum(self) -> None:
        """
        A server that has more messages under way than the client takes is left, with 0x93.
        """
        peer = self.accept(receive_maximum=2)
        peer.say(Publish(b"t", b"", 2, packet_id=1), Publish(b"t", b"", 2, packet_id=2))
        peer.expect(PUBREC, packet_id=1)
        peer.expect(PUBREC, packet_id=2)
        peer.say(Publish(b"t", b""))  # is not counted
        peer.silence()
        peer.say(Publish(b"t", b"", 1, packet_id=3))
        peer.closed(0x93)

    @states("MQTT5 3.1.2.11.4", "MQTT311 2.2.3")
    def test_maximum_packet_size(self) -> None:
        """
        A server whose packet is larger than the client takes is left, with 0x95, before all of it is there.
        """
        heard: list[Message] = []
        peer = self.accept(maximum_packet_size=200, on_message=heard.append)
        room = 200 - 3 - 3 - (1 if self.version == 5 else 0)
        peer.say(Publish(b"t", bytes(room)))
        self.assertEqual(len(heard), 1)
        peer.silence()
        peer.say(peer.bytes_of(Publish(b"t", bytes(room + 1)))[:3])
        peer.closed(0x95)

    @states("MQTT5 3.1.2.11.7")
    def test_no_problem_information(self) -> None:
        """
        A server that explains itself to a client that does not want it is left, except in CONNACK, PUBLISH, DISCONNECT.
        """
        for name, spelling in (
            ("PUBACK", "40 [ 0003 00 [ P ] ]"),
            ("PUBREC", "50 [ 0004 00 [ P ] ]"),
            ("PUBREL", "62 [ 0001 00 [ P ] ]"),
            ("SUBACK", "90 [ 0001 [ P ] 00 ]"),
            ("UNSUBACK", "b0 [ 0002 [ P ] 00 ]"),
        ):
            for what in ("1f 0001 61", '26 "a" "b"'):
                with self.case(f"{name} with {what}"):
                    peer = self._silent()
                    client = self.client
                    self.ignore(client.subscribe("a"), client.unsubscribe("a"))
                    self.ignore(client.publish("t", b"", 1), client.publish("t", b"", 2))
                    peer.everything()
                    peer.say(spelling.replace("P", what))
                    peer.closed(0x82)
        peer = self._silent()
        peer.say('30 [ "t" [ 26 "a" "b" ] ]')
        peer.silence()

    def _silent(self) -> Peer:
        return self.accept(properties=Properties(request_problem_information=0))
