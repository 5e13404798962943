"""
What MQTT is spoken over (section 7.1.1, and 4.2 of 5.0): a stream of bytes in order, both ways.
"""

from __future__ import annotations

from tests.conformance.case import BrokerCase
from tests.conformance.states import states
from txmqtt.codec.constants import PUBLISH
from txmqtt.codec.packets import Connect, Publish, Subscribe, Subscription


class StreamTests(BrokerCase):
    @states("MQTT311-7.1.1-1")
    def test_all_bytes_in_order(self) -> None:
        """
        Every byte arrives, in order, both ways, however many there are.
        """
        peer = self.connect("a")
        peer.subscribe("t")
        payloads = [bytes(range(256)) * size for size in (1, 3, 60, 3, 400, 1)]
        peer.say(*(Publish(b"t", payload) for payload in payloads))
        for payload in payloads:
            peer.expect(PUBLISH, payload=payload)
        peer.alive()

    @states("MQTT311-7.1.1-1")
    def test_cut_anywhere(self) -> None:
        """
        It is the same to the broker how the bytes are cut on their way.
        """
        peer = self.dial()
        said = (
            Connect("a", self.version),
            Subscribe(1, [Subscription(b"t")]),
            Publish(b"t", b"x" * 200),
            Publish(b"t", b"y", 1, packet_id=2),
        )
        expected = b"".join((b"\x20\x02\0\0", b"\x90\x03\0\1\0", peer.bytes_of(said[2]), b"\x30\x04\0\1ty"))
        peer.say_slowly(*said)
        slowly = peer.everything()
        self.assertEqual(slowly.replace(b"\x40\x02\0\2", b""), expected)
        peer = self.dial()
        peer.say(*said)
        self.assertEqual(peer.everything().replace(b"\x40\x02\0\2", b""), expected)
