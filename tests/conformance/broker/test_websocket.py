"""
WebSocket (section 6): what the broker understands by it.
"""

from __future__ import annotations

from tests.conformance.case import BrokerCase
from tests.conformance.peer import Peer
from tests.conformance.states import states
from tests.net.support_websocket import frame, request
from txmqtt.codec.encode import PINGRESP_BYTES
from txmqtt.codec.frames import CONTINUATION, PING, TEXT
from txmqtt.codec.packets import Connect, Pingreq, Publish, Subscribe, Subscription


class DoorCase(BrokerCase):
    """
    A broker that can be reached by WebSocket.
    """

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


class FrameTests(DoorCase):
    @states("MQTT311-6.0.0-4", "MQTT5-6.0.0-4")
    def test_subprotocol(self) -> None:
        """
        The subprotocol that the broker chooses is mqtt, whatever else was offered.
        """
        for offered in ("mqtt", "chat, mqtt", "mqttv3.1, mqtt"):
            with self.case(offered):
                peer = self.dial_websocket()
                peer.say(request(Sec_WebSocket_Protocol=offered))
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


class CutTests(DoorCase):
    @states("MQTT311-6.0.0-2", "MQTT5-6.0.0-2")
    def test_a_frame_for_each_byte(self) -> None:
        """
        Each byte may come in a frame of its own, each byte of a frame in a read of its own, and nothing in between.
        """
        peer = self.shake()
        said = peer.bytes_of(Connect("a", self.version)) + peer.bytes_of(Pingreq())
        peer.say(*(frame(said[at : at + 1]) for at in range(len(said))))
        self.assertEqual(peer.everything()[-2:], PINGRESP_BYTES)
        peer.say_slowly(frame(b""), frame(peer.bytes_of(Pingreq())), frame(b""))
        self.assertEqual(peer.everything(), b"\x82\x02" + PINGRESP_BYTES)

    @states("MQTT311-6.0.0-2", "MQTT5-6.0.0-2")
    def test_fragments(self) -> None:
        """
        A message of WebSocket may come in fragments, with a ping between them.
        """
        peer = self.shake()
        said = peer.bytes_of(Connect("a", self.version)) + peer.bytes_of(Pingreq())
        peer.say(fragment(frame(said[:3])), fragment(frame(said[3:9], CONTINUATION)), frame(b"ping", PING))
        self.assertEqual(peer.everything(), b"\x8a\x04ping")
        peer.say(frame(said[9:], CONTINUATION))
        self.assertEqual(peer.everything()[-2:], PINGRESP_BYTES)

    @states("MQTT311-6.0.0-1", "MQTT5-6.0.0-1")
    def test_text_first(self) -> None:
        """
        A client whose first words are text is not let in, though they say CONNECT; nor one whose last fragment is.
        """
        for name, said in (
            ("text", lambda data: frame(data, TEXT)),
            ("text in fragments", lambda data: fragment(frame(data[:4], TEXT)) + frame(data[4:], CONTINUATION)),
        ):
            with self.case(name):
                peer = self.shake()
                peer.say(said(peer.bytes_of(Connect("a", self.version))))
                heard = peer.everything()
                self.assertEqual(heard[:1], b"\x88")
                self.assertTrue(peer.wire.over)

    @states("MQTT311-6.0.0-1", "MQTT5-6.0.0-1")
    def test_binary_frames(self) -> None:
        """
        All that the broker says is in binary frames, messages of every size.
        """
        peer = self.shake()
        peer.say(frame(peer.bytes_of(Connect("a", self.version))))
        peer.say(frame(peer.bytes_of(Subscribe(1, [Subscription(b"t")]))))
        peer.everything()
        sizes = (0, 100, 200, 70_000)
        for size in sizes:
            peer.say(frame(peer.bytes_of(Publish(b"t", b"x" * size))))
        heard, payload = peer.everything(), b""
        while heard:
            self.assertEqual(heard[0], 0x82)
            length, start = heard[1], 2
            if length > 125:
                start = 4 if length == 126 else 10
                length = int.from_bytes(heard[2:start], "big")
            payload, heard = payload + heard[start : start + length], heard[start + length :]
        self.assertEqual(payload, b"".join(peer.bytes_of(Publish(b"t", b"x" * size)) for size in sizes))

    @states("MQTT311-6.0.0-4", "MQTT5-6.0.0-4")
    def test_no_subprotocol(self) -> None:
        """
        Where mqtt is not offered nothing else is chosen.
        """
        for name in ("chat", "MQTT2, chat", None):
            with self.case(str(name)):
                peer = self.dial_websocket()
                peer.say(request(Sec_WebSocket_Protocol=name))
                heard = peer.everything().lower()
                self.assertNotIn(b"\r\nsec-websocket-protocol: chat", heard)
                if b" 101 " in heard:
                    self.assertNotIn(b"\r\nsec-websocket-protocol:", heard)


def fragment(whole: bytes) -> bytes:
    """
    A frame that is not the last of its message.
    """
    return bytes((whole[0] & 0x7F,)) + whole[1:]
