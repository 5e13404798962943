"""
Tests of txmqtt.codec.encode.
"""

from __future__ import annotations

from hypothesis import given
from twisted.trial.unittest import SynchronousTestCase

from tests.codec.strategies import brief, versioned_packets
from tests.vectors import spell
from tests.vectors.good import GOOD
from txmqtt.codec import encode, fields
from txmqtt.codec.constants import PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL
from txmqtt.codec.decode import Decoder
from txmqtt.codec.errors import LocalProtocolError
from txmqtt.codec.packets import (
    Ack,
    Auth,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Publish,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
    Will,
)
from txmqtt.codec.properties import Properties

_P = Properties
_S = Subscription

#: What cannot be said: version, packet.
UNSAYABLE: list[tuple[int, Packet]] = [
    (4, Publish(b"", b"")),
    (5, Publish(b"", b"")),
    (5, Publish(b"", b"", properties=_P(content_type="x"))),
    (5, Publish(b"a/#", b"", properties=_P(topic_alias=1))),
    (4, Publish(b"a+", b"")),
    (4, Publish(b"\xff", b"")),
    (4, Publish(b"a\0", b"")),
    (4, Publish(b"x" * 65_536, b"")),
    (4, Publish(b"a", b"", 3, packet_id=1)),
    (4, Publish(b"a", b"", -1, packet_id=1)),
    (4, Publish(b"a", b"", 1)),
    (4, Publish(b"a", b"", 2, packet_id=65_536)),
    (4, Publish(b"a", b"", 1, packet_id=-1)),
    (4, Publish(b"a", b"", 0, packet_id=1)),
    (4, Publish(b"a", b"", 0, dup=True)),
    (4, Publish(b"a", b"", properties=_P())),
    (3, Publish(b"a", b"", properties=_P(topic_alias=1))),
    (5, Publish(b"a", b"", properties=_P(receive_maximum=1))),
    (4, Ack(PUBACK, 0)),
    (5, Ack(PUBREC, 65_536)),
    (4, Ack(PUBREC, 1, 0x80)),
    (5, Ack(PUBREL, 1, 0x80)),
    (5, Ack(PUBCOMP, 1, 0x10)),
    (5, Ack(PUBACK, 1, 256)),
    (5, Ack(PUBACK, 1, -1)),
    (4, Ack(PUBACK, 1, 0, _P())),
    (5, Ack(PUBACK, 1, 0, _P(topic_alias=1))),
    (5, Ack(PUBLISH, 1)),
    (5, Ack(8, 1)),
    (4, Connect("a", 5)),
    (5, Connect("a", 4)),
    (5, Connect("a", 5, bridge=True)),
    (3, Connect("", 3)),
    (4, Connect("", 4, clean_start=False)),
    (4, Connect("a", 4, password=b"x")),
    (3, Connect("a", 3, password=b"x")),
    (4, Connect("a\0", 4)),
    (4, Connect("x" * 65_536, 4)),
    (4, Connect("a", 4, keep_alive=65_536)),
    (4, Connect("a", 4, keep_alive=-1)),
    (4, Connect("a", 4, username="\ud800")),
    (4, Connect("a", 4, username="u", password=b"x" * 65_536)),
    (4, Connect("a", 4, properties=_P())),
    (5, Connect("a", 5, properties=_P(topic_alias=1))),
    (4, Connect("a", 4, will=Will(b"a/+", b""))),
    (4, Connect("a", 4, will=Will(b"", b""))),
    (4, Connect("a", 4, will=Will(b"a", b"", 3))),
    (4, Connect("a", 4, will=Will(b"a", b"x" * 65_536))),
    (4, Connect("a", 4, will=Will(b"a", b"", properties=_P()))),
    (5, Connect("a", 5, will=Will(b"a", b"", properties=_P(topic_alias=1)))),
    (3, Connack(0, True)),
    (4, Connack(5, True)),
    (5, Connack(0x87, True)),
    (4, Connack(6)),
    (4, Connack(0x87)),
    (5, Connack(5)),
    (4, Connack(properties=_P())),
    (4, Subscribe(1, [])),
    (4, Subscribe(0, [_S(b"a")])),
    (4, Subscribe(1, [_S(b"a#")])),
    (4, Subscribe(1, [_S(b"")])),
    (4, Subscribe(1, [_S(b"a", 3)])),
    (4, Subscribe(1, [_S(b"a", no_local=True)])),
    (4, Subscribe(1, [_S(b"a", retain_as_published=True)])),
    (3, Subscribe(1, [_S(b"a", retain_handling=1)])),
    (5, Subscribe(1, [_S(b"a", retain_handling=3)])),
    (5, Subscribe(1, [_S(b"a", retain_handling=-1)])),
    (5, Subscribe(1, [_S(b"$share/g/a", no_local=True)])),
    (5, Subscribe(1, [_S(b"$share/g")])),
    (4, Subscribe(1, [_S(b"a")], dup=True)),
    (5, Subscribe(1, [_S(b"a")], dup=True)),
    (4, Subscribe(1, [_S(b"a")], _P())),
    (5, Subscribe(1, [_S(b"a")], _P(subscription_identifiers=(1, 2)))),
    (4, Suback(1, [])),
    (4, Suback(0, [0])),
    (3, Suback(1, [0x80])),
    (4, Suback(1, [0, 0x87])),
    (5, Suback(1, [3])),
    (4, Suback(1, [0], _P())),
    (4, Unsubscribe(1, [])),
    (4, Unsubscribe(0, [b"a"])),
    (5, Unsubscribe(1, [b"a", b"#/a"])),
    (4, Unsubscribe(1, [b"a"], dup=True)),
    (4, Unsubscribe(1, [b"a"], _P())),
    (4, Unsuback(1, [0])),
    (4, Unsuback(0, [])),
    (5, Unsuback(1, [])),
    (5, Unsuback(1, [1])),
    (4, Unsuback(1, [], _P())),
    (4, Disconnect(4)),
    (5, Disconnect(0x86)),
    (3, Disconnect(0, _P())),
    (5, Disconnect(0, _P(topic_alias=1))),
    (4, Auth()),
    (5, Auth(0x18)),
    (5, Auth(1, _P(authentication_method="m"))),
    (5, Auth(0x18, _P(reason_string="x"))),
    (5, Auth(0x18, _P(authentication_data=b"x"))),
    (5, Packet(PUBLISH)),
    (5, Packet(0)),
    (2, Publish(b"a", b"")),
    (6, Publish(b"a", b"")),
]


class PacketTests(SynchronousTestCase):
    def test_vectors(self) -> None:
        """
        Every packet is written as the standard spells it, in the shortest form.
        """
        for name, version, spelling, packet in GOOD:
            with self.subTest(name=name):
                self.assertEqual(encode.packet(packet, version), spell(spelling))

    def test_unsayable(self) -> None:
        """
        What a version cannot say, and what no version can, is refused before a byte is written.
        """
        for version, packet in UNSAYABLE:
            with self.subTest(version=version, packet=repr(packet)[:80]):
                self.assertRaises(LocalProtocolError, encode.packet, packet, version)

    def test_level_without_a_version(self) -> None:
        """
        CONNECT alone is refused for a level that we do not speak.
        """
        self.assertRaises(LocalProtocolError, encode.connect, Connect("a", 6))

    @brief
    @given(versioned_packets)
    def test_round_trip(self, given: tuple[int, Packet]) -> None:
        """
        Whatever can be said comes back as it was, in any company.
        """
        version, packet = given
        data = encode.packet(packet, version)
        decoder = Decoder(version)
        decoder.feed(data * 2)
        self.assertEqual(decoder.take(), packet)
        self.assertEqual(decoder.take(), packet)
        self.assertIsNone(decoder.take())


class PublishTests(SynchronousTestCase):
    def test_sizes(self) -> None:
        """
        Every size of packet has its shortest length, next to each boundary.
        """
        for remaining in (126, 127, 128, 129, 16_383, 16_384, 2_097_151, 2_097_152):
            with self.subTest(remaining=remaining):
                data = encode.publish(b"a", b"x" * (remaining - 3), 0, False, False, 0, None, 4)
                decoder = Decoder(4)
                decoder.feed(data)
                self.assertEqual(decoder.take(), Publish(b"a", b"x" * (remaining - 3)))
                self.assertEqual(decoder.held, 0)

    def test_head(self) -> None:
        """
        A shared head, each receiver's packet identifier and a shared tail are the whole packet.
        """
        for version in (4, 5):
            for size in (0, 1, 100, 116, 117, 118, 119, 120, 20_000):
                for qos in (0, 1, 2):
                    with self.subTest(version=version, size=size, qos=qos):
                        tail = (b"\0" if version == 5 else b"") + b"x" * size
                        head = encode.publish_head(0x31 | qos << 1, b"a/b/c", tail, 2 if qos else 0)
                        middle = b"\0\7" if qos else b""
                        whole = encode.publish(b"a/b/c", b"x" * size, qos, True, False, 7 if qos else 0, None, version)
                        self.assertEqual(head + middle + tail, whole)

    def test_head_refuses(self) -> None:
        """
        A head is refused for a topic, or a packet, that no length can say.
        """
        self.assertEqual(
            self.assertRaises(LocalProtocolError, encode.publish_head, 0x30, b"x" * 65_536, b"", 0).reason, 0x90
        )

    def test_constants(self) -> None:
        """
        A ping is two bytes.
        """
        self.assertEqual((encode.PINGREQ_BYTES, encode.PINGRESP_BYTES), (b"\xc0\0", b"\xd0\0"))

    def test_identifier(self) -> None:
        """
        Any packet identifier stands in its two bytes, whether it is a common one or not.
        """
        for packet_id in (1, 255, 256, 65_535):
            self.assertEqual(fields.pair(packet_id), packet_id.to_bytes(2, "big"))


class AckTests(SynchronousTestCase):
    def test_shortest_form(self) -> None:
        """
        An acknowledgement has a reason only when there is one to give, and properties only when there are any.
        """
        self.assertEqual(encode.ack(PUBACK, 258, 0, None, 5), b"\x40\x02\x01\x02")
        self.assertEqual(encode.ack(PUBREC, 258, 0x97, None, 5), b"\x50\x03\x01\x02\x97")
        self.assertEqual(encode.ack(PUBREL, 258, 0x92, None, 5), b"\x62\x03\x01\x02\x92")
        self.assertEqual(encode.ack(PUBREL, 258, 0, _P(), 5), b"\x62\x04\x01\x02\0\0")

    def test_not_an_ack(self) -> None:
        """
        Only the four acknowledgements are written here.
        """
        for kind in (PUBLISH, 8):
            self.assertRaises(LocalProtocolError, encode.ack, kind, 1, 0, None, 5)

    def test_auth_is_of_5(self) -> None:
        """
        Nothing writes AUTH on 3.x.
        """
        self.assertEqual(encode.auth(0, None), b"\xf0\0")
        self.assertRaises(LocalProtocolError, encode.auth, 0, None, 4)
