"""
CONNECT and CONNACK (sections 3.1 and 3.2): how our client comes in.
"""

from __future__ import annotations

from tests.conformance.case import ClientCase
from tests.conformance.states import states
from txmqtt import Authenticator, ConnectionClosed, Properties, Refused, Will
from txmqtt.codec.constants import CONNECT, PINGREQ
from txmqtt.codec.packets import Connack, Pingresp

#: What our client says of itself on 5.0: a Receive Maximum and a Maximum Packet Size.
_PROPERTIES = "[ 21 0064 27 01000000 ]"


class ConnectTests(ClientCase):
    @states("MQTT311-3.1.0-1", "MQTT5-3.1.0-1", "MQTT311-3.1.3-3", "MQTT5-3.1.3-3")
    def test_bytes(self) -> None:
        """
        The first that a client says is CONNECT, with its name first in the payload.
        """
        peer = self.listen(client_id="abc", keep_alive=10)
        if self.version == 4:
            peer.expect('10 [ "MQTT" 04 02 000a "abc" ]')
        else:
            peer.expect(f'10 [ "MQTT" 05 02 000a {_PROPERTIES} "abc" ]')

    @states("MQTT311-3.1.3-1", "MQTT5-3.1.3-1", "MQTT311-3.1.2-9", "MQTT5-3.1.2-9")
    def test_order_of_the_payload(self) -> None:
        """
        Name, will, user name and password stand in the order of the standard.
        """
        peer = self.listen(client_id="c", keep_alive=0, will=Will("w", b"x", 1, True), username="u", password="p")
        if self.version == 4:
            peer.expect('10 [ "MQTT" 04 ee 0000 "c" "w" "x" "u" "p" ]')
        else:
            peer.expect(f'10 [ "MQTT" 05 ee 0000 {_PROPERTIES} "c" [] "w" "x" "u" "p" ]')

    @states("MQTT311-3.1.2-13", "MQTT311-3.1.2-15", "MQTT311-3.1.2-11", "MQTT5-3.1.2-11", "MQTT5-3.1.2-13")
    def test_no_will_no_bits(self) -> None:
        """
        Without a will its bits are 0.
        """
        peer = self.listen()
        peer.expect(CONNECT, will=None)
        self.assertEqual(peer.raw[9] & 0b0011_1100, 0)

    @states("MQTT311-3.1.2-14", "MQTT5-3.1.2-12")
    def test_qos_of_the_will(self) -> None:
        """
        The QoS of a will is 0, 1 or 2; another is refused before anything is sent.
        """
        for qos in range(3):
            for retain in (False, True):
                with self.case(f"QoS {qos}, {retain}"):
                    peer = self.listen(will=Will("w", b"", qos, retain))
                    peer.expect(CONNECT)
                    self.assertEqual(peer.raw[9] & 0b0011_1100, 0b100 | qos << 3 | retain << 5)
        self.assertRaises(ValueError, Will, "w", b"", 3)
        self.assertRaises(ValueError, Will, "w", b"", -1)

    @states("MQTT311 3.1.2.5", "MQTT5 3.1.3.3")
    def test_topic_of_the_will(self) -> None:
        """
        The topic of a will is one that can be published to.
        """
        for topic in ("w/#", "+", ""):
            self.assertRaises(ValueError, Will, topic)

    @states("MQTT5 3.1.3.2")
    def test_properties_of_the_will(self) -> None:
        """
        A will has its own properties, and a delay among them.
        """
        said = Properties(
            will_delay_interval=5,
            payload_format_indicator=1,
            message_expiry_interval=9,
            content_type="c",
            response_topic="r",
            correlation_data=b"d",
            user_properties=(("n", "v"),),
        )
        peer = self.listen(will=Will("w", b"x", properties=said))
        packet = peer.expect(CONNECT)
        self.assertEqual(packet.will.properties, said)
        for wrong in (Properties(topic_alias=1), Properties(session_expiry_interval=1)):
            self.assertRaises(ValueError, Will, "w", properties=wrong)

    @states("MQTT5-3.1.2-1", "MQTT311 3.1.2.1")
    def test_name_of_the_protocol(self) -> None:
        """
        The protocol is called MQTT, and its version follows; whoever hears that it isn't spoken has to go.
        """
        peer = self.listen()
        peer.expect(CONNECT)
        self.assertEqual(peer.raw[2:9], b"\0\4MQTT" + bytes((self.version,)))
        peer.say("20 02 00 01" if self.version == 4 else "20 03 00 84 00")
        peer.closed()
        self.assertEqual(self.failureResultOf(self.client.whenReady(), Refused).value.reason, 0x84)

    @states("MQTT31 3.1")
    def test_mqtt_3_1(self) -> None:
        """
        On 3.1 the protocol is called MQIsdp, and each client has an identifier of at most 23 characters.
        """
        peer = self.listen(client_id="abc", keep_alive=10)
        peer.expect('10 [ "MQIsdp" 03 02 000a "abc" ]')
        peer = self.listen(client_id="")
        packet = peer.expect(CONNECT)
        self.assertTrue(1 <= len(packet.client_id) <= 23, packet.client_id)

    @states(
        "MQTT311-3.1.2-18",
        "MQTT311-3.1.2-19",
        "MQTT311-3.1.2-20",
        "MQTT311-3.1.2-21",
        "MQTT5-3.1.2-16",
        "MQTT5-3.1.2-17",
        "MQTT5-3.1.2-18",
        "MQTT5-3.1.2-19",
    )
    def test_flags_and_credentials(self) -> None:
        """
        User name and password stand in the payload when their flags say so, and only then, also when they are empty.
        """
        level, properties = ("04", "") if self.version == 4 else ("05", _PROPERTIES)
        table: list[tuple[str | None, str | bytes | None, str, str]] = [
            (None, None, "02", ""),
            ("u", None, "82", '"u"'),
            ("u", "p", "c2", '"u" "p"'),
            ("u", b"\x00\xff", "c2", '"u" 0002 00ff'),
            ("", "", "c2", "0000 0000"),
        ]
        if self.version == 5:
            table.append((None, "p", "42", '"p"'))
        for username, password, flags, payload in table:
            with self.case(f"{username!r}, {password!r}"):
                peer = self.listen(username=username, password=password, keep_alive=0)
                peer.expect(f'10 [ "MQTT" {level} {flags} 0000 {properties} "c" {payload} ]')

    @states("MQTT311-3.1.2-22")
    def test_password_alone(self) -> None:
        """
        A password without a user name is refused before anything is sent.
        """
        self.assertRaises(ValueError, self.listen, password="p")

    @states("MQTT311-3.1.3-7")
    def test_no_name_to_be_kept(self) -> None:
        """
        A client without a name asks for a clean session; one that wants it kept is refused before anything is sent.
        """
        peer = self.listen(client_id="", keep_alive=0)
        peer.expect('10 [ "MQTT" 04 02 0000 "" ]')
        self.assertRaises(ValueError, self.listen, client_id="", clean_start=False)

    @states("MQTT5 3.1.2.11")
    def test_properties(self) -> None:
        """
        What a client wants to say of itself stands in the properties, each at most once, and nothing out of range.
        """
        given = Properties(
            request_problem_information=0, request_response_information=1, user_properties=(("a", "b"), ("a", "c"))
        )
        peer = self.listen(
            client_id="c",
            keep_alive=0,
            session_expiry=7,
            receive_maximum=3,
            maximum_packet_size=1_000,
            topic_alias_maximum=4,
            properties=given,
        )
        words = "11 00000007 17 00 19 01 21 0003 22 0004 26 'a' 'b' 26 'a' 'c' 27 000003e8".replace("'", '"')
        peer.expect(f'10 [ "MQTT" 05 02 0000 [ {words} ] "c" ]')
        for name, wrong in (("receive_maximum", 0), ("receive_maximum", 65_536), ("maximum_packet_size", 0)):
            self.assertRaises(ValueError, self.listen, **{name: wrong})
        for problem in (Properties(request_problem_information=2), Properties(request_response_information=2)):
            self.assertRaises(ValueError, self.listen, properties=problem)

    @states("MQTT5 3.1.2.11")
    def test_misplaced_properties(self) -> None:
        """
        What has no place in CONNECT, or has an option of its own, is refused as a property before anything is sent.
        """
        for wrong in (
            Properties(authentication_method="m"),
            Properties(authentication_data=b"d"),
            Properties(receive_maximum=1),
            Properties(topic_alias=1),
            Properties(reason_string="a"),
            Properties(will_delay_interval=1),
            Properties(server_keep_alive=1),
        ):
            with self.case(repr(wrong)):
                self.assertRaises(ValueError, self.listen, properties=wrong)

    @states("MQTT311 3.1.2.11", "MQTT31 3.1")
    def test_no_properties_before_5(self) -> None:
        """
        Before 5.0 there are no properties, no expiry, no aliases and no proofs; who wants them is refused.
        """
        for name, value in (
            ("properties", Properties(user_properties=(("a", "b"),))),
            ("session_expiry", 5),
            ("topic_aliases", 1),
            ("topic_alias_maximum", 1),
            ("authentication", Authenticator),
        ):
            with self.case(name):
                self.assertRaises(ValueError, self.listen, **{name: value})
        peer = self.accept()
        said = Properties(content_type="a")
        self.assertRaises(ValueError, self.client.publish, "t", properties=said)
        self.assertRaises(ValueError, self.client.subscribe, "t", no_local=True)
        self.assertRaises(ValueError, self.client.disconnect, 0, Properties(reason_string="a"))
        peer.silence()


class KeepAliveTests(ClientCase):
    @states("MQTT311-3.1.2-23", "MQTT5-3.1.2-20")
    def test_ping(self) -> None:
        """
        A client that has nothing to say says PINGREQ within its keep-alive.
        """
        peer = self.accept(keep_alive=20)
        for _ in range(3):
            self.wait(20)
            peer.expect(PINGREQ)
            peer.say(Pingresp())

    @states("MQTT5-3.1.2-21", "MQTT5-3.2.2-21")
    def test_server_keep_alive(self) -> None:
        """
        The keep-alive of the server counts, if it names one.
        """
        peer = self.accept(keep_alive=600, announced=Properties(server_keep_alive=10))
        self.wait(10)
        peer.expect("c0 00")


class ConnackTests(ClientCase):
    @states("MQTT5-3.2.2-4")
    def test_session_of_somebody_else(self) -> None:
        """
        A client without a session closes when the server says that it has one.
        """
        peer = self.listen(clean_start=True)
        peer.expect(CONNECT, clean_start=True)
        peer.say(Connack(session_present=True))
        peer.closed()
        self.failureResultOf(self.client.whenReady(), ConnectionClosed)

    @states("MQTT5 3.2.2.2", "MQTT311 3.2.2.3")
    def test_refused(self) -> None:
        """
        A client that is refused says nothing more.
        """
        peer = self.listen()
        peer.expect(CONNECT)
        peer.say("20 02 00 05" if self.version == 4 else "20 03 00 87 00")
        peer.closed()
        self.failureResultOf(self.client.whenReady(), Refused)
