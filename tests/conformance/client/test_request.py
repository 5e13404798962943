"""
Request and response, and another server (sections 4.10 and 4.11 of 5.0): what our client asks and what it is told.
"""

from __future__ import annotations

from typing import Any

from tests.conformance.case import ClientCase
from tests.conformance.peer import Peer
from tests.conformance.states import states
from txmqtt import ConnectionClosed, Properties, Refused
from txmqtt.codec.constants import CONNECT, PUBACK, PUBLISH, SUBSCRIBE
from txmqtt.codec.packets import Ack, Publish, Suback


class RequestTests(ClientCase):
    def asked(self, peer: Peer, **more: Any) -> Any:
        """
        The request that leaves once the response topic has been subscribed to.
        """
        if "subscribed" not in more:
            asked = peer.expect(SUBSCRIBE)
            peer.say(Suback(asked.packet_id, [each.qos for each in asked.subscriptions]))
            request = peer.expect(PUBLISH, topic=b"q")
            topic = request.properties.response_topic.encode()
            self.assertEqual([each.filter for each in asked.subscriptions], [topic])
            return request
        return peer.expect(PUBLISH, topic=b"q")

    @states("MQTT5 4.10", "MQTT5 3.3.2.3.5", "MQTT5 3.3.2.3.6")
    def test_request(self) -> None:
        """
        A request says on which topic the response is awaited, one without wildcards, and by which data it is known.
        """
        peer = self.accept()
        first = self.client.request("q", b"1")
        one = self.asked(peer)
        second = self.client.request("q", b"2")
        two = self.asked(peer, subscribed=True)
        self.assertNotIn("+", one.properties.response_topic)
        self.assertNotIn("#", one.properties.response_topic)
        self.assertTrue(one.properties.correlation_data)
        self.assertNotEqual(one.properties.correlation_data, two.properties.correlation_data)
        for request, payload in ((two, b"second"), (one, b"first")):
            topic = request.properties.response_topic.encode()
            said = Properties(correlation_data=request.properties.correlation_data)
            peer.say(Publish(topic, payload, properties=said))
        self.assertEqual(self.successResultOf(first).payload, b"first")
        self.assertEqual(self.successResultOf(second).payload, b"second")

    @states("MQTT5 4.10.1")
    def test_response_information(self) -> None:
        """
        The response topic lies below what the server says that responses may lie below.
        """
        peer = self.accept(
            announced=Properties(response_information="answers/c"),
            properties=Properties(request_response_information=True),
        )
        self.ignore(self.client.request("q", b"1"))
        self.assertTrue(self.asked(peer).properties.response_topic.startswith("answers/c"))

    @states("MQTT5 4.10")
    def test_response(self) -> None:
        """
        A request that is served is answered on its response topic, with its correlation data and at its QoS.
        """
        peer = self.accept()
        self.ignore(self.client.serve("q", lambda request: request.payload.upper(), 1))
        asked = peer.expect(SUBSCRIBE)
        peer.say(Suback(asked.packet_id, [1]))
        said = Properties(response_topic="r/1", correlation_data=b"\x00\xff")
        peer.say(Publish(b"q", b"abc", 1, packet_id=7, properties=said))
        response = peer.expect(PUBLISH, topic=b"r/1", payload=b"ABC", qos=1, correlation_data=b"\x00\xff")
        peer.say(Ack(PUBACK, response.packet_id))
        peer.expect(PUBACK, packet_id=7)


class AnotherServerTests(ClientCase):
    @states("MQTT5 4.11", "MQTT5 3.2.2.3.16")
    def test_at_the_door(self) -> None:
        """
        Who is refused because it should use another server is told which.
        """
        for code in ("9c", "9d"):
            with self.case(code):
                peer = self.listen()
                peer.expect(CONNECT)
                peer.say(f'20 [ 00 {code} [ 1c "other.example:1883" ] ]')
                peer.closed()
                error = self.failureResultOf(self.client.whenReady(), Refused).value
                self.assertEqual((error.reason, error.server_reference), (int(code, 16), "other.example:1883"))

    @states("MQTT5 4.11", "MQTT5 3.14.2.2.5")
    def test_later(self) -> None:
        """
        So is who was let in before.
        """
        peer = self.accept()
        answer = self.client.publish("t", b"", 1)
        peer.expect(PUBLISH)
        peer.say('e0 [ 9c [ 1c "other.example" ] ]')
        peer.closed()
        error = self.failureResultOf(answer, ConnectionClosed).value
        self.assertEqual((error.reason, error.server_reference), (0x9C, "other.example"))
