"""
PUBACK, PUBREC, PUBREL and PUBCOMP (sections 3.4 to 3.7): what they say, and in how many forms.
"""

from __future__ import annotations

from tests.conformance.broker.tables import TableCase
from tests.conformance.broker.test_publish_onward import Reader
from tests.conformance.peer import Peer, field
from tests.conformance.states import states
from txmqtt.codec.constants import PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL
from txmqtt.codec.packets import Ack, Publish
from txmqtt.net.auth import Realm

#: What PUBACK and PUBREC may say, and what PUBREL and PUBCOMP may.
PUBLISHED = (0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99)
RELEASED = (0x00, 0x92)


class AckCase(TableCase):
    def sent(self, qos: int, count: int = 1, **options: int) -> tuple[Peer, list[int]]:
        """
        A client, and the packet identifiers of messages that it has not acknowledged.
        """
        watcher = self.connect("w", **options)  # type: ignore[arg-type]
        watcher.subscribe("t", qos=qos)
        peer = self.connect("p")
        for _ in range(count):
            peer.publish("t", b"x", qos)
        return watcher, [watcher.expect(PUBLISH).packet_id for _ in range(count)]

    def takes_no_more_than(self, size: int) -> Peer:
        """
        A client that takes no larger packets, and has been let in all the same.
        """
        peer = self.connect("s", maximum_packet_size=size)
        self.assertLessEqual(len(peer.raw), size)
        return peer


class ReasonTests(AckCase):
    @states("MQTT5-3.4.2-1", "MQTT5-3.5.2-1")
    def test_of_the_broker(self) -> None:
        """
        The broker acknowledges with reasons that there are: 0, or 0x10 where nobody listens.
        """
        watcher, peer = self.connect("w"), self.connect("p")
        watcher.subscribe("t")
        for qos in (1, 2):
            self.assertEqual(peer.publish("t", b"x", qos), 0)
            self.assertIn(peer.publish("nobody", b"x", qos), (0, 0x10))

    @states("MQTT5-3.4.2-1", "MQTT5-3.5.2-1", "MQTT5 3.4.2.1", "MQTT5 3.5.2.1")
    def test_refusals_of_the_broker(self) -> None:
        """
        The broker refuses with 0x87 what a client may not publish, and that is the end of the exchange.
        """
        self.begin(realm=Realm(Reader))
        watcher, peer = self.connect("w"), self.connect("p")
        watcher.subscribe("#")
        peer.say(Publish(b"closed", b"x", 1, packet_id=1))
        peer.expect(PUBACK, packet_id=1, reason=0x87)
        peer.say(Publish(b"closed", b"x", 2, packet_id=2))
        peer.expect(PUBREC, packet_id=2, reason=0x87)
        watcher.silence()
        peer.say(Publish(b"open", b"new", 2, packet_id=2))  # the number is free again
        peer.expect(PUBREC, packet_id=2, reason=0)
        watcher.expect(PUBLISH, payload=b"new")

    @states("MQTT5-3.6.2-1", "MQTT5-3.7.2-1")
    def test_unknown_identifier(self) -> None:
        """
        PUBREL and PUBCOMP of the broker say 0, or 0x92 where it does not know the packet identifier.
        """
        watcher, (packet_id,) = self.sent(2)
        watcher.say(Ack(PUBREC, packet_id))
        watcher.expect(PUBREL, packet_id=packet_id, reason=0)
        watcher.say(Ack(PUBREL, 0x3333))
        self.assertIn(watcher.expect(PUBCOMP, packet_id=0x3333).reason, (0, 0x92))
        if self.target is None:
            self.assertEqual(watcher.raw, bytes.fromhex("70 03 33 33 92"))
            watcher.say(Ack(PUBREC, 0x2222))
            watcher.expect("62 03 2222 92")
        watcher.say(Publish(b"-", b"x", 2, packet_id=5))
        watcher.expect(PUBREC, packet_id=5)
        watcher.say(Ack(PUBREL, 5))
        watcher.expect(PUBCOMP, packet_id=5, reason=0)

    @states("MQTT5-3.4.2-1", "MQTT5-3.5.2-1")
    def test_all_that_there_are(self) -> None:
        """
        The broker takes every reason that a client may give; a PUBREC from 0x80 on ends the exchange.
        """
        watcher, found = self.sent(1, len(PUBLISHED))
        for packet_id, reason in zip(found, PUBLISHED, strict=True):
            watcher.say(Ack(PUBACK, packet_id, reason))
        watcher.alive()
        watcher, found = self.sent(2, len(PUBLISHED))
        for packet_id, reason in zip(found, PUBLISHED, strict=True):
            with self.case(f"{reason:#x}"):
                watcher.say(Ack(PUBREC, packet_id, reason))
                if reason < 0x80:
                    watcher.expect(PUBREL, packet_id=packet_id, reason=0)
                    watcher.say(Ack(PUBCOMP, packet_id))
                watcher.alive()

    @states("MQTT5-3.6.2-1", "MQTT5-3.7.2-1")
    def test_all_that_there_are_of_the_rest(self) -> None:
        """
        The broker takes both reasons that a client's PUBREL and PUBCOMP may give.
        """
        watcher, found = self.sent(2, 2)
        for packet_id, reason in zip(found, RELEASED, strict=True):
            watcher.say(Ack(PUBREC, packet_id))
            watcher.expect(PUBREL, packet_id=packet_id)
            watcher.say(Ack(PUBCOMP, packet_id, reason))
            watcher.alive()
        for packet_id, reason in zip((1, 2), RELEASED, strict=True):
            watcher.say(Ack(PUBREL, packet_id, reason))
            watcher.expect(PUBCOMP, packet_id=packet_id)

    @states("MQTT5-3.4.2-1", "MQTT5-3.5.2-1", "MQTT5-3.6.2-1", "MQTT5-3.7.2-1")
    def test_of_others(self) -> None:
        """
        Whoever acknowledges with a reason that belongs elsewhere is disconnected.
        """
        self.only_ours("nothing says that a receiver must look")
        table = [
            (f"{first} {reason}", f"{first} 03 0001 {reason}")
            for first, reasons in (
                ("40", ("01", "92", "ff")),
                ("50", ("04", "92", "9a")),
                ("62", ("10", "80", "91")),
                ("70", ("01", "97", "93")),
            )
            for reason in reasons
        ]
        self.refuses(table, 0x81, 0x82)


class FormTests(AckCase):
    @states("MQTT5 3.4.2.1", "MQTT5 3.4.2.2.1")
    def test_puback(self) -> None:
        """
        A PUBACK may leave out its reason, and the length of its properties; the message counts as delivered.
        """
        watcher, (packet_id,) = self.sent(1, receive_maximum=1)
        for form in ("02 I", "03 I 00", "03 I 10", "04 I 00 00", '0a I 00 06 1f "bye"'):
            with self.case(form):
                self.connect("p").publish("t", b"x", 1)
                watcher.say("40" + form.replace("I", f"{packet_id:04x}"))
                packet_id = watcher.expect(PUBLISH).packet_id

    @states("MQTT5 3.5.2.1", "MQTT5 3.5.2.2.1", "MQTT5 3.7.2.1", "MQTT5 3.7.2.2.1")
    def test_pubrec_and_pubcomp(self) -> None:
        """
        PUBREC and PUBCOMP may leave out their reason, and the length of their properties; the next step follows.
        """
        watcher, (packet_id,) = self.sent(2, receive_maximum=1)
        for form in ("02 I", "03 I 00", "04 I 00 00", '0a I 00 06 1f "bye"'):
            with self.case(form):
                said = form.replace("I", f"{packet_id:04x}")
                self.connect("p").publish("t", b"x", 2)
                watcher.say("50" + said)
                watcher.expect(PUBREL, packet_id=packet_id, reason=0)
                watcher.say("70" + said)
                packet_id = watcher.expect(PUBLISH).packet_id

    @states("MQTT5 3.6.2.1", "MQTT5 3.6.2.2.1")
    def test_pubrel(self) -> None:
        """
        A PUBREL may leave out its reason, and the length of its properties; it is answered.
        """
        peer = self.connect("p")
        for form in ("02 0007", "03 0007 00", "04 0007 00 00", '0a 0007 00 06 1f "bye"'):
            with self.case(form):
                peer.say(Publish(b"t", b"x", 2, packet_id=7))
                peer.expect(PUBREC, packet_id=7)
                peer.say("62" + form)
                peer.expect(PUBCOMP, packet_id=7, reason=0)

    @states("MQTT5 3.4.2.2.2", "MQTT5 3.5.2.2.2", "MQTT5 3.6.2.2.2", "MQTT5 3.7.2.2.2")
    def test_reason_twice(self) -> None:
        """
        Whoever explains an acknowledgement twice is disconnected; user properties may stand often.
        """
        for first in ("40", "50", "62", "70"):
            self.refuses(((first, f'{first} [ 0001 00 [ 1f "a" 1f "b" ] ]'),), 0x82, 0x81)
        watcher, (packet_id,) = self.sent(1)
        watcher.say(f'40 [ {packet_id:04x} 00 [ 26 "n" "v" 26 "n" "v" ] ]')
        watcher.alive()

    @states("MQTT311-3.6.1-1", "MQTT5-3.6.1-1")
    def test_flags_of_pubrel(self) -> None:
        """
        Whoever says PUBREL with other flags than 0010 is disconnected; the broker's have them.
        """
        self.refuses(((first, f"{first} 02 0001") for first in ("60", "61", "63", "66", "6a", "6f")), 0x81)
        watcher, (packet_id,) = self.sent(2)
        watcher.say(Ack(PUBREC, packet_id))
        watcher.expect(f"62 02 {packet_id:04x}")


class SizeTests(AckCase):
    @states("MQTT5-3.4.2-2", "MQTT5-3.4.2-3", "MQTT5-3.5.2-2", "MQTT5-3.5.2-3")
    def test_refusals(self) -> None:
        """
        A refusal that the client would not take with its explanation comes without; who takes it gets it.
        """
        self.begin(realm=Realm(Reader))
        generous = self.connect("g")
        small = self.takes_no_more_than(40)
        for qos, kind in ((1, PUBACK), (2, PUBREC)):
            said = Publish(b"closed", b"x", qos, packet_id=9)
            generous.say(said)
            answer = generous.expect(kind, packet_id=9, reason=0x87)
            self.assertTrue(field(answer, "reason_string"))
            self.assertGreater(len(generous.raw), 40)
            small.say(said)
            small.expect(kind, packet_id=9, reason=0x87, reason_string=None, user_properties=())
            self.assertLessEqual(len(small.raw), 40)
            exact = self.connect("e", maximum_packet_size=len(generous.raw))
            exact.say(said)
            exact.expect(kind, packet_id=9, reason=0x87, reason_string=field(answer, "reason_string"))

    @states(
        *(f"MQTT5-3.{section}.2-{rule}" for section in (4, 5, 6, 7) for rule in (2, 3)),
    )
    def test_small(self) -> None:
        """
        No acknowledgement is larger than the client takes, whether it is of something or of nothing.
        """
        peer = self.takes_no_more_than(40)
        peer.subscribe("t", qos=2)
        peer.say(Publish(b"nobody", b"x", 1, packet_id=1), Publish(b"nobody", b"x", 2, packet_id=2))
        peer.say(Ack(PUBREL, 2), Ack(PUBREL, 2), Ack(PUBREL, 3))
        for kind in (PUBACK, PUBREC, PUBCOMP, PUBCOMP, PUBCOMP):
            peer.expect(kind)
            self.assertLessEqual(len(peer.raw), 40)
        self.connect("p").publish("t", b"x", 2)
        peer.say(Ack(PUBREC, peer.expect(PUBLISH).packet_id))
        peer.expect(PUBREL)
        self.assertLessEqual(len(peer.raw), 40)
