"""
Requests and answers, and other servers (sections 4.10 and 4.11): what the broker tells a client about others.
"""

from __future__ import annotations

from tests.conformance.case import BrokerCase
from tests.conformance.peer import field
from tests.conformance.states import states
from txmqtt.codec.constants import CONNACK, DISCONNECT, PUBLISH
from txmqtt.codec.packets import Connect


class RequestTests(BrokerCase):
    @states("MQTT5 4.10", "MQTT5-3.3.2-15", "MQTT5-3.3.2-16")
    def test_request_and_answer(self) -> None:
        """
        Who hears a request learns from it where to answer, and what to say that it answers.
        """
        asks, knows = self.connect("a"), self.connect("k")
        asks.subscribe("answers/a")
        knows.subscribe("questions")
        asks.publish("questions", b"how much?", response_topic="answers/a", correlation_data=b"\0\xff")
        request = knows.expect(PUBLISH, payload=b"how much?", correlation_data=b"\0\xff")
        knows.publish(field(request, "response_topic"), b"42", correlation_data=field(request, "correlation_data"))
        asks.expect(PUBLISH, topic=b"answers/a", payload=b"42", correlation_data=b"\0\xff", response_topic=None)

    @states("MQTT5 4.10.1")
    def test_response_information(self) -> None:
        """
        Who asks for it may be told where its answers should go; who does not is not.
        """
        if self.target is None:
            self.begin(response_information="answers/%c/")
        for asked in (None, 0):
            peer = self.connect("a") if asked is None else self.connect("a", request_response_information=asked)
            self.assertIsNone(field(peer.connack, "response_information"))
        peer = self.connect("a", request_response_information=1)
        if self.target is None:
            self.assertEqual(field(peer.connack, "response_information"), "answers/a/")


class RedirectionTests(BrokerCase):
    @states("MQTT5 4.11", "MQTT5-4.13.2-1")
    def test_elsewhere(self) -> None:
        """
        A broker that sends its clients elsewhere says so, says where, and closes.
        """
        for redirect, reason in (("always", 0x9C), ("moved", 0x9D)):
            with self.case(redirect):
                self.begin(redirect=redirect, server_reference="other.example:1883 [2001:db8::1]:1883")
                peer = self.dial()
                peer.say(Connect("a", self.version))
                where = "other.example:1883 [2001:db8::1]:1883"
                peer.expect(CONNACK, reason=reason, server_reference=where, session_present=False)
                peer.closed()
                self.world.close()

    @states("MQTT311 3.2.2", "MQTT31 3.2")
    def test_elsewhere_on_3(self) -> None:
        """
        Before 5.0 it says that it is not available.
        """
        self.begin(redirect="always", server_reference="other.example:1883")
        peer = self.dial()
        peer.say(Connect("a", self.version))
        peer.expect("20 02 00 03")
        peer.closed()

    @states("MQTT5 4.11", "MQTT5-4.13.2-1")
    def test_at_shutdown(self) -> None:
        """
        A broker that stops tells its clients where to go on.
        """
        self.begin(redirect="full", server_reference="other.example:1883")
        peer = self.connect("a")
        self.world.restart()
        peer.expect(DISCONNECT, reason=0x9C, server_reference="other.example:1883")
        peer.closed()
