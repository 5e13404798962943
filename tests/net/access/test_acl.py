"""
Tests of txmqtt.net.access.acl: rules in force, changed while clients are connected.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IAnonymous, ICredentials, IUsernamePassword
from twisted.cred.portal import IRealm
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tests.net.support import BrokerTestCase, Client
from txmqtt.codec.packets import Ack, Pingreq, Publish, Suback, Subscribe, Subscription
from txmqtt.net.access.acl import AccessControl, AccessRealm, AccessSettings
from txmqtt.net.access.rules import Rules, rules_from_tables
from txmqtt.net.auth import Identity, IMQTTUser, Nameless, User, UsernamePassword
from txmqtt.net.options import IReloadable


class FolderTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        super().setUp()
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name, "acl")

    def control(self, text: str, tables: Any = (), **settings: Any) -> AccessControl:
        self.path.write_text(text)
        return AccessControl(AccessSettings(str(self.path), **settings), tables)


class ControlTests(FolderTestCase):
    def test_interface(self) -> None:
        """
        It can be read again like all that is made from files.
        """
        verifyObject(IReloadable, AccessControl())

    def test_both(self) -> None:
        """
        Rules of the configuration are asked before those of the file, and what neither speaks of goes by the default.
        """
        tables = [{"deny": True, "topics": ["a/no"]}, {"allow": True, "topics": ["b"], "anonymous": True}]
        for default in ("deny", "allow"):
            with self.subTest(default=default):
                control = self.control("user ann\ntopic a/#\ntopic deny b\n", tables, default=default)
                ann, nobody = control.user("ann", "c"), control.user(None, "c")
                asked = ("a/x", "a/no", "b", "x")
                other = default == "allow"
                self.assertEqual([ann.may_publish(topic) for topic in asked], [True, False, False, other])
                self.assertEqual([nobody.may_publish(topic) for topic in asked], [other, False, True, other])
                self.assertEqual(ann.granted("$SYS/#", 0), 0x87)

    def test_nothing(self) -> None:
        """
        Without any rule nobody may do anything.
        """
        user = AccessControl().user("ann", "c")
        self.assertEqual((user.may_publish("a"), user.granted("a", 0), user.may_receive("a")), (False, 0x87, False))

    def test_reload(self) -> None:
        """
        When the file has changed those who are connected are bound by what it says now.
        """
        control = self.control("user ann\ntopic read a\n")
        user = control.user("ann", "c")
        self.assertEqual((user.may_receive("a"), user.may_receive("b"), control.changed()), (True, False, False))
        self.path.write_text("user ann\ntopic read b/#\n")
        self.assertTrue(control.changed())
        self.assertTrue(user.may_receive("a"))
        control.reload()
        self.assertEqual((user.may_receive("a"), user.may_receive("b"), control.changed()), (False, True, False))

    def test_adopt(self) -> None:
        """
        Other rules take the place of the old ones for everybody who is bound by these.
        """
        control = self.control("topic a\n", [{"deny": True, "topics": ["a"]}])
        user = control.user(None, "c")
        self.assertFalse(user.may_publish("a"))
        control.adopt(AccessControl(AccessSettings(), [{"allow": True, "topics": ["b"]}]))
        self.assertEqual([user.may_publish(topic) for topic in "abc"], [False, True, False])
        self.path.write_text("topic c\n")
        self.assertFalse(control.changed())  # it is of the other, which has no file


class Half(User):
    """
    Somebody with rights of his own.
    """

    unrestricted = False

    def may_publish(self, topic: str) -> bool:
        return topic in ("own", "both")

    def may_receive(self, topic: str) -> bool:
        return topic in ("own", "both")

    def granted(self, filter: str, qos: int) -> int:
        return min(qos, 1) if self.may_receive(filter) else 0x83


TABLES: list[dict[str, object]] = [{"allow": True, "topics": ["ruled", "both", "of/%u/by/%c"]}]


class RealmTests(SynchronousTestCase):
    def user(self, avatar_id: Any, mind: object = None, **settings: Any) -> IMQTTUser:
        realm = AccessRealm(AccessControl(AccessSettings(**settings), TABLES))
        verifyObject(IRealm, realm)
        interface, avatar, logout = self.successResultOf(realm.requestAvatar(avatar_id, mind, IMQTTUser))
        self.assertIs(interface, IMQTTUser)
        verifyObject(IMQTTUser, avatar)
        logout()
        return IMQTTUser(avatar)

    def test_names(self) -> None:
        """
        The rules are asked about the user name that the checker answers with and the client identifier of the CONNECT.
        """
        cases: list[tuple[Any, str | None, Any, str]] = [
            (b"ann", "ann", UsernamePassword(b"x", b"", "c1"), "of/ann/by/c1"),
            ("ann", "ann", UsernamePassword(b"x", b"", "c2"), "of/ann/by/c2"),
            (Identity("zoë"), "zoë", Nameless(None, None, "c1"), "of/zoë/by/c1"),
            ((), None, Nameless(None, None, "c"), "ruled"),
            (b"ann", "ann", None, "ruled"),
        ]
        for avatar_id, name, mind, topic in cases:
            user = self.user(avatar_id, mind)
            self.assertEqual((user.name, user.may_publish(topic), user.unrestricted), (name, True, False))
            self.assertFalse(
                user.may_publish("of/ann/by/") or user.may_publish("of/None/by/c") or user.may_publish("x")
            )

    def test_own_rights(self) -> None:
        """
        Rights that come with a login replace the rules, are added to them or limited by them, as the settings say.
        """
        asked = ("own", "both", "ruled", "neither")
        for how, allowed, codes in (
            ("replace", [True, True, False, False], [1, 1, 0x83, 0x83]),
            ("add", [True, True, True, False], [1, 2, 2, 0x83]),
            ("limit", [False, True, False, False], [0x87, 1, 0x83, 0x83]),
        ):
            with self.subTest(how=how):
                user = self.user(Identity("ann", Half("ann")), own_rights=how)
                self.assertEqual([user.may_publish(topic) for topic in asked], allowed)
                self.assertEqual([user.may_receive(topic) for topic in asked], allowed)
                self.assertEqual([user.granted(topic, 2) for topic in asked], codes)
                self.assertEqual(user.name, "ann")

    def test_unrestricted(self) -> None:
        """
        Who may do everything by his own rights may, unless the rules limit them.
        """
        for how, everything in (("replace", True), ("add", True), ("limit", False)):
            with self.subTest(how=how):
                user = self.user(Identity("ann", User("ann")), own_rights=how)
                self.assertEqual((user.unrestricted, user.may_publish("neither")), (everything, everything))
                self.assertTrue(user.may_publish("ruled"))

    def test_rules_of_a_token(self) -> None:
        """
        Rights that come with a login may be rules themselves.
        """
        own = rules_from_tables([{"allow": True, "topics": ["mine/%u"]}], "the token").user("ann", "c")
        user = self.user(Identity("ann", own), own_rights="add")
        self.assertEqual([user.may_publish(topic) for topic in ("mine/ann", "ruled", "x")], [True, True, False])

    def test_other_interfaces(self) -> None:
        """
        Whoever asks the realm for another kind of avatar is told that there is none.
        """
        with self.assertRaises(NotImplementedError):
            AccessRealm(AccessControl()).requestAvatar(b"ann", None, ICredentials)


@implementer(ICredentialsChecker)
class Named:
    """
    Lets everybody in under the name that he gives.
    """

    credentialInterfaces = (IAnonymous, IUsernamePassword)

    def requestAvatarId(self, credentials: Any) -> Deferred[Any]:
        return succeed(Identity(credentials.username.decode() if credentials.username else None))


TEXT = """
topic read news/#
user ann
topic readwrite home/#
topic deny home/secret
user boss
topic readwrite #
topic read $SYS/#
pattern write by/%c
"""


class BrokerTests(FolderTestCase, BrokerTestCase):
    """
    All the way through a broker.
    """

    def setUp(self) -> None:
        super().setUp()
        self.access = self.control(TEXT)
        self.begin(Named(), realm=AccessRealm(self.access))

    def join(self, client_id: str, name: str | None, version: int = 5) -> Client:
        client = self.connect(client_id, version, username=name)
        client.heard()
        return client

    def subscribe(self, client: Client, *filters: str) -> list[int]:
        client.say(Subscribe(1, [Subscription(filter.encode(), 1) for filter in filters]))
        return [reason for packet in client.heard() if isinstance(packet, Suback) for reason in packet.reasons]

    def publish(self, client: Client, topic: str, qos: int = 1) -> list[int]:
        client.say(Publish(topic.encode(), b"x", qos, packet_id=1 if qos else 0), Pingreq())
        self.clock.advance(0)
        return [packet.reason for packet in client.heard() if isinstance(packet, Ack)]

    def topics(self, client: Client) -> list[str]:
        self.clock.advance(0)
        return [packet.topic.decode() for packet in client.heard() if isinstance(packet, Publish)]

    def test_told(self) -> None:
        """
        What is refused is told: 0x87 in SUBACK, PUBACK and PUBREC of 5.0, 0x80 in SUBACK of 3.1.1; a refused QoS 0
        message is counted like every other.
        """
        new, old = self.join("c", "ann"), self.join("d", "ann", 4)
        self.assertEqual(self.subscribe(new, "home/#", "other/#", "home/secret"), [1, 0x87, 0x87])
        self.assertEqual(self.subscribe(old, "home/#", "other/#"), [1, 0x80])
        self.assertEqual([self.publish(new, "other", qos) for qos in (0, 1, 2)], [[], [0x87], [0x87]])
        self.assertEqual([self.publish(old, "other", qos) for qos in (0, 1)], [[], [0]])
        self.assertEqual(self.stats.refused_publishes, 5)
        self.assertEqual((self.publish(new, "by/c"), self.publish(new, "by/d")), ([0x10], [0x87]))

    def test_delivered(self) -> None:
        """
        Of what somebody subscribed to he gets what he may receive, shared subscriptions included.
        """
        ann, boss, nobody = self.join("a", "ann"), self.join("b", "boss"), self.join("n", None)
        self.assertEqual(self.subscribe(ann, "#", "$SYS/#"), [1, 0x87])
        self.assertEqual(self.subscribe(nobody, "$share/g/#", "$share/g/home"), [1, 0x87])
        for topic in ("home/a", "home/secret", "news/a", "other"):
            self.publish(boss, topic)
        self.assertEqual(self.topics(ann), ["home/a"])
        self.assertEqual(self.topics(nobody), ["news/a"])

    def test_sys(self) -> None:
        """
        $SYS is seen by whom a rule lets see it.
        """
        boss = self.join("b", "boss")
        self.assertEqual(self.subscribe(boss, "$SYS/broker/#", "$SYS/#"), [1, 1])
        self.broker.publish_stats(1.0, "1")
        self.broker.turn.flush()
        self.assertIn("$SYS/broker/uptime", self.topics(boss))

    def test_changed_while_connected(self) -> None:
        """
        After a reload a live session has its new rights in both directions, also for what had been remembered; its
        subscriptions stay, and deliver what may be received now.
        """
        ann, boss = self.join("a", "ann"), self.join("b", "boss")
        self.subscribe(ann, "#")
        for topic in ("home/a", "other"):
            self.publish(boss, topic)
        self.assertEqual(self.topics(ann), ["home/a"])
        self.assertEqual((self.publish(ann, "home/a"), self.publish(ann, "other")), ([0], [0x87]))
        self.path.write_text(TEXT.replace("home/#", "other"))
        self.access.reload()
        for member in self.broker.registry.everybody():
            member.forget_rights()
        self.broker.mount().routes.clear()
        self.topics(ann)
        for topic in ("home/a", "other"):
            self.publish(boss, topic)
        self.assertEqual(self.topics(ann), ["other"])
        self.assertEqual((self.publish(ann, "home/a"), self.publish(ann, "other")), ([0x87], [0]))
        self.assertEqual(self.stats.subscriptions, 1)


class RulesOnly(SynchronousTestCase):
    def test_no_file(self) -> None:
        """
        Where no file is named nothing ever changes by itself.
        """
        control = AccessControl(tables=TABLES)
        self.assertFalse(control.changed())
        self.assertIsInstance(control.current(), Rules)
