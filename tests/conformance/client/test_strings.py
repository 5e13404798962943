"""
Data types (section 1.5): strings, pairs of them, and variable byte integers, as our client writes and reads them.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.case import ClientCase
from tests.conformance.states import states
from txmqtt import Message, Properties, Will
from txmqtt.codec.constants import CONNECT, PUBLISH, SUBSCRIBE, UNSUBSCRIBE
from txmqtt.codec.packets import Publish

#: What is no proper string, as a program may hold it.
SURROGATES = ("\ud800", "a\udfff", "\ud83d\ude00")
NULLS = ("\0", "a\0b", "a\0")
#: The same, and worse, on the wire.
BROKEN = (
    ("a lone surrogate", "ed a0 80"),
    ("a pair of surrogates", "ed a0 bd ed b8 80"),
    ("a byte that is never used", "ff"),
    ("a continuation of nothing", "80"),
    ("cut off", "e2 82"),
    ("longer than needed", "c0 af"),
    ("beyond U+10FFFF", "f4 90 80 80"),
)
NULL = (("alone", "00"), ("inside", "61 00 62"))

#: Where the server's packets have strings, on 5.0: S for the string.
PLACES = (
    ("topic", "30 [ S 00 ]"),
    ("content type", '30 [ "t" [ 03 S ] ]'),
    ("response topic", '30 [ "t" [ 08 S ] ]'),
    ("reason string", "40 [ 0001 00 [ 1f S ] ]"),
    ("server reference", "e0 [ 9c [ 1c S ] ]"),
)
PAIRS = (("name", '30 [ "t" [ 26 S "v" ] ]'), ("value", '30 [ "t" [ 26 "n" S ] ]'))


def put(place: str, content: str) -> str:
    """
    A packet with this string in its place.
    """
    data = bytes.fromhex(content)
    return place.replace("S", f"{len(data):04x} {data.hex()}")


class Speaking(ClientCase):
    """
    Strings of the application that must not leave.
    """

    def refused(self, bad: str, connecting: bool = True) -> None:
        """
        Nowhere does our client take this for a string.
        """
        if connecting:
            options: list[dict[str, object]] = [{"client_id": bad}, {"username": bad}]
            for option in options:
                with self.case(f"{option}"):
                    self.assertRaises(ValueError, self.listen, **option)
            self.assertRaises(ValueError, Will, bad)
        peer = self.accept()
        for verb in (self.client.publish, self.client.subscribe, self.client.unsubscribe):
            with self.case(f"{verb.__name__} {bad!r}"):
                self.assertRaises(ValueError, verb, bad)
        for properties in self.unspeakable(bad) if self.version == 5 else ():
            with self.case(repr(properties)):
                self.assertRaises(ValueError, self.client.publish, "t", properties=properties)
        peer.silence()

    def unspeakable(self, bad: str) -> Iterator[Properties]:
        """
        Properties with that string.
        """
        yield Properties(content_type=bad)
        yield Properties(response_topic=bad)

    def unheard(self, places: tuple[tuple[str, str], ...], strings: tuple[tuple[str, str], ...]) -> None:
        """
        A server that says these strings is left.
        """
        for where, place in places:
            for name, content in strings:
                with self.case(f"{where}: {name}"):
                    heard: list[Message] = []
                    peer = self.accept(on_message=heard.append)
                    peer.say(put(place, content))
                    peer.closed(0x81)
                    self.assertEqual(heard, [])


class StringTests(Speaking):
    @states("MQTT311-1.5.3-1", "MQTT5-1.5.4-1")
    def test_surrogates_are_not_sent(self) -> None:
        """
        A string that is no UTF-8 is refused before anything is sent.
        """
        for bad in SURROGATES:
            self.refused(bad)
        peer = self.accept()
        for name, content in BROKEN:
            data = bytes.fromhex(content)
            for verb in (self.client.publish, self.client.subscribe, self.client.unsubscribe):
                with self.case(f"{verb.__name__}: {name}"):
                    self.assertRaises(ValueError, verb, data)
        peer.silence()

    @states("MQTT311-1.5.3-2", "MQTT5-1.5.4-2")
    def test_null_is_not_sent(self) -> None:
        """
        A string with U+0000 is refused before anything is sent.
        """
        for bad in NULLS:
            self.refused(bad)

    @states("MQTT311-1.5.3-1", "MQTT311-3.3.2-1")
    def test_broken_topic(self) -> None:
        """
        A server whose topic is no UTF-8 is left.
        """
        self.unheard((("topic", "30 [ S ]"),), BROKEN)

    @states("MQTT311-1.5.3-2")
    def test_null_in_topic(self) -> None:
        """
        A server whose topic has U+0000 is left.
        """
        self.unheard((("topic", "30 [ S ]"),), NULL)

    @states("MQTT5-1.5.4-1", "MQTT5-3.3.2-1", "MQTT5-3.3.2-13", "MQTT5-3.3.2-19")
    def test_broken_string(self) -> None:
        """
        A server with a string that is no UTF-8 is left.
        """
        self.unheard(PLACES, BROKEN)

    @states("MQTT5-1.5.4-2")
    def test_null(self) -> None:
        """
        A server with a string that has U+0000 is left.
        """
        self.unheard(PLACES, NULL)

    @states("MQTT311-1.5.3-3", "MQTT5-1.5.4-3")
    def test_byte_order_mark(self) -> None:
        """
        A byte order mark is a character like others, heard and said.
        """
        heard: list[Message] = []
        peer = self.accept(on_message=heard.append)
        peer.say(Publish(b"\xef\xbb\xbfa\xef\xbb\xbf", b""))
        self.assertEqual(heard[0].topic, "\ufeffa\ufeff")
        self.client.publish("\ufeffa")
        peer.expect(PUBLISH, topic=b"\xef\xbb\xbfa")
        if self.version == 5:
            peer.say('30 [ "t" [ 03 0003 efbbbf ] ]')
            self.assertEqual(heard[1].properties.content_type, "\ufeff")

    @states("MQTT311 1.5.3", "MQTT5 1.5.4")
    def test_length(self) -> None:
        """
        A string has two bytes of length: 65,535 bytes fit, one more is refused.
        """
        peer = self.accept()
        self.client.publish("é" * 32_767 + "a")
        peer.expect(PUBLISH)
        self.assertEqual(peer.raw[4:6], b"\xff\xff")
        for verb in (self.client.publish, self.client.subscribe, self.client.unsubscribe):
            self.assertRaises(ValueError, verb, "é" * 32_768)
        self.assertRaises(ValueError, self.listen, client_id="a" * 65_536)
        peer.silence()

    @states(
        "MQTT311-3.1.3-4", "MQTT311-3.1.3-11", "MQTT311-3.1.3-10", "MQTT5-3.1.3-4", "MQTT5-3.1.3-12", "MQTT5-3.1.3-11"
    )
    def test_strings_of_connect(self) -> None:
        """
        Client identifier, user name and topic of the will are UTF-8 on the wire.
        """
        peer = self.listen(client_id="né", username="ü", will=Will("wé", b"\xff"))
        peer.expect(CONNECT, client_id="né", username="ü")
        for text in ("né", "ü", "wé"):
            data = text.encode()
            self.assertIn(len(data).to_bytes(2, "big") + data, peer.raw)

    @states("MQTT311-3.8.3-1", "MQTT5-3.8.3-1", "MQTT311-3.10.3-1", "MQTT5-3.10.3-1")
    def test_filters(self) -> None:
        """
        Filters are UTF-8 on the wire, one behind the other.
        """
        peer = self.accept()
        nothing = "" if self.version == 4 else "[]"
        self.ignore(self.client.subscribe(["é/+", b"b/\xc3\xa9"]))
        packet_id = peer.expect(SUBSCRIBE).packet_id
        words = f"82 [ {packet_id:04x} {nothing} 0004 c3a9 '/+' 00 0004 'b/' c3a9 00 ]"
        self.assertEqual(peer.raw, peer.bytes_of(words))
        self.ignore(self.client.unsubscribe(["é/+", "b"]))
        packet_id = peer.expect(UNSUBSCRIBE).packet_id
        self.assertEqual(peer.raw, peer.bytes_of(f"a2 [ {packet_id:04x} {nothing} 0004 c3a9 '/+' \"b\" ]"))


class PairTests(Speaking):
    def unspeakable(self, bad: str) -> Iterator[Properties]:
        yield Properties(user_properties=((bad, "v"),))
        yield Properties(user_properties=(("n", bad),))

    @states("MQTT5-1.5.7-1")
    def test_not_sent(self) -> None:
        """
        A user property of which name or value is no proper string is refused before anything is sent.
        """
        for bad in SURROGATES + NULLS:
            self.refused(bad, connecting=False)

    @states("MQTT5-1.5.7-1")
    def test_heard(self) -> None:
        """
        A server with such a user property is left.
        """
        self.unheard(PAIRS, BROKEN + NULL)


class VariableByteIntegerTests(ClientCase):
    @states("MQTT5-1.5.5-1", "MQTT311 2.2.3")
    def test_remaining_length(self) -> None:
        """
        A remaining length takes as few bytes as it can.
        """
        peer = self.accept(client_id="c")
        for remaining, spelled in ((127, "7f"), (128, "80 01"), (16_383, "ff 7f"), (16_384, "80 80 01")):
            with self.case(f"{remaining}"):
                self.client.publish("t", bytes(remaining - (3 if self.version == 4 else 4)))
                peer.expect(PUBLISH)
                self.assertTrue(peer.raw[1:].startswith(bytes.fromhex(spelled + " 0001 74")), peer.raw[:8].hex(" "))

    @states("MQTT5-1.5.5-1")
    def test_property_length(self) -> None:
        """
        So does the length of properties.
        """
        peer = self.accept()
        for size, spelled in ((127, "7f"), (128, "80 01")):
            with self.case(f"{size}"):
                self.client.publish("t", properties=Properties(content_type="x" * (size - 3)))
                packet = peer.expect(PUBLISH)
                self.assertEqual(len(packet.properties.content_type), size - 3)
                self.assertIn(bytes.fromhex("0001 74" + spelled + "03"), peer.raw)

    @states("MQTT5-1.5.5-1")
    def test_subscription_identifier(self) -> None:
        """
        So does the identifier of a subscription.
        """
        peer = self.accept()
        for number, spelled in (
            (127, "7f"),
            (128, "80 01"),
            (16_383, "ff 7f"),
            (16_384, "80 80 01"),
            (2_097_151, "ff ff 7f"),
            (2_097_152, "80 80 80 01"),
            (268_435_455, "ff ff ff 7f"),
        ):
            with self.case(f"{number}"):
                self.ignore(self.client.subscribe("a", identifier=number))
                packet_id = peer.expect(SUBSCRIBE).packet_id
                self.assertEqual(peer.raw, peer.bytes_of(f'82 [ {packet_id:04x} [ 0b {spelled} ] "a" 00 ]'))
        self.assertRaises(ValueError, self.client.subscribe, "a", identifier=268_435_456)

    @states("MQTT5-1.5.5-1", "MQTT311 2.2.3")
    def test_too_long(self) -> None:
        """
        A server that writes a length with more bytes than it needs, or than there may be, is left.
        """
        table = [("PINGRESP", "d0 80 00"), ("five bytes", "30 80 80 80 80 01")]
        if self.version == 5:
            table.append(("property length", "30 05 0001 74 80 00"))
            table.append(("subscription identifier", '30 [ "t" [ 0b 81 00 ] ]'))
        for name, spelling in table:
            with self.case(name):
                peer = self.accept()
                peer.say(spelling)
                peer.closed(0x81)
