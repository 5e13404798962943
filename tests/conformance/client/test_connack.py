"""
CONNACK (section 3.2): what a server says of itself there, and how our client goes by it.
"""

from __future__ import annotations

from tests.conformance.case import ClientCase
from tests.conformance.states import states
from txmqtt import ConnectionClosed, LocalProtocolError, Message, Properties, Refused
from txmqtt.codec.constants import CONNECT, PINGREQ, PUBCOMP, PUBLISH, PUBREC, PUBREL, SUBSCRIBE, UNSUBSCRIBE
from txmqtt.codec.packets import Ack, Connack, Pingresp

#: All refusals of 3.1.1, and the reason that stands for each.
RETURN_CODES = ((1, 0x84), (2, 0x85), (3, 0x88), (4, 0x86), (5, 0x87))

#: The reasons with which 5.0 may refuse a client.
REASONS = (*range(0x80, 0x8B), 0x8C, 0x90, 0x95, 0x97, 0x99, *range(0x9A, 0x9E), 0x9F)

#: Properties of CONNACK that may stand once, and a value of each: by their sections.
ONCE = (
    ("session expiry interval", "11 00000001"),
    ("receive maximum", "21 0001"),
    ("maximum QoS", "24 01"),
    ("retain available", "25 01"),
    ("maximum packet size", "27 00001000"),
    ("assigned client identifier", "12 0001 61"),
    ("topic alias maximum", "22 0001"),
    ("reason string", "1f 0001 61"),
    ("wildcards available", "28 01"),
    ("subscription identifiers available", "29 01"),
    ("shared subscriptions available", "2a 01"),
    ("server keep alive", "13 000a"),
    ("response information", "1a 0001 61"),
    ("server reference", "1c 0001 61"),
)

#: Values out of range.
OUT_OF_RANGE = (
    ("receive maximum 0", "21 0000"),
    ("maximum QoS 2", "24 02"),
    ("retain available 2", "25 02"),
    ("maximum packet size 0", "27 00000000"),
    ("wildcards available 2", "28 02"),
    ("subscription identifiers available 2", "29 02"),
    ("shared subscriptions available 2", "2a 02"),
    ("authentication method", "15 0001 61"),
    ("authentication data", "16 0001 61"),
)


class FirstTests(ClientCase):
    @states("MQTT311 3.2", "MQTT5 3.2")
    def test_comes_first(self) -> None:
        """
        A server that says anything else before CONNACK is left, and nothing of it is acted on.
        """
        table = [("PUBLISH", '30 [ "t" ]'), ("PUBACK", "40 02 0001"), ("PINGRESP", "d0 00")]
        table += [("PUBREL", "62 02 0001"), ("SUBACK", "90 03 0001 00")]
        if self.version == 5:
            table[0] = ("PUBLISH", '30 [ "t" [] ]')
            table[-1] = ("SUBACK", "90 04 0001 00 00")
            table += [("DISCONNECT", "e0 00"), ("AUTH", 'f0 [ 18 [ 15 "m" ] ]')]
        for name, spelling in table:
            with self.case(name):
                heard: list[Message] = []
                peer = self.listen(on_message=heard.append)
                peer.expect(CONNECT)
                peer.say(spelling)
                peer.closed(0x82)
                self.assertEqual(heard, [])
                self.failureResultOf(self.client.whenReady(), ConnectionClosed)

    @states("MQTT311 3.2", "MQTT5 3.2")
    def test_only_once(self) -> None:
        """
        A server that says CONNACK twice is left.
        """
        peer = self.accept()
        peer.say(Connack())
        peer.closed(0x82)

    @states("MQTT311 3.2", "MQTT5 3.2")
    def test_does_not_come(self) -> None:
        """
        A client whose CONNECT is not answered goes.
        """
        peer = self.listen(timeout=3, keep_alive=1)
        peer.expect(CONNECT)
        self.wait(2.9)
        peer.silence()
        self.wait(0.2)
        peer.closed(0x80)
        self.failureResultOf(self.client.whenReady(), ConnectionClosed)


class RefusalTests(ClientCase):
    @states("MQTT311 3.2.2.3", "MQTT5 3.2.2.2")
    def test_reasons(self) -> None:
        """
        All reasons for which a client may be refused are understood, and it says nothing more.
        """
        table = RETURN_CODES if self.version == 4 else tuple((each, each) for each in REASONS)
        for code, reason in table:
            with self.case(f"{code:#04x}"):
                peer = self.listen()
                peer.expect(CONNECT)
                peer.say(f"20 02 00 {code:02x}" if self.version == 4 else f"20 03 00 {code:02x} 00")
                self.assertEqual(peer.everything(), b"")
                peer.closed()
                error = self.failureResultOf(self.client.whenReady(), Refused).value
                self.assertEqual(error.reason, reason)

    @states("MQTT311 3.2.2.3", "MQTT5 3.2.2.2", "MQTT311 3.2.2.1", "MQTT5 3.2.2.1")
    def test_wrong(self) -> None:
        """
        A CONNACK with a code that there is not, flags that are reserved, or a session for one who is refused, ends it.
        """
        properties = "" if self.version == 4 else "00"
        for name, flags, code in (
            ("unknown code", 0, 6 if self.version == 4 else 0x8B),
            ("another unknown code", 0, 0xFF),
            ("reserved flag", 2, 0),
            ("all flags", 0xFF, 0),
            ("refused and present", 1, 5 if self.version == 4 else 0x87),
        ):
            with self.case(name):
                peer = self.listen(clean_start=False)
                peer.expect(CONNECT)
                peer.say(f"20 [ {flags:02x} {code:02x} {properties} ]")
                peer.closed(0x81, 0x82)
                self.failureResultOf(self.client.whenReady(), ConnectionClosed)

    @states("MQTT31 3.2")
    def test_reserved_byte(self) -> None:
        """
        On 3.1 the first byte of CONNACK means nothing.
        """
        peer = self.listen(clean_start=False)
        peer.expect(CONNECT)
        peer.say("20 02 ff 00")
        self.successResultOf(self.client.whenReady())

    @states("MQTT5 3.2.2.3.9", "MQTT5 3.2.2.3.10", "MQTT5 3.2.2.3.16")
    def test_words(self) -> None:
        """
        What a server has to say about its refusal reaches the application.
        """
        peer = self.listen()
        peer.expect(CONNECT)
        peer.say('20 [ 00 9c [ 1c "other:1883" 1f "full" 26 "a" "b" ] ]')
        peer.closed()
        error = self.failureResultOf(self.client.whenReady(), Refused).value
        said = Properties(server_reference="other:1883", reason_string="full", user_properties=(("a", "b"),))
        self.assertEqual(error.properties, said)


class PropertiesTests(ClientCase):
    @states(*[f"MQTT5 3.2.2.3.{number}" for number in range(2, 17) if number != 10])
    def test_twice(self) -> None:
        """
        Each property may stand once.
        """
        for name, spelling in ONCE:
            with self.case(name):
                peer = self.listen()
                peer.expect(CONNECT)
                peer.say(f"20 [ 00 00 [ {spelling} ] ]")
                self.successResultOf(self.client.whenReady())
                peer = self.listen()
                peer.expect(CONNECT)
                peer.say(f"20 [ 00 00 [ {spelling} {spelling} ] ]")
                peer.closed(0x82)

    @states(
        "MQTT5 3.2.2.3.3",
        "MQTT5 3.2.2.3.4",
        "MQTT5 3.2.2.3.5",
        "MQTT5 3.2.2.3.6",
        "MQTT5 3.2.2.3.11",
        "MQTT5 3.2.2.3.12",
        "MQTT5 3.2.2.3.13",
        "MQTT5 3.2.2.3.17",
        "MQTT5 3.2.2.3.18",
    )
    def test_out_of_range(self) -> None:
        """
        A server that announces what there is not is left.
        """
        for name, spelling in OUT_OF_RANGE:
            with self.case(name):
                peer = self.listen()
                peer.expect(CONNECT)
                peer.say(f"20 [ 00 00 [ {spelling} ] ]")
                peer.closed(0x82)


class LimitsTests(ClientCase):
    @states("MQTT5-3.2.2-11")
    def test_maximum_qos(self) -> None:
        """
        Nothing is published above the QoS that the server takes.
        """
        for highest in (0, 1):
            with self.case(f"{highest}"):
                peer = self.accept(announced=Properties(maximum_qos=highest))
                for qos in range(3):
                    answer = self.client.publish("t", b"", qos)
                    if qos > highest:
                        self.failureResultOf(answer, LocalProtocolError)
                        peer.silence()
                    else:
                        self.ignore(answer)
                        peer.expect(PUBLISH, qos=qos)
                peer = self.accept(announced=Properties(maximum_qos=highest), downgrade=True)
                self.ignore(self.client.publish("t", b"", 2))
                peer.expect(PUBLISH, qos=highest)

    @states("MQTT5-3.2.2-11", "MQTT5-3.2.2-14")
    def test_what_waited(self) -> None:
        """
        Neither is what waited for its turn when the connection was another, nor is it retained where that can't be.
        """
        peer = self.accept(clean_start=False, announced=Properties(receive_maximum=1))
        sent = [self.client.publish("t", b"%d" % qos, qos, qos == 1) for qos in (0, 2, 2, 1)]
        self.ignore(*sent)
        peer.expect(PUBLISH, payload=b"0")
        peer.expect(PUBLISH, payload=b"2")
        peer.drop()
        announced = Properties(maximum_qos=1, retain_available=0)
        peer = self.welcome(self.again(), present=True, announced=announced)
        peer.expect(PUBLISH, payload=b"2", dup=True)  # its exchange has begun
        peer.say(Ack(PUBREC, 1))
        peer.expect(PUBREL, packet_id=1)
        peer.say(Ack(PUBCOMP, 1))
        peer.silence()

    @states("MQTT5-3.2.2-14")
    def test_retain(self) -> None:
        """
        Nothing is retained where the server can't.
        """
        peer = self.accept(announced=Properties(retain_available=0))
        self.failureResultOf(self.client.publish("t", b"", 0, True), LocalProtocolError)
        self.failureResultOf(self.client.publish("t", b"", 1, True), LocalProtocolError)
        peer.silence()
        peer = self.accept(announced=Properties(retain_available=0), downgrade=True)
        self.ignore(self.client.publish("t", b"", 0, True))
        peer.expect(PUBLISH, retain=False)

    @states("MQTT5-3.2.2-15")
    def test_maximum_packet_size(self) -> None:
        """
        No packet is larger than the server takes; one that is just as large is sent.
        """
        peer = self.accept(announced=Properties(maximum_packet_size=20))
        client = self.client
        for qos in range(3):
            with self.case(f"QoS {qos}"):
                room = 20 - 2 - 3 - 1 - (2 if qos else 0)
                self.failureResultOf(client.publish("t", bytes(room + 1), qos), LocalProtocolError)
                peer.silence()
                self.ignore(client.publish("t", bytes(room), qos))
                peer.expect(PUBLISH)
                self.assertEqual(len(peer.raw), 20)
        self.failureResultOf(client.subscribe("a" * 13), LocalProtocolError)
        self.failureResultOf(client.unsubscribe("a" * 14), LocalProtocolError)
        peer.silence()
        self.ignore(client.subscribe("a" * 12), client.unsubscribe("a" * 13))
        peer.expect(SUBSCRIBE)
        self.assertEqual(len(peer.raw), 20)
        peer.expect(UNSUBSCRIBE)
        self.assertEqual(len(peer.raw), 20)

    @states("MQTT5-3.2.2-15")
    def test_maximum_packet_size_of_the_next(self) -> None:
        """
        Nor is what was published on an earlier connection, whose server took more.
        """
        peer = self.accept(clean_start=False)
        answer = self.client.publish("t", bytes(100), 1)
        self.ignore(answer, self.client.publish("t", b"x", 1))
        peer.expect(PUBLISH), peer.expect(PUBLISH)
        peer.drop()
        peer = self.welcome(self.again(), present=True, announced=Properties(maximum_packet_size=50))
        peer.expect(PUBLISH, payload=b"x")
        peer.silence()

    @states("MQTT5 3.2.2.3.11", "MQTT5 3.2.2.3.12", "MQTT5 3.2.2.3.13")
    def test_subscriptions(self) -> None:
        """
        What the server does not offer of subscriptions is not asked for.
        """
        nothing = Properties(
            wildcard_subscription_available=0, subscription_identifier_available=0, shared_subscription_available=0
        )
        peer = self.accept(announced=nothing)
        for filter in ("a/#", "+/a", "$share/g/a"):
            self.failureResultOf(self.client.subscribe(filter), LocalProtocolError)
        self.failureResultOf(self.client.subscribe("a", identifier=1), LocalProtocolError)
        peer.silence()
        self.ignore(self.client.subscribe("a", lambda _: None))  # gets an identifier elsewhere
        peer.expect(SUBSCRIBE, subscription_identifiers=())

    @states("MQTT5 3.2.2.3.14", "MQTT5 3.2.2.3.15")
    def test_no_keep_alive(self) -> None:
        """
        A server that turns the keep-alive off hears no PINGREQ, and one that turns it on does.
        """
        peer = self.accept(keep_alive=5, announced=Properties(server_keep_alive=0))
        self.wait(100)
        peer.silence()
        peer = self.accept(keep_alive=0, announced=Properties(server_keep_alive=5))
        self.wait(5)
        peer.expect(PINGREQ)
        peer.say(Pingresp())

    @states("MQTT5 3.2.2.3.3")
    def test_receive_maximum_left_out(self) -> None:
        """
        A server that names no Receive Maximum takes 65,535 messages, and our client sends as many as it may itself.
        """
        peer = self.accept(max_inflight=300)
        self.ignore(*(self.client.publish("t", b"", 1) for _ in range(301)))
        self.assertEqual(len(peer.everything()), 300 * 8)
