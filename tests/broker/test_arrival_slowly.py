"""
Tests of txmqtt.broker.arrival: sessions that take their time to be opened.
"""

from tests.backends.slow import SlowBackend
from tests.broker.support import BrokerTestCase, Peer
from tests.session.support import wordless
from txmqtt.codec.packets import Connack, Publish


class OpeningTests(BrokerTestCase):
    """
    With a backend that takes its time to open a session.
    """

    limits = {"max_connections": 3, "max_sessions": 2}

    def make_backend(self, *words: object) -> SlowBackend:
        self.slow = SlowBackend(*words)  # type: ignore[arg-type]
        self.slow.slow = {"open"}
        return self.slow

    def connecting(self, client_id: str, version: int = 5, **words: object) -> Peer:
        peer = self.peer()
        peer.connect(client_id, version, **words)
        self.assertEqual(peer.heard(), [])
        return peer

    def test_nothing_precedes_connack(self) -> None:
        """
        While a session is being opened nothing is said, and what the client said meanwhile is heard after CONNACK
        [MQTT5-3.2.0-1] [MQTT311-3.2.0-1].
        """
        peer = self.connecting("c")
        peer.say(Publish(b"t", b"x", 1, packet_id=1))
        self.assertEqual((peer.heard(), self.stats.publish_received, peer.admissions), ([], 0, 0))
        self.slow.commit()
        connack, puback = peer.heard()
        self.assertEqual((connack.kind, puback.kind, peer.admissions), (2, 4, 1))

    def test_taken_over_while_opening(self) -> None:
        """
        A client that is taken over before it is in hears so in its CONNACK [MQTT5-3.14.0-1].
        """
        for version, reason in ((5, 0x88), (4, 3)):
            first, second = self.connecting("c", version), self.connecting("c", version)
            self.assertEqual(wordless(first.heard()), [Connack(reason)])
            self.assertIsNotNone(first.closed)
            first.lose()
            self.slow.commit()
            connack = second.heard()[0]
            assert isinstance(connack, Connack)
            self.assertEqual(connack.reason, 0)
            second.lose()
        self.assertEqual((self.stats.connections, self.stats.connections_total), (0, 2))
        self.assertBooksClosed()

    def test_lost_while_opening(self) -> None:
        """
        A connection that ends before its session is opened leaves nothing behind, and a parked session where it was.
        """
        self.connecting("new", session_expiry_interval=100).lose()
        self.slow.commit()
        self.assertEqual((len(self.broker.registry), self.stats.connections), (0, 0))
        self.connecting("old", session_expiry_interval=100)
        self.slow.commit()
        self.town.member("old").session.lost()  # type: ignore[union-attr]
        self.town.wait(50)
        self.connecting("old", session_expiry_interval=100, clean_start=False).lose()
        self.slow.commit()
        self.assertEqual(self.stats.sessions, 1)
        self.town.wait(50)
        self.assertEqual(self.stats.sessions, 0)
        peer = self.connecting("new", session_expiry_interval=100, clean_start=False)
        self.slow.commit()
        connack = peer.heard()[0]
        assert isinstance(connack, Connack)
        self.assertFalse(connack.session_present)
        self.assertBooksClosed()

    def test_refused_by_the_disk(self) -> None:
        """
        A session that can't be opened: CONNACK 0x88, on 3.x server unavailable.
        """
        for version, reason in ((5, 0x88), (4, 3), (3, 3)):
            peer = self.connecting("c", version)
            self.slow.refuse(0x88)
            self.assertEqual(peer.heard(), [Connack(reason)])
            self.assertIsNotNone(peer.closed)
        self.assertBooksClosed()

    def test_shut_while_opening(self) -> None:
        """
        Shutdown while a session is being opened: CONNACK 0x88, on 3.x server unavailable; no DISCONNECT.
        """
        new, old = self.connecting("new"), self.connecting("old", 4)
        self.broker.shut("the end")
        self.assertEqual((wordless(new.heard()), wordless(old.heard())), ([Connack(0x88)], [Connack(3)]))
        self.slow.commit()
        self.assertEqual((self.stats.connections, self.broker.arrivals), (0, {}))
        self.assertBooksClosed()

    def test_those_on_the_threshold_count(self) -> None:
        """
        Who waits for a session takes a place already, so a slow disk does not let in more than are allowed.
        """
        self.connecting("a"), self.connecting("b")
        for name in ("c", "d"):
            peer = self.peer()
            peer.connect(name)
            self.assertEqual(wordless(peer.heard()), [Connack(0x97)])
        self.slow.commit()
        self.assertEqual((self.stats.connections, self.stats.sessions), (2, 2))

    def test_taken_over_by_one_who_has_gone(self) -> None:
        """
        A session that was taken over by a connection which ended meanwhile is parked, and expires in its time.
        """
        self.connecting("c", session_expiry_interval=10)
        self.slow.commit()
        self.connecting("c", session_expiry_interval=10, clean_start=False).lose()
        self.slow.commit()
        self.assertEqual((self.stats.connections, self.stats.sessions), (0, 1))
        self.town.wait(10)
        self.assertEqual(self.stats.sessions, 0)

    def test_expired_while_opening(self) -> None:
        """
        A session whose time is over while it is being opened is a new one when it is.
        """
        self.connecting("c", session_expiry_interval=10)
        self.slow.commit()
        self.town.member("c").session.lost()  # type: ignore[union-attr]
        peer = self.connecting("c", clean_start=False, session_expiry_interval=10)
        self.town.wait(11)
        self.slow.commit()
        connack = peer.heard()[0]
        assert isinstance(connack, Connack)
        self.assertFalse(connack.session_present)
        self.assertEqual((self.stats.sessions, self.stats.sessions_expired), (1, 1))
        self.assertBooksClosed()
