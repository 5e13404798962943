"""
Tests of txmqtt.codec.bodies.
"""

from twisted.trial.unittest import SynchronousTestCase

from tests.codec.test_reasons import LISTS
from tests.vectors import spell
from tests.vectors.bad import BAD
from tests.vectors.good import GOOD
from tests.vectors.lenient import LENIENT
from txmqtt.codec.bodies import no_packet_id, read
from txmqtt.codec.constants import CONNECT, PUBLISH, SUBSCRIBE
from txmqtt.codec.errors import RemoteProtocolError, UnsupportedVersion


def start_of_body(data: bytes) -> int:
    place = 1
    while data[place] > 127:
        place += 1
    return place + 1


class ReadTests(SynchronousTestCase):
    def test_in_place(self) -> None:
        """
        A packet is read where it lies, whatever stands before and after it.
        """
        for name, version, spelling, packet in [*GOOD, *LENIENT]:
            if packet.kind == PUBLISH:
                continue
            with self.subTest(name=name):
                data = spell(spelling)
                start = start_of_body(data)
                for around in (b"", b"\0\0\0", b"\xff\xff\xff\xff"):
                    found = read(around + data + around, len(around) + start, len(around) + len(data), data[0], version)
                    self.assertEqual(found, packet)

    def test_cut_off_anywhere(self) -> None:
        """
        A packet that ends too early is malformed or, at a seam, a shorter packet, and never reads on in the buffer.
        """
        for name, version, spelling, packet in GOOD:
            if packet.kind == PUBLISH:
                continue
            data = spell(spelling)
            start = start_of_body(data)
            for end in range(start, len(data)):
                with self.subTest(name=name, end=end):
                    try:
                        whole = read(data, start, end, data[0], version)
                    except RemoteProtocolError as error:
                        cut = self.assertRaises(RemoteProtocolError, read, data[:end], start, end, data[0], version)
                        self.assertEqual((str(error), error.reason), (str(cut), cut.reason))
                    else:
                        self.assertEqual(whole, read(data[:end], start, end, data[0], version))

    def test_bad(self) -> None:
        """
        Every broken body is refused with the reason that the standard gives for it.
        """
        for name, version, spelling, reason in BAD:
            data = spell(spelling)
            if data[0] >> 4 == PUBLISH or name.startswith(("remaining length", "first packet")):
                continue
            with self.subTest(name=name):
                error = self.assertRaises(
                    RemoteProtocolError, read, data, start_of_body(data), len(data), data[0], version
                )
                self.assertEqual(error.reason, reason)


class ReasonCodeTests(SynchronousTestCase):
    #: A packet with a reason code, by its type.
    FRAMES = {
        2: "20 [ 00 {} 00 ]",
        4: "40 [ 0001 {} ]",
        5: "50 [ 0001 {} ]",
        6: "62 [ 0001 {} ]",
        7: "70 [ 0001 {} ]",
        9: "90 [ 0001 [] {} ]",
        11: "b0 [ 0001 [] {} ]",
        14: "e0 [ {} ]",
        15: 'f0 [ {} [ 15 "m" ] ]',
    }

    def test_every_code_in_every_packet(self) -> None:
        """
        On 5.0 a packet has the reason codes of its own list, and any other is a protocol error.
        """
        for kind, frame in self.FRAMES.items():
            legal = {int(code, 16) for code in LISTS[kind].split()}
            for code in range(256):
                data = spell(frame.format(f"{code:02x}"))
                if code in legal:
                    self.assertEqual(read(data, 2, len(data), data[0], 5).kind, kind)
                else:
                    error = self.assertRaises(RemoteProtocolError, read, data, 2, len(data), data[0], 5)
                    self.assertEqual(error.reason, 0x82)

    def test_every_option_of_subscribe(self) -> None:
        """
        [MQTT5-3.8.3-5] [MQTT311-3.8.3-4] Of the 256 option bytes the reserved ones are refused, each version's own.
        """
        for version, properties in ((3, ""), (4, ""), (5, "[]")):
            for options in range(256):
                data = spell(f'82 [ 0001 {properties} "a" {options:02x} ]')
                if version == 5:
                    good = options < 0x30 and options & 3 != 3
                    reason = 0x81 if options & 0xC0 else 0x82
                else:
                    good = options & 3 != 3 and (version == 3 or options < 3)
                    reason = 0x81
                if good:
                    self.assertEqual(read(data, 2, len(data), data[0], version).kind, SUBSCRIBE)
                else:
                    error = self.assertRaises(RemoteProtocolError, read, data, 2, len(data), data[0], version)
                    self.assertEqual(error.reason, reason, options)


class ConnectTests(SynchronousTestCase):
    def test_every_level(self) -> None:
        """
        CONNECT is for 3.1, 3.1.1 or 5.0; what else it names is told apart from a broken packet, with its level.
        [MQTT5-3.1.2-1] [MQTT5-3.1.2-2] [MQTT311-3.1.2-1] [MQTT311-3.1.2-2]
        """
        spoken = {("MQTT", 4), ("MQTT", 0x84), ("MQTT", 5), ("MQIsdp", 3), ("MQIsdp", 0x83)}
        for name in ("MQTT", "MQIsdp", "mqtt", "AMQP", ""):
            for level in range(256):
                data = spell(f'10 [ "{name}" {level:02x} 02 0000 {"[]" if level == 5 else ""} "a" ]')
                if (name, level) in spoken:
                    self.assertEqual(read(data, 2, len(data), data[0], 0).kind, CONNECT)
                else:
                    error = self.assertRaises(UnsupportedVersion, read, data, 2, len(data), data[0], 0)
                    self.assertEqual((error.reason, error.level), (0x84, level & 0x7F))

    def test_every_flag_byte(self) -> None:
        """
        Of the 256 connect flag bytes exactly the consistent ones are taken, with the payload that they announce.
        """
        for level, properties in ((4, ""), (5, "[]")):
            for flags in range(256):
                will = f'{properties} "w" "x"' if flags & 4 else ""
                user = '"u"' if flags & 0x80 else ""
                password = '"p"' if flags & 0x40 else ""
                data = spell(f'10 [ "MQTT" {level:02x} {flags:02x} 0000 {properties} "a" {will} {user} {password} ]')
                good = (
                    not flags & 1
                    and (flags & 0x18 != 0x18 if flags & 4 else not flags & 0x38)
                    and (level == 5 or flags & 0xC0 != 0x40)
                )
                with self.subTest(level=level, flags=flags):
                    if good:
                        self.assertEqual(read(data, 2, len(data), data[0], 0).kind, CONNECT)
                    else:
                        error = self.assertRaises(RemoteProtocolError, read, data, 2, len(data), data[0], 0)
                        self.assertEqual(error.reason, 0x81)

    def test_packet_identifier_zero(self) -> None:
        """
        The error for packet identifier 0 names the packet. [MQTT5-2.2.1-3] [MQTT311-2.3.1-1]
        """
        self.assertEqual(str(no_packet_id(SUBSCRIBE)), "SUBSCRIBE with packet identifier 0")
