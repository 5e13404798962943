"""
Tests of txmqtt.codec.properties.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.codec.strategies import brief, properties
from tests.vectors import spell
from tests.vectors.properties import EACH, OUT_OF_RANGE, UNWRITABLE, WRONG_TYPE
from txmqtt.codec.constants import AUTH, CONNACK, CONNECT, PUBLISH, SUBSCRIBE
from txmqtt.codec.errors import LocalProtocolError, RemoteProtocolError
from txmqtt.codec.properties import WILL_PROPERTIES, Properties, decode, encode

#: The packet types that have properties at all, the will's number included.
KINDS = [kind for kind in range(16) if kind not in (12, 13)]


def made(name: str, value: object) -> Properties:
    values: dict[str, Any] = {name: value}
    return Properties(**values)


class PropertiesTests(SynchronousTestCase):
    def test_nothing_is_set(self) -> None:
        """
        What was not given is not there.
        """
        blank = Properties()
        for name, _, _, _ in EACH:
            self.assertIn(getattr(blank, name), (None, ()))
        self.assertEqual(blank, Properties())
        self.assertEqual(repr(blank), "Properties()")

    def test_equal(self) -> None:
        """
        Properties are equal when all are, and then have the same hash; nothing else equals them.
        """
        for name, value, _, _ in EACH:
            with self.subTest(name=name):
                self.assertEqual(made(name, value), made(name, value))
                self.assertEqual(hash(made(name, value)), hash(made(name, value)))
                self.assertNotEqual(made(name, value), Properties())
                self.assertIn(f"{name}={value!r}", repr(made(name, value)))
        self.assertNotEqual(Properties(), None)
        self.assertNotEqual(Properties(topic_alias=1), Properties(topic_alias_maximum=1))

    def test_repr_keeps_secrets(self) -> None:
        """
        Authentication data is mentioned and never shown.
        """
        words = repr(Properties(authentication_method="m", authentication_data=b"hunter2"))
        self.assertEqual(words, "Properties(authentication_method='m', authentication_data=...)")
        secret = Properties(authentication_method="m", authentication_data=b"hunter2")
        secret.authentication_method = None
        for kind in KINDS:
            self.assertNotIn("hunter2", str(self.assertRaises(LocalProtocolError, encode, secret, kind)))

    def test_present(self) -> None:
        """
        What is there is known by the identifiers of the standard.
        """
        self.assertEqual(Properties().present(), 0)
        for name, value, spelling, _ in EACH:
            self.assertEqual(made(name, value).present(), 1 << spell(spelling)[0], name)

    def test_attributes_can_be_set(self) -> None:
        """
        A session may change one property of a message on its way.
        """
        found = Properties(message_expiry_interval=10)
        found.message_expiry_interval = 9
        self.assertEqual(encode(found, PUBLISH), b"\x05\x02\0\0\0\x09")


class DecodeTests(SynchronousTestCase):
    def refused(self, data: bytes, kind: int) -> RemoteProtocolError:
        return self.assertRaises(RemoteProtocolError, decode, data, 0, len(data), kind)  # type: ignore[no-any-return]

    def test_none(self) -> None:
        """
        A property length of 0 is no properties. [MQTT5-2.2.2-1]
        """
        for kind in KINDS:
            self.assertEqual(decode(b"x\0y", 1, 2, kind), (None, 2))
            self.assertEqual(encode(None, kind), b"\0")
            self.assertEqual(encode(Properties(), kind), b"\0")

    def test_each_where_it_is_legal(self) -> None:
        """
        Every property is read, and written, in every packet that may carry it, in the middle of other bytes.
        """
        for name, value, spelling, kinds in EACH:
            data = spell(f"[ {spelling} ]")
            for kind in kinds:
                with self.subTest(name=name, kind=kind):
                    end = 1 + len(data)
                    self.assertEqual(decode(b"\xff" + data + b"\xff\xff", 1, end + 1, kind), (made(name, value), end))
                    self.assertEqual(encode(made(name, value), kind), data)

    def test_each_where_it_is_not(self) -> None:
        """
        In every other packet it is malformed, and we refuse to write it, by name.
        """
        for name, value, spelling, kinds in EACH:
            for kind in set(KINDS) - kinds:
                with self.subTest(name=name, kind=kind):
                    self.assertEqual(self.refused(spell(f"[ {spelling} ]"), kind).reason, 0x81)
                    error = self.assertRaises(LocalProtocolError, encode, made(name, value), kind)
                    self.assertIn(name, str(error))
                    self.assertIn("expected", str(error))

    def test_repeated(self) -> None:
        """
        Twice is a protocol error but for User Property, and for Subscription Identifier in PUBLISH.
        """
        for name, value, spelling, kinds in EACH:
            for kind in kinds:
                with self.subTest(name=name, kind=kind):
                    data = spell(f"[ {spelling} {spelling} ]")
                    if name == "user_properties" or (name == "subscription_identifiers" and kind == PUBLISH):
                        assert isinstance(value, tuple)
                        self.assertEqual(decode(data, 0, len(data), kind), (made(name, value + value), len(data)))
                        self.assertEqual(encode(made(name, value + value), kind), data)
                    else:
                        self.assertEqual(self.refused(data, kind).reason, 0x82)
        self.assertEqual(self.refused(spell('[ 15 "m" 16 "d" 16 "d" ]'), AUTH).reason, 0x82)

    def test_naming_subscriptions(self) -> None:
        """
        What a PUBLISH says when it only names subscriptions is remembered, so that it costs little, and read right
        however often, by whatever neighbours, and however much there is of it.
        """
        for _ in range(2):
            for said, expected in (
                ("0b64", (100,)),
                ("0b65", (101,)),
                ("0b8001", (128,)),
                ("0b640b65", (100, 101)),
                ("0b650b64", (101, 100)),
                ("0b64" * 20, (100,) * 20),
            ):
                with self.subTest(said=said):
                    body = bytes.fromhex(said)
                    found, end = decode(b"-" + bytes((len(body),)) + body + b"\x0b\x01", 1, len(body) + 4, PUBLISH)
                    self.assertEqual((found, end), (Properties(subscription_identifiers=expected), len(body) + 2))
            mixed, _ = decode(bytes.fromhex("080b64 260001 610000"), 0, 9, PUBLISH)
            self.assertEqual(mixed, Properties(subscription_identifiers=(100,), user_properties=(("a", ""),)))
            for wrong in ("020b00", "010b", "030b8000", "020b80", "050b64"):
                with self.subTest(wrong=wrong), self.assertRaises(RemoteProtocolError):
                    decode(bytes.fromhex(wrong), 0, len(wrong) // 2, PUBLISH)
        for number in range(1, 3_000):
            body = encode(Properties(subscription_identifiers=(number,)), PUBLISH)
            found, _ = decode(body, 0, len(body), PUBLISH)
            assert found is not None
            self.assertEqual(found.subscription_identifiers, (number,))

    def test_cut_off(self) -> None:
        """
        A property that goes on after the property length is malformed, even where the packet has more bytes.
        """
        for name, _, spelling, kinds in EACH:
            data = spell(spelling)
            for size in range(1, len(data)):
                with self.subTest(name=name, size=size):
                    cut = bytes((size,)) + data
                    error = self.assertRaises(RemoteProtocolError, decode, cut, 0, len(cut), min(kinds))
                    self.assertEqual(error.reason, 0x81)

    def test_unknown(self) -> None:
        """
        An identifier that the standard does not have is malformed in any packet.
        """
        known = {spell(spelling)[0] for _, _, spelling, _ in EACH} | {0x16}
        for identifier in set(range(256)) - known:
            for kind in (WILL_PROPERTIES, CONNECT, CONNACK, PUBLISH):
                self.assertEqual(self.refused(bytes((6, identifier, 0, 0, 0, 0, 0)), kind).reason, 0x81, identifier)

    def test_out_of_range(self) -> None:
        """
        A value that a property may not have is a protocol error, a topic alias of 0 an invalid topic alias.
        """
        for kind, spelling, reason in OUT_OF_RANGE:
            with self.subTest(kind=kind, spelling=spelling):
                self.assertEqual(self.refused(spell(f"[ {spelling} ]"), kind).reason, reason)

    def test_length(self) -> None:
        """
        The property length must be whole, shortest, and no longer than the packet.
        """
        for data in (b"", b"\x80", b"\x80\x00", b"\x80\x80\x80\x80\x01", b"\x02\x01", b"\xff\xff\xff\x7f"):
            with self.subTest(data=data):
                self.assertEqual(self.refused(data, PUBLISH).reason, 0x81)

    def test_many_are_linear(self) -> None:
        """
        A packet full of repeated properties is read once, not once for each.
        """
        data = spell("[ 0b01*60000 ]")
        found, _ = decode(data, 0, len(data), PUBLISH)
        assert found is not None
        self.assertEqual(len(found.subscription_identifiers), 60_000)
        data = spell("[ 2600000000*20000 ]")
        found, _ = decode(data, 0, len(data), PUBLISH)
        assert found is not None
        self.assertEqual(len(found.user_properties), 20_000)

    def test_order(self) -> None:
        """
        User properties stay in their order, and are the only ones that have one. [MQTT5-3.3.2-18] [MQTT5-3.1.3-10]
        """
        data = spell('[ 26 "b" "1" 02 00000001 26 "a" "2" 01 01 26 "b" "1" ]')
        found, _ = decode(data, 0, len(data), PUBLISH)
        self.assertEqual(
            found,
            Properties(
                payload_format_indicator=1,
                message_expiry_interval=1,
                user_properties=(("b", "1"), ("a", "2"), ("b", "1")),
            ),
        )

    @brief
    @given(st.sampled_from(KINDS).flatmap(lambda kind: st.tuples(st.just(kind), properties(kind))))
    def test_round_trip(self, given: tuple[int, Properties | None]) -> None:
        """
        Whatever a packet can carry comes back.
        """
        kind, wanted = given
        data = encode(wanted, kind)
        self.assertEqual(decode(data + b"\0", 0, len(data) + 1, kind), (wanted, len(data)))

    @brief
    @given(st.binary(max_size=60), st.sampled_from(KINDS))
    def test_any_bytes(self, data: bytes, kind: int) -> None:
        """
        Any bytes are properties or an error with a reason.
        """
        block = bytes((len(data),)) + data
        try:
            found, position = decode(block, 0, len(block), kind)
        except RemoteProtocolError as error:
            self.assertIn(error.reason, (0x81, 0x82, 0x94))
        else:
            self.assertEqual(position, len(block))
            again = encode(found, kind)
            self.assertEqual(decode(again, 0, len(again), kind)[0], found)


class EncodeTests(SynchronousTestCase):
    def test_unwritable(self) -> None:
        """
        A value that does not fit is refused before anything is written, by the name of its property.
        """
        for kind, name, value in UNWRITABLE:
            with self.subTest(name=name, value=repr(value)[:20]):
                error = self.assertRaises(LocalProtocolError, encode, made(name, value), kind)
                self.assertIn(name.split("_")[0], str(error).lower())

    def test_wrong_type(self) -> None:
        """
        A value of another type never reaches the wire.
        """
        for kind, name, value in WRONG_TYPE:
            with self.subTest(name=name), self.assertRaises((LocalProtocolError, TypeError)):
                encode(made(name, value), kind)

    def test_message(self) -> None:
        """
        A refusal says property, value and what was expected.
        """
        error = self.assertRaises(LocalProtocolError, encode, Properties(receive_maximum=0), CONNECT)
        self.assertEqual(str(error), "receive_maximum=0; expected an integer from 1 to 65535")
        error = self.assertRaises(LocalProtocolError, encode, Properties(topic_alias=3), SUBSCRIBE)
        self.assertEqual(str(error), "topic_alias=3 in SUBSCRIBE; expected in PUBLISH only")

    def test_booleans(self) -> None:
        """
        True and False do for 1 and 0.
        """
        self.assertEqual(encode(Properties(retain_available=False, maximum_qos=True), CONNACK), b"\x04\x24\x01\x25\x00")
