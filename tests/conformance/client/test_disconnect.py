"""
PINGREQ and DISCONNECT (sections 3.12 to 3.14): how our client shows that it is there, and how it goes.
"""

from __future__ import annotations

from tests.conformance.case import ClientCase
from tests.conformance.client.codes import CODES
from tests.conformance.states import states
from txmqtt import ConnectionClosed, Message, Properties
from txmqtt.codec.constants import DISCONNECT, PINGREQ
from txmqtt.codec.packets import Pingresp, Publish

#: What a client may say in DISCONNECT.
TO_SERVER = (0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99)

#: What a server may say there.
TO_CLIENT = (0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F, 0x90, *range(0x93, 0xA3))


class PingTests(ClientCase):
    @states("MQTT311 3.12", "MQTT5 3.12", "MQTT311 3.13", "MQTT5 3.13")
    def test_bytes(self) -> None:
        """
        PINGREQ is two bytes, and so is the answer.
        """
        peer = self.accept()
        answer = self.client.ping()
        peer.expect("c0 00")
        self.assertNoResult(answer)
        peer.say("d0 00")
        self.successResultOf(answer)
        peer.say("d0 01 00")
        peer.closed(0x81)

    @states("MQTT311 3.1.2.10", "MQTT5 3.1.2.10")
    def test_no_answer(self) -> None:
        """
        A server that does not answer a PINGREQ is left.
        """
        peer = self.accept(keep_alive=10, ping_timeout=3)
        self.wait(10)
        peer.expect(PINGREQ)
        self.wait(2.9)
        peer.silence()
        self.wait(0.2)
        if self.version == 5:
            peer.expect(DISCONNECT)
        peer.closed()

    @states("MQTT311 3.1.2.10", "MQTT5 3.1.2.10")
    def test_off(self) -> None:
        """
        With a keep-alive of 0 a client may be silent for ever.
        """
        peer = self.accept(keep_alive=0)
        self.wait(100_000)
        peer.silence()

    @states("MQTT311-3.1.2-23", "MQTT5-3.1.2-20")
    def test_what_it_hears_does_not_count(self) -> None:
        """
        What the server says does not take the place of what the client has to say.
        """
        peer = self.accept(keep_alive=10, ping_timeout=10)
        for _ in range(3):
            for _ in range(5):
                self.wait(2)
                peer.say(Publish(b"t", b""))
            peer.expect(PINGREQ)
            peer.say(Pingresp())


class SaidTests(ClientCase):
    @states("MQTT311-3.14.4-1", "MQTT311-3.14.4-2", "MQTT5-3.14.4-1", "MQTT5-3.14.4-2")
    def test_last_word(self) -> None:
        """
        After DISCONNECT a client says nothing more, whatever it hears or is asked, and closes.
        """
        heard: list[Message] = []

        def leave(message: Message) -> None:
            heard.append(message)
            self.ignore(self.client.disconnect())
            self.ignore(self.client.publish("t"), self.client.ping(), self.client.subscribe("a"))

        peer = self.accept(on_message=leave, keep_alive=1)
        peer.say(Publish(b"t", b"", 1, packet_id=1), Publish(b"t", b"", 2, packet_id=2), Publish(b"t", b""))
        peer.expect("40 02 0001")
        peer.expect("e0 00")
        self.assertEqual(peer.everything(), b"")
        self.wait(5)
        peer.closed()
        self.assertEqual(len(heard), 1)

    @states("MQTT311-3.14.4-1", "MQTT5-3.14.4-2")
    def test_server_that_stays(self) -> None:
        """
        It closes even if the server does not.
        """
        peer = self.accept()
        answer = self.client.disconnect()
        peer.expect("e0 00")
        peer.closed()
        self.successResultOf(answer)

    @states("MQTT5-3.14.2-1", "MQTT5 3.14.2.1")
    def test_reasons(self) -> None:
        """
        DISCONNECT says a reason that a client may have; another is refused, and the connection stays.
        """
        for code in CODES:
            with self.case(f"{code:#04x}"):
                peer = self.accept()
                if code in TO_SERVER:
                    self.ignore(self.client.disconnect(code))
                    peer.expect("e0 00" if code == 0 else f"e0 01 {code:02x}")
                    peer.closed()
                else:
                    self.assertRaises(ValueError, self.client.disconnect, code)
                    peer.silence()

    @states("MQTT311 3.14")
    def test_no_reason_before_5(self) -> None:
        """
        Before 5.0 DISCONNECT has no reason; one is refused.
        """
        peer = self.accept()
        self.assertRaises(ValueError, self.client.disconnect, 0x04)
        peer.silence()
        self.ignore(self.client.disconnect())
        peer.expect("e0 00")

    @states("MQTT5-3.14.2-3", "MQTT5-3.14.2-4")
    def test_words(self) -> None:
        """
        Reason string and user properties are said where they fit, and left out where they would make it too large.
        """
        words = (Properties(reason_string="gone" * 10), Properties(user_properties=(("a", "b" * 40),)))
        for said in words:
            for limit in (100, 30):
                with self.case(f"{said!r}, {limit}"):
                    peer = self.accept(announced=Properties(maximum_packet_size=limit))
                    self.ignore(self.client.disconnect(0x04, said))
                    packet = peer.expect(DISCONNECT, reason=0x04)
                    self.assertLessEqual(len(peer.raw), limit)
                    self.assertEqual(packet.properties, said if limit == 100 else None)
                    peer.closed()

    @states("MQTT5 3.14.2.2.2")
    def test_session_expiry(self) -> None:
        """
        A session that was to end with the connection can't be kept at the last moment; any other can be given more time
        or less.
        """
        peer = self.accept()
        self.assertRaises(ValueError, self.client.disconnect, 0, Properties(session_expiry_interval=9))
        peer.silence()
        for expiry in (0, 9):
            peer = self.accept(session_expiry=5)
            self.ignore(self.client.disconnect(0, Properties(session_expiry_interval=expiry)))
            peer.expect(f"e0 [ 00 [ 11 0000000{expiry} ] ]")


class HeardTests(ClientCase):
    @states("MQTT5-3.14.2-1", "MQTT5 3.14.4")
    def test_reasons(self) -> None:
        """
        A server may say why it closes; the application hears it, and the client closes without a word.
        """
        for code in TO_CLIENT:
            with self.case(f"{code:#04x}"):
                peer = self.accept()
                pending = self.client.publish("t", b"", 1)
                peer.everything()
                peer.say(f'e0 [ {code:02x} [ 1f "why" 1c "other" 26 "a" "b" ] ]')
                self.assertEqual(peer.everything(), b"")
                peer.closed()
                error = self.failureResultOf(pending, ConnectionClosed).value
                self.assertEqual(error.reason, code)
                said = Properties(reason_string="why", server_reference="other", user_properties=(("a", "b"),))
                self.assertEqual(error.properties, said)

    @states("MQTT5-3.14.2-1")
    def test_unknown_reasons(self) -> None:
        """
        A server whose DISCONNECT has another reason than there are is told that this is wrong.
        """
        for code in (0x01, 0x18, 0x84, 0x85, 0x86, 0x88, 0x8A, 0x8C, 0x91, 0x92, 0xA3, 0xFF):
            with self.case(f"{code:#04x}"):
                peer = self.accept()
                peer.say(f"e0 01 {code:02x}")
                peer.closed(0x81, 0x82)

    @states("MQTT5 3.14.2.1", "MQTT5 3.14.2.2.1")
    def test_lengths(self) -> None:
        """
        Reason and properties may be left out; one that goes on is malformed.
        """
        for words in ("e0 00", "e0 01 8b", "e0 02 8b 00"):
            with self.case(words):
                peer = self.accept()
                peer.say(words)
                self.assertEqual(peer.everything(), b"")
                peer.closed()
        peer = self.accept()
        peer.say("e0 03 8b 00 00")
        peer.closed(0x81)

    @states("MQTT5 3.14.2.2.3", "MQTT5 3.14.2.2.5")
    def test_twice(self) -> None:
        """
        A reason string or a server reference may stand once.
        """
        for name, spelling in (("reason string", '1f "a"'), ("server reference", '1c "a"')):
            with self.case(name):
                peer = self.accept()
                peer.say(f"e0 [ 00 [ {spelling} {spelling} ] ]")
                peer.closed(0x82)
