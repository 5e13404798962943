"""
Tests of txmqtt.session.client_proof: a client shows who it is, and who may speak when.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from tests.session.support_client import Client
from txmqtt.codec.errors import LocalProtocolError
from txmqtt.codec.packets import Auth, Connack, Disconnect, Packet, Pingreq, Publish
from txmqtt.codec.properties import Properties
from txmqtt.session.outgoing import Outgoing


def auth(reason: int, data: bytes | None = None, method: str = "M") -> Auth:
    """
    An AUTH of the method under test.
    """
    return Auth(reason, Properties(authentication_method=method, authentication_data=data))


def connack(data: bytes | None = None, method: str | None = "M", session_present: bool = False) -> Connack:
    """
    The server is convinced.
    """
    return Connack(0, session_present, Properties(authentication_method=method, authentication_data=data))


FIRST = Properties(authentication_method="M", authentication_data=b"first")


class ClientProofTestCase(SynchronousTestCase):
    def knocking(self, outgoing: Outgoing | None = None, clean_start: bool = True) -> Client:
        """
        A client that has said CONNECT with a method.
        """
        client = Client(properties=FIRST, outgoing=outgoing, clean_start=clean_start)
        client.session.exchange_timeout = 7.0
        self.assertEqual(client.said(), [client.connect])
        return client

    def inside(self) -> Client:
        """
        The same, let in and trusting.
        """
        client = self.knocking()
        client.hears(connack())
        client.session.trust()
        self.assertEqual(client.events(), [("convinced", None), ("accepted", False)])
        return client

    def closed(self, client: Client, words: str, reason: int = 0x82) -> None:
        """
        The conversation ended because of the server.
        """
        assert client.link.closed is not None
        self.assertEqual(client.link.closed[0], reason)
        self.assertIn(words, client.link.closed[1])


class OpeningTests(ClientProofTestCase):
    def test_whole(self) -> None:
        """
        However often the server asks, each answer has 0x18 and the method; its last word is told before the connection
        counts as open [MQTT5-3.1.2-30] [MQTT5-4.12.0-3] [MQTT5-4.12.0-5].
        """
        client = self.knocking()
        for data in (b"one", None, b""):
            client.hears(auth(0x18, data))
            self.assertEqual(client.events(), [("challenged", data)])
            with self.assertRaisesRegex(LocalProtocolError, "publish while opening"):
                client.publish()
            client.session.answer(data)
            self.assertEqual(client.said(), [auth(0x18, data)])
        client.hears(connack(b"welcome"))
        self.assertEqual(client.events(), [("convinced", b"welcome")])
        self.assertEqual(client.session.phase, 1)
        client.session.trust()
        self.assertEqual(client.events(), [("accepted", False)])
        self.assertFalse(client.session.proving)
        client.publish()
        self.assertEqual(client.said(), [Publish(b"t", b"p", 1, packet_id=1)])

    def test_nothing_to_who_is_not_trusted(self) -> None:
        """
        Before the server's last word is judged nothing is sent again and nothing that it says is acted on; afterwards
        all of it is.
        """
        before = Client(clean_start=False).opened()
        before.publish(ref=0)
        before.session.lost()
        client = self.knocking(before.outgoing, clean_start=False)
        client.hears(connack(b"v", session_present=True), Publish(b"t", b"early"))
        client.hears(Publish(b"t", b"late"))
        self.assertEqual((client.events(), client.said()), ([("convinced", b"v")], []))
        client.session.trust()
        events = [("accepted", True), ("published", b"t", b"early"), ("published", b"t", b"late")]
        self.assertEqual(client.events(), events)
        self.assertEqual(client.said(), [Publish(b"t", b"p", 1, dup=True, packet_id=1)])

    def test_trusted_at_once(self) -> None:
        """
        A judgement may be given at once, in the middle of the read.
        """
        client = self.knocking()
        client.sink.upon = lambda verb: client.session.trust() if verb == "convinced" else None
        client.hears(connack(), Publish(b"t", b"x"))
        self.assertEqual(client.events(), [("convinced", None), ("accepted", False), ("published", b"t", b"x")])

    def test_held(self) -> None:
        """
        Who sends a lot behind its last word is not read until it is trusted.
        """
        client = self.knocking()
        client.hears(connack())
        for number in range(3):
            self.assertEqual(client.link.held, number == 2)
            client.hears(Publish(b"t", bytes(40_000)))
        client.session.trust()
        self.assertFalse(client.link.held)
        self.assertEqual(len(client.events()), 5)

    def test_distrusted(self) -> None:
        """
        A server that is not believed gets nothing more, and is not heard.
        """
        client = self.knocking()
        client.hears(connack(b"lie"), Publish(b"t", b"x"))
        client.session.end(0x87, "the server lies")
        self.assertEqual(client.events(), [("convinced", b"lie"), ("left", None)])
        client.session.trust()
        self.assertEqual((client.events(), client.said()), ([], []))

    def test_refused(self) -> None:
        """
        A refusal may come at any point, and needs no trust.
        """
        for challenged in (False, True):
            with self.subTest(challenged=challenged):
                client = self.knocking()
                if challenged:
                    client.hears(auth(0x18))
                client.hears(Connack(0x87))
                self.assertEqual(client.events()[-2:], [("refused", 0x87), ("left", None)])

    def test_breaches(self) -> None:
        """
        A server that speaks out of turn, or of another method, is let go.
        """
        table: tuple[tuple[str, list[Packet], str], ...] = (
            ("another method", [auth(0x18, method="N")], "another authentication method"),
            ("another method lets us in", [connack(method="N")], "another authentication method"),
            ("no method lets us in", [Connack()], "another authentication method than CONNECT, or none"),
            ("success before we are in", [auth(0x00)], "AUTH with 0x00 success when the server has the word"),
            ("asks twice", [auth(0x18), auth(0x18)], "AUTH when our answer is due"),
            ("does not wait for the answer", [auth(0x18), connack()], "CONNACK when our answer is due"),
            ("a goodbye before we are in", [Disconnect(0x87)], "unexpected DISCONNECT while opening"),
            ("a message before we are in", [auth(0x18), Publish(b"t", b"x")], "unexpected PUBLISH while opening"),
            ("a session that we did not ask for", [connack(session_present=True)], "after a clean start"),
        )
        for name, packets, words in table:
            with self.subTest(name):
                client = self.knocking()
                client.hears(*packets)
                self.closed(client, words)
                self.assertEqual(client.said(), [])

    def test_begins_anew_before_its_time(self) -> None:
        """
        Only a client begins anew: 0x19 from a server is a breach, in whatever phase.
        """
        for client in (self.knocking(), self.inside()):
            client.session.feed(bytes.fromhex("f0 06 19 04 15 0001 4d".replace(" ", "")), client.now)
            assert client.link.closed is not None
            self.assertIn(client.link.closed[0], (0x81, 0x82))

    def test_rounds(self) -> None:
        """
        A server that never has enough is let go.
        """
        client = self.knocking()
        for _ in range(16):
            client.hears(auth(0x18))
            client.session.answer(b"")
        client.hears(auth(0x18))
        self.closed(client, "more than 16 challenges")

    def test_time(self) -> None:
        """
        The time until CONNACK is for the whole exchange, and the error says whom it was waiting for.
        """

        def ask(client: Client) -> None:
            client.hears(auth(0x18))

        def answer(client: Client) -> None:
            client.hears(auth(0x18))
            client.session.answer(None)

        def convince(client: Client) -> None:
            client.hears(connack())

        table: tuple[tuple[Callable[[Client], None], str], ...] = (
            (lambda client: None, "no CONNACK within 10 s"),
            (ask, "no answer of ours to the server's challenge within 10 s"),
            (answer, "no CONNACK within 10 s"),
            (convince, "no judgement of ours on the server's last word within 10 s"),
        )
        for happens, words in table:
            with self.subTest(words):
                client = self.knocking()
                client.wait(9)
                happens(client)
                self.assertEqual(client.link.closed, None)
                client.wait(1)
                self.closed(client, words, 0x80)

    def test_answer_to_nothing(self) -> None:
        """
        Nothing is answered that was not asked, and nothing after the end.
        """
        client = self.knocking()
        with self.assertRaisesRegex(LocalProtocolError, "an answer when the server has the word"):
            client.session.answer(b"")
        client.hears(auth(0x18))
        client.session.lost()
        with self.assertRaisesRegex(LocalProtocolError, "an answer when no authentication is under way"):
            client.session.answer(b"")

    def test_no_method(self) -> None:
        """
        Without a method in CONNECT a CONNACK has none [MQTT5-4.12.0-6].
        """
        client = Client()
        client.hears(connack())
        self.closed(client, "CONNACK with an authentication method, CONNECT had none")


class RenewalTests(ClientProofTestCase):
    def test_whole(self) -> None:
        """
        A client that is in proves itself again while all else goes on, as often as it likes [MQTT5-4.12.1-1].
        """
        client = self.inside()
        for number in range(1, 4):
            client.session.reauthenticate(b"again")
            client.publish(ref=number)
            self.assertEqual(client.said(), [auth(0x19, b"again"), Publish(b"t", b"p", 1, packet_id=number)])
            client.hears(auth(0x18, b"why?"), Publish(b"t", b"x"))
            self.assertEqual(client.events(), [("challenged", b"why?"), ("published", b"t", b"x")])
            client.session.answer(b"so")
            self.assertEqual(client.said(), [auth(0x18, b"so")])
            client.hears(auth(0x00, b"fine"), Publish(b"t", b"y"))
            self.assertEqual(client.events(), [("convinced", b"fine"), ("published", b"t", b"y")])
            self.assertTrue(client.session.proving)
            client.session.trust()
            self.assertEqual((client.events(), client.session.proving), ([], False))
            client.wait(8)
        self.assertEqual(client.link.closed, None)

    def test_not_allowed(self) -> None:
        """
        Nothing begins before the connection is open, without a method, or twice [MQTT5-4.12.0-7].
        """
        busy = self.inside()
        busy.session.reauthenticate(None)
        gone = self.inside()
        gone.session.lost()
        table = (
            (self.knocking(), "reauthenticate while opening"),
            (Client().opened(), "without an authentication method"),
            (busy, "while the last one is under way"),
            (gone, "reauthenticate while closed"),
        )
        for client, words in table:
            with self.subTest(words):
                client.said()
                with self.assertRaisesRegex(LocalProtocolError, words):
                    client.session.reauthenticate(b"again")
                self.assertEqual(client.said(), [])

    def test_breaches(self) -> None:
        """
        A server that speaks out of turn, or of another method, is told so and let go.
        """
        table: tuple[tuple[str, bool, list[Packet], str], ...] = (
            ("asks out of nothing", False, [auth(0x18)], "AUTH when no authentication is under way"),
            ("is convinced of nothing", False, [auth(0x00)], "AUTH when no authentication is under way"),
            ("another method", True, [auth(0x18, method="N")], "another authentication method"),
            ("asks twice", True, [auth(0x18), auth(0x18)], "AUTH when our answer is due"),
            ("is convinced twice", True, [auth(0x00), auth(0x00)], "AUTH when the server has said its last word"),
            ("does not wait for the answer", True, [auth(0x18), auth(0x00)], "AUTH when our answer is due"),
        )
        for name, begun, packets, words in table:
            with self.subTest(name):
                client = self.inside()
                if begun:
                    client.session.reauthenticate(None)
                    client.said()
                client.hears(*packets)
                self.closed(client, words)
                self.assertEqual(client.said(), [Disconnect(0x82)])

    def test_rounds(self) -> None:
        """
        A server that never has enough is let go; each exchange counts for itself.
        """
        client = self.inside()
        for _ in range(2):
            client.session.reauthenticate(None)
            for _ in range(16):
                client.hears(auth(0x18))
                client.session.answer(None)
            client.hears(auth(0x00))
            client.session.trust()
        client.session.reauthenticate(None)
        for _ in range(16):
            client.hears(auth(0x18))
            client.session.answer(None)
        client.hears(auth(0x18))
        self.closed(client, "more than 16 challenges")

    def test_time(self) -> None:
        """
        It may take so long and no longer, whoever is slow; keep-alive goes on meanwhile [MQTT5-4.12.1-2].
        """
        table: tuple[tuple[list[Packet], str], ...] = (
            ([], "re-authentication took longer than 7 s, the server has the word"),
            ([auth(0x18)], "re-authentication took longer than 7 s, our answer is due"),
            ([auth(0x00)], "re-authentication took longer than 7 s, the server has said its last word"),
        )
        for packets, words in table:
            with self.subTest(words):
                client = self.inside()
                client.session.reauthenticate(None)
                client.hears(*packets)
                client.said()
                client.wait(6.9)
                self.assertEqual(client.link.closed, None)
                client.wait(0.1)
                self.closed(client, words, 0x80)
                self.assertEqual(client.said(), [Disconnect(0x80)])
        patient = self.inside()
        patient.session.exchange_timeout = 0.0
        patient.session.reauthenticate(None)
        patient.said()
        patient.wait(50)
        self.assertEqual((patient.said(), patient.link.closed), ([Pingreq()], None))

    def test_refused(self) -> None:
        """
        A server that is not convinced says goodbye, and with which reason.
        """
        client = self.inside()
        client.session.reauthenticate(None)
        client.hears(Disconnect(0x87))
        self.assertEqual(client.events(), [("left", 0x87)])
        self.assertFalse(client.session.proving)
