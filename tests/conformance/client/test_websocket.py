"""
WebSocket (section 6): how our client uses it.
"""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha1

from tests.conformance.case import ClientCase
from tests.conformance.peer import Peer
from tests.conformance.states import states
from txmqtt import ConnectionClosed, Message
from txmqtt.codec import encode
from txmqtt.codec.packets import Connack, Publish

#: What a server puts behind the key: RFC 6455, section 1.3.
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

_BINARY = 0x82
_TEXT = 0x81


def frame(payload: bytes, first: int = _BINARY) -> bytes:
    """
    As a server says it: not masked.
    """
    size = bytes((len(payload),)) if len(payload) < 126 else b"\x7e" + len(payload).to_bytes(2, "big")
    return bytes((first,)) + size + payload


def unmasked(data: bytes) -> list[tuple[int, bytes]]:
    """
    The frames that a client said, all of them masked and short: first byte and payload.
    """
    found: list[tuple[int, bytes]] = []
    while data:
        size = data[1] - 128
        assert 0 <= size < 126, data.hex(" ")
        mask, payload = data[2:6], data[6 : 6 + size]
        found.append((data[0], bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))))
        data = data[6 + size :]
    return found


class WebSocketCase(ClientCase):
    def setUp(self) -> None:
        super().setUp()
        self.got: list[bytes] = []

    def note(self, message: Message) -> None:
        self.got.append(message.payload)

    def shake(self, subprotocol: str = "sec-websocket-protocol: mqtt\r\n") -> Peer:
        """
        A client by WebSocket, after the handshake.
        """
        peer = self.listen_websocket(on_message=self.note)
        asked = re.search(rb"\r\nsec-websocket-key: (\S+)\r\n", peer.everything(), re.IGNORECASE)
        assert asked is not None
        accept = b64encode(sha1(asked[1] + _GUID).digest()).decode()
        words = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        peer.say(f"{words}Sec-WebSocket-Accept: {accept}\r\n{subprotocol}\r\n".encode())
        return peer

    def entered(self) -> Peer:
        peer = self.shake()
        peer.everything()
        peer.say(frame(encode.packet(Connack(), self.version)))
        self.successResultOf(self.client.whenReady())
        return peer


class HandshakeTests(WebSocketCase):
    @states("MQTT311-6.0.0-3", "MQTT5-6.0.0-3")
    def test_subprotocol(self) -> None:
        """
        A client offers the subprotocol mqtt.
        """
        peer = self.listen_websocket()
        self.assertIn(b"\r\nsec-websocket-protocol: mqtt\r\n", peer.everything().lower())

    @states("MQTT5 6", "MQTT311 6")
    def test_a_server_that_does_not_agree(self) -> None:
        """
        A server that does not choose the subprotocol hears no MQTT.
        """
        for answer in ("", "sec-websocket-protocol: chat\r\n"):
            with self.case(answer):
                peer = self.shake(answer)
                self.assertEqual(peer.everything(), b"")
                self.assertTrue(peer.wire.over)
                self.assertFalse(hasattr(self, "client"))


class FrameTests(WebSocketCase):
    @states("MQTT311-6.0.0-1", "MQTT5-6.0.0-1")
    def test_binary_frames(self) -> None:
        """
        What a client says goes in binary frames, masked.
        """
        peer = self.shake()
        ((first, said),) = unmasked(peer.everything())
        self.assertEqual(first, _BINARY)
        self.assertEqual(said[:1], b"\x10")
        peer.say(frame(encode.packet(Connack(), self.version)))
        self.client.publish("t", b"1")
        self.client.publish("t", b"2")
        self.clock.advance(0)
        heard = unmasked(peer.everything())
        self.assertEqual({first for first, _ in heard}, {_BINARY})
        wanted = [encode.packet(Publish(b"t", payload), self.version) for payload in (b"1", b"2")]
        self.assertEqual(b"".join(payload for _, payload in heard), b"".join(wanted))

    @states("MQTT311-6.0.0-1", "MQTT5-6.0.0-1")
    def test_other_data(self) -> None:
        """
        A server that says anything but binary frames is left, and what it said so is not heard.
        """
        message = encode.packet(Publish(b"t", b"x"), self.version)
        for name, words in {
            "text": frame(message, _TEXT),
            "a piece of text": frame(message, 0x01),
            "a reserved kind": frame(message, 0x83),
            "a piece of nothing": frame(message, 0x80),
        }.items():
            with self.case(name):
                peer = self.entered()
                peer.say(words)
                frames = unmasked(peer.everything())
                self.assertEqual(frames[-1][0] & 15, 8, frames)  # CLOSE
                self.assertIn(frames[-1][1][:2], (b"\x03\xea", b"\x03\xeb"))  # 1002 or 1003
                peer.drop()
                self.assertIsInstance(self.successResultOf(self.client.whenClosed()), ConnectionClosed)
                self.assertEqual(self.got, [])

    @states("MQTT311-6.0.0-2", "MQTT5-6.0.0-2")
    def test_where_frames_end(self) -> None:
        """
        Packets may begin and end anywhere in frames: several in one, one in several, a message in pieces.
        """
        peer = self.entered()
        first, second = (encode.packet(Publish(b"t", payload), self.version) for payload in (b"one", b"two"))
        both = first + second
        ways = [
            [frame(both)],
            [frame(bytes((byte,))) for byte in both],
            [frame(both[:4]), frame(b""), frame(both[4:])],
            [frame(both[:3], 0x02), frame(both[3:9], 0x00), frame(b"", 0x89), frame(both[9:], 0x80)],
            [frame(first + second[:2]), frame(second[2:])],
        ]
        for number, frames in enumerate(ways):
            with self.case(f"way {number}"):
                peer.say(*frames)
                self.assertEqual(self.got, [b"one", b"two"])
                self.got.clear()
