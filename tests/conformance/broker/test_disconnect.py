"""
DISCONNECT (section 3.14): how a client leaves, and how the broker sends one away.
"""

from __future__ import annotations

from tests.conformance.broker.tables import TableCase
from tests.conformance.peer import Peer, field
from tests.conformance.states import states
from txmqtt.codec.constants import DISCONNECT, PUBLISH
from txmqtt.codec.decode import Decoder
from txmqtt.codec.packets import Publish, Will

#: What a client may say as it leaves.
REASONS = (0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99)


class WillCase(TableCase):
    """
    Somebody listens to wills.
    """

    def setUp(self) -> None:
        super().setUp()
        self._watcher: Peer | None = None

    @property
    def watcher(self) -> Peer:
        """
        Who gets the wills.
        """
        if self._watcher is None:
            self._watcher = self.connect("w")
            self._watcher.subscribe("will")
        return self._watcher

    def mortal(self, **options: int) -> Peer:
        """
        A client with a will.
        """
        self.watcher  # noqa: B018 # it comes first
        return self.connect("m", will=Will(b"will", b"gone"), **options)  # type: ignore[arg-type]

    def leaves(self, said: str, will: bool, *reasons: int) -> None:
        """
        A client says this; is its will published then? The broker closes, and may say why.
        """
        peer = self.mortal()
        peer.say(said)
        peer.closed(*reasons)
        found = [each.payload for each in self.watcher.messages()]
        if found != [b"gone"] * will:
            raise AssertionError(f"wills are {found}; expected {[b'gone'] * will}")


class LeavingTests(WillCase):
    @states("MQTT311-3.14.4-3", "MQTT5-3.14.4-3", "MQTT31 3.14")
    def test_no_will(self) -> None:
        """
        Whoever leaves with DISCONNECT leaves no will; who goes without does. The broker closes if the client does not.
        """
        self.leaves("e0 00", False)
        peer = self.mortal()
        peer.leave()
        self.watcher.silence()
        self.connect("m").drop()  # and it was not kept for later
        self.watcher.silence()
        self.mortal().drop()
        self.watcher.expect(PUBLISH, topic=b"will", payload=b"gone")

    @states("MQTT5 3.14.2.1", "MQTT5 3.14.2.2.1")
    def test_forms(self) -> None:
        """
        DISCONNECT may leave out its reason, which is 0 then, and the length of its properties.
        """
        for said in ("e0 00", "e0 01 00", "e0 02 00 00", 'e0 [ 00 [ 1f "bye" 26 "n" "v" 26 "n" "v" ] ]'):
            with self.case(said):
                self.leaves(said, False)
        for said in ("e0 01 04", "e0 02 04 00"):
            with self.case(said):
                self.leaves(said, True)

    @states("MQTT5-3.14.2-1")
    def test_reasons_of_clients(self) -> None:
        """
        A client may leave with any reason that is a client's; it is not answered.
        """
        for reason in (0x00, 0x04, *REASONS):
            with self.case(f"{reason:#x}"):
                peer = self.connect("a")
                peer.say(f"e0 01 {reason:02x}", "c0 00")
                self.assertEqual(peer.everything(), b"")
                self.assertTrue(peer.wire.over)

    @states("MQTT5 3.14.4")
    def test_will_after_other_reasons(self) -> None:
        """
        Whoever leaves with any reason but 0 leaves its will.
        """
        for reason in (0x04, *REASONS[::3]):
            with self.case(f"{reason:#x}"):
                self.leaves(f"e0 01 {reason:02x}", True)

    @states("MQTT311-3.14.1-1", "MQTT5-3.14.1-1")
    def test_flags(self) -> None:
        """
        Whoever says DISCONNECT with flags is sent away for it, and leaves its will.
        """
        for first in ("e1", "e2", "e8", "ef"):
            with self.case(first):
                self.leaves(f"{first} 00", True, 0x81)

    @states("MQTT5-3.14.2-1")
    def test_reasons_of_others(self) -> None:
        """
        Whoever leaves with a reason that belongs elsewhere is sent away for it, and leaves its will.
        """
        self.only_ours("nothing says that a receiver must look")
        for reason in ("01", "18", "84", "86", "91", "a3", "ff"):
            with self.case(reason):
                self.leaves(f"e0 01 {reason}", True, 0x82)


class ExpiryTests(WillCase):
    @states("MQTT5 3.14.2.2.2")
    def test_not_from_nothing(self) -> None:
        """
        Whoever has asked for no session to be kept can't ask for it as it leaves: that is no DISCONNECT, and the will
        is published.
        """
        peer = self.mortal()
        peer.say("e0 [ 00 [ 11 00000064 ] ]")
        peer.closed(0x82)
        self.watcher.expect(PUBLISH, payload=b"gone")
        peer = self.mortal()
        peer.say("e0 [ 00 [ 11 00000000 ] ]")
        peer.closed()
        self.watcher.silence()

    @states("MQTT5 3.14.2.2.2")
    def test_changed(self) -> None:
        """
        What a client says of its session as it leaves counts; if it says nothing, what it said as it came.
        """
        for said, present in (("e0 [ 00 [ 11 00000000 ] ]", False), ("e0 00", True), ("e0 02 00 00", True)):
            with self.case(said):
                peer = self.connect("k", keep=True)
                peer.say(said)
                peer.closed()
                self.connect("k", keep=True, present=present)
        peer = self.connect("k", keep=True, session_expiry_interval=1)
        peer.say("e0 [ 00 [ 11 00000064 ] ]")
        peer.closed()
        self.wait(2.5)
        self.connect("k", keep=True, present=True)

    @states("MQTT5 3.14.2.2.2")
    def test_shortened(self) -> None:
        """
        A session that a client has shortened as it left ends when it said.
        """
        peer = self.connect("k", keep=True)
        peer.say("e0 [ 00 [ 11 00000001 ] ]")
        peer.closed()
        self.wait(3)
        self.connect("k", keep=True, present=False)

    @states("MQTT5 3.14.2.2.2", "MQTT5 3.14.2.2.3", "MQTT5 3.14.2.2.5")
    def test_twice(self) -> None:
        """
        Whoever says a property of DISCONNECT twice is told so, and leaves its will.
        """
        for name, said in (
            ("session expiry", "11 00000000 11 00000000"),
            ("reason string", '1f "a" 1f "b"'),
            ("server reference", '1c "a" 1c "b"'),
        ):
            with self.case(name):
                peer = self.mortal(session_expiry_interval=100)
                peer.say(f"e0 [ 00 [ {said} ] ]")
                peer.closed(0x82, 0x81)
                if self.target is None:
                    self.watcher.expect(PUBLISH, payload=b"gone")


class SentAwayTests(TableCase):
    @states("MQTT5-3.14.0-1")
    def test_not_before_connack(self) -> None:
        """
        Who is not let in hears no DISCONNECT, whatever it says: a refusing CONNACK, or nothing.
        """
        for said in (
            "30 03 0001 61",
            "e0 00",
            "00 00",
            "f0 00",
            "10 00",
            '10 [ "MQTT" 05 01 0000 00 "a" ]',
            '10 [ "MQTX" 05 02 0000 00 "a" ]',
            '10 [ "MQTT" 06 02 0000 00 "a" ]',
            '10 [ "MQTT" 05 02 0000 00 0001 ff ]',
            '10 [ "MQTT" 05 02 0000 [ 21 0000 ] "a" ]',
            '10 [ "MQTT" 05 02 0000 [ 15 "nobody knows it" ] "a" ]',
            '10 [ "MQTT" 05 06 0000 00 "a" 00 "w/#" "x" ]',
        ):
            with self.case(said):
                peer = self.dial()
                peer.say(said, "c0 00")
                heard = peer.everything()
                self.assertTrue(peer.wire.over)
                self.assertIn(heard[:1], (b"", b"\x20"))
                if heard:  # with a reason, and nothing after it
                    self.assertGreater(heard[3], 0)
                    self.assertEqual(len(heard), heard[1] + 2)

    @states("MQTT5-3.14.2-1", "MQTT5-3.14.4-1", "MQTT5-3.14.4-2")
    def test_last_word(self) -> None:
        """
        After a DISCONNECT with a reason that there is the broker says nothing more, whatever it is asked, and closes.
        """
        other = self.connect("o")
        for name, said, reason in (
            ("malformed", "36 [ 0001 61 0001 00 ]", 0x81),
            ("protocol error", '10 [ "MQTT" 05 02 0000 00 "a" ]', 0x82),
            ("topic", "30 [ 0001 23 00 ]", 0x90),
            ("alias", "30 [ 0001 61 [ 23 ffff ] ]", 0x94),
        ):
            with self.case(name):
                peer = self.connect("a")
                peer.subscribe("t", qos=1)
                peer.say(said, "c0 00", '82 [ 0009 00 "x" 00 ]', '32 [ "t" 0005 00 ]')
                other.publish("t", b"x", 1)
                peer.closed(reason, *((0x81, 0x82) if self.target is not None else ()))

    @states("MQTT5-3.14.2-1")
    def test_reasons_of_the_broker(self) -> None:
        """
        Who is replaced, silent for too long, or there as the broker stops is told so.
        """
        peer = self.connect("a")
        self.connect("a")
        peer.closed(0x8E)
        peer = self.connect("b", keep_alive=1)
        self.wait(2.5)
        peer.closed(0x8D, late=6)
        self.only_ours("the broker is to stop")
        peer = self.connect("c")
        self.world.restart()
        peer.closed(0x8B)

    @states("MQTT5-3.14.2-2")
    def test_no_session_expiry(self) -> None:
        """
        The broker says nothing of the session in its DISCONNECT.
        """
        peer = self.connect("a", keep=True)
        peer.say("36 05 0001 74 0001")
        peer.closed(0x81)
        found = [peer.raw]
        peer = self.connect("a", keep=True, present=True)
        self.connect("a", keep=True, present=True)
        peer.closed(0x8E)
        found = [each for each in (*found, peer.raw) if each[0] == DISCONNECT << 4]
        if len(found) < 2:
            self.only_ours("does not say why it closes")
        for each in found:
            decoder = Decoder(5)
            decoder.feed(each)
            self.assertNotIn("session_expiry_interval", repr(decoder.take()))

    @states("MQTT5-3.14.2-3", "MQTT5-3.14.2-4")
    def test_size(self) -> None:
        """
        A DISCONNECT that the client would not take with its explanation comes without; who takes it gets it.
        """
        said = Publish(b"t", b"x", 1, packet_id=1)
        wrong = '30 [ "#" 00 ]'
        generous = self.connect("g")
        generous.say(said, wrong)
        generous.hear()
        answer = generous.expect(DISCONNECT)
        if self.target is None:
            self.assertTrue(field(answer, "reason_string"))
            self.assertGreater(len(generous.raw), 40)
        for size in {max(each, 40) for each in (40, len(generous.raw) - 1, len(generous.raw))}:
            with self.case(str(size)):
                small = self.connect("s", maximum_packet_size=size)
                small.say(wrong)
                answer = small.expect(DISCONNECT)
                self.assertLessEqual(len(small.raw), size)
                if size < len(generous.raw):
                    self.assertIsNone(field(answer, "reason_string"))
                    self.assertEqual(field(answer, "user_properties"), ())
                small.closed()
