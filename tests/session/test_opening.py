"""
Tests of txmqtt.session.server: from the first byte to CONNACK, or to the refusal.
"""

from twisted.trial.unittest import SynchronousTestCase

from tests.session.support import VERSIONS, Talk, publish, wordless
from txmqtt.codec import encode
from txmqtt.codec.constants import PUBACK, PUBREL
from txmqtt.codec.packets import Ack, Connack, Connect, Disconnect, Packet, Pingreq, Pingresp
from txmqtt.codec.properties import Properties
from txmqtt.session.incoming import Incoming
from txmqtt.session.outgoing import Outgoing

CONNECTING = ["connecting"]


def let_in(talk: Talk, properties: Properties | None = None, keep_alive: int = 0) -> None:
    """
    The broker accepts the client.
    """
    talk.session.accept(
        False, Outgoing(10, 10, 10_000), Incoming(), properties, keep_alive, 1_000_000, 65_535, 0, 0, 0.0
    )
    talk.session.begin()
    talk.turn.flush()


class Eager:
    """
    A wire whose broker accepts at once, while the CONNECT is being read.
    """

    def __init__(self, talk: Talk) -> None:
        self.talk = talk

    def connecting(self, packet: Connect) -> None:
        let_in(self.talk)

    def admitted(self) -> None:
        self.talk.wire.admitted()

    def answering(self, data: bytes | None) -> None:
        raise AssertionError("nobody was challenged")

    def renewing(self, data: bytes | None) -> None:
        raise AssertionError("nobody was challenged")

    def hold(self) -> None:
        self.talk.wire.hold()

    def release(self) -> None:
        self.talk.wire.release()

    def rearm(self, deadline: float) -> None:
        self.talk.wire.rearm(deadline)

    def close(self, reason: int, message: str, abort: bool) -> None:
        self.talk.wire.close(reason, message, abort)


class AcceptTests(SynchronousTestCase):
    def test_nothing_precedes_connack(self) -> None:
        """
        A client may talk on after its CONNECT: nothing is acted on before CONNACK, all afterwards and in order
        [MQTT5-3.2.0-1] [MQTT311-3.2.0-1].
        """
        for version in VERSIONS:
            with self.subTest(version=version):
                talk = Talk(version)
                talk.say(Connect("c", version), publish(b"1", 1, 1), Pingreq())
                talk.say(publish(b"2", 1, 2))
                self.assertEqual((talk.heard(), talk.hall.heard, talk.wire.heard), ([], [], CONNECTING))
                let_in(talk)
                answers = [Connack(), Ack(PUBACK, 1), Pingresp(), Ack(PUBACK, 2)]
                self.assertEqual((talk.heard(), talk.hall.payloads()), (answers, [b"1", b"2"]))

    def test_at_once(self) -> None:
        """
        It is the same when the broker answers while we still read.
        """
        talk = Talk()
        talk.session.link = Eager(talk)
        talk.say(Connect("c", 5), publish(b"1", 1, 1), Pingreq())
        self.assertEqual(talk.heard(), [Connack(), Ack(PUBACK, 1), Pingresp()])
        self.assertEqual(talk.wire.heard, ["admitted"])

    def test_what_was_owed(self) -> None:
        """
        CONNACK comes first, then what an earlier life of the session left, all in one write.
        """
        old = Talk().open()
        old.post(b"1", 2)
        old.post(b"2", 2)
        old.say(Ack(5, 1))
        new = Talk().open(outgoing=old.session.outgoing)
        self.assertEqual(new.first, [Ack(PUBREL, 1), publish(b"2", 2, 2, dup=True)])
        self.assertEqual(len(new.written), 1)

    def test_who(self) -> None:
        """
        Whoever is asked about the client gets its CONNECT as it came.
        """
        talk = Talk()
        packet = Connect("c", 5, keep_alive=30, username="u", password=b"p")
        talk.say(packet)
        self.assertEqual((talk.wire.connects, talk.session.client_id), ([packet], "c"))

    def test_connack_too_large(self) -> None:
        """
        A client that takes no packet as large as its CONNACK is let go, and never counted as admitted.
        """
        talk = Talk()
        talk.say(Connect("c", 5, properties=Properties(maximum_packet_size=10)))
        let_in(talk, Properties(assigned_client_identifier="x" * 20))
        self.assertEqual((talk.reason, talk.heard(), talk.wire.heard), (0x95, [Disconnect(0x95)], CONNECTING))


class AmendTests(SynchronousTestCase):
    def test_amended(self) -> None:
        """
        What somebody has changed of a CONNECT before it was accepted counts: who it is, and how long to wait for it.
        """
        for properties, expiry in (
            (Properties(session_expiry_interval=5), 5),
            (Properties(receive_maximum=5), 0),
            (None, 0),
        ):
            talk = Talk()
            talk.say(Connect("c", 5, keep_alive=10, properties=Properties(session_expiry_interval=100)))
            talk.session.amend(Connect("d", 5, keep_alive=20, properties=properties))
            found = (talk.session.client_id, talk.session.keep_alive, talk.session.session_expiry)
            self.assertEqual(found, ("d", 20, expiry))


class BoundTests(SynchronousTestCase):
    def test_connect_too_large(self) -> None:
        """
        Before it is known who talks, no packet is larger than the opening limit.
        """
        talk = Talk()
        talk.feed(b"\x10\xff\xff\x7f")
        self.assertEqual((talk.reason, talk.heard(), talk.session.decoder.held), (0x95, [], 0))

    def test_reading_is_held(self) -> None:
        """
        What a client says before it is accepted is kept up to a bound, then it is not read any more; it is read on, and
        all of it acted on, when it is.
        """
        talk = Talk()
        talk.say(Connect("c", 5))
        said = 0
        while "hold" not in talk.wire.heard and said < 100:
            talk.say(publish(b"x" * 1_000))
            said += 1
        self.assertEqual(said, 65_536 // 1_007 + 1)
        talk.say(publish(b"last"))
        let_in(talk)
        self.assertEqual(talk.wire.heard, ["connecting", "hold", "admitted", "release"])
        self.assertEqual((len(talk.hall.payloads()), talk.hall.payloads()[-1]), (said + 1, b"last"))

    def test_discarded_on_refusal(self) -> None:
        """
        What a client said that is not let in is not acted on [MQTT311-3.1.4-5].
        """
        talk = Talk()
        talk.say(Connect("c", 5), publish(b"1"))
        talk.session.end(0x87, "no")
        talk.session.begin()
        talk.say(publish(b"2"))
        self.assertEqual((talk.hall.heard, wordless(talk.heard())), ([], [Connack(0x87)]))

    def test_silent(self) -> None:
        """
        Whoever says nothing after connecting is closed without a word after ten seconds.
        """
        talk = Talk()
        talk.pass_time(9.9)
        self.assertEqual(talk.reason, -1)
        talk.pass_time(0.1)
        self.assertEqual((talk.reason, talk.written), (0x89, []))

    def test_slow(self) -> None:
        """
        A CONNECT that comes drop by drop wins no time.
        """
        talk = Talk()
        data = encode.packet(Connect("c" * 30, 5), 5)
        for start in range(20):
            talk.feed(data[start : start + 1])
            talk.pass_time(0.5)
        self.assertEqual((talk.now, talk.reason), (110.0, 0x89))

    def test_login_takes_too_long(self) -> None:
        """
        The ten seconds include the login, and whether we read meanwhile makes no difference; the client is told.
        """
        for version, said in ((3, Connack(3)), (4, Connack(3)), (5, Connack(0x89))):
            for much in (b"", b"\x00" * 70_000):
                with self.subTest(version=version, much=len(much)):
                    talk = Talk(version)
                    talk.pass_time(4)
                    talk.say(Connect("c", version))
                    talk.feed(much)
                    talk.pass_time(5.9)
                    self.assertEqual(talk.reason, -1)
                    talk.pass_time(0.1)
                    self.assertEqual((wordless(talk.heard()), talk.reason), ([said], 0x89))

    def test_keep_alive_begins(self) -> None:
        """
        The keep-alive begins when the client is in, however long that took.
        """
        talk = Talk()
        talk.say(Connect("c", 5, keep_alive=2))
        talk.pass_time(8)
        let_in(talk, keep_alive=2)
        talk.pass_time(2.9)
        self.assertEqual(talk.reason, -1)
        talk.pass_time(0.1)
        self.assertEqual(talk.reason, 0x8D)

    def test_accepted_in_time(self) -> None:
        """
        Once it is in, only the keep-alive counts.
        """
        talk = Talk().open()
        talk.pass_time(100)
        self.assertEqual(talk.reason, -1)


class RefusalTests(SynchronousTestCase):
    def test_reasons(self) -> None:
        """
        A refused client is told why as far as its version can say it [MQTT5-3.2.2-8] [MQTT311-3.2.2-5], with no session
        present [MQTT5-3.2.2-6] [MQTT311-3.2.2-4]; where it can say nothing it is just closed [MQTT311-3.2.2-6].
        """
        for reason, code, new in (
            (0x84, 1, 0x84),
            (0x85, 2, 0x85),
            (0x88, 3, 0x88),
            (0x97, 3, 0x97),
            (0x8B, 3, 0x88),  # CONNACK has no 0x8B: the server is unavailable
            (0x86, 4, 0x86),
            (0x87, 5, 0x87),
            (0x90, None, 0x90),
            (0x8C, None, 0x8C),
            (0x8E, None, 0x88),
        ):
            for version in VERSIONS:
                with self.subTest(reason=reason, version=version):
                    talk = Talk(version)
                    talk.say(Connect("c", version))
                    talk.session.end(reason, "no")
                    said: list[Packet] = [Connack(new)] if version == 5 else [Connack(code)] if code is not None else []
                    self.assertEqual((wordless(talk.heard()), talk.reason), (said, reason))

    def test_malformed_connect(self) -> None:
        """
        A CONNECT of 5.0 that cannot be read is answered with the reason; one of 3.x is closed [MQTT5-3.1.4-1]
        [MQTT5-4.13.1-1] [MQTT311-3.1.4-1].
        """
        reserved, password, cut, will = b"\x03", b"\x42", b"\x02", b"\x3e"
        for flags, rest, reason in (
            (reserved, b"\x00\x00\x00\x00\x00", 0x81),
            (will, b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 0x81),
            (cut, b"\x00\x00\x00\x00\x05a", 0x81),
            (b"\x06", b"\x00\x00\x00\x00\x00\x00\x00\x03a/#\x00\x00", 0x90),
            (b"\x02", b"\x00\x00\x0a\x11\x00\x00\x00\x01\x11\x00\x00\x00\x01\x00\x00", 0x82),
        ):
            with self.subTest(flags=flags, rest=rest):
                body = b"\x00\x04MQTT\x05" + flags + rest
                talk = Talk(5)
                talk.feed(b"\x10" + bytes((len(body),)) + body)
                self.assertEqual((talk.heard(), talk.reason), ([Connack(reason)], reason))
        for version in (3, 4):
            for flags, rest in ((password, b"\x00\x00\x00\x01a\x00\x01b"), (cut, b"\x00\x00\x00\x05a")):
                with self.subTest(version=version, flags=flags):
                    name = b"\x00\x06MQIsdp\x03" if version == 3 else b"\x00\x04MQTT\x04"
                    body = name + flags + rest
                    talk = Talk(version)
                    talk.feed(b"\x10" + bytes((len(body),)) + body)
                    self.assertEqual((talk.heard(), talk.reason), ([], 0x81))

    def test_unsupported(self) -> None:
        """
        A level that we do not speak is answered in the words of those who might: return code 1 up to level 4, from 5 on
        reason 0x84 [MQTT5-3.1.2-2] [MQTT311-3.1.2-2]; and then the connection is closed.
        """
        old, new = b"\x20\x02\x00\x01", b"\x20\x03\x00\x84\x00"
        for name, level, answer in (
            (b"\x00\x04MQTT", 3, old),
            (b"\x00\x06MQIsdp", 4, old),
            (b"\x00\x04MQTT", 0, old),
            (b"\x00\x04MQTX", 4, old),
            (b"\x00\x04MQTT", 6, new),
            (b"\x00\x04MQTT", 0x7F, new),
            (b"\x00\x04MQTT", 0x85, new),
            (b"\x00\x04MQTX", 5, new),
        ):
            with self.subTest(name=name, level=level):
                talk = Talk()
                body = name + bytes((level, 2, 0, 0, 0, 0, 0))
                talk.feed(b"\x10" + bytes((len(body),)) + body)
                self.assertEqual((b"".join(talk.written), talk.reason), (answer, 0x84))

    def test_not_mqtt(self) -> None:
        """
        Whoever begins with anything but CONNECT is closed without a word [MQTT5-3.1.0-1] [MQTT311-3.1.0-1].
        """
        for data in (
            b"GET / HTTP/1.1\r\n\r\n",
            b"\x30\x03\x00\x01a",
            b"\xc0\x00",
            b"\x16\x03\x01\x02\x00",
            b"\xe0\x00",
        ):
            with self.subTest(data=data):
                talk = Talk()
                talk.feed(data)
                self.assertEqual((talk.written, talk.hall.heard), ([], []))
                self.assertGreaterEqual(talk.reason, 0x80)

    def test_two_connects(self) -> None:
        """
        A second CONNECT in the same read is found after the first was accepted, and ends the conversation
        [MQTT5-3.1.0-2] [MQTT311-3.1.0-2].
        """
        talk = Talk()
        talk.say(Connect("c", 5), Connect("d", 5))
        self.assertEqual(talk.wire.heard, CONNECTING)
        let_in(talk)
        first, second = talk.heard()
        self.assertEqual((first, second.kind, talk.reason), (Connack(), 14, 0x82))

    def test_gone_while_opening(self) -> None:
        """
        When the client does not wait for the answer, its owner hears that it left, and accepting it says nothing.
        """
        talk = Talk()
        talk.say(Connect("c", 5))
        talk.session.lost()
        self.assertEqual(talk.hall.goodbyes, [None])
        self.assertEqual(talk.heard(), [])
