"""
WebSocket (section 6): how our client uses it.
"""

from __future__ import annotations

from tests.conformance.case import ClientCase
from tests.conformance.states import states


class HandshakeTests(ClientCase):
    @states("MQTT311-6.0.0-3", "MQTT5-6.0.0-3")
    def test_subprotocol(self) -> None:
        """
        A client offers the subprotocol mqtt.
        """
        peer = self.listen_websocket()
        self.assertIn(b"\r\nsec-websocket-protocol: mqtt\r\n", peer.everything().lower())
