"""
Data types (section 1.5): strings, variable byte integers and pairs of strings, on the broker's side.
"""

from __future__ import annotations

from itertools import cycle

from tests.conformance.broker.tables import TableCase
from tests.conformance.states import states
from txmqtt.codec.constants import PUBLISH
from txmqtt.codec.packets import Publish

#: What is no UTF-8 to MQTT, each with its two bytes of length.
ILL_FORMED = (
    ("a byte that never occurs", "0001 ff"),
    ("a continuation alone", "0002 61 80"),
    ("cut off", "0002 e2 82"),
    ("overlong", "0002 c0 af"),
    ("high surrogate", "0003 ed a0 80"),
    ("low surrogate", "0003 ed bf bf"),
    ("surrogate pair", "0006 ed a0 bd ed b8 80"),
    ("beyond U+10FFFF", "0004 f4 90 80 80"),
)

#: U+0000, where it may be overlooked.
NULLS = (("alone", "0001 00"), ("first", "0002 00 61"), ("last", "0002 61 00"), ("within", "0003 61 00 62"))

#: Packets with a string S, and where it is: P for the properties of 5.0, Q for the options of a subscription.
PLACES = (
    ("topic", "30 [ S P 'x' ]"),
    ("filter", "82 [ 0001 P S 00 ]"),
    ("filter to unsubscribe", "a2 [ 0001 P S ]"),
)

#: The same with a string in a property, 5.0.
PROPERTIES = (
    ("content type", '30 [ "t" [ 03 S ] ]'),
    ("response topic", '30 [ "t" [ 08 S ] ]'),
    ("name of a user property", '30 [ "t" [ 26 S "v" ] ]'),
    ("value of a user property", '30 [ "t" [ 26 "n" S ] ]'),
    ("user property of SUBSCRIBE", '82 [ 0001 [ 26 "n" S ] "t" 00 ]'),
    ("user property of UNSUBSCRIBE", 'a2 [ 0001 [ 26 "n" S ] "t" ]'),
    ("reason string of DISCONNECT", "e0 [ 00 [ 1f S ] ]"),
)

#: Characters at the borders of 1, 2, 3 and 4 bytes, and of the surrogates.
BORDERS = " ~\u00a0\u07ff\u0800\ud7ff\ue000\ufffd\U00010000\U0010fffd"

#: Controls and noncharacters, which should not be said, and may be refused.
DOUBTFUL = "\x01\x1f\x7f\u0080\ufdd0\ufffe\uffff\U0010ffff"

BOM = b"\xef\xbb\xbf"


class StringTests(TableCase):
    def refused_everywhere(self, strings: tuple[tuple[str, str], ...]) -> None:
        """
        Whoever says one of these is disconnected: all of them in a topic, and some in every other place.
        """
        places = (*PLACES, *(PROPERTIES if self.version == 5 else ()))
        wanted = [(places[0], string) for string in strings] + list(zip(places[1:], cycle(strings), strict=False))
        table = [(f"{place}: {what}", spelling.replace("S", string)) for (place, spelling), (what, string) in wanted]
        self.refuses(table, 0x81)
        head = '10 [ "MQTT" 05 C2 0000 00' if self.version == 5 else '10 [ "MQTT" 04 C2 0000'
        for place, spelling in (("client identifier", 'S "u" "p"'), ("user name", '"a" S "p"')):
            with self.case(place):
                peer = self.dial()
                peer.say(f"{head} {spelling} ]".replace("S", strings[0][1]))
                peer.closed(0x81)

    @states("MQTT311-1.5.3-1", "MQTT5-1.5.4-1")
    def test_ill_formed(self) -> None:
        """
        Whoever says a string that is no UTF-8, or has surrogates, is disconnected.
        """
        self.refused_everywhere(ILL_FORMED)

    @states("MQTT311-1.5.3-2", "MQTT5-1.5.4-2")
    def test_null(self) -> None:
        """
        Whoever says a string with the character U+0000 is disconnected.
        """
        self.refused_everywhere(NULLS)

    @states("MQTT311-1.5.3-3", "MQTT5-1.5.4-3")
    def test_byte_order_mark(self) -> None:
        """
        A byte order mark is a character like others, wherever it stands: it counts in filters, and is passed on.
        """
        watcher = self.connect("w")
        plain = self.connect("p")
        plain.subscribe("ab")
        for topic in (BOM + b"ab", b"a" + BOM + b"b", b"ab" + BOM):
            with self.case(repr(topic)):
                watcher.subscribe(topic.decode())
                plain.say(Publish(topic, BOM + b"x"))
                watcher.expect(PUBLISH, topic=topic, payload=BOM + b"x")
                self.assertIn(topic, watcher.raw)
        plain.silence()

    @states("MQTT311 1.5.3", "MQTT5 1.5.4")
    def test_borders(self) -> None:
        """
        Every character that is allowed is passed on as it came, in topics and in the texts of 5.0.
        """
        watcher = self.connect("w")
        for words in (BORDERS, *(DOUBTFUL if self.target is None else "")):
            with self.case(repr(words)):
                said = {"content_type": words, "user_properties": ((words, words),)} if self.version == 5 else {}
                watcher.subscribe(words)
                self.connect("p").publish(words, b"x", **said)
                watcher.expect(PUBLISH, topic=words.encode(), **said)


class PairTests(TableCase):
    @states("MQTT5-1.5.7-1")
    def test_pairs(self) -> None:
        """
        Name and value of a user property are strings: ill-formed ones end the connection, others are passed on.
        """
        places = cycle((("name", 'S "v"'), ("value", '"n" S')))
        self.refuses(
            (
                (f"{place}: {what}", f'30 [ "t" [ 26 {spelling.replace("S", string)} ] ]')
                for (what, string), (place, spelling) in zip((*ILL_FORMED, *NULLS[1:]), places, strict=False)
            ),
            0x81,
        )
        pairs = (("\ufeffn", "\ufeffv"), ("", ""), ("n", ""), ("", "v"))
        watcher = self.connect("w")
        watcher.subscribe("t")
        self.connect("p").publish("t", b"x", user_properties=pairs)
        watcher.expect(PUBLISH, user_properties=pairs)

    @states("MQTT5 1.5.7")
    def test_cut_off(self) -> None:
        """
        A pair without its second half ends the connection.
        """
        table = (("no value", '26 "n"'), ("value cut off", '26 "n" 0002 61'), ("nothing", "26"))
        self.refuses(((name, f'30 [ "t" [ {spelling} ] ]') for name, spelling in table), 0x81)


#: The smallest and the largest number of each length, and their bytes.
NUMBERS = (
    (1, "01"),
    (127, "7f"),
    (128, "80 01"),
    (16_383, "ff 7f"),
    (16_384, "80 80 01"),
    (2_097_151, "ff ff 7f"),
    (2_097_152, "80 80 80 01"),
    (268_435_455, "ff ff ff 7f"),
)


class NumberTests(TableCase):
    @states("MQTT5-1.5.5-1")
    def test_fewest_bytes(self) -> None:
        """
        A number of variable length that the broker writes takes no more bytes than it needs.
        """
        watcher, peer = self.connect("w"), self.connect("p")
        for number, spelling in NUMBERS:
            with self.case(str(number)):
                watcher.say(f'82 [ 0001 [ 0b {spelling} ] "t" 00 ]')
                watcher.hear()
                peer.publish("t", b"x")
                watcher.expect(f'30 [ "t" [ 0b {spelling} ] 78 ]')

    @states("MQTT311 2.2.3", "MQTT5 2.1.4")
    def test_remaining_length(self) -> None:
        """
        Packets of every length are taken and passed on, with the fewest bytes of length that will do.
        """
        watcher, peer = self.connect("w"), self.connect("p")
        watcher.subscribe("t")
        head = 4 if self.version == 5 else 3
        for number, spelling in NUMBERS[1:5]:
            with self.case(str(number)):
                peer.publish("t", b"x" * (number - head))
                watcher.expect(PUBLISH)
                self.assertEqual(watcher.raw[: 1 + len(bytes.fromhex(spelling))], bytes.fromhex("30" + spelling))
                self.assertEqual(len(watcher.raw), 1 + len(bytes.fromhex(spelling)) + number)

    @states("MQTT311 2.2.3", "MQTT5 1.5.5")
    def test_too_long(self) -> None:
        """
        A length of more than four bytes ends the connection.
        """
        table = [("five bytes", "30 80 80 80 80 01")]
        if self.target is None:  # enough to see it, but a receiver may wait for the fifth
            table.append(("four that go on", "30 ff ff ff ff"))
        if self.version == 5:
            table.append(("property length", '30 [ "t" 80 80 80 80 01 ]'))
            table.append(("subscription identifier", '82 [ 0001 [ 0b 80 80 80 80 01 ] "t" 00 ]'))
        self.refuses(table, 0x81)

    @states("MQTT5-1.5.5-1")
    def test_more_bytes_than_needed(self) -> None:
        """
        A number that a client writes with more bytes than it needs ends the connection.
        """
        self.only_ours("nothing says that a receiver must look")
        table = (
            ("remaining length", "c0 80 00"),
            ("property length", '30 [ "t" 80 00 ]'),
            ("subscription identifier", '82 [ 0001 [ 0b 81 00 ] "t" 00 ]'),
        )
        self.refuses(table, 0x81)


class SizeTests(TableCase):
    @states("MQTT5 1.5.6")
    def test_binary_data(self) -> None:
        """
        Binary data is any bytes, none and 65535 included; who cuts it off is disconnected.
        """
        watcher, peer = self.connect("w"), self.connect("p")
        watcher.subscribe("t")
        for data in (b"", bytes(range(256)), b"\xff" * 65_535):
            peer.publish("t", b"x", correlation_data=data)
            watcher.expect(PUBLISH, correlation_data=data)
        self.refuses((("cut off", '30 [ "t" [ 09 0005 00 ] ]'), ("no length", '30 [ "t" [ 09 00 ] ]')), 0x81)

    @states("MQTT311 1.5.3", "MQTT5 1.5.4")
    def test_long_strings(self) -> None:
        """
        A string may have as many bytes as its length can say, and a character of several bytes at its end.
        """
        topic = "t" * 65_533 + "\u00e4"
        watcher, peer = self.connect("w"), self.connect("p")
        watcher.subscribe(topic)
        peer.publish(topic, b"x")
        watcher.expect(PUBLISH, topic=topic.encode(), payload=b"x")
        if self.version == 5:
            peer.publish(topic, b"x", content_type=topic, user_properties=((topic, topic),))
            watcher.expect(PUBLISH, content_type=topic, user_properties=((topic, topic),))
