"""
WebSocket frames: what is data, what is an answer, and what is refused with which code.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, Ping

from txmqtt.codec import frames, reasons
from txmqtt.codec.frames import FrameReader

KEY = b"\x01\x80\xff\x7a"


def masked(first: int, payload: bytes, key: bytes = KEY) -> bytes:
    """
    A short frame with whatever first byte.
    """
    body = bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))
    return bytes((first, 0x80 | len(payload))) + key + body


def reader(max_message: int = 1 << 30, max_fragments: int = 1000) -> FrameReader:
    """
    A server's.
    """
    return FrameReader(True, max_message, max_fragments)


WHOLE = masked(0x82, b"whole")
BEGIN, MIDDLE, END = masked(0x02, b"be"), masked(0x00, b"mid"), masked(0x80, b"end")
PING, PONG = masked(0x89, b"ping"), masked(0x8A, b"pong")

#: Hostile bytes, and the code that they are closed with.
HOSTILE = {
    "without a mask": (b"\x82\x05whole", 1002),
    "text": (masked(0x81, b"text"), 1003),
    "text in fragments": (masked(0x01, b"text"), 1003),
    "reserved bit 1, which compression would use": (masked(0xC2, b"x"), 1002),
    "reserved bit 2": (masked(0xA2, b"x"), 1002),
    "reserved bit 3": (masked(0x92, b"x"), 1002),
    "reserved bit of a PING": (masked(0xC9, b"x"), 1002),
    **{f"unknown opcode {code}": (masked(0x80 | code, b"x"), 1002) for code in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "a continuation of nothing": (END, 1002),
    "a continuation after the end": (BEGIN + END + END, 1002),
    "a message within a message": (BEGIN + WHOLE, 1002),
    "text within a message": (BEGIN + masked(0x81, b"x"), 1002),
    "a PING in fragments": (masked(0x09, b"x"), 1002),
    "a CLOSE in fragments": (masked(0x08, b""), 1002),
    "a PING of 126 bytes": (b"\x89\xfe\x00\x7e" + KEY + bytes(126), 1002),
    "a PING with a length of 64 bits": (b"\x89\xff" + bytes(8) + KEY, 1002),
    "16 bits for 125": (b"\x82\xfe\x00\x7d" + KEY, 1002),
    "64 bits for 65,535": (b"\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff" + KEY, 1002),
    "the highest bit of a length": (b"\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00" + KEY, 1002),
    "larger than anything": (b"\x82\xff\x7f" + b"\xff" * 7 + KEY, 1009),
    "a CLOSE of one byte": (masked(0x88, b"\x03"), 1002),
    **{
        f"CLOSE {code}": (masked(0x88, code.to_bytes(2, "big")), 1002)
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535)
    },
    "a reason that is not UTF-8": (masked(0x88, b"\x03\xe8\xff\xfe"), 1007),
}


class HostileTests(SynchronousTestCase):
    def test_refused(self) -> None:
        """
        What breaks a rule of WebSocket ends the reading, with the code that names the rule; what came before counts,
        and nothing after. It does not matter how the bytes arrive.
        """
        for name, (data, code) in HOSTILE.items():
            with self.subTest(name, way="whole"):
                read = reader()
                self.assertEqual(read.feed(WHOLE + data + WHOLE)[:5], b"whole")
                self.assertEqual((read.over, read.code, bool(read.broken)), (True, code, True))
                self.assertEqual(read.feed(WHOLE), b"")
            with self.subTest(name, way="byte by byte"):
                read = reader()
                for at in range(len(data)):
                    read.feed(data[at : at + 1])
                self.assertEqual((read.over, read.code), (True, code))

    def test_masked_by_a_server(self) -> None:
        """
        A client refuses masked frames.
        """
        read = FrameReader(False, 1000, 1000)
        self.assertEqual(read.feed(b"\x82\x02ok" + WHOLE), b"ok")
        self.assertEqual((read.over, read.code), (True, 1002))

    def test_message_too_long(self) -> None:
        """
        A message may be as long as is allowed, in one frame or many, and not a byte longer.
        """
        for data, fits in (
            (masked(0x82, bytes(10)), True),
            (masked(0x82, bytes(10)) * 3, True),
            (masked(0x02, bytes(5)) + masked(0x80, bytes(5)), True),
            (masked(0x02, bytes(5)) + masked(0x00, bytes(5)) + masked(0x80, b""), True),
            (b"\x82\xfe\x00\x7e" + KEY, False),
            (masked(0x02, bytes(10)) + masked(0x80, b"x"), False),
        ):
            with self.subTest(data=data):
                read = reader(max_message=10)
                for at in range(len(data)):
                    read.feed(data[at : at + 1])
                self.assertEqual((read.over, read.code), (False, 1005) if fits else (True, 1009))

    def test_endless_message(self) -> None:
        """
        A message that goes on and on without saying anything is ended.
        """
        read = reader(max_fragments=3)
        read.feed(masked(0x02, b"") + masked(0x00, b"") * 2)
        self.assertFalse(read.over)
        read.feed(masked(0x00, b""))
        self.assertEqual((read.over, read.code), (True, 1008))

    def test_little_is_kept(self) -> None:
        """
        Of a frame that is not here in full only its head is kept: the data has been passed on.
        """
        read = reader()
        self.assertEqual(len(read.feed(b"\x82\xff\x00\x00\x00\x00\x00\x01\x00\x00" + KEY + bytes(50_000))), 50_000)
        self.assertEqual(read._tail, b"")
        read.feed(bytes(0x10000 - 50_000))
        read.feed(masked(0x89, bytes(125))[:-1])
        self.assertEqual(len(read._tail), 130)


class ControlTests(SynchronousTestCase):
    def test_ping(self) -> None:
        """
        A PING is noticed, between the fragments of a message too, and of several the latest counts.
        """
        read = reader()
        self.assertEqual(read.feed(BEGIN + masked(0x89, b"1") + PONG + PING + END), b"beend")
        self.assertEqual((read.stirred, read.ping, read.over), (True, b"ping", False))

    def test_pong(self) -> None:
        """
        A PONG that nobody asked for is no reason for anything.
        """
        read = reader()
        self.assertEqual((read.feed(PONG + WHOLE), read.stirred), (b"whole", False))

    def test_close(self) -> None:
        """
        A CLOSE ends the reading, with the code it gave.
        """
        for payload, code in (
            (b"", 1005),
            *((code.to_bytes(2, "big"), code) for code in (1000, 1001, 1003, 1007, 1011, 1014, 3000, 4999)),
            ("\x03\xe8grüße".encode("latin-1")[:2] + "grüße".encode(), 1000),
        ):
            with self.subTest(code=code):
                read = reader()
                self.assertEqual(read.feed(WHOLE + masked(0x88, payload) + WHOLE), b"whole")
                self.assertEqual((read.over, read.code, read.broken), (True, code, ""))


class SayingTests(SynchronousTestCase):
    def test_lengths(self) -> None:
        """
        Messages of every length arrive as they were said, by a server and by a client.
        """
        for size in (0, 1, 125, 126, 127, 65_535, 65_536, 100_000):
            payload = bytes(range(256)) * (size // 256 + 1)
            payload = payload[:size]
            for data, from_client in (
                (frames.binary(payload), False),
                (frames.masked(frames.BINARY, payload, KEY), True),
            ):
                with self.subTest(size=size, from_client=from_client):
                    self.assertEqual(FrameReader(from_client, 1 << 20, 1).feed(data), payload)
                    wanted = Connection(ConnectionType.SERVER if from_client else ConnectionType.CLIENT)
                    wanted.receive_data(data)
                    found = b"".join(bytes(event.data) for event in wanted.events() if isinstance(event, BytesMessage))
                    self.assertEqual(found, payload)

    def test_masked_anew(self) -> None:
        """
        What a client says does not stand on the wire in the clear.
        """
        self.assertEqual(frames.masked(frames.BINARY, b"whole", KEY), WHOLE)
        self.assertNotIn(b"whole", WHOLE)

    def test_control(self) -> None:
        """
        A PING is heard as it was said, and is answered as one.
        """
        for payload in (b"", b"ping", bytes(125)):
            data = frames.control(frames.PING, payload)
            read = FrameReader(False, 1000, 1)
            self.assertEqual((read.feed(data), read.ping, read.over), (b"", payload, False))
            wanted = Connection(ConnectionType.CLIENT)
            wanted.receive_data(data)
            self.assertEqual([bytes(event.payload) for event in wanted.events() if isinstance(event, Ping)], [payload])

    def test_farewell(self) -> None:
        """
        The reason of a CLOSE fits into it, and no letter is cut in half.
        """
        self.assertEqual(frames.farewell(1000, ""), b"\x03\xe8")
        self.assertEqual(frames.farewell(1005, "ignored"), b"")
        self.assertEqual(frames.farewell(1002, "ü" * 100), b"\x03\xea" + "ü".encode() * 61)

    def test_code_of(self) -> None:
        """
        A CLOSE says what MQTT has said, as far as WebSocket has a word for it.
        """
        for reason, code in (
            (None, 1000),
            (reasons.SUCCESS, 1000),
            (reasons.DISCONNECT_WITH_WILL, 1000),
            (reasons.SERVER_SHUTTING_DOWN, 1001),
            (reasons.MALFORMED_PACKET, 1002),
            (reasons.PROTOCOL_ERROR, 1002),
            (reasons.PACKET_TOO_LARGE, 1009),
            (reasons.NOT_AUTHORIZED, 1008),
            (reasons.KEEP_ALIVE_TIMEOUT, 1008),
            (reasons.UNSPECIFIED_ERROR, 1011),
            (reasons.SERVER_UNAVAILABLE, 1013),
        ):
            with self.subTest(reason=reason):
                self.assertEqual(frames.code_of(reason), code)


#: Frames of a conversation without mistakes: messages in fragments, control frames among them.
messages = st.lists(
    st.lists(st.binary(max_size=9) | st.sampled_from([b"x" * 200, b"y" * 66_000]), min_size=1, max_size=4), max_size=3
)


class SplitTests(SynchronousTestCase):
    @settings(max_examples=30, deadline=None)
    @given(messages, st.lists(st.integers(0, 500), max_size=9), st.booleans(), st.binary(min_size=4, max_size=4))
    def test_split(self, said: list[list[bytes]], cuts: list[int], from_client: bool, key: bytes) -> None:
        """
        However messages are cut into frames, and frames into reads, the bytes that come out are those that went in.
        """
        wire = b""
        for message in said:
            for at, part in enumerate(message):
                opcode = frames.CONTINUATION if at else frames.BINARY
                frame = frames.masked(opcode, part, key) if from_client else frames._head(opcode, len(part), 0) + part
                last = at == len(message) - 1
                wire += bytes((frame[0] if last else frame[0] & 0x7F,)) + frame[1:]
                wire += PING if from_client else b"\x89\x04ping"
        read = FrameReader(from_client, 1 << 20, 10)
        heard = b""
        places = sorted({cut for cut in cuts if cut < len(wire)})
        for begin, end in zip([0, *places], [*places, len(wire)], strict=True):
            heard += read.feed(wire[begin:end])
        self.assertEqual(heard, b"".join(part for message in said for part in message))
        self.assertEqual((read.over, read.ping), (False, b"ping" if said else None))

    @settings(max_examples=80, deadline=None)
    @given(st.lists(st.sampled_from([WHOLE, BEGIN, MIDDLE, END, PING, PONG, *(data for data, _ in HOSTILE.values())])))
    def test_as_wsproto(self, said: list[bytes]) -> None:
        """
        We accept what wsproto accepts, but for what MQTT forbids, and hear the same in it.
        """
        wire = b"".join(said)
        read = reader()
        heard = read.feed(wire)
        other = Connection(ConnectionType.SERVER)
        other.receive_data(wire)
        wanted, pings = b"", []
        try:
            for event in other.events():
                if isinstance(event, BytesMessage):
                    wanted += event.data
                elif isinstance(event, Ping):
                    pings.append(bytes(event.payload))
        except Exception:
            self.assertTrue(read.broken)
        if not read.broken:
            self.assertEqual((heard, read.ping), (wanted, pings[-1] if pings else None))
