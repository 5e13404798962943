"""
Errors (section 4.8 of 3.1.1, 4.13 of 5.0): a server that breaks the rules is left.
"""

from __future__ import annotations

from tests.conformance.case import ClientCase
from tests.conformance.states import states
from txmqtt import ConnectionClosed
from txmqtt.codec.constants import CONNECT, PUBLISH, SUBSCRIBE

#: What no server may say to a client that is in, whichever the version, spelled; each with what 5.0 may call it.
_NEVER = {
    "reserved type 0": ("00 00", (0x81,)),
    "CONNECT": ('10 [ "MQTT" 04 02 0000 "x" ]', (0x81, 0x82)),
    "SUBSCRIBE": ('82 [ 0001 "a" 00 ]', (0x81, 0x82)),
    "UNSUBSCRIBE": ('a2 [ 0001 "a" ]', (0x81, 0x82)),
    "PINGREQ": ("c0 00", (0x82,)),
    "a length of five bytes": ("30 80808080 01", (0x81,)),
    "PUBLISH, QoS 3": ("36 [ 0001 't' 0001 00 ]", (0x81,)),
    "PUBLISH, identifier 0": ("32 [ 0001 't' 0000 00 ]", (0x81, 0x82)),
    "PUBLISH, no identifier": ("32 [ 0001 't' ]", (0x81,)),
    "PUBLISH, topic longer than the packet": ("30 [ 0009 't' ]", (0x81,)),
    "PUBACK, no identifier": ("40 00", (0x81,)),
    "PUBACK, wrong flags": ("42 02 0001", (0x81,)),
    "PUBREC, half an identifier": ("50 01 00", (0x81,)),
    "PUBREL, wrong flags": ("60 02 0001", (0x81,)),
    "PUBCOMP, identifier 0": ("70 02 0000", (0x81, 0x82)),
    "SUBACK, wrong flags": ("91 [ 0001 00 ]", (0x81,)),
    "PINGRESP, with something": ("d0 01 00", (0x81,)),
    "PINGRESP, wrong flags": ("d1 00", (0x81,)),
}

#: The same with what only one version has.
_NEVER_4 = {
    "a second CONNACK": "20 02 0000",
    "PUBACK, too long": "40 03 0001 00",
    "SUBACK for nothing": "90 03 0001 00",
    "SUBACK, a code that is none": "90 03 0001 03",
    "UNSUBACK for nothing": "b0 02 0001",
    "UNSUBACK, too long": "b0 03 0001 00",
    "DISCONNECT": "e0 00",
    "AUTH": "f0 00",
}
_NEVER_5 = {
    "a second CONNACK": ("20 03 0000 00", (0x82,)),
    "PUBACK, a code that is none": ("40 04 0001 01 00", (0x81, 0x82)),
    "PUBACK, a property of others": ("40 [ 0001 00 [ 01 00 ] ]", (0x81, 0x82)),
    "PUBACK, properties too long": ("40 [ 0001 00 05 ]", (0x81,)),
    "PUBREC, a code of PUBACK's peer": ("50 [ 0001 92 ]", (0x81, 0x82)),
    "PUBREL, a code that is none": ("62 [ 0001 10 ]", (0x81, 0x82)),
    "SUBACK for nothing": ("90 [ 0001 [] 00 ]", (0x82,)),
    "SUBACK without codes": ("90 [ 0001 [] ]", (0x81, 0x82)),
    "UNSUBACK for nothing": ("b0 [ 0001 [] 00 ]", (0x82,)),
    "PUBLISH, a property twice": ("30 [ 0001 't' [ 0101 0101 ] ]", (0x82,)),
    "PUBLISH, no such property": ("30 [ 0001 't' [ 7f00 ] ]", (0x81,)),
    "PUBLISH, a property of others": ("30 [ 0001 't' [ 210001 ] ]", (0x81, 0x82)),
    "PUBLISH, half a property": ("30 [ 0001 't' [ 0200 ] ]", (0x81,)),
    "PUBLISH, a format that is none": ("30 [ 0001 't' [ 0102 ] ]", (0x82, 0x81)),
    "PUBLISH, alias 0": ("30 [ 0001 't' [ 230000 ] ]", (0x94, 0x82)),
    "PUBLISH, alias that we do not allow": ("30 [ 0001 't' [ 230001 ] ]", (0x94,)),
    "PUBLISH, subscription identifier 0": ("30 [ 0001 't' [ 0b00 ] ]", (0x82,)),
    "PUBLISH, a response topic with a wildcard": ("30 [ 0001 't' [ 08 \"a/#\" ] ]", (0x81, 0x82, 0x90)),
    "PUBLISH, no topic": ("30 [ 0000 [] ]", (0x81, 0x82, 0x90)),
    "DISCONNECT, a code that is none": ("e0 01 01", (0x81, 0x82)),
    "DISCONNECT, an expiry": ("e0 [ 00 [ 1100000001 ] ]", ()),
}


class ErrorTests(ClientCase):
    @states("MQTT311-4.8.0-1", "MQTT5-4.13.2-1", "MQTT5 4.13.1")
    def test_left(self) -> None:
        """
        A malformed packet, or one that has no place, ends the connection; on 5.0 DISCONNECT says why before.
        """
        table: dict[str, tuple[str, tuple[int, ...]]] = dict(_NEVER)
        table |= {name: (words, ()) for name, words in _NEVER_4.items()} if self.version == 4 else _NEVER_5
        for name, (words, reasons) in table.items():
            with self.case(name):
                got: list[object] = []
                peer = self.accept(on_message=got.append)
                answer = self.client.publish("t", b"x", 1)
                peer.expect(PUBLISH)
                peer.say(words, "30 [ 0001 't' ]" if self.version == 4 else "30 [ 0001 't' 00 ]")
                peer.closed(*reasons)
                self.failureResultOf(answer, ConnectionClosed)
                self.assertEqual(got, [])  # what follows the error is not heard

    @states("MQTT311-4.8.0-1", "MQTT5 4.13.1")
    def test_before_connack(self) -> None:
        """
        Before CONNACK nothing else is right, and CONNACK itself has to be.
        """
        table = {"PUBLISH": "30 [ 0001 't' 00 ]", "PINGRESP": "d0 00", "SUBACK": "90 [ 0001 00 00 ]"}
        if self.version == 4:
            table |= {
                "code 6": "20 02 0006",
                "flags": "20 02 0200",
                "too long": "20 03 000000",
                "too short": "20 01 00",
            }
            table |= {"refused, with a session": "20 02 0105"}
        else:
            table |= {"code 1": "20 03 000100", "flags": "20 03 020000", "no properties": "20 02 0000"}
            table |= {
                "refused, with a session": "20 03 018700",
                "receive maximum 0": "20 [ 0000 [ 210000 ] ]",
                "packet size 0": "20 [ 0000 [ 2700000000 ] ]",
                "maximum QoS 2": "20 [ 0000 [ 2402 ] ]",
                "retain available 2": "20 [ 0000 [ 2502 ] ]",
                "wildcards available 2": "20 [ 0000 [ 2802 ] ]",
                "a property twice": "20 [ 0000 [ 2500 2500 ] ]",
                "a property of others": "20 [ 0000 [ 0101 ] ]",
            }
        for name, words in table.items():
            with self.case(name):
                peer = self.listen()
                peer.expect(CONNECT)
                peer.say(words)
                peer.closed()
                self.failureResultOf(self.client.whenReady(), ConnectionClosed)

    @states("MQTT5-4.13.2-1")
    def test_too_large(self) -> None:
        """
        A packet that is larger than we said is too large, and is not waited for.
        """
        peer = self.accept(maximum_packet_size=128)
        peer.say("30 7e")  # 128 bytes in all
        peer.silence()
        peer = self.accept(maximum_packet_size=128)
        peer.say("30 7f")
        peer.closed(0x95)

    @states("MQTT5 4.13.2", "MQTT5 3.14.2.1")
    def test_told(self) -> None:
        """
        When the server says why it leaves, whoever waits for something is told.
        """
        peer = self.accept()
        answer = self.client.publish("t", b"x", 1)
        peer.expect(PUBLISH)
        peer.say('e0 [ 8b [ 1f "later" ] ]')
        peer.closed()
        self.assertIn("later", str(self.failureResultOf(answer, ConnectionClosed).value))

    @states("MQTT5 4.13.1", "MQTT311 4.8")
    def test_a_code_too_many(self) -> None:
        """
        An answer with more or fewer codes than filters were asked for answers nothing: the connection ends.
        """
        for codes in ("", "00", "00 00 00"):
            with self.case(codes):
                peer = self.accept()
                answer = self.client.subscribe(["a", "b"])
                number = peer.expect(SUBSCRIBE).packet_id
                peer.say(f"90 [ {number:04x} {codes} ]" if self.version == 4 else f"90 [ {number:04x} [] {codes} ]")
                peer.closed(0x81, 0x82)
                self.failureResultOf(answer, ConnectionClosed)
