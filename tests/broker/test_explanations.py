"""
What a client is told besides codes: where to answer, where to go, and why not.
"""

from __future__ import annotations

from typing import Any

from tests.broker.support import BrokerTestCase, Peer, Rights, will
from txmqtt.broker.policy import Policy
from txmqtt.broker.terms import Terms
from txmqtt.codec.constants import PUBREC, PUBREL
from txmqtt.codec.packets import Ack, Connack, Disconnect, Packet, Publish, Suback, Subscribe, Subscription


def said(packet: Packet) -> tuple[int, str | None, str | None]:
    """
    Code, reference and reason string of a CONNACK or DISCONNECT.
    """
    assert isinstance(packet, Connack | Disconnect), packet
    properties = packet.properties
    if properties is None:
        return packet.reason, None, None
    return packet.reason, properties.server_reference, properties.reason_string


class ResponseInformationTests(BrokerTestCase):
    def told(self, pattern: str, client_id: str = "c7", user: str | None = "bob", **words: Any) -> str | None:
        peer = self.peer(user)
        peer.terms = Terms(Policy(response_information=pattern))
        peer.connect(client_id, **words)
        (connack,) = peer.heard()
        assert isinstance(connack, Connack) and connack.properties is not None
        peer.lose()
        return connack.properties.response_information

    def test_on_request_only(self) -> None:
        """
        Whoever asks is told where to have its answers sent; nobody else is [MQTT5-3.1.2-28].
        """
        self.assertEqual(self.told("answers/%c", request_response_information=1), "answers/c7")
        self.assertIsNone(self.told("answers/%c", request_response_information=0))
        self.assertIsNone(self.told("answers/%c"))
        self.assertIsNone(self.told("", request_response_information=1))

    def test_pattern(self) -> None:
        """
        Client identifier and user name stand where the pattern has them; a name that would make another topic of it is
        not used at all.
        """
        for pattern, client_id, user, expected in (
            ("answers", "c", None, "answers"),
            ("%u/%c/", "c", "bob", "bob/c/"),
            ("100%/%c", "c", None, "100%/c"),
            ("%c", "%u", "bob", "%u"),
            ("%u", "c", None, None),
            ("%c", "a/b", None, None),
            ("%c", "#", None, None),
            ("%u", "c", "+", None),
            ("%u", "a/b", "bob", "bob"),
            ("%u" * 20_000, "c", "bobby", None),
        ):
            with self.subTest(pattern=pattern[:20], client_id=client_id, user=user):
                self.assertEqual(self.told(pattern, client_id, user, request_response_information=1), expected)

    def test_assigned(self) -> None:
        """
        An identifier that the broker assigned is one like any other.
        """
        answer = self.told("r/%c", "", request_response_information=1)
        assert answer is not None
        self.assertRegex(answer, "^r/auto-token[0-9]+$")


class RedirectTests(BrokerTestCase):
    def redirected(self, version: int = 5, **limits: Any) -> Peer:
        peer = self.peer()
        peer.terms = Terms(Policy(server_reference="other.example:1883", **limits))
        peer.connect("c", version)
        return peer

    def test_always(self) -> None:
        """
        Everybody is sent elsewhere, for a while or for good, and told where; 3.x is told that the server is not
        available.
        """
        for redirect, reason in (("always", 0x9C), ("moved", 0x9D)):
            peer = self.redirected(redirect=redirect)
            words = "clients are to use another server"
            self.assertEqual([said(each) for each in peer.heard()], [(reason, "other.example:1883", words)])
            self.assertIsNotNone(peer.closed)
            for version in (3, 4):
                old = self.redirected(version, redirect=redirect)
                self.assertEqual(old.heard(), [Connack(3)])
                self.assertIsNotNone(old.closed)
        self.assertEqual(self.stats.sessions, 0)

    def test_full(self) -> None:
        """
        Who finds no room is sent elsewhere, if so configured; whoever finds some stays.
        """
        first = self.join("first")
        for limit in ("max_connections", "max_sessions"):
            for redirect, reason, where in (("full", 0x9C, "other.example:1883"), ("never", 0x97, None)):
                peer = self.redirected(redirect=redirect, **{limit: 1})
                self.assertEqual([said(each)[:2] for each in peer.heard()], [(reason, where)])
        first.leave()
        peer = self.redirected(redirect="full", max_connections=1)
        self.assertEqual([said(each)[0] for each in peer.heard()], [0])

    def test_nowhere(self) -> None:
        """
        Where no other server is named, the code says it all.
        """
        peer = self.peer()
        peer.terms = Terms(Policy(redirect="moved"))
        peer.connect("c", request_problem_information=0)
        self.assertEqual([said(each) for each in peer.heard()], [(0x9D, None, None)])

    def test_shutdown(self) -> None:
        """
        At shutdown those who are connected are sent elsewhere too [MQTT5-3.14.2-1].
        """
        for redirect, reason, where in (
            ("never", 0x8B, None),
            ("full", 0x9C, "other.example:1883"),
        ):
            with self.subTest(redirect=redirect):
                self.setUp()
                peer = self.redirected(redirect=redirect)
                peer.heard()
                self.broker.shut("bye")
                self.town.turn.flush()
                self.assertEqual([said(each) for each in peer.heard()], [(reason, where, "bye")])
                late = self.redirected(redirect=redirect)
                code = 0x88 if redirect == "never" else reason
                self.assertEqual([said(each)[:2] for each in late.heard()], [(code, where)])

    def test_moved_at_shutdown(self) -> None:
        """
        A client that was there before its listener moved for good learns that at the end.
        """
        peer = self.redirected()
        peer.heard()
        self.town.member("c").terms.policy = Policy(redirect="moved", server_reference="new")
        self.broker.shut("bye")
        self.town.turn.flush()
        self.assertEqual([said(each) for each in peer.heard()], [(0x9D, "new", "bye")])

    def test_no_room_for_words(self) -> None:
        """
        The words go first, then the reference, when the client takes no packet of that size
        [MQTT5-3.1.2-24] [MQTT5-3.2.2-19].
        """
        for size, expected in (
            (68, (0x9C, "other.example:1883", "clients are to use another server")),
            (30, (0x9C, "other.example:1883", None)),
            (20, (0x9C, None, None)),
        ):
            peer = self.peer()
            peer.terms = Terms(Policy(redirect="always", server_reference="other.example:1883"))
            peer.connect("c", maximum_packet_size=size)
            self.assertEqual([said(each) for each in peer.heard()], [expected])


class ReasonStringTests(BrokerTestCase):
    def refusals(self, **words: Any) -> list[tuple[str, int | list[int], str | None]]:
        """
        What a client hears that asks for what it may not do.
        """
        rights = Rights(["no"], grants={"no": 0x87, "secret/#": 0x87})
        peer = self.join("c", rights=rights, **words)
        peer.say(Publish(b"no", b"", 1, packet_id=1), Publish(b"no", b"", 2, packet_id=2))
        wanted = [Subscription(b"yes"), Subscription(b"no"), Subscription(b"secret/#")]
        peer.say(Subscribe(3, wanted))
        found: list[tuple[str, int | list[int], str | None]] = []
        for each in peer.heard():
            assert isinstance(each, Ack | Suback), each
            code = each.reason if isinstance(each, Ack) else each.reasons
            words_said = each.properties.reason_string if each.properties else None
            found.append((type(each).__name__, code, words_said))
        peer.leave()
        return found

    def test_said(self) -> None:
        """
        Refusals say why, in words that tell a client no more than it has said itself.
        """
        why = "not authorised to publish to this topic"
        self.assertEqual(
            self.refusals(),
            [
                ("Ack", 0x87, why),
                ("Ack", 0x87, why),
                ("Suback", [0, 0x87, 0x87], "'no': not authorised; 'secret/#': not authorised"),
            ],
        )

    def test_unwanted(self) -> None:
        """
        Who wants no words gets none [MQTT5-3.1.2-29].
        """
        expected = [("Ack", 0x87, None), ("Ack", 0x87, None), ("Suback", [0, 0x87, 0x87], None)]
        self.assertEqual(self.refusals(request_problem_information=0), expected)

    def test_too_small_for_words(self) -> None:
        """
        Words never make a packet larger than the client takes
        [MQTT5-3.4.2-2] [MQTT5-3.5.2-2] [MQTT5-3.9.2-1] [MQTT5-3.1.2-24].
        """
        expected = [("Ack", 0x87, None), ("Ack", 0x87, None), ("Suback", [0, 0x87, 0x87], None)]
        self.assertEqual(self.refusals(maximum_packet_size=30), expected)

    def test_many_filters(self) -> None:
        """
        However many filters are refused, the words have an end.
        """
        peer = self.join("c", rights=Rights(grants={f"f{n}": 0x87 for n in range(1_000)}))
        peer.say(Subscribe(1, [Subscription(b"f%d" % n) for n in range(1_000)]))
        (suback,) = peer.heard()
        assert isinstance(suback, Suback) and suback.properties is not None
        assert suback.properties.reason_string is not None
        self.assertLessEqual(len(suback.properties.reason_string), 256)

    def test_connack(self) -> None:
        """
        A refused CONNECT is told why, unless it wants no words or no packet so large [MQTT5-3.2.2-19].
        """
        for words, expected in (
            ({}, "the will to '$SYS/x' would not be published"),
            ({"request_problem_information": 0}, None),
            ({"maximum_packet_size": 20}, None),
        ):
            peer = self.peer()
            peer.connect("c", will=will("$SYS/x"), **words)
            self.assertEqual([said(each) for each in peer.heard()], [(0x87, None, expected)])

    def test_other_peoples_affairs(self) -> None:
        """
        That a session is somebody else's is not told.
        """
        self.durable("c", user="ann").lose()
        peer = self.peer("bob")
        peer.connect("c")
        self.assertEqual([said(each) for each in peer.heard()], [(0x85, None, None)])
        assert peer.closed is not None
        self.assertIn("another user", peer.closed[1])

    def test_smallest_clients(self) -> None:
        """
        Whatever a client does, it is sent no packet larger than it takes, and the broker has no user properties of its
        own to say [MQTT5-3.1.2-24] [MQTT5-3.2.2-20] [MQTT5-3.4.2-3] [MQTT5-3.5.2-3] [MQTT5-3.6.2-2] [MQTT5-3.6.2-3]
        [MQTT5-3.7.2-2] [MQTT5-3.7.2-3] [MQTT5-3.9.2-2] [MQTT5-3.11.2-1] [MQTT5-3.11.2-2] [MQTT5-3.14.2-4].
        """
        for size in (20, 40, 1_000):
            peer = self.join("c", maximum_packet_size=size, rights=Rights(["no"], grants={"no": 0x87}))
            sizes: list[int] = []
            write = peer.session.write
            peer.session.write = _Measure(write, sizes).write
            for qos in (1, 2):
                peer.publish("no", b"x", qos)
            peer.subscribe("no", "yes")
            peer.unsubscribe("no", "yes")
            peer.say(Ack(PUBREC, 77), Ack(PUBREL, 78), Publish(b"\xc3\xbc", b"", properties=None))
            peer.feed(b"\x00\x00")
            self.assertLessEqual(max(sizes), size)
            for packet in peer.heard():
                properties = getattr(packet, "properties", None)
                self.assertEqual(properties.user_properties if properties else (), ())


class _Measure:
    """
    Writes down how long each packet is.
    """

    def __init__(self, write: Any, sizes: list[int]) -> None:
        self._write = write
        self._sizes = sizes

    def write(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            length, used = data[at + 1], 2
            if length & 0x80:
                length, used = (length & 0x7F) | data[at + 2] << 7, 3
            self._sizes.append(length + used)
            at += length + used
        self._write(data)
