"""
What all packets have (chapter 2): the flags of the first byte, packet identifiers, and properties.
"""

from __future__ import annotations

from tests.conformance.case import ClientCase
from tests.conformance.peer import Peer
from tests.conformance.states import states
from txmqtt import Message, Properties, Will
from txmqtt.codec.constants import PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, SUBSCRIBE, UNSUBSCRIBE
from txmqtt.codec.packets import Ack, Publish, Suback, Unsuback

#: What a server may say to a client that is connected, without the first byte; and the flags of that.
SAYABLE = {
    "PUBACK": (0x40, "02 0001"),
    "PUBREC": (0x50, "02 0001"),
    "PUBREL": (0x62, "02 0001"),
    "PUBCOMP": (0x70, "02 0001"),
    "PINGRESP": (0xD0, "00"),
}
ACKS = ("PUBACK", "PUBREC", "PUBREL", "PUBCOMP")
ONLY_4 = {"SUBACK": (0x90, "03 0001 00"), "UNSUBACK": (0xB0, "02 0001")}
ONLY_5 = {
    "SUBACK": (0x90, "04 0001 00 00"),
    "UNSUBACK": (0xB0, "04 0001 00 00"),
    "DISCONNECT": (0xE0, "00"),
    "AUTH": (0xF0, "00"),
}

#: What only a client says, or nobody.
STRANGE: tuple[tuple[str, str], ...] = (
    ("CONNECT", '10 [ "MQTT" 04 02 0000 "a" ]'),
    ("SUBSCRIBE", '82 [ 0001 "a" 00 ]'),
    ("UNSUBSCRIBE", 'a2 [ 0001 "a" ]'),
    ("PINGREQ", "c0 00"),
    ("type 0", "00 00"),
)
STRANGE_5: tuple[tuple[str, str], ...] = (
    ("CONNECT", '10 [ "MQTT" 05 02 0000 [] "a" ]'),
    ("SUBSCRIBE", '82 [ 0001 [] "a" 00 ]'),
    ("UNSUBSCRIBE", 'a2 [ 0001 [] "a" ]'),
    ("PINGREQ", "c0 00"),
    ("type 0", "00 00"),
)


class FlagsTests(ClientCase):
    @states(
        "MQTT311-2.2.2-1",
        "MQTT311-3.6.1-1",
        "MQTT311-3.8.1-1",
        "MQTT311-3.10.1-1",
        "MQTT5-2.1.3-1",
        "MQTT5-3.6.1-1",
        "MQTT5-3.8.1-1",
        "MQTT5-3.10.1-1",
    )
    def test_said(self) -> None:
        """
        The flags of all that a client says are those of the standard.
        """
        peer = self.listen()
        firsts = [self._first(peer)]
        peer.say("20 02 00 00" if self.version == 4 else "20 03 00 00 00")
        client = self.client
        self.ignore(client.subscribe("a"), client.unsubscribe("a"), client.ping(), client.publish("t", b"", 2))
        firsts += [self._first(peer) for _ in range(4)]
        peer.say(Ack(PUBREC, 3))
        firsts.append(self._first(peer))
        peer.say(Publish(b"t", b"", 1, packet_id=9), Publish(b"t", b"", 2, packet_id=9), Ack(PUBREL, 9))
        firsts += [self._first(peer) for _ in range(3)]
        self.ignore(client.disconnect())
        firsts.append(self._first(peer))
        expected = "10 82 a2 c0 34 62 40 50 70 e0"
        self.assertEqual(bytes(firsts).hex(" "), expected)

    def _first(self, peer: Peer) -> int:
        peer.hear()
        return peer.raw[0]

    @states("MQTT311-2.2.2-2", "MQTT5-2.1.3-1", "MQTT311-3.6.1-1", "MQTT5-3.6.1-1", "MQTT5-3.14.1-1", "MQTT5-3.15.1-1")
    def test_heard(self) -> None:
        """
        A server that sets flags that are reserved is left.
        """
        for name, (first, rest) in {**SAYABLE, **(ONLY_4 if self.version == 4 else ONLY_5)}.items():
            for flags in range(16):
                if flags == first & 15:
                    continue
                with self.case(f"{name} with {flags:04b}"):
                    peer = self.accept()
                    self.ignore(self.client.subscribe("a"))
                    peer.expect(SUBSCRIBE)
                    peer.say(f"{first & 0xF0 | flags:02x} {rest}")
                    peer.closed(0x81)

    @states("MQTT311-2.2.2-2", "MQTT5-2.1.3-1")
    def test_heard_in_connack(self) -> None:
        """
        So is one that sets them in CONNACK.
        """
        peer = self.listen()
        peer.hear()
        peer.say("21 02 00 00" if self.version == 4 else "21 03 00 00 00")
        peer.closed(0x81)

    @states("MQTT311 2.2.1", "MQTT5 2.1.2")
    def test_types(self) -> None:
        """
        A server that says what only a client may say, or a packet of no type, is left.
        """
        table = (*STRANGE, ("DISCONNECT", "e0 00"), ("AUTH", "f0 00")) if self.version == 4 else STRANGE_5
        for name, spelling in table:
            with self.case(name):
                peer = self.accept()
                peer.say(spelling)
                peer.closed(0x81, 0x82)


class PacketIdTests(ClientCase):
    @states("MQTT311-2.3.1-1", "MQTT311-2.3.1-2", "MQTT5-2.2.1-3")
    def test_free(self) -> None:
        """
        Each new request and message has an identifier of its own, which is not 0 and free for others only when it was
        answered.
        """
        peer = self.accept()
        client = self.client
        used: set[int] = set()
        for number in range(20):
            self.ignore(client.publish("t", b"", 1), client.subscribe(f"a/{number}"), client.unsubscribe("b"))
            for kind in (PUBLISH, SUBSCRIBE, UNSUBSCRIBE):
                packet_id = peer.take(kind).packet_id
                self.assertNotIn(packet_id, used | {0})
                used.add(packet_id)

    @states("MQTT311-2.3.1-2", "MQTT5-2.2.1-3")
    def test_around(self) -> None:
        """
        When all numbers have had their turn, one that is still in use is left out, and so is 0.
        """
        peer = self.accept()
        client = self.client
        self.ignore(client.publish("kept", b"", 2), client.subscribe("kept"))
        peer.expect(PUBLISH, packet_id=1)
        peer.expect(SUBSCRIBE, packet_id=2)
        client.session.books.ids._last = 253  # while few are in use, 255 is the last
        self.ignore(*(client.publish("t", b"", 1) for _ in range(4)))
        self.assertEqual([peer.expect(PUBLISH).packet_id for _ in range(4)], [254, 255, 3, 4])

    @states("MQTT311 2.3.1", "MQTT5 2.2.1")
    def test_zero(self) -> None:
        """
        A server that uses 0 as an identifier is left.
        """
        table = {**SAYABLE, **(ONLY_4 if self.version == 4 else ONLY_5)}
        said = {name: f"{first:02x} {rest.replace('0001', '0000')}" for name, (first, rest) in table.items()}
        said["PUBLISH"] = '32 [ "t" 0000 ]' if self.version == 4 else '32 [ "t" 0000 [] ]'
        if self.version == 5:
            said.update({f"{name} with a reason": f"{SAYABLE[name][0]:02x} [ 0000 00 ]" for name in ACKS})
        for name in said.keys() - {"PINGRESP", "DISCONNECT", "AUTH"}:
            with self.case(name):
                peer = self.accept()
                peer.say(said[name])
                peer.closed(0x81, 0x82)

    @states("MQTT311-2.3.1-6", "MQTT5-2.2.1-5")
    def test_exchanges(self) -> None:
        """
        Each answer carries the identifier of what it answers, in either direction.
        """
        peer = self.accept()
        peer.say(Publish(b"t", b"", 1, packet_id=0x1234), Publish(b"t", b"", 2, packet_id=0xFFFF))
        peer.expect("40 02 1234")
        peer.expect("50 02 ffff")
        peer.say(Ack(PUBREL, 0xFFFF))
        peer.expect("70 02 ffff")
        answers = [self.client.publish("t", b"", 1), self.client.publish("t", b"", 2), self.client.publish("t", b"", 2)]
        first, second, third = [peer.expect(PUBLISH).packet_id for _ in range(3)]
        peer.say(Ack(PUBREC, third), Ack(PUBACK, first), Ack(PUBREC, second))
        peer.expect(f"62 02 {third:04x}")
        peer.expect(f"62 02 {second:04x}")
        self.successResultOf(answers[0])
        peer.say(Ack(PUBCOMP, third))
        self.successResultOf(answers[2])
        self.assertNoResult(answers[1])
        peer.say(Ack(PUBCOMP, second))
        self.successResultOf(answers[1])

    @states("MQTT311 2.3.1", "MQTT5 2.2.1")
    def test_answers_to_requests(self) -> None:
        """
        SUBACK and UNSUBACK are for the request whose identifier they carry, whatever the order.
        """
        peer = self.accept()
        asked = [self.client.subscribe("a", qos=2), self.client.subscribe("b"), self.client.unsubscribe("c")]
        first, second = peer.expect(SUBSCRIBE).packet_id, peer.expect(SUBSCRIBE).packet_id
        third = peer.expect(UNSUBSCRIBE).packet_id
        peer.say(Unsuback(third, [0] if self.version == 5 else []))
        self.successResultOf(asked[2])
        peer.say(Suback(second, [0]))
        self.successResultOf(asked[1])
        self.assertNoResult(asked[0])
        peer.say(Suback(first, [2]))
        self.assertEqual(self.successResultOf(asked[0]).reason, 2)


class NoPropertiesTests(ClientCase):
    @states("MQTT5-2.2.2-1")
    def test_length_0(self) -> None:
        """
        A packet without properties says so, with a length of 0.
        """
        peer = self.listen(client_id="c", keep_alive=0, will=Will("w", b"x"))
        peer.expect('10 [ "MQTT" 05 06 0000 [ 21 0064 27 01000000 ] "c" [] "w" "x" ]')
        peer.say("20 03 00 00 00")
        self.ignore(self.client.subscribe("a"), self.client.unsubscribe("a"), self.client.publish("t", b"", 1))
        peer.expect('82 [ 0001 00 "a" 00 ]')
        peer.expect('a2 [ 0002 00 "a" ]')
        peer.expect('32 [ "t" 0003 00 ]')


class PropertyTests(ClientCase):
    """
    What is wrong with properties, as far as it is the same everywhere.
    """

    def left(self, *table: tuple[str, str], reason: int) -> None:
        for name, spelling in table:
            with self.case(name):
                heard: list[Message] = []
                peer = self.accept(on_message=heard.append)
                self.ignore(self.client.subscribe("a"), self.client.unsubscribe("a"))
                self.ignore(self.client.publish("t", b"", 1), self.client.publish("t", b"", 2))
                peer.everything()
                peer.say(spelling)
                peer.closed(reason)
                self.assertEqual(heard, [])

    @states("MQTT5 2.2.2.2")
    def test_unknown(self) -> None:
        """
        A property that there is not makes a packet malformed.
        """
        self.left(
            ("PUBLISH", '30 [ "t" [ 04 00 ] ]'),
            ("PUBACK", "40 [ 0003 00 [ 7f 00 ] ]"),
            ("SUBACK", "90 [ 0001 [ 00 00 ] 00 ]"),
            ("DISCONNECT", "e0 [ 00 [ 2b 00 ] ]"),
            reason=0x81,
        )

    @states("MQTT5 2.2.2.2")
    def test_misplaced(self) -> None:
        """
        So does a property that belongs into other packets.
        """
        self.left(
            ("PUBLISH", '30 [ "t" [ 21 0001 ] ]'),
            ("PUBACK", "40 [ 0003 00 [ 01 00 ] ]"),
            ("PUBREC", "50 [ 0004 00 [ 23 0001 ] ]"),
            ("PUBREL", "62 [ 0004 00 [ 02 00000001 ] ]"),
            ("PUBCOMP", "70 [ 0004 00 [ 11 00000001 ] ]"),
            ("SUBACK", "90 [ 0001 [ 0b 01 ] 00 ]"),
            ("UNSUBACK", "b0 [ 0002 [ 24 01 ] 00 ]"),
            ("DISCONNECT", "e0 [ 00 [ 21 0001 ] ]"),
            reason=0x81,
        )

    @states("MQTT5 2.2.2")
    def test_cut(self) -> None:
        """
        So do properties that are longer than the packet, or end within one of them.
        """
        self.left(
            ("PUBLISH", '30 [ "t" 05 01 00 ]'),
            ("PUBLISH, no length", '30 [ "t" ]'),
            ("PUBLISH, within a number", '30 [ "t" [ 02 0000 ] ]'),
            ("PUBACK", "40 [ 0003 00 05 1f ]"),
            ("SUBACK", "90 [ 0001 [ 1f 0003 61 ] 00 ]"),
            reason=0x81,
        )

    @states(
        "MQTT5 3.4.2.2.2",
        "MQTT5 3.5.2.2.2",
        "MQTT5 3.6.2.2.2",
        "MQTT5 3.7.2.2.2",
        "MQTT5 3.9.2.1.2",
        "MQTT5 3.11.2.1.2",
        "MQTT5 3.14.2.2.3",
    )
    def test_reason_string_twice(self) -> None:
        """
        A reason may be given once.
        """
        twice = "[ 1f 0001 61 1f 0001 62 ]"
        self.left(
            ("PUBACK", f"40 [ 0003 00 {twice} ]"),
            ("PUBREC", f"50 [ 0004 00 {twice} ]"),
            ("PUBREL", f"62 [ 0004 00 {twice} ]"),
            ("PUBCOMP", f"70 [ 0004 00 {twice} ]"),
            ("SUBACK", f"90 [ 0001 {twice} 00 ]"),
            ("UNSUBACK", f"b0 [ 0002 {twice} 00 ]"),
            ("DISCONNECT", f"e0 [ 00 {twice} ]"),
            reason=0x82,
        )

    @states("MQTT5 3.3.2.3.7", "MQTT5 3.4.2.2.3", "MQTT5 3.9.2.1.3", "MQTT5 3.11.2.1.3", "MQTT5 3.14.2.2.4")
    def test_user_properties(self) -> None:
        """
        User properties may stand as often as one likes, also with the same name, and keep their order.
        """
        heard: list[Message] = []
        peer = self.accept(on_message=heard.append)
        many = '[ 26 "n" "2" 26 "n" "1" 26 "a" "" ]'
        pairs = (("n", "2"), ("n", "1"), ("a", ""))
        peer.say(f'30 [ "t" {many} ]')
        self.assertEqual(heard[0].properties.user_properties, pairs)
        asked = [self.client.subscribe("a"), self.client.unsubscribe("a"), self.client.publish("t", b"", 1)]
        peer.everything()
        peer.say(f"90 [ 0001 {many} 00 ]", f"b0 [ 0002 {many} 00 ]", f"40 [ 0003 00 {many} ]")
        for answer in asked:
            self.assertEqual(self.successResultOf(answer).properties.user_properties, pairs)
        peer.say(f"e0 [ 8b {many} ]")
        peer.closed()
        error = self.successResultOf(self.client.whenClosed())
        self.assertEqual(error.properties, Properties(user_properties=pairs))
