"""
Tests of txmqtt.codec.fields.
"""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.codec.strategies import brief, text
from txmqtt.codec import fields
from txmqtt.codec.errors import LocalProtocolError, RemoteProtocolError

#: The boundaries of the variable byte integer, as the standard's table 1-1 has them.
VARINTS = [
    (0, "00"),
    (1, "01"),
    (127, "7f"),
    (128, "8001"),
    (16_383, "ff7f"),
    (16_384, "808001"),
    (2_097_151, "ffff7f"),
    (2_097_152, "80808001"),
    (268_435_455, "ffffff7f"),
]

#: Bytes that are no UTF-8 Encoded String, and the place in the message.
ILL_FORMED = [
    ("ff", "byte 0"),
    ("6180", "byte 1"),
    ("c0af", "byte 0"),
    ("c080", "byte 0"),
    ("e08080", "byte 0"),
    ("f0808080", "byte 0"),
    ("61eda080", "byte 1"),
    ("edbfbf", "byte 0"),
    ("eda080edb080", "byte 0"),
    ("f4908080", "byte 0"),
    ("f8888080 80".replace(" ", ""), "byte 0"),
    ("6162e6b0", "byte 2"),
    ("00", "U+0000 at byte 0"),
    ("616200", "U+0000 at byte 2"),
    ("e6b0b400", "U+0000 at byte 3"),
]


class IntegerTests(SynchronousTestCase):
    def test_fixed_sizes(self) -> None:
        """
        Integers of one, two and four bytes are read where they stand, the high byte first.
        """
        data = bytes.fromhex("ff 01 fe fffefdfc ff".replace(" ", ""))
        self.assertEqual(fields.u8(data, 1, 2, "x"), 1)
        self.assertEqual(fields.u16(data, 1, 3, "x"), 0x01FE)
        self.assertEqual(fields.u32(data, 3, 7, "x"), 0xFFFEFDFC)

    def test_end_of_packet(self) -> None:
        """
        What goes on after the end of its packet is malformed, though the buffer goes on; the error names the field.
        """
        data = b"\0" * 10
        for read, size in ((fields.u8, 1), (fields.u16, 2), (fields.u32, 4)):
            for missing in range(1, size + 1):
                error = self.assertRaises(RemoteProtocolError, read, data, 3, 3 + size - missing, "keep-alive")
                self.assertEqual(error.reason, 0x81)
                self.assertIn("keep-alive", str(error))

    def test_put_u16(self) -> None:
        """
        A number that does not fit is refused by name.
        """
        self.assertEqual(fields.put_u16(0xFFFE, "x"), b"\xff\xfe")
        for value in (-1, 65_536):
            self.assertIn("keep-alive", str(self.assertRaises(LocalProtocolError, fields.put_u16, value, "keep-alive")))


class VarintTests(SynchronousTestCase):
    """
    [MQTT5-1.5.5-1]
    """

    def test_boundaries(self) -> None:
        """
        A variable byte integer takes the fewest bytes, and is read to its end and no further.
        """
        for value, spelling in VARINTS:
            with self.subTest(value=value):
                data = bytes.fromhex(spelling)
                self.assertEqual(fields.put_varint(value), data)
                self.assertEqual(fields.varint(b"\xff" + data + b"\x01", 1, 2 + len(data), "x"), (value, 1 + len(data)))

    def test_more_bytes_than_needed(self) -> None:
        """
        Any but the shortest form is malformed.
        """
        for spelling in ("8000", "8100", "808000", "ff8000", "80808000", "ffff8000"):
            with self.subTest(spelling=spelling):
                data = bytes.fromhex(spelling)
                error = self.assertRaises(RemoteProtocolError, fields.varint, data, 0, len(data), "x")
                self.assertEqual(error.reason, 0x81)

    def test_too_long_or_cut_off(self) -> None:
        """
        Five bytes are one too many, and a first byte that promises more must keep its promise.
        """
        for spelling in ("8080808001", "ffffffff7f", "80808080", "ffffffff", "80", "ffff", ""):
            with self.subTest(spelling=spelling):
                data = bytes.fromhex(spelling)
                error = self.assertRaises(RemoteProtocolError, fields.varint, data + b"\1", 0, len(data), "x")
                self.assertEqual(error.reason, 0x81)

    @brief
    @given(st.integers(0, 268_435_455))
    def test_round_trip(self, value: int) -> None:
        """
        Every value comes back.
        """
        data = fields.put_varint(value)
        self.assertEqual(fields.varint(data, 0, len(data), "x"), (value, len(data)))


class StringTests(SynchronousTestCase):
    def test_binary(self) -> None:
        """
        Binary data is its length and so many bytes, of any value.
        """
        self.assertEqual(fields.binary(b"x\0\2\0\xffy", 1, 5, "x"), (b"\0\xff", 5))
        self.assertEqual(fields.binary(b"\0\0", 0, 2, "x"), (b"", 2))
        self.assertEqual(fields.put_binary(b"\0\xff", "x"), b"\0\2\0\xff")

    def test_binary_cut_off(self) -> None:
        """
        Neither its length nor its bytes may pass the end of the packet.
        """
        data = b"\0\3abc"
        for end in range(5):
            with self.subTest(end=end):
                error = self.assertRaises(RemoteProtocolError, fields.binary, data, 0, end, "password")
                self.assertEqual(error.reason, 0x81)
                self.assertIn("password", str(error))

    def test_ill_formed(self) -> None:
        """
        Ill-formed UTF-8, surrogates and U+0000 are malformed, and the error tells the place. [MQTT5-1.5.4-1]
        [MQTT5-1.5.4-2] [MQTT311-1.5.3-1] [MQTT311-1.5.3-2]
        """
        for spelling, place in ILL_FORMED:
            with self.subTest(spelling=spelling):
                raw = bytes.fromhex(spelling)
                data = len(raw).to_bytes(2, "big") + raw
                error = self.assertRaises(RemoteProtocolError, fields.string, data, 0, len(data), "user name")
                self.assertEqual(error.reason, 0x81)
                self.assertIn("user name", str(error))
                self.assertIn(place, str(error))
                self.assertIsNotNone(fields.utf8_error(raw))

    def test_byte_order_mark_stays(self) -> None:
        """
        U+FEFF is a character, wherever it stands. [MQTT5-1.5.4-3] [MQTT311-1.5.3-3]
        """
        self.assertEqual(fields.string(b"\0\7\xef\xbb\xbfa\xef\xbb\xbf", 0, 9, "x"), ("\ufeffa\ufeff", 9))
        self.assertEqual(fields.put_string("\ufeffa", "x"), b"\0\4\xef\xbb\xbfa")

    def test_control_characters_and_non_characters(self) -> None:
        """
        What the standard only advises against is taken.
        """
        for character in "\x01\x1f\x7f\x9f\ufdd0\uffff\U0001fffe\U0010ffff":
            self.assertIsNone(fields.utf8_error(character.encode()))

    def test_longest(self) -> None:
        """
        65,535 bytes fit, one more is refused by name, for strings counted in bytes.
        """
        self.assertEqual(len(fields.put_binary(b"x" * 65_535, "x")), 65_537)
        self.assertEqual(len(fields.put_string("é" * 32_767, "x")), 65_536)
        error = self.assertRaises(LocalProtocolError, fields.put_binary, b"x" * 65_536, "password")
        self.assertIn("password", str(error))
        self.assertRaises(LocalProtocolError, fields.put_string, "é" * 32_768, "x")

    def test_unwritable(self) -> None:
        """
        We never write what a receiver would have to refuse.
        """
        for value in ("a\0", "\ud800", "a\udfff"):
            error = self.assertRaises(LocalProtocolError, fields.put_string, value, "client identifier")
            self.assertIn("client identifier", str(error))

    @brief
    @given(text)
    def test_round_trip(self, value: str) -> None:
        """
        Every string comes back.
        """
        data = fields.put_string(value, "x")
        self.assertEqual(fields.string(data, 0, len(data), "x"), (value, len(data)))


class HeaderTests(SynchronousTestCase):
    def test_header(self) -> None:
        """
        A fixed header is a byte and the shortest remaining length.
        """
        for value, spelling in VARINTS:
            self.assertEqual(fields.header(0xE0, value), b"\xe0" + bytes.fromhex(spelling))

    def test_too_large(self) -> None:
        """
        A packet that no length can say is refused as too large.
        """
        self.assertEqual(self.assertRaises(LocalProtocolError, fields.header, 0x30, 268_435_456).reason, 0x95)
        self.assertEqual(self.assertRaises(LocalProtocolError, fields.put_varint, 1 << 40).reason, 0x95)
