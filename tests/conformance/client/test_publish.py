"""
PUBLISH (section 3.3) and the exchanges of QoS 1 and 2 (4.3): what our client sends, and what it takes.
"""

from __future__ import annotations

from tests.conformance.case import ClientCase
from tests.conformance.states import states
from txmqtt import Message, Properties, Will
from txmqtt.codec.constants import PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, SUBSCRIBE, UNSUBSCRIBE
from txmqtt.codec.packets import Ack, Publish

#: All that can be said of a message, aliases aside.
ALL = Properties(
    payload_format_indicator=1,
    message_expiry_interval=10,
    content_type="c",
    response_topic="r",
    correlation_data=b"\x00\xff",
    user_properties=(("n", "2"), ("n", "1")),
)


class SendingTests(ClientCase):
    @states("MQTT311-3.3.1-2", "MQTT311-2.3.1-5", "MQTT311-4.3.1-1", "MQTT5-3.3.1-2", "MQTT5-2.2.1-2", "MQTT5-4.3.1-1")
    def test_qos_0(self) -> None:
        """
        A message of QoS 0 has neither DUP nor a packet identifier.
        """
        peer = self.accept()
        self.client.publish("a/b", b"hi")
        peer.expect("30 07 0003 'a/b' 'hi'" if self.version == 4 else "30 08 0003 'a/b' 00 'hi'")

    @states("MQTT311-4.4.0-1", "MQTT5-4.4.0-1", "MQTT311-3.3.1-1", "MQTT5-3.3.1-1", "MQTT311-2.3.1-3")
    def test_sent_again(self) -> None:
        """
        What was not acknowledged is sent again on the next connection: marked, and under the same number.
        """
        peer = self.accept(clean_start=False)
        self.ignore(self.client.publish("t", b"1", 1), self.client.publish("t", b"2", 2))
        first, second = peer.expect(PUBLISH, dup=False), peer.expect(PUBLISH, dup=False)
        peer.drop()
        peer = self.welcome(self.again(), present=True)
        peer.expect(PUBLISH, payload=b"1", dup=True, packet_id=first.packet_id)
        peer.expect(PUBLISH, payload=b"2", dup=True, packet_id=second.packet_id)
        peer.silence()

    @states("MQTT311-3.3.2-1", "MQTT5-3.3.2-1", "MQTT311 3.3.1.3", "MQTT5 3.3.1.3", "MQTT311 3.3.3", "MQTT5 3.3.3")
    def test_bytes(self) -> None:
        """
        The topic comes first; then the identifier, the properties of 5.0, and any bytes as payload, also none.
        """
        peer = self.accept()
        self.ignore(self.client.publish("é", b"\x00\xff", 1, True), self.client.publish("a/b/", b"", 2))
        if self.version == 4:
            peer.expect("33 [ 0002 c3a9 0001 00ff ]")
            peer.expect('34 [ "a/b/" 0002 ]')
        else:
            peer.expect("33 [ 0002 c3a9 0001 00 00ff ]")
            peer.expect('34 [ "a/b/" 0002 00 ]')

    @states("MQTT311-3.3.2-2", "MQTT5-3.3.2-2")
    def test_wildcards(self) -> None:
        """
        A topic with wildcards is refused before anything is sent.
        """
        peer = self.accept()
        for topic in ("a/#", "#", "+", "a/+/b", "a#", "b+c"):
            with self.case(topic):
                self.assertRaises(ValueError, self.client.publish, topic)
                self.assertRaises(ValueError, self.client.publish, topic.encode(), b"", 1)
        peer.silence()

    @states("MQTT311 3.3.1.2", "MQTT5 3.3.1.2")
    def test_no_qos_3(self) -> None:
        """
        Another QoS than 0, 1 and 2 is refused before anything is sent.
        """
        peer = self.accept()
        for qos in (3, -1, 4):
            self.assertRaises(ValueError, self.client.publish, "t", b"", qos)
        peer.silence()

    @states("MQTT5 3.3.2.3")
    def test_properties(self) -> None:
        """
        All properties that a message can have are said, and user properties keep their order.
        """
        peer = self.accept()
        self.client.publish("t", b"x", properties=ALL)
        words = '01 01 02 0000000a 03 "c" 08 "r" 09 0002 00ff 26 "n" "2" 26 "n" "1"'
        peer.expect(f"30 [ \"t\" [ {words} ] 'x' ]")

    @states("MQTT5-3.3.2-14", "MQTT5-3.3.2-13", "MQTT5-3.3.2-19")
    def test_response_topic(self) -> None:
        """
        A response topic with wildcards is refused before anything is sent; one without is said as it is.
        """
        peer = self.accept()
        for topic in ("a/#", "+", "a/+/b"):
            self.assertRaises(ValueError, self.client.publish, "t", properties=Properties(response_topic=topic))
            self.assertRaises(ValueError, Will, "w", properties=Properties(response_topic=topic))
        peer.silence()
        self.client.publish("t", properties=Properties(response_topic="é/a", content_type="ü"))
        peer.expect("30 [ 0001 74 [ 03 0002 c3bc 08 0004 c3a9 '/a' ] ]")

    @states("MQTT5-3.3.4-6", "MQTT5 3.3.2.3")
    def test_misplaced_properties(self) -> None:
        """
        A subscription identifier, or a property that no message has, is refused before anything is sent.
        """
        peer = self.accept()
        for wrong in (
            Properties(subscription_identifiers=(1,)),
            Properties(reason_string="a"),
            Properties(session_expiry_interval=1),
            Properties(will_delay_interval=1),
            Properties(payload_format_indicator=2),
            Properties(message_expiry_interval=1 << 32),
            Properties(correlation_data=bytes(65_536)),
        ):
            with self.case(repr(wrong)[:80]):
                self.assertRaises(ValueError, self.client.publish, "t", properties=wrong)
        peer.silence()

    @states("MQTT5 3.3.2.3.3")
    def test_expiry(self) -> None:
        """
        A message that expired while it waited to be sent is not sent any more.
        """
        peer = self.accept(announced=Properties(receive_maximum=1), keep_alive=0)
        self.ignore(self.client.publish("t", b"1", 1))
        expired = self.client.publish("t", b"2", 1, properties=Properties(message_expiry_interval=5))
        self.ignore(self.client.publish("t", b"3", 1))
        peer.expect(PUBLISH, payload=b"1")
        self.wait(6)
        peer.say(Ack(PUBACK, 1))
        peer.expect(PUBLISH, payload=b"3")
        self.failureResultOf(expired)

    @states("MQTT5-3.3.4-8")
    def test_full(self) -> None:
        """
        A client that has all messages under way that the server allows says everything else all the same.
        """
        peer = self.accept(announced=Properties(receive_maximum=1))
        client = self.client
        self.ignore(client.publish("t", b"1", 2), client.publish("t", b"2", 1))
        peer.expect(PUBLISH, payload=b"1")
        self.ignore(client.subscribe("a"), client.unsubscribe("a"), client.ping())
        peer.expect(SUBSCRIBE)
        peer.expect(UNSUBSCRIBE)
        peer.expect("c0 00")
        self.ignore(client.publish("t", b"0", 0))
        peer.expect(PUBLISH, payload=b"0")
        peer.say(Publish(b"t", b"x", 1, packet_id=1), Publish(b"t", b"x", 2, packet_id=2), Ack(PUBREL, 2))
        peer.expect("40 02 0001")
        peer.expect("50 02 0002")
        peer.expect("70 02 0002")
        peer.say(Ack(PUBREC, 1))
        peer.expect("62 02 0001")
        self.ignore(client.disconnect())
        peer.expect("e0 00")

    @states("MQTT5-3.3.4-7", "MQTT5-4.9.0-2")
    def test_receive_maximum(self) -> None:
        """
        A client has no more messages under way than the server allows.
        """
        peer = self.accept(announced=Properties(receive_maximum=1))
        self.ignore(*(self.client.publish("t", b"%d" % number, 1) for number in range(3)))
        for number in range(3):
            packet = peer.expect(PUBLISH, payload=b"%d" % number)
            peer.silence()
            peer.say(Ack(PUBACK, packet.packet_id))


class OldTests(ClientCase):
    """
    MQTT 3.1.
    """

    @states("MQTT31 3.3", "MQTT31 3.6", "MQTT31 4.1")
    def test_exchanges(self) -> None:
        """
        The exchanges of 3.1 are those of 3.1.1, and what is sent again is marked with DUP.
        """
        peer = self.accept(clean_start=False, keep_alive=0, resend_interval=5)
        self.ignore(self.client.publish("t", b"x", 1), self.client.publish("t", b"y", 2, True))
        peer.expect("32 [ \"t\" 0001 'x' ]")
        peer.expect("35 [ \"t\" 0002 'y' ]")
        self.wait(6)
        peer.expect("3a [ \"t\" 0001 'x' ]")
        peer.expect("3d [ \"t\" 0002 'y' ]")
        peer.say("40 02 0001", "50 02 0002")
        peer.expect("62 02 0002")
        peer.say("70 02 0002", "3a [ \"t\" 0003 'z' ]", "3c [ \"t\" 0004 'z' ]", "6a 02 0004")
        peer.expect("40 02 0003")
        peer.expect("50 02 0004")
        peer.expect("70 02 0004")
        peer.silence()


class TakingTests(ClientCase):
    @states("MQTT311-3.3.4-1", "MQTT5-3.3.4-1", "MQTT311-4.5.0-2", "MQTT5-4.5.0-2")
    def test_answers(self) -> None:
        """
        A message that nobody asked for is answered as its QoS asks all the same.
        """
        peer = self.accept()
        peer.say(Publish(b"t", b"x"))
        peer.silence()
        peer.say(Publish(b"t", b"x", 1, packet_id=7))
        peer.expect("40 02 0007")
        peer.say(Publish(b"t", b"x", 2, packet_id=8))
        peer.expect(PUBREC, packet_id=8)
        peer.say("62 02 0008")
        peer.expect(PUBCOMP, packet_id=8)

    @states("MQTT311-3.3.2-2", "MQTT5-3.3.2-2", "MQTT5-3.3.2-14")
    def test_wildcards(self) -> None:
        """
        A server whose topic or response topic has wildcards is left.
        """
        nothing = "" if self.version == 4 else "[]"
        table = [f'30 [ "{topic}" {nothing} ]' for topic in ("a/#", "#", "+", "a/+/b")]
        if self.version == 5:
            table += [f'30 [ "t" [ 08 "{topic}" ] ]' for topic in ("a/#", "+")]
        for spelling in table:
            with self.case(spelling):
                heard: list[Message] = []
                peer = self.accept(on_message=heard.append)
                peer.say(spelling)
                peer.closed(0x81, 0x82, 0x90)
                self.assertEqual(heard, [])

    @states("MQTT311-3.3.1-2", "MQTT5-3.3.1-2")
    def test_dup_at_qos_0(self) -> None:
        """
        A server that marks a message of QoS 0 with DUP is left.
        """
        peer = self.accept()
        peer.say('38 [ "t" ]' if self.version == 4 else '38 [ "t" [] ]')
        peer.closed(0x81, 0x82)

    @states("MQTT311 3.3.3", "MQTT5 3.3.2.3", "MQTT5 3.3.2.3.8")
    def test_message(self) -> None:
        """
        A message reaches the application with all that the server said of it.
        """
        heard: list[Message] = []
        peer = self.accept(on_message=heard.append)
        if self.version == 4:
            peer.say("3b [ 0002 c3a9 0007 00ff ]")
        else:
            words = '01 01 02 0000000a 03 "c" 08 "r" 09 0002 00ff 0b 03 0b 80 01 26 "n" "2" 26 "n" "1"'
            peer.say(f"3b [ 0002 c3a9 0007 [ {words} ] 00ff ]")
        peer.expect("40 02 0007")
        (message,) = heard
        self.assertEqual((message.topic, message.payload, message.qos), ("é", b"\x00\xff", 1))
        self.assertEqual((message.retain, message.dup), (True, True))
        if self.version == 5:
            self.assertEqual(message.properties.subscription_identifiers, (3, 128))
            for name in ("payload_format_indicator", "message_expiry_interval", "content_type", "response_topic"):
                self.assertEqual(getattr(message.properties, name), getattr(ALL, name))
            self.assertEqual(message.properties.correlation_data, ALL.correlation_data)
            self.assertEqual(message.properties.user_properties, ALL.user_properties)

    @states("MQTT311 3.3", "MQTT5 3.3")
    def test_cut(self) -> None:
        """
        A server whose PUBLISH ends within its topic or identifier is left.
        """
        for spelling in ("30 00", "30 01 00", "30 [ 0005 61 ]", '32 [ "t" ]', '32 [ "t" 00 ]', "34 [ 0000 ]"):
            with self.case(spelling):
                peer = self.accept()
                peer.say(spelling)
                peer.closed(0x81)

    @states("MQTT311 4.7.3", "MQTT5 3.3.2.1")
    def test_no_topic(self) -> None:
        """
        A server whose message has no topic, and no alias for one, is left.
        """
        peer = self.accept()
        peer.say("30 [ 0000 61 ]" if self.version == 4 else "30 [ 0000 00 61 ]")
        peer.closed(0x81, 0x82, 0x90)

    @states(*[f"MQTT5 3.3.2.3.{number}" for number in (2, 3, 4, 5, 6, 9)])
    def test_twice(self) -> None:
        """
        A server that says a property of a message twice is left.
        """
        for name, spelling in (
            ("payload format", "01 00"),
            ("message expiry", "02 00000001"),
            ("topic alias", "23 0001"),
            ("response topic", '08 "a"'),
            ("correlation data", '09 "a"'),
            ("content type", '03 "a"'),
        ):
            with self.case(name):
                peer = self.accept(topic_alias_maximum=5)
                peer.say(f'30 [ "t" [ {spelling} ] ]')
                peer.silence()
                peer.say(f'30 [ "t" [ {spelling} {spelling} ] ]')
                peer.closed(0x82)

    @states("MQTT5 3.3.2.3.2", "MQTT5 3.3.2.3.8")
    def test_out_of_range(self) -> None:
        """
        A server that says what there is not of a message is left.
        """
        for spelling in ("01 02", "0b 00"):
            with self.case(spelling):
                peer = self.accept()
                peer.say(f'30 [ "t" [ {spelling} ] ]')
                peer.closed(0x82)

    @states("MQTT311-3.3.1-4", "MQTT5-3.3.1-4")
    def test_qos_3(self) -> None:
        """
        There is no QoS 3: a server that sends it is left.
        """
        peer = self.accept()
        peer.say("36 05 0001 61 0001" if self.version == 4 else "36 07 0001 61 0001 00 78")
        peer.closed(0x81)
