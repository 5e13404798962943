"""
SUBSCRIBE, SUBACK, UNSUBSCRIBE and UNSUBACK (sections 3.8 to 3.11): what our client asks for, and what it is answered.
"""

from __future__ import annotations

from typing import Any

from tests.conformance.case import ClientCase
from tests.conformance.client.codes import CODES
from tests.conformance.states import states
from txmqtt import Message, Properties, Refused
from txmqtt.codec.constants import PUBREC, SUBSCRIBE, UNSUBSCRIBE
from txmqtt.codec.packets import Publish, Suback, Unsuback

SUBACKS = (0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2)
UNSUBACKS = (0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91)


class SubscribeTests(ClientCase):
    @states("MQTT311-3.8.1-1", "MQTT5-3.8.1-1", "MQTT311-3.8.3-1", "MQTT5-3.8.3-1", "MQTT311 3.8.3", "MQTT5 3.8.3")
    def test_bytes(self) -> None:
        """
        Filters and QoS stand one behind the other, in a packet with flags 0010.
        """
        peer = self.accept()
        self.ignore(self.client.subscribe(["a", "b/#", "+"], qos=2))
        if self.version == 4:
            peer.expect('82 [ 0001 "a" 02 "b/#" 02 "+" 02 ]')
        else:
            peer.expect('82 [ 0001 [] "a" 02 "b/#" 02 "+" 02 ]')

    @states("MQTT5 3.8.3.1", "MQTT5 3.8.2.1.2", "MQTT5 3.8.2.1.3")
    def test_options(self) -> None:
        """
        Each option has its bits, and those that are reserved are 0.
        """
        peer = self.accept()
        options: tuple[tuple[dict[str, Any], str], ...] = (
            ({"no_local": True}, "05"),
            ({"retain_as_published": True}, "09"),
            ({"retain_handling": 1}, "11"),
            ({"retain_handling": 2}, "21"),
            ({"no_local": True, "retain_as_published": True, "retain_handling": 2}, "2d"),
        )
        for number, (option, bits) in enumerate(options, 1):
            with self.case(bits):
                self.ignore(self.client.subscribe("a", qos=1, **option))
                peer.expect(f'82 [ {number:04x} [] "a" {bits} ]')
        said = Properties(user_properties=(("n", "2"), ("n", "1")))
        self.ignore(self.client.subscribe("a", identifier=200, properties=said))
        peer.expect('82 [ 0006 [ 0b c8 01 26 "n" "2" 26 "n" "1" ] "a" 00 ]')

    @states("MQTT311-3.8.3-3", "MQTT5-3.8.3-2", "MQTT311-3.10.3-2", "MQTT5-3.10.3-2")
    def test_no_filter(self) -> None:
        """
        To ask for nothing is refused before anything is sent.
        """
        peer = self.accept()
        nothings: tuple[list[str] | tuple[str, ...], ...] = ([], ())
        for nothing in nothings:
            self.assertRaises(ValueError, self.client.subscribe, nothing)
            self.assertRaises(ValueError, self.client.unsubscribe, nothing)
        peer.silence()

    @states("MQTT5-3.8.3-4")
    def test_no_local_and_shared(self) -> None:
        """
        No Local with a shared subscription is refused before anything is sent.
        """
        peer = self.accept()
        self.assertRaises(ValueError, self.client.subscribe, "$share/g/a", no_local=True)
        self.assertRaises(ValueError, self.client.subscribe, ["a", "$share/g/a"], no_local=True)
        peer.silence()
        self.ignore(self.client.subscribe("$share/g/a"))
        peer.expect('82 [ 0001 [] "$share/g/a" 00 ]')

    @states("MQTT5 3.8.3.1", "MQTT5 3.8.2.1.2", "MQTT311 3.8.3")
    def test_out_of_range(self) -> None:
        """
        A QoS, a retain handling or an identifier that there is not is refused before anything is sent.
        """
        peer = self.accept()
        for qos in (3, -1):
            self.assertRaises(ValueError, self.client.subscribe, "a", qos=qos)
        for option in ({"retain_handling": 3}, {"identifier": -1}, {"identifier": 268_435_456}):
            self.assertRaises(ValueError, self.client.subscribe, "a", **option)
        for wrong in (Properties(reason_string="a"), Properties(topic_alias=1)):
            self.assertRaises(ValueError, self.client.subscribe, "a", properties=wrong)
            self.assertRaises(ValueError, self.client.unsubscribe, "a", properties=wrong)
        peer.silence()

    @states("MQTT31 3.8")
    def test_mqtt_3_1(self) -> None:
        """
        On 3.1 SUBSCRIBE and UNSUBSCRIBE are of QoS 1.
        """
        peer = self.accept()
        self.ignore(self.client.subscribe("a", qos=2), self.client.unsubscribe("a"))
        peer.expect('82 [ 0001 "a" 02 ]')
        peer.expect('a2 [ 0002 "a" ]')


class SubackTests(ClientCase):
    @states("MQTT311 3.9.3", "MQTT5 3.9.3")
    def test_reasons(self) -> None:
        """
        What may be said of a subscription is understood; a server that says something else is left.
        """
        legal = (0, 1, 2, 0x80) if self.version == 4 else SUBACKS
        for code in CODES:
            with self.case(f"{code:#04x}"):
                peer = self.accept()
                answer = self.client.subscribe("a", qos=2)
                peer.expect(SUBSCRIBE)
                peer.say(f"90 [ 0001 {'' if self.version == 4 else '00'} {code:02x} ]")
                if code not in legal:
                    self.ignore(answer)
                    peer.closed(0x81, 0x82)
                elif code < 0x80:
                    self.assertEqual(self.successResultOf(answer).reason, code)
                    peer.silence()
                else:
                    self.assertEqual(self.failureResultOf(answer, Refused).value.reason, code)
                    peer.silence()

    @states("MQTT31 3.9")
    def test_mqtt_3_1(self) -> None:
        """
        On 3.1 a server can't refuse a subscription.
        """
        peer = self.accept()
        self.ignore(self.client.subscribe("a"))
        peer.expect(SUBSCRIBE)
        peer.say("90 [ 0001 80 ]")
        peer.closed()

    @states("MQTT311 3.9.3", "MQTT5 3.9.3", "MQTT5 3.11.3")
    def test_as_many_as_asked(self) -> None:
        """
        Each filter has its answer, in the same order; a server with more or fewer answers is left.
        """
        peer = self.accept()
        answer = self.client.subscribe(["a", "b", "c"], qos=2)
        peer.expect(SUBSCRIBE)
        peer.say(Suback(1, [2, 0x80, 0]))
        self.assertEqual(self.failureResultOf(answer, Refused).value.reasons, (2, 0x80, 0))
        for codes in ([0], [0, 0, 0]):
            with self.case(f"{codes}"):
                peer = self.accept()
                self.ignore(self.client.subscribe(["a", "b"]))
                peer.expect(SUBSCRIBE)
                peer.say(Suback(1, codes))
                peer.closed(0x82)
            if self.version == 5:
                with self.case(f"{codes} of UNSUBACK"):
                    peer = self.accept()
                    self.ignore(self.client.unsubscribe(["a", "b"]))
                    peer.expect(UNSUBSCRIBE)
                    peer.say(Unsuback(1, codes))
                    peer.closed(0x82)

    @states("MQTT311 3.9", "MQTT5 3.9", "MQTT311 3.11", "MQTT5 3.11")
    def test_to_nothing(self) -> None:
        """
        A server that answers what nobody asked, or answers twice, or with the wrong packet, is left.
        """
        suback, unsuback = ("90 [ 0001 00 ]", "b0 [ 0001 ]") if self.version == 4 else ("90 [ 0001 00 00 ]",) * 2
        if self.version == 5:
            unsuback = "b0 [ 0001 00 00 ]"
        for name, ask, words in (
            ("SUBACK to nothing", False, (suback,)),
            ("UNSUBACK to nothing", False, (unsuback,)),
            ("UNSUBACK to SUBSCRIBE", True, (unsuback,)),
            ("SUBACK twice", True, (suback, suback)),
        ):
            with self.case(name):
                peer = self.accept()
                if ask:
                    self.ignore(self.client.subscribe("a"))
                    peer.expect(SUBSCRIBE)
                peer.say(*words)
                peer.closed(0x82)

    @states("MQTT311 3.9", "MQTT5 3.9", "MQTT311 3.11", "MQTT5 3.11")
    def test_malformed(self) -> None:
        """
        An answer without any reason, or one that goes on, is malformed.
        """
        table = ["90 [ 0001 ]", "90 01 00", "b0 00", "b0 [ 0001 00 ]"]
        if self.version == 5:
            table = ["90 [ 0001 ]", "90 [ 0001 00 ]", "90 01 00", "b0 00", "b0 [ 0001 ]", "b0 [ 0001 00 ]"]
        for words in table:
            with self.case(words):
                peer = self.accept()
                self.ignore(self.client.subscribe("a"))
                peer.expect(SUBSCRIBE)
                peer.say(words)
                peer.closed(0x81, 0x82)

    @states("MQTT311 3.8.4", "MQTT5 3.8.4")
    def test_messages_before_suback(self) -> None:
        """
        Messages may come before the SUBACK, and are taken.
        """
        heard: list[Message] = []
        peer = self.accept()
        self.ignore(self.client.subscribe("a", heard.append, qos=2))
        said = (
            Properties(subscription_identifiers=peer.expect(SUBSCRIBE).properties.subscription_identifiers)
            if (self.version == 5)
            else None
        )
        peer.say(Publish(b"a", b"x", 2, packet_id=1, properties=said))
        peer.take(PUBREC, packet_id=1)
        self.assertEqual([each.payload for each in heard], [b"x"])


class UnsubscribeTests(ClientCase):
    @states("MQTT311-3.10.1-1", "MQTT5-3.10.1-1", "MQTT311-3.10.3-1", "MQTT5-3.10.3-1")
    def test_bytes(self) -> None:
        """
        Filters stand one behind the other, in a packet with flags 0010.
        """
        peer = self.accept()
        self.ignore(self.client.unsubscribe(["a", "b/#", "+"]))
        peer.expect('a2 [ 0001 "a" "b/#" "+" ]' if self.version == 4 else 'a2 [ 0001 [] "a" "b/#" "+" ]')

    @states("MQTT5 3.11.3")
    def test_reasons(self) -> None:
        """
        What may be said of it is understood; a server that says something else is left.
        """
        for code in CODES:
            with self.case(f"{code:#04x}"):
                peer = self.accept()
                answer = self.client.unsubscribe("a")
                peer.expect(UNSUBSCRIBE)
                peer.say(f"b0 [ 0001 00 {code:02x} ]")
                if code not in UNSUBACKS:
                    self.ignore(answer)
                    peer.closed(0x81, 0x82)
                elif code < 0x80:
                    self.assertEqual(self.successResultOf(answer).reason, code)
                else:
                    self.assertEqual(self.failureResultOf(answer, Refused).value.reason, code)
