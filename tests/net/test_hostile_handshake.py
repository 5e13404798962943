"""
A server that answers CONNECT with anything but what it should: what the application hears of it; and nothing hangs.
"""

from __future__ import annotations

from twisted.internet.error import ConnectionDone, ConnectionLost

from tests.net.support_hostile import VERSIONS, HostileTestCase, cuts, frame
from tests.net.test_exchange import WELCOME, Scripted, auth
from txmqtt import ConnectionClosed, Properties, Refused
from txmqtt.codec import reasons
from txmqtt.codec.constants import PUBACK, PUBCOMP, PUBREC, PUBREL
from txmqtt.codec.packets import (
    Ack,
    Connack,
    Connect,
    Disconnect,
    Pingreq,
    Pingresp,
    Publish,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
)

#: What a server may say of itself, all of it.
RICH = Properties(
    session_expiry_interval=60,
    receive_maximum=10,
    maximum_qos=1,
    retain_available=False,
    maximum_packet_size=1000,
    assigned_client_identifier="you",
    topic_alias_maximum=3,
    reason_string="well",
    user_properties=(("a", "b"),),
    server_keep_alive=30,
)


class HandshakeTests(HostileTestCase):
    def test_closed_in_the_middle(self) -> None:
        """
        A server that hangs up within its CONNACK, or before or after any byte of it, never answered.
        """
        for version in VERSIONS:
            whole = frame(Connack(properties=RICH if version == 5 else None), version)
            for said in cuts(whole):
                for why in (ConnectionDone(), ConnectionLost()):
                    with self.subTest(version=version, said=said, why=why):
                        client = self.opening(version=version)
                        client.dataReceived(said)
                        self.assertEqual(self.ends, {})
                        self.lose(why)
                        error = self.end("ready")
                        self.assertIs(type(error), ConnectionClosed)
                        self.assertRegex(str(error), "^the connection was lost before the server answered: ")
                        self.assertTrue(error.remote)
                        self.over()

    def test_version_not_known(self) -> None:
        """
        Of a server that only hangs up, one may think that it does not know the version; 3.1.1 all know.
        """
        for version, words in (
            (5, " Perhaps it does not take version 5, try 4, which is MQTT 3.1.1."),
            (3, " Perhaps it does not take version 3, try 4, which is MQTT 3.1.1."),
            (4, " Perhaps it does not take version 4."),
        ):
            self.opening(version=version)
            self.lose(ConnectionDone())
            self.assertEqual(
                str(self.end("ready")),
                f"the connection was lost before the server answered: Connection was closed cleanly.{words}",
            )

    def test_silent_in_the_middle(self) -> None:
        """
        A server that says a part of its answer, and nothing more, is not waited for longer than one that says nothing.
        """
        for version in VERSIONS:
            for said in cuts(frame(Connack(properties=RICH if version == 5 else None), version)):
                client = self.opening(version=version, timeout=7)
                client.dataReceived(said)
                self.clock.advance(6)
                self.assertEqual(self.ends, {})
                self.clock.advance(1)
                self.assertIn("no CONNACK within 7 s", str(self.end("ready")))
                self.assertTrue(self.transport.disconnecting)
                self.over()

    def test_authentication_cut_off(self) -> None:
        """
        The same within each packet of an authentication.
        """
        packets = (auth(0x18, b"why?"), auth(0x18, b"sure?"), WELCOME)
        whole = b"".join(frame(packet, 5) for packet in packets)
        for said in cuts(whole):
            for silent in (False, True):
                with self.subTest(said=said, silent=silent):
                    client = self.opening(authentication=lambda: Scripted(b"a", b"b", b"c"), timeout=7)
                    client.dataReceived(said)
                    if silent:
                        self.clock.advance(7)
                        self.assertRegex(str(self.end("ready")), "no (CONNACK|AUTH).* within 7 s")
                    else:
                        self.lose(ConnectionDone())
                        self.assertIn("lost before the server answered", str(self.end("ready")))
                    self.assertIs(type(self.end("ready")), ConnectionClosed)
                    self.over()

    def test_anything_but_an_answer(self) -> None:
        """
        Whatever comes before CONNACK, and is not CONNACK, ends it.
        """
        for version in VERSIONS:
            for packet in (
                *(Publish(b"t", b"p"), Publish(b"t", b"p", 1, packet_id=1), Pingresp(), Pingreq(), Disconnect()),
                *(Ack(PUBACK, 1), Ack(PUBREC, 1), Ack(PUBREL, 1), Ack(PUBCOMP, 1), Suback(1, [0])),
                *(Unsuback(1, [0] if version == 5 else []), Connect("x", version), Subscribe(1, [Subscription(b"a")])),
            ):
                with self.subTest(version=version, packet=packet):
                    client = self.opening(version=version)
                    client.dataReceived(frame(packet, version) + frame(Connack(), version))
                    error = self.end("ready")
                    self.assertIs(type(error), ConnectionClosed)
                    self.assertRegex(str(error), r"^we closed the connection: unexpected [A-Z]+ while opening \(0x82")
                    self.assertEqual((error.reason, error.remote), (0x82, False))
                    self.assertEqual(self.said(), [Disconnect(0x82)] if version == 5 else [])
                    self.assertTrue(self.transport.disconnecting)
                    self.over()

    def test_wrong_answers(self) -> None:
        """
        A CONNACK that can't be one says what is wrong with it.
        """
        for version, said, words in (
            (4, b"\x20\x00", "CONNACK flags: 1 bytes needed, 0 left in the packet (0x81 malformed packet)"),
            (4, b"\x20\x02\x02\x00", "CONNACK with flags 00000010; expected 0 or 1 (0x81 malformed packet)"),
            (4, b"\x20\x02\x00\x06", "CONNACK with reason code 0x06, which it may not have (0x82 protocol error)"),
            (4, b"\x20\x02\x01\x00", "CONNACK with session present after a clean start (0x82 protocol error)"),
            (5, b"\x20\x03\x01\x00\x00", "CONNACK with session present after a clean start (0x82 protocol error)"),
            (5, b"\x20\x03\x00\x42\x00", "CONNACK with reason code 0x42, which it may not have (0x82 protocol error)"),
            (5, b"\x20\x03\x00\x00\x05", "property length 5, but 0 bytes left in the packet (0x81 malformed packet)"),
            (5, b"\x20\x06\x00\x00\x03\x21\x00\x00", "receive_maximum is 0; expected 1 to 65535 (0x82 protocol error)"),
            (5, b"\x20\x05\x00\x00\x02\x24\x02", "maximum_qos is 2; expected 0 to 1 (0x82 protocol error)"),
            (5, b"\x21\x03\x00\x00\x00", "CONNACK with flags 0001; expected 0000 (0x81 malformed packet)"),
            (5, b"\x20\xff\xff\xff\xff", "remaining length longer than 4 bytes (0x81 malformed packet)"),
            (5, b"\x20\xff\xff\xff\x7f", "packet of 268435460 bytes; 16777216 at most (0x95 packet too large)"),
            (5, b"\x00\x00", "packet type 0 is reserved (0x81 malformed packet)"),
        ):
            with self.subTest(said=said):
                client = self.opening(version=version)
                client.dataReceived(said)
                self.assertEqual(str(self.end("ready")), f"we closed the connection: {words}")
                self.over()

    def test_each_refusal(self) -> None:
        """
        Whatever reason a server refuses with is the reason that the application gets.
        """
        for reason in range(0x80, 0x100):
            if not reasons.legal(frame(Connack(), 5)[0] >> 4, reason, 5):
                continue
            client = self.opening()
            client.dataReceived(frame(Connack(reason), 5) + b"\xff")
            error = self.end("ready")
            self.assertIs(type(error), Refused)
            self.assertEqual(error.reason, reason)
            self.assertIn(reasons.name(reason), str(error))
            self.over()
