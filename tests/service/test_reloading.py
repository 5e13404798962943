"""
Tests of txmqtt.service.reloading: everything is read again while clients are connected.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha512
from pathlib import Path
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from tests.service.support import Client, scratch
from tests.service.test_assembly import Reactor
from txmqtt.codec.packets import Connect, Disconnect
from txmqtt.net.server_factory import BrokerFactory
from txmqtt.service.assembly import Assembly
from txmqtt.service.broker import BrokerService
from txmqtt.service.configuration.file import load
from txmqtt.service.listener import CannotListen
from txmqtt.service.reloading import Reloader
from txmqtt.session.voice import OPENING

LOCAL = "[[listener]]\nendpoint = 'tcp:1883:interface=127.0.0.1'\n"


def mosquitto_hash(password: str) -> str:
    """
    As mosquitto_passwd writes it.
    """
    salt = b"0123456789ab"
    digest = sha512(password.encode() + salt).digest()
    return f"$6${b64encode(salt).decode()}${b64encode(digest).decode()}"


def rules(topic: str) -> str:
    return f"[[acl.rule]]\nallow = true\nactions = ['publish', 'subscribe', 'receive']\ntopics = ['{topic}']\n"


class ReloadCase(SynchronousTestCase):
    """
    @ivar path: the configuration file.
    """

    def setUp(self) -> None:
        self.reactor = Reactor()
        self.path: Path = scratch(self) / "broker.toml"

    def start(self, text: str) -> Reloader:
        self.path.write_text(text)
        assembly = self.again(None)
        self.service = BrokerService(
            self.reactor, assembly.places, None, assembly.policy, self.reactor.seconds, self.reactor.seconds
        )
        self.reloader = Reloader(self.service, assembly, self.again, self.reactor)
        self.service.startService()
        self.reloader.startService()
        self.addCleanup(self.service.stopService)
        self.addCleanup(self.reloader.stopService)
        return self.reloader

    def again(self, before: Assembly | None) -> Assembly:
        configuration = load(self.path)
        assembly = Assembly(configuration.settings, self.reactor, before=before)
        if assembly.faults:
            raise configuration.error(assembly.faults)
        return assembly

    def reload(self, text: str) -> list[str]:
        """
        @return: what the log says of it.
        """
        self.path.write_text(text)
        with capturedLogs() as events:
            self.done = self.successResultOf(self.reloader.reload())
        return [event["log_format"].format(**event) for event in events]

    def client(self, name: str = "c") -> Client:
        client = Client(cast(BrokerFactory, self.reactor.tcpServers[0][1]))
        self.assertEqual(client.connect(name), 0)
        return client


class ReloadTests(ReloadCase):
    def test_limits(self) -> None:
        """
        Other limits hold at once, also for those who are connected.
        """
        self.start(LOCAL)
        client = self.client()
        said = self.reload(f"{LOCAL}[limits]\nmax_subscriptions = 1\n")
        self.assertTrue(self.done)
        self.assertIn("the configuration has been read again", said)
        for filter in (b"a", b"b"):
            client.subscribe(filter)
        member = self.service.broker.registry.find(("", "c"))
        assert member is not None
        self.assertEqual(set(member.grants), {b"a"})
        self.assertTrue(client.transport.connected)

    def test_rules(self) -> None:
        """
        Other rules bind those who are connected, in what they send and in what they receive.
        """
        self.start(LOCAL + rules("a"))
        client = self.client()
        client.subscribe(b"a")
        broker = self.service.broker
        member = broker.registry.find(("", "c"))
        assert member is not None
        self.assertTrue(member.may_publish(b"a"))
        self.assertEqual(len(member.mount.routes.find(b"a").deliveries), 1)
        self.reload(LOCAL + rules("b"))
        self.assertFalse(member.may_publish(b"a"))
        self.assertTrue(member.may_publish(b"b"))
        self.assertEqual(len(member.mount.routes.find(b"a").deliveries), 0)

    def test_listeners(self) -> None:
        """
        Listeners come and go, and nobody who is connected notices.
        """
        self.start(LOCAL)
        client = self.client()
        self.reload("[[listener]]\nendpoint = 'tcp:1884:interface=127.0.0.1'\n")
        self.assertEqual([server[0] for server in self.reactor.tcpServers], [1883, 1884])
        self.assertEqual([address.port for address in self.service.addresses], [1884])  # type: ignore[attr-defined]
        self.assertTrue(client.transport.connected)
        self.assertEqual(Client(cast(BrokerFactory, self.reactor.tcpServers[1][1])).connect("d"), 0)

    def test_wrong(self) -> None:
        """
        A configuration that can't be used changes nothing, and the log says what is wrong, with the line.
        """
        self.start(LOCAL + rules("a"))
        client = self.client()
        for text, words in (
            ("[limts]\n", r":1: limts: unknown; did you mean limits\?"),
            (LOCAL + "[acl]\nfile = '/nowhere'\n", ":3: acl: '/nowhere' can't be read"),
        ):
            with self.subTest(words=words):
                (said,) = self.reload(text)
                self.assertFalse(self.done)
                self.assertRegex(said, words)
                self.assertIn("what was in force stays in force", said)
        member = self.service.broker.registry.find(("", "c"))
        assert member is not None
        self.assertTrue(member.may_publish(b"a"))
        self.assertTrue(client.transport.connected)
        self.assertEqual((self.reloader.reloads, self.reloader.failures), (0, 2))

    def test_cannot_listen(self) -> None:
        """
        When a new listener can't be opened the old rules and limits hold too: nothing is half done.
        """
        self.start(LOCAL + rules("a"))
        self.client()

        async def fails(places: Any, policy: Any) -> None:
            raise CannotListen("cannot listen on tcp:1: no")

        self.patch(self.service, "change", fails)
        (said,) = self.reload(LOCAL + rules("b"))[-1:]
        self.assertIn("cannot listen on tcp:1: no", said)
        member = self.service.broker.registry.find(("", "c"))
        assert member is not None
        self.assertEqual([member.may_publish(b"a"), member.may_publish(b"b")], [True, False])

    def test_only_at_the_start(self) -> None:
        """
        What only a start can change is told.
        """
        self.start(LOCAL)
        said = self.reload(f"{LOCAL}[broker]\ndurability = 'off'\n[metrics]\nendpoint = 'tcp:9100'\n")
        self.assertIn("changed, but only for the next start: broker, metrics", said)
        self.assertTrue(self.done)

    def test_while_it_is_busy(self) -> None:
        """
        Who asks while it is being read has it read once more, so that what he has written holds.
        """
        self.start(LOCAL)
        opening: Deferred[None] = Deferred()
        change = self.service.change
        calls = []

        async def slow(places: Any, policy: Any) -> None:
            calls.append(policy.max_inflight)
            if len(calls) == 1:
                await opening
            await change(places, policy)

        self.patch(self.service, "change", slow)
        first = self.reloader.reload()
        self.path.write_text(f"{LOCAL}[limits]\nmax_inflight = 7\n")
        for _ in range(3):
            self.successResultOf(self.reloader.reload())
        self.assertNoResult(first)
        opening.callback(None)
        self.assertTrue(self.successResultOf(first))
        self.assertEqual(calls, [20, 7])
        self.assertEqual(self.service.policy.max_inflight, 7)


class WatchTests(ReloadCase):
    def test_users(self) -> None:
        """
        A user who is taken out of the password file has to go, and is told why; the others stay, and so does whoever of
        the same name was let in by somebody else.
        """
        passwords = self.path.parent / "passwords"
        ann, bob = (f"{name}:{mosquitto_hash(name)}\n" for name in ("ann", "bob"))
        passwords.write_text(ann + bob)
        table = f"[[authentication]]\ntype = 'passwords'\nfile = '{passwords}'\n[broker]\nwatch = 1.0\n"
        self.start(LOCAL + table)
        broker = self.service.broker
        stay, go, other = (Client(cast(BrokerFactory, self.reactor.tcpServers[0][1])) for _ in range(3))
        for client, name, by in ((stay, "ann", "passwords"), (go, "bob", "passwords"), (other, "carl", "jwt")):
            broker.join(client.protocol.session, self.opening(client, name), name, None, "")
            client.protocol.user, client.protocol.let_in_by = name, by
            broker.turn.flush()
            client.heard()
        passwords.write_text(ann)
        self.reactor.advance(1.0)
        self.assertEqual([type(each) for each in go.heard()], [Disconnect])
        for each in (stay, other):
            self.assertEqual((each.heard(), each.transport.connected), ([], True))

    def opening(self, client: Client, name: str) -> Connect:
        """
        Somebody whose login has gone well, without the threads that it takes.
        """
        packet = Connect(name, 5, username=name, keep_alive=0)
        client.protocol.session.phase = OPENING
        client.protocol.session.version = 5
        client.protocol.session.client_id = name
        return packet

    def test_file_changes(self) -> None:
        """
        A file of rules that changes is read again without being asked, and binds those who are connected. One that
        can't be used is told once, and what was in force stays in force.
        """
        acl = self.path.parent / "acl"
        acl.write_text("topic a\n")
        self.start(f"{LOCAL}[acl]\nfile = '{acl}'\n[broker]\nwatch = 2.0\n")
        self.client()
        member = self.service.broker.registry.find(("", "c"))
        assert member is not None
        self.assertTrue(member.may_publish(b"a"))
        acl.write_text("topic other\n")
        self.assertTrue(member.may_publish(b"a"))
        self.reactor.advance(2.0)
        self.assertFalse(member.may_publish(b"a"))
        acl.write_text("topic [oops\nnonsense\n")
        with capturedLogs() as events:
            self.reactor.pump([2.0, 2.0, 2.0])
        self.assertEqual([event["log_level"].name for event in events], ["error"])
        self.assertTrue(member.may_publish(b"other"))

    def test_only_when_told(self) -> None:
        """
        With an interval of 0 files are read again only when somebody says so.
        """
        acl = self.path.parent / "acl"
        acl.write_text("topic a\n")
        text = f"{LOCAL}[acl]\nfile = '{acl}'\n[broker]\nwatch = 0.0\n"
        self.start(text)
        self.client()
        member = self.service.broker.registry.find(("", "c"))
        assert member is not None
        acl.write_text("topic other\n")
        self.reactor.pump([5.0] * 3)
        self.assertTrue(member.may_publish(b"a"))
        self.reload(text)
        self.assertFalse(member.may_publish(b"a"))
