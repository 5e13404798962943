"""
WebSocket (section 6): what the broker understands by it.
"""

from __future__ import annotations

from tests.conformance.case import BrokerCase
from tests.conformance.peer import Peer
from tests.conformance.states import states
from tests.net.support_websocket import frame, request
from txmqtt.codec.packets import Connect, Pingreq


class FrameTests(BrokerCase):
    def setUp(self) -> None:
        super().setUp()
        self.only_ours("needs an address where it listens for WebSocket")
        self.begin(websocket=True)

    def shake(self) -> Peer:
        """
        A connection whose handshake is done.
        """
        peer = self.dial_websocket()
        peer.say(request())
        self.assertIn(b" 101 ", peer.everything())
        return peer

    @states("MQTT311-6.0.0-4", "MQTT5-6.0.0-4")
    def test_subprotocol(self) -> None:
        """
        The subprotocol that the broker chooses is mqtt, whatever else was offered.
        """
        peer = self.dial_websocket()
        peer.say(request(Sec_WebSocket_Protocol="chat, mqtt"))
        self.assertIn(b"\r\nsec-websocket-protocol: mqtt\r\n", peer.everything().lower())

    @states("MQTT311-6.0.0-2", "MQTT5-6.0.0-2")
    def test_frames_are_no_borders(self) -> None:
        """
        Several packets in one frame, and one in several, are the same to the broker.
        """
        peer = self.shake()
        said = peer.bytes_of(Connect("a", self.version)) + peer.bytes_of(Pingreq()) * 2
        peer.say(frame(said[:5]), frame(said[5:-3]), frame(said[-3:]))
        self.assertEqual(peer.everything().count(b"\xd0\x00"), 2)

    @states("MQTT311-6.0.0-1", "MQTT5-6.0.0-1")
    def test_binary_only(self) -> None:
        """
        The broker speaks in binary frames, and closes where it hears text.
        """
        peer = self.shake()
        peer.say(frame(peer.bytes_of(Connect("a", self.version))))
        self.assertEqual(peer.everything()[:1], b"\x82")
        peer.say(frame(peer.bytes_of(Pingreq()), opcode=1))
        self.assertEqual(peer.everything()[:1], b"\x88")
        self.assertTrue(peer.wire.over)
