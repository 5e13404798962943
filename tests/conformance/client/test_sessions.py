"""
Sessions (sections 3.1.2.4, 3.1.3.1 and 3.2.2.1): what our client keeps from one connection to the next, and what not.
"""

from __future__ import annotations

from tests.conformance.case import ClientCase
from tests.conformance.peer import Peer
from tests.conformance.states import states
from txmqtt import ConnectionClosed, Message, Properties
from txmqtt.codec.constants import CONNECT, PUBCOMP, PUBLISH, PUBREC, PUBREL
from txmqtt.codec.packets import Ack, Connack, Publish


class SessionCase(ClientCase):
    """
    A client that has something under way in each direction when its connection breaks.
    """

    def interrupted(self, clean: bool, expiry: int | None = None) -> Peer:
        """
        @return: the server of the next connection, which has heard nothing yet.
        """
        self.heard: list[Message] = []
        peer = self.accept(client_id="me", clean_start=clean, on_message=self.heard.append, session_expiry=expiry)
        self.answers = [self.client.publish("t", b"1", 1), self.client.publish("t", b"2", 2)]
        self.answers.append(self.client.publish("t", b"3", 2))
        self.ignore(*self.answers)
        _, _, third = (peer.expect(PUBLISH).packet_id for _ in range(3))
        peer.say(Ack(PUBREC, third), Publish(b"t", b"in", 2, packet_id=9))
        peer.expect(PUBREL)
        peer.expect(PUBREC, packet_id=9)
        self.assertEqual([each.payload for each in self.heard], [b"in"])
        peer.drop()
        return self.again()

    def kept(self, peer: Peer) -> None:
        """
        All that goes on.
        """
        peer.expect(PUBREL, packet_id=3)
        peer.expect(PUBLISH, packet_id=1, payload=b"1", dup=True)
        peer.expect(PUBLISH, packet_id=2, payload=b"2", dup=True)
        peer.silence()
        peer.say(Publish(b"t", b"in", 2, dup=True, packet_id=9))
        peer.expect(PUBREC, packet_id=9)
        self.assertEqual(len(self.heard), 1)  # it is the same

    def gone(self, peer: Peer) -> None:
        """
        Nothing goes on.
        """
        peer.silence()
        peer.say(Publish(b"t", b"new", 2, packet_id=9))
        peer.expect(PUBREC, packet_id=9)
        self.assertEqual([each.payload for each in self.heard], [b"in", b"new"])
        peer.say(Ack(PUBREL, 9))
        peer.expect(PUBCOMP, packet_id=9)


class KeptTests(SessionCase):
    @states("MQTT311-3.1.2-4", "MQTT311-3.1.3-2", "MQTT5-3.1.2-23", "MQTT5-3.1.3-2")
    def test_kept(self) -> None:
        """
        A session that is to be kept goes on with the next connection, under the same client identifier.
        """
        peer = self.interrupted(clean=False, expiry=60 if self.version == 5 else None)
        if self.version == 5:
            peer.expect(CONNECT, client_id="me", clean_start=False, session_expiry_interval=60)
        else:
            peer.expect(CONNECT, client_id="me", clean_start=False)
        peer.say(Connack(session_present=True))
        self.kept(peer)

    @states("MQTT311-3.1.2-4", "MQTT5-3.2.2-5", "MQTT311 3.2.2.2")
    def test_lost_by_the_server(self) -> None:
        """
        A client whose server has lost the session forgets its own, and goes on with a new one.
        """
        peer = self.interrupted(clean=False)
        peer.expect(CONNECT, client_id="me", clean_start=False)
        peer.say(Connack(session_present=False))
        self.gone(peer)

    @states("MQTT5-3.1.3-2", "MQTT5 3.2.2.3.7")
    def test_assigned_identifier(self) -> None:
        """
        A client that was given a name by its server goes by it from then on.
        """
        peer = self.accept(
            client_id="", clean_start=False, announced=Properties(assigned_client_identifier="you"), session_expiry=60
        )
        self.assertEqual(self.client.client_id, "you")
        peer.drop()
        self.again().expect(CONNECT, client_id="you")


class CleanTests(SessionCase):
    @states("MQTT311-3.1.2-6", "MQTT5-3.1.2-4")
    def test_clean(self) -> None:
        """
        With a clean start nothing goes on.
        """
        peer = self.interrupted(clean=True)
        self.welcome(peer)
        self.gone(peer)

    @states("MQTT311-3.1.2-6", "MQTT5 3.1.2.11.2")
    def test_nothing_outlives_the_connection(self) -> None:
        """
        A session that ends with its connection does so on both sides, and who waited is told.
        """
        peer = self.accept(clean_start=True)
        answer = self.client.publish("t", b"", 1)
        peer.expect(PUBLISH)
        peer.drop()
        self.failureResultOf(answer, ConnectionClosed)

    @states("MQTT311 3.2.2.2", "MQTT5-3.2.2-4")
    def test_server_that_goes_on_all_the_same(self) -> None:
        """
        A client that wanted a clean start leaves a server that says it has a session.
        """
        peer = self.interrupted(clean=True)
        peer.expect(CONNECT, clean_start=True)
        peer.say(Connack(session_present=True))
        peer.closed(0x82)
