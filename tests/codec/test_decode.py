"""
Tests of txmqtt.codec.decode.
"""

from __future__ import annotations

import time
import tracemalloc
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.codec.strategies import brief, versioned_packets
from tests.vectors import spell
from tests.vectors.bad import BAD
from tests.vectors.good import GOOD
from tests.vectors.lenient import LENIENT
from txmqtt.codec import encode
from txmqtt.codec.constants import CONNECT, PUBACK
from txmqtt.codec.decode import Decoder
from txmqtt.codec.errors import ProtocolError, RemoteProtocolError, UnsupportedVersion
from txmqtt.codec.packets import Ack, Connect, Packet, Pingreq, Publish
from txmqtt.codec.topics import KnownTopics


def taken(decoder: Decoder) -> list[Packet]:
    """
    All packets that are there.
    """
    found = []
    while (packet := decoder.take()) is not None:
        found.append(packet)
    return found


class VectorTests(SynchronousTestCase):
    """
    All vectors, in the three ways in which bytes come.
    """

    def decoder(self, version: int, packet: Packet) -> Decoder:
        return Decoder(0 if packet.kind == CONNECT else version)

    def test_whole(self) -> None:
        """
        A packet in one read is there at once, and nothing is kept of it.
        """
        for name, version, spelling, packet in [*GOOD, *LENIENT]:
            with self.subTest(name=name):
                decoder = self.decoder(version, packet)
                decoder.feed(spell(spelling))
                self.assertEqual(taken(decoder), [packet])
                self.assertEqual((decoder.version, decoder.held), (version, 0))

    def test_byte_by_byte(self) -> None:
        """
        A packet in the smallest pieces is there with its last byte and not before.
        """
        for name, version, spelling, packet in [*GOOD, *LENIENT]:
            with self.subTest(name=name):
                decoder = self.decoder(version, packet)
                data = spell(spelling)
                for place in range(len(data) - 1):
                    decoder.feed(data[place : place + 1])
                    self.assertIsNone(decoder.take())
                    self.assertEqual(decoder.held, place + 1)
                decoder.feed(data[-1:])
                self.assertEqual(taken(decoder), [packet])
                self.assertEqual(decoder.held, 0)

    def test_three_in_one_read(self) -> None:
        """
        Three packets in one read are three packets.
        """
        for name, version, spelling, packet in [*GOOD, *LENIENT]:
            with self.subTest(name=name):
                decoder = self.decoder(version, packet)
                decoder.feed(spell(spelling) * 3)
                self.assertEqual(taken(decoder), [packet] * 3)
                self.assertEqual(decoder.held, 0)

    def test_decoded_and_encoded_again(self) -> None:
        """
        What was well formed is what we had.
        """
        for name, version, spelling, packet in GOOD:
            with self.subTest(name=name):
                decoder = self.decoder(version, packet)
                decoder.feed(spell(spelling))
                found = decoder.take()
                assert found is not None
                self.assertEqual(encode.packet(found, version), spell(spelling))

    def test_bad_whole(self) -> None:
        """
        A broken rule has the reason code that the standard gives for it.
        """
        for name, version, spelling, reason in BAD:
            with self.subTest(name=name):
                decoder = Decoder(version)
                decoder.feed(spell(spelling))
                error = self.assertRaises(RemoteProtocolError, decoder.take)
                self.assertEqual(error.reason, reason)
                self.assertTrue(str(error))

    def test_bad_byte_by_byte(self) -> None:
        """
        The same, however the bytes are cut.
        """
        for name, version, spelling, reason in BAD:
            with self.subTest(name=name):
                decoder = Decoder(version)
                with self.assertRaises(RemoteProtocolError) as caught:
                    for byte in spell(spelling):
                        decoder.feed(bytes((byte,)))
                        decoder.take()
                self.assertEqual(caught.exception.reason, reason)
                self.assertEqual(decoder.held, 0)

    def test_bad_after_good(self) -> None:
        """
        What came before a broken packet in the same read is taken, what comes after it is not.
        """
        for name, version, spelling, reason in BAD:
            with self.subTest(name=name):
                first: Packet = Pingreq() if version else Connect("a", 4)
                good = encode.packet(first, version or 4)
                decoder = Decoder(version)
                decoder.feed(good * 2 + spell(spelling) + good)
                self.assertEqual(decoder.take(), first)
                decoder.version = version
                self.assertEqual(decoder.take(), first)
                decoder.version = version
                error = self.assertRaises(RemoteProtocolError, decoder.take)
                self.assertEqual(error.reason, reason)
                self.assertIs(self.assertRaises(RemoteProtocolError, decoder.take), error)


class VersionTests(SynchronousTestCase):
    def test_told_by_connect(self) -> None:
        """
        A server's decoder learns the version from CONNECT, in time for the next packet of the same read.
        """
        for version in (3, 4, 5):
            decoder = Decoder()
            publish = Publish(b"a", b"b")
            decoder.feed(encode.packet(Connect("a", version), version) + encode.packet(publish, version))
            self.assertEqual(decoder.version, 0)
            self.assertIsInstance(decoder.take(), Connect)
            self.assertEqual(decoder.version, version)
            self.assertEqual(decoder.take(), publish)

    def test_second_connect_changes_nothing(self) -> None:
        """
        A second CONNECT is decoded, for the session to refuse it, and the version stays. [MQTT5-3.1.0-2]
        [MQTT311-3.1.0-2]
        """
        decoder = Decoder(4)
        decoder.feed(encode.packet(Connect("a", 5), 5))
        self.assertEqual(decoder.take(), Connect("a", 5))
        self.assertEqual(decoder.version, 4)

    def test_unsupported(self) -> None:
        """
        A level that we do not speak is told apart from a broken packet.
        """
        decoder = Decoder()
        decoder.feed(spell('10 [ "MQTT" 06 02 0000 [] "a" ]'))
        error = self.assertRaises(UnsupportedVersion, decoder.take)
        self.assertEqual((error.level, error.reason), (6, 0x84))
        self.assertEqual(decoder.version, 0)

    def test_first_packet_is_judged_by_its_header(self) -> None:
        """
        What does not begin with CONNECT is refused before its body has come. [MQTT5-3.1.0-1] [MQTT311-3.1.0-1]
        """
        decoder = Decoder()
        decoder.feed(b"\x30\xff")
        self.assertEqual(self.assertRaises(RemoteProtocolError, decoder.take).reason, 0x82)


class LimitTests(SynchronousTestCase):
    def test_whole_packet(self) -> None:
        """
        The limit counts the fixed header, and a packet of just that size is taken.
        """
        for size in (20, 200, 20_000):
            data = encode.publish(b"a", b"x" * size, 0, False, False, 0, None, 4)
            decoder = Decoder(4, len(data))
            decoder.feed(data)
            self.assertEqual(len(taken(decoder)), 1)
            for read in (data, data[:-1]):
                decoder = Decoder(4, len(data) - 1)
                decoder.feed(read)
                error = self.assertRaises(RemoteProtocolError, decoder.take)
                self.assertEqual(error.reason, 0x95)

    def test_judged_by_its_header(self) -> None:
        """
        A packet that is too large is refused as soon as its length is known, and nothing is kept of it.
        """
        decoder = Decoder(4, 1000)
        for byte in b"\x30\xe6":
            decoder.feed(bytes((byte,)))
            self.assertIsNone(decoder.take())
        decoder.feed(b"\x07")
        self.assertEqual(self.assertRaises(RemoteProtocolError, decoder.take).reason, 0x95)
        self.assertEqual(decoder.held, 0)

    def test_can_change(self) -> None:
        """
        The session raises the limit after the login; it holds from the next packet on.
        """
        decoder = Decoder(4, 10)
        data = encode.publish(b"a", b"x" * 100, 0, False, False, 0, None, 4)
        decoder.feed(encode.PINGREQ_BYTES + data)
        self.assertEqual(decoder.take(), Pingreq())
        decoder.limit = 200
        self.assertEqual(decoder.take(), Publish(b"a", b"x" * 100))

    def test_before_connect(self) -> None:
        """
        A stranger is held to the limit too.
        """
        decoder = Decoder(0, 50)
        decoder.feed(b"\x10\x7f")
        self.assertEqual(self.assertRaises(RemoteProtocolError, decoder.take).reason, 0x95)


class UnexplainedTests(SynchronousTestCase):
    def test_explanations(self) -> None:
        """
        Who asked for no explanations gets none but in CONNACK, PUBLISH and DISCONNECT (5.0, 3.1.2.11.7).
        """
        for unexplained in (False, True):
            for words in ("1f 0001 61", '26 "a" "b"'):
                for spelling, legal in (
                    (f"40 [ 0003 00 [ {words} ] ]", False),
                    (f"50 [ 0003 00 [ {words} ] ]", False),
                    (f"62 [ 0003 00 [ {words} ] ]", False),
                    (f"70 [ 0003 00 [ {words} ] ]", False),
                    (f"90 [ 0003 [ {words} ] 00 ]", False),
                    (f"b0 [ 0003 [ {words} ] 00 ]", False),
                    (f'f0 [ 18 [ 15 "m" {words} ] ]', False),
                    (f"20 [ 00 00 [ {words} ] ]", True),
                    (f"e0 [ 00 [ {words} ] ]", True),
                    ('30 [ "t" [ 26 "a" "b" ] ]', True),
                    ("40 [ 0003 10 ]", True),
                    ('f0 [ 18 [ 15 "m" ] ]', True),
                ):
                    with self.subTest(spelling=spelling, unexplained=unexplained):
                        decoder = Decoder(5)
                        decoder.unexplained = unexplained
                        decoder.feed(spell(spelling))
                        if legal or not unexplained:
                            self.assertEqual(len(taken(decoder)), 1)
                        else:
                            self.assertEqual(self.assertRaises(RemoteProtocolError, decoder.take).reason, 0x82)


class ErrorTests(SynchronousTestCase):
    def test_dead(self) -> None:
        """
        After an error the decoder says the same again, keeps nothing, and takes nothing more.
        """
        decoder = Decoder(4)
        decoder.feed(b"\x00\x00" + encode.PINGREQ_BYTES)
        error = self.assertRaises(RemoteProtocolError, decoder.take)
        self.assertEqual(decoder.held, 0)
        for _ in range(3):
            decoder.feed(encode.PINGREQ_BYTES)
            self.assertEqual(decoder.held, 0)
            self.assertIs(self.assertRaises(RemoteProtocolError, decoder.take), error)


class BufferTests(SynchronousTestCase):
    def test_fed_before_all_was_taken(self) -> None:
        """
        A session that stopped taking loses nothing of what is fed meanwhile, and can see how much there is.
        """
        sizes = (*range(1, 50), *range(120, 130))  # a length of one byte, and of two
        packets: list[Packet] = [Publish(b"a", bytes((size,)) * size) for size in sizes]
        data = b"".join([encode.packet(packet, 4) for packet in packets])
        for size in (1, 2, 3, 7, 100, 1000):
            for every in (1, 3, 50):
                with self.subTest(size=size, every=every):
                    decoder = Decoder(4)
                    found: list[Packet] = []
                    fed = taken_size = 0
                    for number, place in enumerate(range(0, len(data), size)):
                        read = data[place : place + size]
                        decoder.feed(read)
                        fed += len(read)
                        if number % every == 0 and (packet := decoder.take()) is not None:
                            found.append(packet)
                            taken_size += len(encode.packet(packet, 4))
                        self.assertEqual(decoder.held, fed - taken_size)
                    self.assertEqual(found + taken(decoder), packets)
                    self.assertEqual(decoder.held, 0)

    def test_nothing_fed(self) -> None:
        """
        Without bytes there is no packet; no bytes are no bytes.
        """
        decoder = Decoder(4)
        self.assertIsNone(decoder.take())
        decoder.feed(b"")
        self.assertIsNone(decoder.take())
        decoder.feed(b"\xc0")
        decoder.feed(b"")
        self.assertIsNone(decoder.take())
        decoder.feed(b"")
        self.assertIsNone(decoder.take())
        decoder.feed(b"\0")
        self.assertEqual(taken(decoder), [Pingreq()])

    def test_idle_keeps_nothing(self) -> None:
        """
        Between packets no byte of the last read is kept, however large it was.
        """
        data = encode.publish(b"a", b"x" * 500_000, 0, False, False, 0, None, 4)
        decoders = [Decoder(4) for _ in range(10)]
        tracemalloc.start()
        try:
            for decoder in decoders:
                for half in (data[:250_000], data[250_000:]):
                    decoder.feed(half)
                    taken(decoder)
            half = b""
            kept, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        self.assertTrue(kept < 20_000, kept)

    def test_unfinished_packet_is_kept_once(self) -> None:
        """
        An unfinished packet costs its own bytes and a little, even when each came alone; it never passes the limit.
        """
        limit = 50_000
        data = encode.publish(b"a", b"x" * (limit - 7), 0, False, False, 0, None, 4)
        self.assertEqual(len(data), limit)
        decoder = Decoder(4, limit)
        tracemalloc.start()
        try:
            for byte in data[:-1]:
                decoder.feed(bytes((byte,)))
                self.assertIsNone(decoder.take())
            kept, _ = tracemalloc.get_traced_memory()
            self.assertEqual(decoder.held, limit - 1)
        finally:
            tracemalloc.stop()
        self.assertTrue(kept < limit * 1.25 + 20_000, kept)

    def test_waiting_bytes_are_kept_once(self) -> None:
        """
        Nor do bytes that nobody takes cost more than themselves.
        """
        decoder = Decoder(4)
        tracemalloc.start()
        try:
            for _ in range(100_000):
                decoder.feed(b"\xc0")
            kept, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        self.assertEqual(decoder.held, 100_000)
        self.assertTrue(kept < 150_000, kept)

    def test_linear(self) -> None:
        """
        A large packet in small pieces is not copied for each of them. Quadratic work would take minutes.
        """
        data = encode.publish(b"a", b"x" * 4_000_000, 0, False, False, 0, None, 4)
        decoder = Decoder(4)
        before = time.process_time()
        for place in range(0, len(data), 100):
            self.assertIsNone(decoder.take())
            decoder.feed(data[place : place + 100])
        self.assertEqual(len(taken(decoder)), 1)
        for place in range(0, len(data), 100):
            decoder.feed(data[place : place + 100])
        self.assertEqual(len(taken(decoder)), 1)
        self.assertTrue(time.process_time() - before < 5)

    def test_small_packets_are_linear(self) -> None:
        """
        Many small packets fed while nobody took are not copied for each of them.
        """
        decoder = Decoder(4)
        before = time.process_time()
        for _ in range(100):
            decoder.feed(encode.PINGREQ_BYTES * 1000)
        self.assertEqual(len(taken(decoder)), 100_000)
        self.assertTrue(time.process_time() - before < 5)


class TopicTests(SynchronousTestCase):
    def test_one_object(self) -> None:
        """
        The same topic is the same object in every packet.
        """
        decoder = Decoder(4, topics=KnownTopics())
        decoder.feed(encode.publish(b"a/b", b"1", 0, False, False, 0, None, 4) * 2)
        first, second = taken(decoder)
        assert isinstance(first, Publish) and isinstance(second, Publish)
        self.assertIs(first.topic, second.topic)

    def test_shared(self) -> None:
        """
        Decoders given the same memory share it, others do not.
        """
        data = encode.publish(b"only/here", b"1", 0, False, False, 0, None, 4)
        known = KnownTopics()
        found = []
        for topics in (known, known, KnownTopics()):
            decoder = Decoder(4, topics=topics)
            decoder.feed(data)
            packet = decoder.take()
            assert isinstance(packet, Publish)
            found.append(packet.topic)
        self.assertIs(found[0], found[1])
        self.assertIsNot(found[0], found[2])

    def test_forgetting(self) -> None:
        """
        A memory that is full begins anew, and decoders go on.
        """
        decoder = Decoder(4, topics=KnownTopics(size=2))
        topics = [b"t%d" % (number % 5) for number in range(50)]
        decoder.feed(b"".join([encode.publish(topic, b"", 0, False, False, 0, None, 4) for topic in topics]))
        self.assertEqual(taken(decoder), [Publish(topic, b"") for topic in topics])


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """
    The bytes in pieces.
    """
    edges = sorted({0, len(data), *[place % (len(data) + 1) for place in places]})
    return [data[start:stop] for start, stop in pairwise(edges)]


class ChanceTests(SynchronousTestCase):
    LIMIT = 400

    def survives(self, decoder: Decoder, reads: list[bytes]) -> None:
        for read in reads:
            decoder.feed(read)
            try:
                found = taken(decoder)
            except ProtocolError as error:
                self.assertIsInstance(error, RemoteProtocolError)
                self.assertEqual(decoder.held, 0)
                return
            self.assertTrue(decoder.held < self.LIMIT)
            for packet in found:
                self.assertIsInstance(packet, Packet)
                repr(packet)

    @brief
    @given(st.sampled_from([0, 3, 4, 5]), st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
    def test_any_bytes(self, version: int, data: bytes, places: list[int]) -> None:
        """
        Any bytes are packets or a broken rule, and never more is kept than the limit.
        """
        self.survives(Decoder(version, self.LIMIT), cut(data, places))

    @brief
    @given(
        st.lists(versioned_packets, min_size=1, max_size=3),
        st.lists(
            st.tuples(st.integers(0, 10_000), st.integers(0, 255), st.sampled_from(["change", "insert", "delete"]))
        ),
        st.lists(st.integers(0, 10_000), max_size=5),
        st.booleans(),
    )
    def test_mutated_packets(
        self, given: list[tuple[int, Packet]], edits: list[tuple[int, int, str]], places: list[int], server: bool
    ) -> None:
        """
        So are packets with a few bytes changed, added or lost.
        """
        version = given[0][0]
        data = bytearray(b"".join([encode.packet(packet, version) for version, packet in given]))
        for place, value, edit in edits:
            place %= len(data) + 1
            if edit == "insert":
                data.insert(place, value)
            elif place < len(data):
                if edit == "change":
                    data[place] = value
                else:
                    del data[place]
        self.survives(Decoder(0 if server else version, self.LIMIT), cut(bytes(data), places))

    @brief
    @given(
        st.sampled_from([3, 4, 5]).flatmap(
            lambda version: st.lists(versioned_packets.filter(lambda both: both[0] == version), max_size=4)
        ),
        st.lists(st.integers(0, 30_000), max_size=8),
    )
    def test_any_cut(self, given: list[tuple[int, Packet]], places: list[int]) -> None:
        """
        However a stream is cut, it is the same packets.
        """
        decoder = Decoder(given[0][0] if given else 4)
        found = []
        for read in cut(b"".join([encode.packet(packet, version) for version, packet in given]), places):
            decoder.feed(read)
            found.extend(taken(decoder))
        self.assertEqual(found, [packet for _, packet in given])

    def test_ack_is_an_ack(self) -> None:
        """
        The short way for acknowledgements is the same as the long one.
        """
        for version in (3, 4, 5):
            decoder = Decoder(version)
            decoder.feed(b"\x40\x02\x12\x34")
            self.assertEqual(taken(decoder), [Ack(PUBACK, 0x1234)])
