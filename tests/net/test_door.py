"""
Tests of txmqtt.net.door and txmqtt.net.entry: how many may come, from where and how fast.
"""

from __future__ import annotations

from typing import Any

from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress

from tests.net.support import BrokerTestCase, Client, Reactor, Waiting, Wire, plain, reasons
from txmqtt.broker.policy import Policy
from txmqtt.broker.terms import Terms
from txmqtt.codec.packets import Connack, Connect, Publish, Subscribe, Subscription
from txmqtt.net.door import Door
from txmqtt.net.server_factory import BrokerFactory

HERE = "192.0.2.1"


def at(host: str) -> IAddress:
    return (IPv6Address if ":" in host else IPv4Address)("TCP", host, 4711)


class Proxied(Wire):
    """
    A proxy's connection, which says with the first bytes where the client is.
    """

    def tell(self, host: str) -> None:
        self.peerAddr = at(host)


class DoorTestCase(BrokerTestCase):
    def call(self, host: str = HERE) -> Client:
        """
        A connection from there that has said nothing.
        """
        return self.dial(5, Wire(peerAddress=at(host)))

    def come(self, host: str = HERE, client_id: str = "c", version: int = 5, **more: Any) -> list[int]:
        """
        What a client from there is told.
        """
        client = self.dial(version, Wire(peerAddress=at(host)))
        client.say(Connect(client_id, version, **more))
        return reasons(client.heard())


class HalfOpenTests(DoorTestCase):
    def test_flood(self) -> None:
        """
        Connections that say nothing push out each other, without a word, and not those of anybody else.
        """
        self.begin(policy=Policy(max_half_open=10))
        good = self.call("198.51.100.1")
        flood = [self.call() for _ in range(1_000)]
        self.assertEqual((self.stats.half_open, self.stats.half_open_closed), (10, 991))
        self.assertEqual([client.wire.asked[-1] for client in flood[:991]], ["abort"] * 991)
        self.assertEqual({client.wire.value() for client in flood}, {b""})
        good.say(Connect("c", 5))
        self.assertEqual(reasons(good.heard()), [0])
        self.assertEqual(self.come(client_id="d"), [0])
        self.assertEqual(len(self.log.said), 3)  # the two that came, and one for all of the flood

    def test_many_networks(self) -> None:
        """
        Where a flood comes from everywhere whoever says CONNECT at once is let in all the same.
        """
        self.begin(policy=Policy(max_half_open=10))
        for number in range(100):
            self.call(f"2001:db8:0:{number:x}::1")
        for number in range(5):
            self.assertEqual(self.come(f"198.51.100.{number}", f"c{number}"), [0])
        self.assertEqual(len(self.factory.guests), 105)  # aborted connections are still to be told that they are lost

    def test_told_when_asked(self) -> None:
        """
        Whoever has said CONNECT and must make room is told that the broker is busy.
        """
        self.begin(Waiting(), policy=Policy(max_half_open=2))
        clients = []
        for version in (3, 4, 5):
            client = self.call()
            client.version = version
            client.say(Connect("c", version))
            clients.append(client)
        self.call()
        heard = [client.wire.value() for client in clients]
        self.assertEqual(heard, [b"\x20\x02\x00\x03", b"\x20\x02\x00\x03", b""])

    def test_inside_does_not_count(self) -> None:
        """
        Who is in is safe from whoever floods the door.
        """
        self.begin(policy=Policy(max_half_open=1))
        client = self.call()
        client.say(Connect("c", 5))
        for _ in range(10):
            self.call()
        client.say(Subscribe(1, [Subscription(b"a")]))
        self.assertFalse(client.wire.disconnecting)
        self.assertEqual((self.stats.half_open, self.stats.connections), (1, 1))

    def test_books(self) -> None:
        """
        Whatever becomes of a connection, it is counted out once.
        """
        self.begin(InMemoryUsernamePasswordDatabaseDontUse(alice=b"secret"), policy=Policy(login_delay=0))
        self.call().leave()
        self.come(username="alice", password=b"wrong")
        silent = self.call()
        self.clock.advance(10)
        self.assertTrue(silent.wire.disconnecting)
        self.come(username="alice", password=b"secret")
        self.assertEqual(self.stats.half_open, 0)
        for client in self.clients:
            if not client.gone:
                client.leave()
        self.assertEqual(self.stats.half_open, 0)


class PlacesTests(DoorTestCase):
    def test_per_address(self) -> None:
        """
        From one address so many may be let in; of IPv6 its network counts. The next is told 0x97, on 3.x 3, and has a
        place when one is free.
        """
        self.begin(policy=Policy(max_connections_per_address=2))
        for first, second, third in (
            (HERE, HERE, HERE),
            ("2001:db8::1", "2001:db8::2", "2001:db8::3"),
        ):
            with self.subTest(place=first):
                self.assertEqual(self.come(first, f"{first} 1") + self.come(second, f"{first} 2"), [0, 0])
                inside = self.clients[-1]
                self.assertEqual(self.come(third, f"{first} 3") + self.come(third, f"{first} 3", 4), [0x97, 3])
                self.assertEqual(self.come("198.51.100.1", f"{first} 4"), [0])
                self.clients[-1].leave()
                inside.leave()
                self.assertEqual(self.come(third, f"{first} 3"), [0])

    def test_takes_his_own_place(self) -> None:
        """
        A client that comes back before its old connection is known to be dead needs no more room than it had.
        """
        self.begin(policy=Policy(max_connections_per_address=1, max_connections_per_user=1))
        for _ in range(3):
            self.assertEqual(self.come(client_id="c", username="alice"), [0])
        self.assertEqual(self.come(client_id="d", username="alice"), [0x97])

    def test_per_user(self) -> None:
        """
        Under one name so many may be let in, wherever they come from.
        """
        self.begin(policy=Policy(max_connections_per_user=1))
        self.assertEqual(self.come(client_id="c", username="alice"), [0])
        self.assertEqual(self.come("198.51.100.1", "d", username="alice"), [0x97])
        self.assertEqual(self.come("198.51.100.1", "d", username="bob"), [0])

    def test_per_listener(self) -> None:
        """
        A listener may have a limit of its own; others do not count for it.
        """
        door = Door(self.stats, self.clock.seconds)
        terms = Terms(Policy(), max_connections=1)
        portal = self.factory.portal
        self.come("198.51.100.1", "elsewhere")
        elsewhere, self.factory = (
            self.factory,
            BrokerFactory(self.broker, portal, self.clock, self.clock.seconds, terms, door=door),
        )
        self.assertEqual(self.come(client_id="c") + self.come(client_id="d"), [0, 0x97])
        for client in self.clients:
            client.leave()
        self.assertEqual(elsewhere.guests, set())

    def test_trusted(self) -> None:
        """
        No limit for one address holds for those that are trusted, nor for UNIX sockets, which have none.
        """
        self.begin(policy=Policy(max_connections_per_address=1, trusted_addresses="10.0.0.0/8"))
        for number in range(3):
            self.assertEqual(self.come("10.1.2.3", f"c{number}"), [0])
            client = self.dial(5, Wire(peerAddress=UNIXAddress(None)))
            client.say(Connect(f"u{number}", 5))
            self.assertEqual(reasons(client.heard()), [0])
        self.assertRaises(ValueError, self.begin, policy=Policy(trusted_addresses="everybody"))

    def test_waiting_per_address(self) -> None:
        """
        Nor do more connections from one address wait to be let in than may be.
        """
        self.begin(policy=Policy(max_connections_per_address=2))
        clients = [self.proxied() for _ in range(3)]
        for _, wire in clients:
            wire.tell(HERE)
        for client, _ in clients:
            client.feed(b"\x10")
        self.assertEqual([wire.asked[-1] == "abort" for _, wire in clients], [True, False, False])

    def proxied(self) -> tuple[Client, Proxied]:
        wire = Proxied(peerAddress=at("127.0.0.1"))
        return self.dial(5, wire), wire

    def test_proxy(self) -> None:
        """
        Behind a proxy it is the client's own address that counts, known with the first bytes.
        """
        self.begin(policy=Policy(max_connections_per_address=1))
        for host, client_id, said in ((HERE, "c", 0), (HERE, "d", 0x97), ("198.51.100.1", "e", 0)):
            client, wire = self.proxied()
            wire.tell(host)
            client.say(Connect(client_id, 5))
            self.assertEqual(reasons(client.heard()), [said])


class RateTests(DoorTestCase):
    def test_too_fast(self) -> None:
        """
        CONNECTs that come too fast are told so, on 3.x with 3; who only opens connections takes nothing from others.
        """
        self.begin(policy=Policy(max_connection_rate=2.0, connection_burst=3))
        for _ in range(10):
            self.call()
        told = [self.come(client_id=f"c{number}") for number in range(5)]
        self.assertEqual(told, [[0], [0], [0], [0x9F], [0x9F]])
        self.assertEqual(self.come(client_id="old", version=4), [3])
        self.clock.advance(0.5)
        self.assertEqual(self.come(client_id="later") + self.come(client_id="soon"), [0, 0x9F])
        self.assertEqual(self.stats.rate_exceeded, 4)
        self.assertEqual(len([line for line in self.log.said if "too fast" in line]), 1)

    def test_per_address(self) -> None:
        """
        Who comes too fast does not slow others.
        """
        self.begin(policy=Policy(max_connection_rate_per_address=1.0, connection_burst_per_address=1))
        self.assertEqual([self.come(client_id="c"), self.come(client_id="d")], [[0], [0x9F]])
        self.assertEqual(self.come("198.51.100.1", "e"), [0])

    def test_log_again(self) -> None:
        """
        The log hears of a flood once a minute, and how much there was of it.
        """
        self.begin(policy=Policy(max_connection_rate=0.001, connection_burst=1))
        for _ in range(4):
            self.come()
        self.clock.advance(61)
        self.come()
        told = [line.partition(" were")[0] for line in self.log.said if "too fast" in line]
        self.assertEqual(told, ["1 connections", "3 connections"])


class GuessingTests(DoorTestCase):
    def begin(self, *checkers: Any, **more: Any) -> None:
        super().begin(*(checkers or (InMemoryUsernamePasswordDatabaseDontUse(alice=b"secret"),)), **more)
        self.factory.door = Door(self.stats, self.clock.seconds, self.clock.seconds)

    def guess(self, host: str = HERE, version: int = 5, password: bytes = b"wrong") -> Client:
        client = self.dial(version, Wire(peerAddress=at(host)))
        client.say(Connect("c", version, username="alice", password=password))
        return client

    def test_slowed(self) -> None:
        """
        After a failed login the next one from there waits, right or wrong, and so does one under the same name; others
        do not.
        """
        self.begin(policy=Policy(login_delay=2.0))
        self.assertEqual(reasons(self.guess().heard()), [0x86])
        again, elsewhere = self.guess(password=b"secret"), self.guess("198.51.100.1", 4)
        self.assertEqual(self.come("198.51.100.1", "d", username="bob", password=b"x"), [0x86])
        self.clock.advance(1.9)
        self.assertEqual((again.heard(), elsewhere.heard()), ([], []))
        self.clock.advance(0.1)
        self.assertEqual((reasons(again.heard()), reasons(elsewhere.heard())), ([0], [4]))
        self.assertEqual((self.stats.logins_delayed, self.stats.logins_failed, self.factory.door.delayed), (2, 3, 0))

    def test_not_without_end(self) -> None:
        """
        Only so many logins wait; the next is told that the broker is busy. Who leaves makes room.
        """
        self.begin(policy=Policy(login_delay=2.0, max_delayed_logins=2))
        self.guess()
        waiting = [self.guess() for _ in range(2)]
        self.assertEqual(reasons(self.guess().heard()) + reasons(self.guess(version=4).heard()), [0x89, 3])
        waiting[0].leave()
        self.assertEqual(self.guess().heard(), [])

    def test_banned(self) -> None:
        """
        An address with too many failed logins is closed at once, without a word, for a while. Nobody else is.
        """
        self.begin(policy=Policy(login_delay=0, ban_failures=3, ban_time=60))
        for _ in range(3):
            self.assertEqual(reasons(self.guess().heard()), [0x86])
        banned = self.guess(password=b"secret")
        self.assertEqual((banned.wire.value(), banned.wire.asked[-1]), (b"", "abort"))
        self.assertEqual(reasons(self.guess("198.51.100.1", password=b"secret").heard()), [0])
        self.clock.advance(60)
        self.assertEqual(reasons(self.guess(password=b"secret").heard()), [0])
        self.assertEqual(self.stats.banned_refused, 1)
        self.assertEqual(len([line for line in self.log.said if "banned" in line]), 1)

    def test_told(self) -> None:
        """
        Who is banned may be told so: 0x8A, on 3.x 5.
        """
        self.begin(policy=Policy(ban_answer="say"))
        self.factory.door.ban(HERE, 60)
        for version, said in ((3, 5), (4, 5), (5, 0x8A)):
            self.assertEqual(reasons(self.guess(version=version).heard()), [said])
        self.assertTrue(self.factory.door.lift(HERE))
        self.assertEqual(reasons(self.guess(password=b"secret").heard()), [0])

    def test_banned_on_arrival(self) -> None:
        """
        Where it is certain from the start where somebody comes from, nothing is read of who is banned.
        """
        reactor = Reactor()
        self.factory.door.ban("192.0.2.1", 60)
        protocol = self.factory.buildProtocol(None)
        plain(protocol, reactor)
        self.clock.advance(0)
        reactor.advance(0)
        self.assertEqual((self.factory.guests, reactor.readers), (set(), set()))

    def test_trusted(self) -> None:
        """
        This machine is neither slowed nor banned.
        """
        self.begin(policy=Policy(ban_failures=2, login_delay=5))
        for _ in range(10):
            self.assertEqual(reasons(self.guess("127.0.0.1").heard()), [0x86])
        self.assertEqual((self.factory.door.list_bans(), self.stats.logins_failed), ([], 10))

    def test_already_waiting(self) -> None:
        """
        Who was banned while his connection was open is not let in over it.
        """
        waiting = self.call()
        self.factory.door.ban(HERE, 60)
        waiting.say(Connect("c", 5, username="alice", password=b"secret"))
        self.assertEqual((waiting.wire.value(), waiting.wire.asked[-1]), (b"", "abort"))


class UnfitTests(DoorTestCase):
    def test_versions(self) -> None:
        """
        A listener may speak some versions only: others are told 0x84, on 3.x 1, before anybody is asked who they are
        [MQTT5-3.1.2-2] [MQTT311-3.1.2-2].
        """
        checker = Waiting()
        self.begin(checker)
        for spoken in (frozenset({5}), frozenset({4}), frozenset({3, 4})):
            self.factory.terms = Terms(Policy(), versions=spoken)
            told = {version: self.come(version=version) for version in (3, 4, 5)}
            no = {3: [1], 4: [1], 5: [0x84]}
            self.assertEqual(told, {version: [] if version in spoken else no[version] for version in told})
        self.assertEqual(len(checker.asked), 4)

    def test_too_long(self) -> None:
        """
        Names and wills have limits, and who exceeds one is told which.
        """
        self.begin(policy=Policy(max_client_id_bytes=23, max_user_name_bytes=5, max_will_payload=10))
        self.assertEqual(self.come(client_id="é" * 11 + "x", username="alice"), [0])
        self.assertEqual(self.come(client_id="é" * 12) + self.come(client_id="é" * 12, version=4), [0x85, 2])
        self.assertEqual(self.come(username="malice") + self.come(username="malice", version=4), [0x86, 4])
        self.assertIn("6 bytes; 5 at most", self.log.said[-1])

    def test_memory(self) -> None:
        """
        When memory is short nobody new comes in, and whoever is in keeps what is not QoS 0.
        """
        self.come(client_id="i")
        inside = self.clients[-1]
        inside.say(Subscribe(1, [Subscription(b"a", 1)]))
        inside.heard()
        self.broker.shedding = True
        self.assertEqual(self.come(client_id="c") + self.come(client_id="d", version=4), [0x97, 3])
        inside.say(Publish(b"a", b"0"), Publish(b"a", b"1", 1, packet_id=1), Publish(b"a", b"r", retain=True))
        got = [packet.payload for packet in inside.heard() if isinstance(packet, Publish)]
        self.assertEqual((got, self.stats.dropped_memory), ([b"1", b"r"], 1))

    def test_keep_alive(self) -> None:
        """
        A 5.0 client that asks for too short a keep-alive is told the one in force; one of 3.x can't be, and keeps its.
        """
        self.begin(policy=Policy(min_keep_alive=30, max_keep_alive=60))
        for asked, said in ((5, 30), (30, None), (45, None), (100, 60), (0, 60)):
            client = self.connect(keep_alive=asked)
            (connack,) = client.heard()
            assert isinstance(connack, Connack) and connack.properties is not None
            self.assertEqual(connack.properties.server_keep_alive, said)
        client = self.connect("old", 4, keep_alive=5)
        self.assertEqual(client.protocol.session.keep_alive, 5)


class SharedDoorTests(DoorTestCase):
    def test_all_listeners(self) -> None:
        """
        Who is banned at one listener is banned at all, and what is noted of it brings it back.
        """
        other = BrokerFactory(self.broker, self.factory.portal, self.clock, self.clock.seconds, door=self.factory.door)
        self.factory.door.ban(HERE, 1e6)
        door = Door(self.stats, self.clock.seconds)
        door.restore(self.factory.door.state())
        self.assertEqual(door.list_bans(), self.factory.door.list_bans())
        self.factory = other
        client = self.call()
        client.say(Connect("c", 5))
        self.assertEqual(client.wire.value(), b"")

    def test_bad_reload(self) -> None:
        """
        Trusted addresses that are none leave those in force that were, and the log says so.
        """
        door = self.factory.door
        self.assertFalse(door.counts("10.0.0.1", Policy(trusted_addresses="10.0.0.0/8")))
        for _ in range(2):
            self.assertFalse(door.counts("10.0.0.1", Policy(trusted_addresses="nobody")))
        self.assertEqual(len([line for line in self.log.said if "'nobody'" in line]), 1)
