"""
PUBACK, PUBREC, PUBREL and PUBCOMP (sections 3.4 to 3.7): the answers of our client, and those of its server.
"""

from __future__ import annotations

from tests.conformance.case import ClientCase
from tests.conformance.client.codes import CODES
from tests.conformance.peer import Peer
from tests.conformance.states import states
from txmqtt import Message, Properties, Refused
from txmqtt.codec.constants import PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, SUBSCRIBE
from txmqtt.codec.packets import Ack, Publish, Suback

#: What PUBACK and PUBREC may say, and PUBREL and PUBCOMP.
PUBLISHED = (0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99)
RELEASED = (0x00, 0x92)

#: So large may a packet be: large enough for what must be said, too small for words.
NO_WORDS = 12


class SaidTests(ClientCase):
    """
    What our client answers, to a server that takes small packets only.
    """

    def manual(self) -> tuple[Peer, list[Message]]:
        """
        The server of a client whose application says itself how each message is answered.
        """
        peer = self.accept(keep_alive=0, announced=Properties(maximum_packet_size=NO_WORDS))
        heard: list[Message] = []
        self.ignore(self.client.subscribe("t", heard.append, 2, acknowledge="manual"))
        packet_id = peer.expect(SUBSCRIBE).packet_id
        peer.say(Suback(packet_id, [2]))
        return peer, heard

    def answered(self, kind: int, qos: int) -> None:
        """
        Answers of this kind have all reasons that there are, and nothing else.
        """
        for code in CODES:
            with self.case(f"{code:#04x}"):
                peer, heard = self.manual()
                peer.say(Publish(b"t", b"", qos, packet_id=5))
                peer.silence()
                try:
                    heard[0].acknowledge(code)
                except ValueError:
                    peer.silence()  # it stays undecided
                    self.assertNotIn(code, (0x00, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99))
                    continue
                packet = peer.expect(kind, packet_id=5, reason=code, reason_string=None, user_properties=())
                self.assertIn(packet.reason, PUBLISHED)
                self.assertLessEqual(len(peer.raw), NO_WORDS)

    @states("MQTT5-3.4.2-1", "MQTT5-3.4.2-2", "MQTT5-3.4.2-3")
    def test_puback(self) -> None:
        """
        PUBACK says one of its reasons, and no words that would make it too large.
        """
        self.answered(PUBACK, 1)

    @states("MQTT5-3.5.2-1", "MQTT5-3.5.2-2", "MQTT5-3.5.2-3")
    def test_pubrec(self) -> None:
        """
        PUBREC says one of its reasons, and no words that would make it too large.
        """
        self.answered(PUBREC, 2)

    @states("MQTT5-3.6.2-1", "MQTT5-3.6.2-2", "MQTT5-3.6.2-3")
    def test_pubrel(self) -> None:
        """
        PUBREL says that all is well, or that its identifier is unknown, and no words that would make it too large.
        """
        peer = self.accept(announced=Properties(maximum_packet_size=NO_WORDS))
        self.ignore(self.client.publish("t", b"", 2))
        peer.expect(PUBLISH)
        peer.say(Ack(PUBREC, 1, 0x10))
        peer.expect("62 02 0001")
        peer.say(Ack(PUBREC, 2))
        peer.expect(PUBREL, packet_id=2, reason=0x92, reason_string=None, user_properties=())
        self.assertLessEqual(len(peer.raw), NO_WORDS)

    @states("MQTT5-3.7.2-1", "MQTT5-3.7.2-2", "MQTT5-3.7.2-3")
    def test_pubcomp(self) -> None:
        """
        PUBCOMP says that all is well, or that its identifier is unknown, and no words that would make it too large.
        """
        peer = self.accept(announced=Properties(maximum_packet_size=NO_WORDS))
        peer.say(Publish(b"t", b"", 2, packet_id=1))
        peer.expect(PUBREC)
        peer.say(Ack(PUBREL, 1))
        peer.expect("70 02 0001")
        peer.say(Ack(PUBREL, 2))
        peer.expect(PUBCOMP, packet_id=2, reason=0x92, reason_string=None, user_properties=())
        self.assertLessEqual(len(peer.raw), NO_WORDS)

    @states("MQTT311 3.4", "MQTT311 3.5", "MQTT311 3.6", "MQTT311 3.7")
    def test_no_reasons_before_5(self) -> None:
        """
        Before 5.0 answers say nothing but their identifier, also those to what is not known.
        """
        peer = self.accept()
        peer.say(Publish(b"t", b"", 1, packet_id=1), Publish(b"t", b"", 2, packet_id=2), Ack(PUBREL, 3), Ack(PUBREC, 4))
        for words in ("40 02 0001", "50 02 0002", "70 02 0003", "62 02 0004"):
            peer.expect(words)


class HeardTests(ClientCase):
    def under_way(self) -> Peer:
        """
        A message of QoS 1 is under way to the server as 1, one of QoS 2 as 2; one of QoS 2 from it as 7.
        """
        peer = self.accept()
        self.answers = [self.client.publish("t", b"", 1), self.client.publish("t", b"", 2)]
        self.ignore(*self.answers)
        peer.say(Publish(b"t", b"", 2, packet_id=7))
        peer.everything()
        return peer

    @states("MQTT5-3.4.2-1", "MQTT5-3.5.2-1", "MQTT5-3.6.2-1", "MQTT5-3.7.2-1")
    def test_reasons(self) -> None:
        """
        A server whose answers have other reasons than there are is left.
        """
        for first, packet_id, legal in ((0x40, 1, PUBLISHED), (0x50, 2, PUBLISHED), (0x62, 7, RELEASED)):
            for code in CODES:
                with self.case(f"{first:#04x} with {code:#04x}"):
                    peer = self.under_way()
                    peer.say(bytes((first, 3, 0, packet_id, code)))
                    if code in legal:
                        peer.everything()
                        peer.silence()
                    else:
                        peer.closed(0x81, 0x82)
        for code in CODES:
            with self.case(f"PUBCOMP with {code:#04x}"):
                peer = self.under_way()
                peer.say(Ack(PUBREC, 2))
                peer.expect("62 02 0002")
                peer.say(bytes((0x70, 3, 0, 2, code)))
                if code in RELEASED:
                    peer.silence()
                else:
                    peer.closed(0x81, 0x82)

    @states("MQTT5 3.4.2.1", "MQTT5 3.5.2.1", "MQTT5 3.6.2.1", "MQTT5 3.7.2.1")
    def test_lengths(self) -> None:
        """
        Reason and properties may be left out; then all is well.
        """
        for tail in ("", "00", "00 00", '00 [ 1f "x" 26 "a" "b" ]'):
            with self.case(tail):
                peer = self.under_way()
                peer.say(f"40 [ 0001 {tail} ]")
                self.successResultOf(self.answers[0])
                peer.say(f"50 [ 0002 {tail} ]")
                peer.expect("62 02 0002")
                peer.say(f"70 [ 0002 {tail} ]")
                self.successResultOf(self.answers[1])
                peer.say(f"62 [ 0007 {tail} ]")
                peer.expect("70 02 0007")

    @states(
        "MQTT311 3.4", "MQTT311 3.5", "MQTT311 3.6", "MQTT311 3.7", "MQTT5 3.4", "MQTT5 3.5", "MQTT5 3.6", "MQTT5 3.7"
    )
    def test_wrong_lengths(self) -> None:
        """
        An answer that ends too soon, or goes on, is malformed.
        """
        tails = ["", "00"] + (["0001 00"] if self.version == 4 else ["0001 00 00 00", "0001 00 01"])
        for first in ("40", "50", "62", "70"):
            for tail in tails:
                with self.case(f"{first} {tail}"):
                    peer = self.under_way()
                    peer.say(f"{first} [ {tail} ]")
                    peer.closed(0x81)

    @states("MQTT5 3.4.2.1", "MQTT5 3.5.2.1")
    def test_refused(self) -> None:
        """
        A message that the server refuses is refused to the application, with the reason and the words; at QoS 2 nothing
        follows.
        """
        for code in PUBLISHED[2:]:
            with self.case(f"{code:#04x}"):
                peer = self.accept()
                answers = [self.client.publish("t", b"", 1), self.client.publish("t", b"", 2)]
                peer.everything()
                peer.say(f'40 [ 0001 {code:02x} [ 1f "no" ] ]', f"50 [ 0002 {code:02x} ]")
                error = self.failureResultOf(answers[0], Refused).value
                self.assertEqual((error.reason, error.properties.reason_string), (code, "no"))
                self.assertEqual(self.failureResultOf(answers[1], Refused).value.reason, code)
                peer.silence()

    @states("MQTT5 3.4.2.1", "MQTT5 3.5.2.1")
    def test_nobody_there(self) -> None:
        """
        That nobody has subscribed to it is no refusal, and is told.
        """
        peer = self.under_way()
        peer.say("40 [ 0001 10 ]", "50 [ 0002 10 ]")
        peer.expect("62 02 0002")
        peer.say("70 02 0002")
        # what the Deferreds gave has been taken by ignore, so it is asked of new ones
        answer = self.client.publish("t", b"", 1)
        packet_id = peer.expect(PUBLISH).packet_id
        peer.say(Ack(PUBACK, packet_id, 0x10))
        self.assertEqual(self.successResultOf(answer).reason, 0x10)

    @states("MQTT311 3.4", "MQTT311 3.5", "MQTT5 3.4", "MQTT5 3.5")
    def test_of_another_qos(self) -> None:
        """
        A server that answers QoS 1 with PUBREC, or says PUBCOMP before PUBREC, is left.
        """
        for words in ("50 02 0001", "70 02 0002", "70 02 0001"):
            with self.case(words):
                peer = self.under_way()
                peer.say(words)
                peer.closed(0x82)
