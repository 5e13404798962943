"""
What a CONNECT of 5.0 must be like to be let in at all, byte by byte.
"""

from __future__ import annotations

from tests.broker.support import BrokerTestCase, Peer
from tests.vectors import spell
from txmqtt.codec.packets import Connack, Pingreq, Pingresp, Publish, Subscribe, Subscription

#: A rule, and a CONNECT that breaks it.
BROKEN: list[tuple[str, str]] = [
    ("the reserved flag [MQTT5-3.1.2-3]", '10 [ "MQTT" 05 03 0000 [] "a" ]'),
    ("reserved flags of the fixed header [MQTT5-2.1.3-1]", '11 [ "MQTT" 05 02 0000 [] "a" ]'),
    ("a will QoS without a will [MQTT5-3.1.2-11]", '10 [ "MQTT" 05 0a 0000 [] "a" ]'),
    ("will QoS 3 [MQTT5-3.1.2-12]", '10 [ "MQTT" 05 1e 0000 [] "a" [] "t" "x" ]'),
    ("a will to be retained without a will [MQTT5-3.1.2-13]", '10 [ "MQTT" 05 22 0000 [] "a" ]'),
    ("a will that is not there [MQTT5-3.1.2-9]", '10 [ "MQTT" 05 06 0000 [] "a" ]'),
    ("a will that was not announced [MQTT5-3.1.2-9]", '10 [ "MQTT" 05 02 0000 [] "a" [] "t" "x" ]'),
    ("a user name that was not announced [MQTT5-3.1.2-16]", '10 [ "MQTT" 05 02 0000 [] "a" "u" ]'),
    ("no user name where one was announced [MQTT5-3.1.2-17]", '10 [ "MQTT" 05 82 0000 [] "a" ]'),
    ("a password that was not announced [MQTT5-3.1.2-18]", '10 [ "MQTT" 05 82 0000 [] "a" "u" "p" ]'),
    ("no password where one was announced [MQTT5-3.1.2-19]", '10 [ "MQTT" 05 c2 0000 [] "a" "u" ]'),
    ("no client identifier [MQTT5-3.1.3-3]", '10 [ "MQTT" 05 02 0000 [] ]'),
    ("a client identifier that is not UTF-8 [MQTT5-3.1.3-4]", '10 [ "MQTT" 05 02 0000 [] 0001 ff ]'),
    ("a client identifier with U+0000 [MQTT5-1.5.4-2]", '10 [ "MQTT" 05 02 0000 [] 0001 00 ]'),
    ("a will topic that is not UTF-8 [MQTT5-3.1.3-11]", '10 [ "MQTT" 05 06 0000 [] "a" [] 0001 ff "x" ]'),
    ("a user name that is not UTF-8 [MQTT5-3.1.3-12]", '10 [ "MQTT" 05 82 0000 [] "a" 0001 ff ]'),
    ("a user property that is not UTF-8 [MQTT5-1.5.7-1]", '10 [ "MQTT" 05 02 0000 [ 26 0001 ff "v" ] "a" ]'),
]


class BrokenTests(BrokerTestCase):
    def test_table(self) -> None:
        """
        Whoever breaks a rule of CONNECT is told that it is malformed, and closed; what it sent behind it counts for
        nothing [MQTT5-3.1.4-1] [MQTT5-3.1.4-6] [MQTT5-3.2.2-7] [MQTT5-4.13.1-1].
        """
        for rule, spelling in BROKEN:
            with self.subTest(rule=rule):
                peer = self.peer()
                peer.feed(spell(spelling) + spell('30 [ "t" 00 "x" ]'))
                assert peer.closed is not None
                self.assertEqual(peer.closed[0], 0x81)
                self.assertEqual([each for each in peer.heard() if each != Connack(0x81)], [])
                self.assertEqual((self.stats.publish_received, self.stats.sessions), (0, 0))

    def test_order(self) -> None:
        """
        What is there comes in its order [MQTT5-3.1.3-1], and means what the flags say [MQTT5-3.1.2-9].
        """
        watcher = self.join("watcher")
        watcher.subscribe("#")
        peer = self.peer()
        peer.feed(spell('10 [ "MQTT" 05 c6 0000 [] "c" [] "t" "gone" "u" "p" ]'))
        self.assertEqual([type(each) for each in peer.heard()], [Connack])
        member = self.town.member("c")
        self.assertEqual((member.user, member.will is not None), ("u", True))  # [MQTT5-3.1.2-7]
        peer.lose()
        self.assertEqual([(each[0], each[1]) for each in watcher.finish()], [(b"t", b"gone")])


class AcceptedTests(BrokerTestCase):
    def test_identifiers(self) -> None:
        """
        Every identifier of letters and digits is taken [MQTT5-3.1.3-5], and others too; the session is kept under it
        [MQTT5-3.1.3-2].
        """
        for name in (
            "a",
            "0",
            "Z" * 23,
            "abcdefghijklmnopqrstuvw",
            "xyzABCDEFGHIJKLMNOPQRST",
            "0123456789",
            "\u00e4/+#",
        ):
            with self.subTest(name=name):
                self.join(name)
                self.assertEqual(self.town.member(name).client_id, name)

    def test_new(self) -> None:
        """
        Where there is no session one is made, whether a clean start was asked for or not, and CONNACK comes once
        [MQTT5-3.1.2-6] [MQTT5-3.1.4-4] [MQTT5-3.1.4-5] [MQTT5-3.2.0-2].
        """
        for clean in (True, False):
            peer = self.peer()
            peer.connect("c", clean_start=clean)
            peer.say(Pingreq())
            self.assertEqual([type(each) for each in peer.heard()], [Connack, Pingresp])
            peer.leave()

    def test_refused(self) -> None:
        """
        After a refusal nothing is acted on that was sent behind [MQTT5-3.1.4-6], and the connection is closed
        [MQTT5-3.2.2-7] [MQTT5-3.1.3-8].
        """
        self.durable("c", user="ann").lose()
        before = self.stats.publish_received
        peer = Peer(self.town, "bob")
        peer.connect("c")
        peer.say(Publish(b"t", b"x"), Subscribe(1, [Subscription(b"t")]))
        self.assertEqual((peer.heard(), self.stats.publish_received), ([Connack(0x85)], before))
        self.assertIsNotNone(peer.closed)

    def test_no_aliases(self) -> None:
        """
        A client that says nothing of aliases is sent none [MQTT5-3.1.2-27]; one that allows some never gets a higher
        number [MQTT5-3.1.2-26].
        """
        for allowed, most in ((None, 0), (0, 0), (2, 2)):
            reader = self.join("reader", topic_alias_maximum=allowed)
            reader.subscribe("#")
            for number in range(5):
                self.broker.publish(b"t%d" % number, b"x")
            self.town.turn.flush()
            heard = [each.properties for each in reader.heard() if isinstance(each, Publish)]
            used = sorted(said.topic_alias or 0 for said in heard if said is not None)
            self.assertEqual(used, list(range(1, most + 1)))
            reader.leave()

    def test_keep_alive(self) -> None:
        """
        Where the CONNACK says nothing of the keep-alive the client's own counts [MQTT5-3.2.2-22].
        """
        peer = self.peer()
        peer.connect("c", keep_alive=10)
        (connack,) = peer.heard()
        assert isinstance(connack, Connack) and connack.properties is not None
        self.assertIsNone(connack.properties.server_keep_alive)
        self.assertEqual(peer.session.deadline(), self.town.turn.now + 15)
