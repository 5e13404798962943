"""
Tests of txmqtt.session.proof: challenges and answers, and who may speak when.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.session.support import Talk, wordless
from txmqtt.codec.packets import (
    Auth,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Publish,
    Subscribe,
    Subscription,
)
from txmqtt.codec.properties import Properties
from txmqtt.session.incoming import Incoming
from txmqtt.session.outgoing import Outgoing
from txmqtt.session.voice import CLOSED, OPEN


def auth(reason: int, data: bytes | None = None, method: str = "M") -> Auth:
    """
    An AUTH of the method under test.
    """
    return Auth(reason, Properties(authentication_method=method, authentication_data=data))


class ProofTestCase(SynchronousTestCase):
    """
    A client that names an authentication method.
    """

    def knocking(self, keep_alive: int = 0, **properties: object) -> Talk:
        """
        It has said CONNECT.
        """
        talk = Talk()
        said = Properties(authentication_method="M", authentication_data=b"first", **properties)  # type: ignore[arg-type]
        talk.say(Connect("client", 5, keep_alive=keep_alive, properties=said))
        self.assertEqual((talk.wire.heard, talk.session.method), (["connecting"], "M"))
        talk.wire.heard.clear()
        return talk

    def asked(self, talk: Talk, data: bytes | None = b"why?") -> None:
        """
        It is challenged.
        """
        talk.session.challenge(data)
        talk.turn.flush()
        self.assertEqual(talk.heard(), [auth(0x18, data)])

    def let_in(self, talk: Talk, last_word: bytes | None = None) -> list[Packet]:
        """
        It is let in.
        """
        talk.session.last_word = last_word
        books = Outgoing(10, 10, 1_000)
        books.restart(10)
        keep_alive = talk.session.keep_alive
        talk.session.accept(False, books, Incoming(), None, keep_alive, 1_000_000, 10, 0, 0, 0.0)
        talk.session.begin()
        talk.turn.flush()
        talk.wire.heard.clear()
        return talk.heard()

    def inside(self, keep_alive: int = 0) -> Talk:
        """
        The same, let in.
        """
        talk = self.knocking(keep_alive)
        self.let_in(talk)
        return talk


class OpeningTests(ProofTestCase):
    def test_whole(self) -> None:
        """
        However often the server asks, it does so with 0x18 and the method, and the CONNACK has the method and its last
        word [MQTT5-4.12.0-2] [MQTT5-4.12.0-3] [MQTT5-4.12.0-5].
        """
        talk = self.knocking()
        for data in (b"one", None, b""):
            self.asked(talk, data)
            talk.say(auth(0x18, data))
            self.assertEqual(talk.wire.heard.pop(), f"answering {data!r}")
        connack = Connack(0, False, Properties(authentication_method="M", authentication_data=b"welcome"))
        self.assertEqual(self.let_in(talk, b"welcome"), [connack])
        talk.say(Pingreq())
        self.assertEqual(talk.heard(), [Pingresp()])

    def test_at_once(self) -> None:
        """
        A method that has heard enough in the CONNECT needs no AUTH at all.
        """
        talk = self.knocking()
        self.assertEqual(self.let_in(talk), [Connack(0, False, Properties(authentication_method="M"))])

    def test_no_method(self) -> None:
        """
        Without a method nothing of the kind is said [MQTT5-4.12.0-6].
        """
        talk = Talk()
        talk.say(Connect("client", 5))
        self.assertEqual(self.let_in(talk), [Connack(0)])

    def test_kept(self) -> None:
        """
        What is sent behind the answer is acted on when the client is in, and not before.
        """
        talk = self.knocking()
        self.asked(talk)
        talk.say(auth(0x18, b"so"), Publish(b"a", b"x"), Pingreq())
        self.assertEqual((talk.wire.heard, talk.hall.heard, talk.heard()), (["answering b'so'"], [], []))
        self.assertEqual(len(self.let_in(talk)), 2)
        self.assertEqual(talk.hall.payloads(), [b"x"])

    def test_answer_in_many_pieces(self) -> None:
        """
        An answer may come byte by byte.
        """
        talk = self.knocking()
        self.asked(talk)
        for byte in bytes.fromhex("f0 09 18 07 15 0001 4d 16 0000".replace(" ", "")):
            self.assertEqual(talk.wire.heard, [])
            talk.feed(bytes((byte,)))
        self.assertEqual(talk.wire.heard, ["answering b''"])

    def test_too_much(self) -> None:
        """
        Who sends more than a bound while its answer is judged is not read until it is asked again; its time runs on.
        """
        talk = self.knocking()
        self.asked(talk)
        talk.pass_time(8)
        talk.say(auth(0x18), *[Publish(b"a", bytes(60_000)) for _ in range(2)])
        self.assertEqual(talk.wire.heard, ["answering None", "hold"])
        talk.session.challenge(None)
        self.assertEqual((talk.wire.heard[-1], talk.reason), ("release", 0x82))

    def test_timeout(self) -> None:
        """
        The time until CONNACK is for the whole exchange, however fast the client answers.
        """
        talk = self.knocking()
        while talk.reason < 0 and talk.now < 120:
            self.asked(talk)
            talk.say(auth(0x18))
            talk.pass_time(1)
        self.assertEqual((talk.reason, talk.now), (0x89, 110))

    def test_wrong(self) -> None:
        """
        Who does not answer as asked is not let in [MQTT5-3.1.2-30] [MQTT5-4.12.0-5]; 0x82 says so in the CONNACK
        [MQTT5-3.14.0-1].
        """
        for what, packet in (
            ("another method", auth(0x18, b"x", "N")),
            ("re-authentication", auth(0x19)),
            ("success", auth(0x00)),
            ("no method", Auth(0x00)),
            ("a message", Publish(b"a", b"x")),
            ("a subscription", Subscribe(1, [Subscription(b"a")])),
            ("a ping", Pingreq()),
            ("another CONNECT", Connect("client", 5)),
        ):
            with self.subTest(what=what):
                talk = self.knocking()
                self.asked(talk)
                talk.say(packet)
                self.assertEqual((wordless(talk.heard()), talk.reason), ([Connack(0x82)], 0x82))
                self.assertEqual((talk.wire.heard, talk.hall.heard), ([], []))

    def test_malformed(self) -> None:
        """
        A malformed answer ends it with 0x81 [MQTT5-3.15.1-1] [MQTT5-3.15.2-1].
        """
        for data in ("f1 00", "f0 06 17 04 15 0001 4d", "f0 01 18", "f0 02 18 05"):
            with self.subTest(data=data):
                talk = self.knocking()
                self.asked(talk)
                talk.feed(bytes.fromhex(data))
                self.assertEqual([type(each) for each in talk.heard()], [Connack])
                self.assertIn(talk.reason, (0x81, 0x82))

    def test_second_answer(self) -> None:
        """
        What follows an answer while it is judged waits, an AUTH too; after the next challenge it is that one's answer.
        """
        talk = self.knocking()
        self.asked(talk)
        talk.say(auth(0x18, b"1"), auth(0x18, b"2"))
        self.assertEqual(talk.wire.heard, ["answering b'1'"])
        self.asked(talk)
        self.assertEqual(talk.wire.heard, ["answering b'1'", "answering b'2'"])

    def test_goodbye(self) -> None:
        """
        A client that has been asked may go instead.
        """
        talk = self.knocking()
        self.asked(talk)
        talk.say(Disconnect())
        self.assertEqual((talk.heard(), talk.reason, talk.session.phase), ([], 0, CLOSED))

    def test_refused(self) -> None:
        """
        Whoever is rejected at whatever point is told, and closed [MQTT5-4.12.0-4].
        """
        for steps in (0, 1, 2):
            talk = self.knocking()
            for _ in range(steps):
                self.asked(talk)
                talk.say(auth(0x18))
            talk.session.end(0x87, "")
            self.assertEqual((talk.heard(), talk.reason), ([Connack(0x87)], 0x87))
            talk.session.challenge(b"too late")
            talk.turn.flush()
            self.assertEqual(talk.heard(), [])

    def test_challenge_too_large(self) -> None:
        """
        A client that takes no packet of the challenge's size can't be let in [MQTT5-3.1.2-24].
        """
        talk = self.knocking(maximum_packet_size=20)
        talk.session.challenge(bytes(100))
        talk.turn.flush()
        self.assertEqual((talk.heard(), talk.reason), ([Connack(0x95)], 0x95))


class RenewalTests(ProofTestCase):
    def test_whole(self) -> None:
        """
        A client that is in may prove itself again whenever it likes, while all else goes on
        [MQTT5-4.12.1-1] [MQTT5-4.12.0-2] [MQTT5-4.12.0-5].
        """
        talk = self.inside()
        for _ in range(3):
            talk.say(auth(0x19, b"again"), Publish(b"a", b"x"))
            self.assertEqual(talk.wire.heard.pop(), "renewing b'again'")
            self.asked(talk)
            talk.say(Pingreq(), auth(0x18, b"so"), Publish(b"a", b"y"))
            self.assertEqual((talk.wire.heard.pop(), talk.heard()), ("answering b'so'", [Pingresp()]))
            talk.session.renewed(b"fine")
            talk.turn.flush()
            self.assertEqual(talk.heard(), [auth(0x00, b"fine")])
        self.assertEqual(talk.hall.payloads(), [b"x", b"y"] * 3)
        talk.pass_time(1_000)
        self.assertEqual((talk.reason, talk.session.phase), (-1, OPEN))

    def test_wrong(self) -> None:
        """
        What is out of turn ends the connection with 0x82 [MQTT5-4.13.1-1].
        """
        for what, packets in (
            ("an answer to nothing", [auth(0x18)]),
            ("success", [auth(0x00)]),
            ("another method", [auth(0x19, b"", "N")]),
            ("twice", [auth(0x19), auth(0x19)]),
            ("an answer before the question", [auth(0x19), auth(0x18)]),
        ):
            with self.subTest(what=what):
                talk = self.inside()
                talk.say(*packets)
                self.assertEqual((wordless(talk.heard()), talk.reason), ([Disconnect(0x82)], 0x82))

    def test_without_a_method(self) -> None:
        """
        Who named no method at first has none later [MQTT5-4.12.0-7].
        """
        for reason in (0x18, 0x19):
            talk = Talk().open()
            talk.say(auth(reason))
            self.assertEqual((wordless(talk.heard()), talk.reason), ([Disconnect(0x82)], 0x82))

    def test_before_connect(self) -> None:
        """
        AUTH does not come first [MQTT5-3.1.0-1], and on 3.1.1 never.
        """
        talk = Talk()
        talk.say(auth(0x19))
        self.assertEqual(talk.reason, 0x82)
        old = Talk(4).open()
        old.feed(b"\xf0\x00")
        self.assertEqual((old.heard(), old.reason), ([], 0x81))

    def test_timeout(self) -> None:
        """
        Once begun it must end within the time that CONNECT had, whether client or server is slow; the keep-alive does
        not help [MQTT5-4.12.1-2].
        """
        for keep_alive in (0, 600):
            for challenged in (False, True):
                with self.subTest(keep_alive=keep_alive, challenged=challenged):
                    talk = self.inside(keep_alive)
                    talk.say(auth(0x19))
                    if challenged:
                        self.asked(talk)
                    for _ in range(9):
                        talk.pass_time(1)
                        talk.say(Pingreq())
                    self.assertEqual(talk.reason, -1)
                    talk.heard()
                    talk.pass_time(1)
                    self.assertEqual((wordless(talk.heard()), talk.reason), ([Disconnect(0x87)], 0x87))

    def test_keep_alive(self) -> None:
        """
        The keep-alive is watched meanwhile, and afterwards.
        """
        talk = self.inside(4)
        talk.say(auth(0x19))
        talk.pass_time(6)
        self.assertEqual(talk.reason, 0x8D)
        talk = self.inside(20)
        talk.say(auth(0x19))
        talk.session.renewed(None)
        talk.pass_time(29)
        self.assertEqual(talk.reason, -1)
        talk.pass_time(1)
        self.assertEqual(talk.reason, 0x8D)

    def test_failed(self) -> None:
        """
        Who fails to prove it again is let go [MQTT5-4.12.1-2].
        """
        talk = self.inside()
        talk.say(auth(0x19))
        talk.session.end(0x87, "")
        self.assertEqual((talk.heard(), talk.reason), ([Disconnect(0x87)], 0x87))
        talk.session.renewed(b"too late")
        talk.turn.flush()
        self.assertEqual(talk.heard(), [])
