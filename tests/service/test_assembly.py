"""
Tests of txmqtt.service.assembly: from settings to what they ask for.
"""

from __future__ import annotations

from typing import Any

from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.internet.address import IPv4Address
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from tests.net.support_tls import said
from tests.service.support import Client, FakePort, scratch
from txmqtt.broker.policy import Policy
from txmqtt.codec import reasons
from txmqtt.net.access.passwords import Passwords
from txmqtt.net.access.scram import scram_line
from txmqtt.service.assembly import Assembly
from txmqtt.service.broker import makeBroker
from txmqtt.service.configuration.file import load
from txmqtt.service.configuration.reading import told

#: Two users, as twisted.cred has them.
MEMORY = "[[authentication]]\ntype = 'cred'\nchecker = 'memory:ann:sesame:bob:open'\n"
LOCAL = "[[listener]]\nendpoint = 'tcp:1883:interface=127.0.0.1'\n"
PUBLIC = "[[listener]]\nendpoint = 'tcp:1884'\n"


class Reactor(MemoryReactorClock):
    """
    Listens where it is told to.
    """

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        super().listenTCP(port, factory, backlog, interface)
        return FakePort(IPv4Address("TCP", interface or "0.0.0.0", port))


class AssemblyCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = Reactor()
        self.folder = scratch(self)

    def assembly(self, text: str, **words: Any) -> Assembly:
        path = self.folder / "broker.toml"
        path.write_text(text)
        assembly = Assembly(load(path).settings, self.reactor, **words)
        self.addCleanup(assembly.stop)
        return assembly

    def made(self, text: str, **words: Any) -> Assembly:
        assembly = self.assembly(text, **words)
        self.assertEqual(assembly.faults, [])
        return assembly

    def faults(self, text: str) -> list[str]:
        return [told(each) for each in self.assembly(text).faults]


class WhoTests(AssemblyCase):
    def serve(self, text: str, **words: Any) -> list[Any]:
        """
        The factories of the listeners that a configuration asks for.
        """
        text += "" if "[limits]" in text else "[limits]\nlogin_delay = 0.0\n"  # nobody waits after a wrong password
        assembly = self.made(text, **words)
        self.service = makeBroker(assembly.places, None, assembly.policy, self.reactor)
        self.service.startService()
        self.addCleanup(self.service.stopService)
        return [server[1] for server in self.reactor.tcpServers]

    def comes(self, factory: Any, client_id: str = "c", **login: Any) -> int:
        return Client(factory).connect(client_id, **login)

    def test_only_here(self) -> None:
        """
        Without authentication whoever is on this machine may come in, and from elsewhere nobody.
        """
        local, public = self.serve(LOCAL + PUBLIC)
        self.assertEqual(self.comes(local), 0)
        self.assertEqual(self.comes(public), reasons.NOT_AUTHORIZED)

    def test_authentication(self) -> None:
        """
        Where there is authentication it holds on every listener, this machine's too.
        """
        for factory in self.serve(LOCAL + PUBLIC + MEMORY):
            self.assertEqual(self.comes(factory), reasons.NOT_AUTHORIZED)
            self.assertEqual(self.comes(factory, "a", username="ann", password=b"sesame"), 0)
            self.assertEqual(
                self.comes(factory, "d", username="ann", password=b"wrong"), reasons.BAD_USER_NAME_OR_PASSWORD
            )

    def test_anonymous(self) -> None:
        """
        Whether one may come without a name is said for each listener.
        """
        yes, no = self.serve(f"{LOCAL}anonymous = 'no'\n{PUBLIC}anonymous = 'yes'\n")[::-1]
        self.assertEqual(self.comes(yes), 0)
        self.assertEqual(self.comes(yes, "d", username="whoever"), 0)
        self.assertEqual(self.comes(no), reasons.NOT_AUTHORIZED)

    def test_anonymous_besides(self) -> None:
        """
        With authentication, anonymous means without a name: a wrong password is wrong all the same.
        """
        (public,) = self.serve(f"{PUBLIC}anonymous = 'yes'\n{MEMORY}")
        self.assertEqual(self.comes(public), 0)
        self.assertEqual(self.comes(public, username="ann", password=b"wrong"), reasons.BAD_USER_NAME_OR_PASSWORD)

    def test_anonymous_besides_proof(self) -> None:
        """
        The same where the only authentication is a proof of 5.0: whoever gives a name has to prove it. The log says
        who may come.
        """
        (self.folder / "scram").write_text(scram_line("ann", "sesame", 4_096) + "\n")
        proof = f"[[authentication]]\ntype = 'scram'\nfile = '{self.folder / 'scram'}'\n"
        yes, no = self.serve(f"{LOCAL}anonymous = 'no'\n{PUBLIC}anonymous = 'yes'\n{proof}")[::-1]
        self.assertEqual(self.comes(yes), 0)
        self.assertEqual(self.comes(yes, "d", username="ann"), reasons.BAD_USER_NAME_OR_PASSWORD)
        self.assertEqual(self.comes(no), reasons.NOT_AUTHORIZED)
        places = self.made(f"{LOCAL}{proof}").places
        with said() as lines:
            makeBroker(places, None, Policy(), self.reactor).startService()
        self.assertIn("clients must log in", " ".join(lines))

    def test_behind_a_proxy(self) -> None:
        """
        Where a proxy is believed clients are not of this machine, wherever it listens: without authentication nobody
        may come in.
        """
        for listener in (
            LOCAL + "[listener.websocket]\nproxies = ['127.0.0.1']\n",
            LOCAL.replace("'tcp:", "'haproxy:tcp:"),
            LOCAL.replace("'tcp:", "'ws:haproxy:tcp:"),
        ):
            with self.subTest(listener=listener), said() as lines:
                service = makeBroker(self.made(listener).places, None, Policy(), self.reactor)
                service.startService()
                self.successResultOf(service.stopService())
                self.assertIn("NOBODY IS LET IN", " ".join(lines))

    def test_chains(self) -> None:
        """
        A listener may ask other tables than another.
        """
        text = (
            MEMORY
            + "[[authentication]]\ntype = 'cred'\nname = 'others'\nchecker = 'memory:eve:apple'\n"
            + LOCAL
            + "authentication = ['others']\n"
            + PUBLIC
        )
        local, public = self.serve(text)
        ann: dict[str, Any] = {"username": "ann", "password": b"sesame"}
        eve: dict[str, Any] = {"username": "eve", "password": b"apple"}
        self.assertEqual(self.comes(local, **ann), reasons.BAD_USER_NAME_OR_PASSWORD)
        self.assertEqual(self.comes(local, **eve), 0)
        self.assertEqual(self.comes(public, "d", **ann), 0)

    def test_more(self) -> None:
        """
        Checkers of the command line are asked after those of the file.
        """
        (local,) = self.serve(LOCAL, checkers=[InMemoryUsernamePasswordDatabaseDontUse(zoe=b"z")])
        self.assertEqual(self.comes(local, username="zoe", password=b"z"), 0)

    def test_rules(self) -> None:
        """
        The rules bind everybody who comes in, also who comes in without authentication.
        """
        (local,) = self.serve(f"{LOCAL}[[acl.rule]]\nallow = true\nactions = ['subscribe']\ntopics = ['a/#']\n")
        client = Client(local)
        self.assertEqual(client.connect("c"), 0)
        member = self.service.broker.registry.find(("", "c"))
        assert member is not None and member.permissions is not None
        self.assertEqual(member.permissions.granted("a/b", 1), 1)
        self.assertEqual(member.permissions.granted("b", 1), reasons.NOT_AUTHORIZED)

    def test_terms(self) -> None:
        """
        A listener's limits and mount point are those of its clients.
        """
        (local,) = self.serve(
            f"[limits]\nmax_inflight = 3\n{LOCAL}mount = 'tenant'\n[listener.limits]\nmax_inflight_5 = 4\n"
        )
        self.assertEqual(self.comes(local), 0)
        member = self.service.broker.registry.find(("tenant", "c"))
        assert member is not None
        self.assertEqual(member.terms.policy, Policy(max_inflight=3, max_inflight_5=4))


class FaultTests(AssemblyCase):
    def test_faults(self) -> None:
        """
        What is legal to say and can't be done is told where it was said.
        """
        for text, fault in (
            ("[[listener]]\nendpoint = 'tcp:mqtt'\n", r"^listener\.endpoint: 'tcp:mqtt': expected an endpoint"),
            ("[[authentication]]\ntype = 'cred'\nchecker = 'x:secret'\n", r"^authentication: checker 'x': there is no"),
            ("[[authentication]]\ntype = 'cred'\nchecker = 'memory:odd'\n", r"^authentication: checker 'memory': "),
            (MEMORY + LOCAL + "authentication = ['cerd']\n", r"'cerd': expected the name .*; did you mean cred\?$"),
            (LOCAL + "authentication = ['x']\n", r"'x': there are none$"),
            (
                LOCAL + "[listener.limits]\ntrusted_addresses = 'x'\n",
                r"^listener\.limits\.trusted_addresses: 'x': expected an address",
            ),
            ("[metrics]\nendpoint = 'nonsense:1'\n", r"^metrics\.endpoint: 'nonsense:1': expected an endpoint"),
            ("[log]\nlevels = ['txmqtt=loud']\n", r"^log: levels, txmqtt: 'loud' is no level"),
            (
                LOCAL.replace("tcp:", "ws:tcp:") + "[listener.websocket]\n",
                "and a table websocket: expected one of them$",
            ),
            ("[limits]\ntrusted_addresses = 'here'\n", r"^limits\.trusted_addresses: 'here': expected an address"),
            ("[[plugin]]\nname = 'nobody'\n", r"^plugin: 'nobody' is not installed"),
            ("[acl]\nfile = '/nowhere'\n", r"^acl: '/nowhere' can't be read: No such file"),
            ("[[acl.rule]]\nallw = true\n", r"^acl: acl\.rule.*allw.*allow"),
        ):
            with self.subTest(fault=fault):
                (said,) = self.faults(text)
                self.assertRegex(said, fault)
                self.assertNotIn("secret", said)


class ChangeTests(AssemblyCase):
    def test_rules_go_on(self) -> None:
        """
        Whoever is bound by the rules of one configuration is bound by those of the next, and of the one after it.
        """

        def rules(topic: str) -> str:
            return f"[[acl.rule]]\nallow = true\nactions = ['publish']\ntopics = ['{topic}']\n"

        first = self.made(rules("a"))
        assert first.access is not None
        user = first.access.user("ann", "c")
        second = self.made(rules("b"), before=first)
        self.assertTrue(user.may_publish("a"))
        second.take_over()
        self.assertEqual([user.may_publish("a"), user.may_publish("b")], [False, True])
        third = self.made(rules("c"), before=second)
        third.take_over()
        self.assertEqual([user.may_publish("b"), user.may_publish("c")], [False, True])

    def test_checkers_go_on(self) -> None:
        """
        What lets people in and is asked for again as it was goes on, with those who are logging in just now; it is
        stopped when nobody asks for it any more, or for something else in its place. A new one that was made only to
        see whether it can be is stopped at once.
        """
        (self.folder / "users").write_text("")
        stopped: list[Passwords] = []
        self.patch(Passwords, "stop", lambda checker: stopped.append(checker))
        table = f"[[authentication]]\ntype = 'passwords'\nfile = '{self.folder / 'users'}'\n"
        first = self.made(table)
        checker = first.checkers["passwords"]
        refused = self.made(table, before=first)
        refused.stop()
        self.assertNotIn(checker, stopped)
        second = self.made(table, before=first)
        self.assertIs(second.checkers["passwords"], checker)
        second.take_over()
        first.stop()
        self.assertNotIn(checker, stopped)
        third = self.made(table + "threads = 3\n", before=second)
        self.assertIsNot(third.checkers["passwords"], checker)
        third.take_over()
        second.stop()
        self.assertIn(checker, stopped)
        third.stop()
        self.assertEqual(len(set(map(id, stopped))), 4)
