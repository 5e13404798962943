"""
Which server is next.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.service.client.support import STEADY, ServiceTestCase
from txmqtt import Properties, ReasonCode, Refused
from txmqtt.service.client.servers import Servers, shown

ELSEWHERE = ReasonCode.USE_ANOTHER_SERVER
MOVED = ReasonCode.SERVER_MOVED


def sent_to(reason: int, reference: str | None) -> Refused:
    return Refused("elsewhere", reason, properties=Properties(server_reference=reference))


class ServersTests(SynchronousTestCase):
    def test_in_turn(self) -> None:
        """
        Each that fails gives way to the next; after the last comes the first again.
        """
        servers = Servers(["mqtt://a", "mqtt://b"], False)
        tried = []
        for _ in range(5):
            tried.append((servers.next, servers.round))
            servers.failed(Refused("no", 0x88))
        self.assertEqual(
            tried,
            [
                ("mqtt://a", True),
                ("mqtt://b", False),
                ("mqtt://a", True),
                ("mqtt://b", False),
                ("mqtt://a", True),
            ],
        )

    def test_where_they_are_sent(self) -> None:
        """
        Another server is reached as the one was that named it: by the same transport, as the same user.
        """
        for server, reference, expected in (
            ("mqtt://a", "b", "mqtt://b"),
            ("mqtt://a:1", "b:2", "mqtt://b:2"),
            ("mqtts://u:p@a:1", "b:2", "mqtts://u:p@b:2"),
            ("wss://a/path?x=1", "b", "wss://b/path?x=1"),
            ("mqtts://u:p@a", "mqtt://evil@b:2", "mqtts://u:p@b:2"),
            ("mqtt://a", "b:2 c:3", "mqtt://b:2"),
            ("mqtt://a", "[::1]:2", "mqtt://[::1]:2"),
            ("tcp:a:1", "b:2", "mqtt://b:2"),
        ):
            with self.subTest(server=server, reference=reference):
                servers = Servers(server, True)
                servers.failed(sent_to(ELSEWHERE, reference))
                self.assertEqual(servers.next, expected)

    def test_as_safely(self) -> None:
        """
        Whoever cannot be reached as safely as the one that named it, or at all, is not gone to.
        """
        for server, reference, secure, expected in (
            ("mqtts+srv://example.com", "b:2", False, "mqtts://b:2"),
            ("mqtt+srv://u:p@example.com", "b", False, "mqtt://u:p@b"),
            ("tcp:a:1", "b:2", True, "mqtts://b:2"),
            ("tcp:a:1", "unix:///tmp/x", False, "tcp:a:1"),
            ("tls:a:1", "b:2", False, "tls:a:1"),
            ("unix:///run/mqtt", "b:2", True, "unix:///run/mqtt"),
            ("mqtt://a", "b/c", False, "mqtt://b"),
            ("mqtt://a", "b:x", False, "mqtt://a"),
            ("mqtt://a", "///", False, "mqtt://a"),
            ("mqtt://a", "b\x01", False, "mqtt://a"),
        ):
            with self.subTest(server=server, reference=reference):
                servers = Servers(server, True, secure)
                servers.failed(sent_to(MOVED, reference))
                self.assertEqual(servers.next, expected)

    def test_in_the_log(self) -> None:
        """
        A server is called by its address there, without what is secret in it.
        """
        for server, expected in (
            ("mqtts://u:p%40@a:1", "mqtts://a:1"),
            ("wss://u:p@a/path?token=1", "wss://a/path"),
            ("tcp:a:1", "tcp:a:1"),
            ("strange:a:secret", "strange"),
        ):
            self.assertEqual(shown(server), expected)

    def test_for_a_while_and_for_good(self) -> None:
        """
        C{USE_ANOTHER_SERVER} is for this once, C{SERVER_MOVED} for good.
        """
        servers = Servers("mqtt://a", True)
        servers.failed(sent_to(ELSEWHERE, "b"))
        self.assertFalse(servers.round)  # it is tried at once
        servers.failed(Refused("down", 0x88))
        self.assertEqual(servers.next, "mqtt://a")
        servers.failed(sent_to(MOVED, "c"))
        servers.failed(Refused("down", 0x88))
        self.assertEqual(servers.next, "mqtt://c")

    def test_not_asked_to(self) -> None:
        """
        A server's word is followed only if that was asked for, and if it says where.
        """
        for follow, reference in ((False, "b"), (True, None), (True, "")):
            servers = Servers("mqtt://a", follow)
            servers.failed(sent_to(ELSEWHERE, reference))
            self.assertEqual(servers.next, "mqtt://a")

    def test_in_circles(self) -> None:
        """
        Servers that send us round and round are not followed for ever.
        """
        servers = Servers("mqtt://a", True)
        for _ in range(20):
            servers.failed(sent_to(ELSEWHERE, "b"))
        self.assertEqual(servers.next, "mqtt://a")
        servers.accepted()
        servers.failed(sent_to(ELSEWHERE, "b"))
        self.assertEqual(servers.next, "mqtt://b")


class TurnTests(ServiceTestCase):
    def test_next_at_once(self) -> None:
        """
        The next server is tried at once; only when all have failed does it wait.
        """
        service = self.service(servers=["tcp:localhost:9", "tcp:localhost:8", self.world.endpoint()])
        self.world.advance(0.5)
        self.assertEqual(service.phase.value, "connected")

    def test_all_fail(self) -> None:
        self.world.refuse()
        self.service(servers=[self.world.endpoint(), self.world.endpoint()], retry=STEADY)
        self.world.advance(0.9)
        self.assertEqual([phase for phase, _ in self.phases].count("connecting"), 2)
        self.world.advance(0.2)
        self.assertEqual([phase for phase, _ in self.phases].count("connecting"), 4)
