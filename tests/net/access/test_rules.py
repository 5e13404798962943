"""
Tests of txmqtt.net.access.rules: the first that fits decides.
"""

from __future__ import annotations

from itertools import product
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.codec.small import SMALL_FILTERS, SMALL_TOPICS
from tests.codec.strategies import brief
from txmqtt.codec.topics import matches
from txmqtt.net.access.answers import ACTIONS
from txmqtt.net.access.rules import Rule, Rules, rules_from_tables
from txmqtt.net.auth import IMQTTUser

#: What each small filter matches.
MATCHED = {
    filter: frozenset(topic for topic in SMALL_TOPICS if matches(filter.encode(), topic.encode()))
    for filter in SMALL_FILTERS
}


def allow(*topics: str, **more: Any) -> Rule:
    return Rule(True, topics, **more)


def deny(*topics: str, **more: Any) -> Rule:
    return Rule(False, topics, **more)


def naive(rules: list[Rule], default: bool, name: str | None, client_id: str, action: str, asked: str) -> bool:
    """
    The same answer, one rule after the other, for filters without placeholders.
    """
    for rule in rules:
        if action not in rule.actions or not rule.concerns(name) or (rule.clients and client_id not in rule.clients):
            continue
        if action != "subscribe":
            fits = any(asked in MATCHED[topic] for topic in rule.topics)
        elif rule.allow and rule.partly:
            fits = any(MATCHED[asked] & MATCHED[topic] for topic in rule.topics)
        else:
            fits = any(MATCHED[asked] <= MATCHED[topic] for topic in rule.topics)
        if fits:
            return rule.allow
    return default


NAMES = (None, "ann", "ben")
CLIENTS = ("c", "d", "")

some_rules = st.lists(
    st.builds(
        Rule,
        st.booleans(),
        st.lists(st.sampled_from(SMALL_FILTERS), min_size=1, max_size=3).map(tuple),
        st.lists(st.sampled_from(ACTIONS), min_size=1, max_size=3).map(tuple),
        st.sampled_from(((), ("ann",), ("ben", "ann"))),
        st.sampled_from(((), (), ("c",), ("c", "d"))),
        st.sampled_from((None, None, True, False)),
        st.booleans(),
    ),
    max_size=6,
)


class RulesTests(SynchronousTestCase):
    def test_interface(self) -> None:
        """
        Rules make users whom the broker understands, and who may not do everything.
        """
        user = Rules().user("ann", "c")
        verifyObject(IMQTTUser, user)
        self.assertEqual((user.name, user.unrestricted), ("ann", False))
        self.assertIsNone(Rules().user(None, "c").name)

    def test_first_that_fits(self) -> None:
        """
        Of the rules that fit the first decides, and where none does the default, which is to deny.
        """
        first, second = allow("a/b", actions=("publish",)), deny("a/#")
        for rules, topic, answer in (
            ([first, second], "a/b", True),
            ([second, first], "a/b", False),
            ([first, second], "a/c", False),
            ([first], "c", False),
            ([], "a/b", False),
        ):
            with self.subTest(rules=rules, topic=topic):
                user = Rules(rules).user("ann", "c")
                self.assertEqual(user.may_publish(topic), answer)
                self.assertFalse(user.may_receive(topic))
        self.assertTrue(Rules([second], True).user("ann", "c").may_publish("c"))

    def test_granted(self) -> None:
        """
        A SUBSCRIBE that is allowed gets the QoS that it asks for, another is not authorised.
        """
        user = Rules([allow("a/#")]).user("ann", "c")
        for qos in (0, 1, 2):
            self.assertEqual((user.granted("a/+", qos), user.granted("b", qos)), (qos, 0x87))

    def test_covered(self) -> None:
        """
        A rule allows a SUBSCRIBE if its filter matches every topic that is asked for: checked for all small filters.
        """
        for rule in SMALL_FILTERS:
            user = Rules([allow(rule)]).user(None, "c")
            for asked in SMALL_FILTERS:
                if (user.granted(asked, 0) == 0) != (MATCHED[asked] <= MATCHED[rule]):
                    self.fail(f"allow {rule}, asked for {asked}")

    def test_partly(self) -> None:
        """
        A rule that says so allows a SUBSCRIBE if a part of it is covered: checked for all small filters.
        """
        for rule in SMALL_FILTERS:
            user = Rules([allow(rule, partly=True)]).user(None, "c")
            for asked in SMALL_FILTERS:
                if (user.granted(asked, 0) == 0) != bool(MATCHED[asked] & MATCHED[rule]):
                    self.fail(f"allow {rule} partly, asked for {asked}")

    def test_denied_in_part(self) -> None:
        """
        A deny that covers only a part of a SUBSCRIBE does not refuse it, but holds the messages of that part back.
        """
        user = Rules([deny("a/secret/#"), allow("a/#")]).user("ann", "c")
        self.assertEqual([user.granted(filter, 1) for filter in ("a/#", "a/secret", "a/secret/+")], [1, 0x87, 0x87])
        self.assertEqual([user.may_receive(topic) for topic in ("a", "a/b", "a/secret/b")], [True, True, False])

    @brief
    @given(some_rules, st.booleans(), st.sampled_from(SMALL_TOPICS), st.sampled_from(SMALL_FILTERS))
    def test_as_one_by_one(self, rules: list[Rule], default: bool, topic: str, filter: str) -> None:
        """
        However rules are looked up, the answer is that of going through them one after the other.
        """
        made = Rules(rules, default)
        for name, client_id in product(NAMES, CLIENTS):
            user = made.user(name, client_id)
            self.assertEqual(user.may_publish(topic), naive(rules, default, name, client_id, "publish", topic))
            self.assertEqual(user.may_receive(topic), naive(rules, default, name, client_id, "receive", topic))
            self.assertEqual(user.granted(filter, 0) == 0, naive(rules, default, name, client_id, "subscribe", filter))

    def test_sys(self) -> None:
        """
        $SYS needs a rule that names it: neither the default nor a leading wildcard opens it [MQTT5-4.7.2-1].
        """
        user = Rules([allow("#", "+/broker/#")], True).user("ann", "c")
        self.assertEqual([user.granted(filter, 0) for filter in ("$SYS/#", "$SYS", "$SYSTEM", "#")], [0x87, 0x87, 0, 0])
        self.assertEqual([user.may_receive(topic) for topic in ("$SYS/broker/a", "$SYSTEM/a")], [False, True])
        user = Rules([allow("$SYS/broker/load/#")]).user("ann", "c")
        self.assertEqual([user.granted(f"$SYS/broker/{end}", 0) for end in ("load/+", "#")], [0, 0x87])
        self.assertTrue(user.may_receive("$SYS/broker/load/1"))


class WhoTests(SynchronousTestCase):
    def test_whom_it_is_about(self) -> None:
        """
        A rule is about everybody, or about users, clients and anonymous clients, as it says.
        """
        everybody = list(product(NAMES, CLIENTS))
        nothing: dict[str, Any] = {}
        for said, concerned in (
            (nothing, everybody),
            ({"users": ("ann",)}, [("ann", each) for each in CLIENTS]),
            ({"users": ("ann", "ben")}, [(name, each) for name in ("ann", "ben") for each in CLIENTS]),
            ({"anonymous": True}, [(None, each) for each in CLIENTS]),
            ({"anonymous": False}, [(name, each) for name in ("ann", "ben") for each in CLIENTS]),
            ({"users": ("ann",), "anonymous": True}, [(name, each) for name in (None, "ann") for each in CLIENTS]),
            ({"users": ("ann",), "anonymous": False}, [("ann", each) for each in CLIENTS]),
            ({"clients": ("c",)}, [(name, "c") for name in NAMES]),
            ({"clients": ("c", "d"), "users": ("ann",)}, [("ann", "c"), ("ann", "d")]),
            ({"clients": ("c",), "anonymous": True}, [(None, "c")]),
            ({"clients": ("c",), "anonymous": False}, [("ann", "c"), ("ben", "c")]),
        ):
            with self.subTest(said=said):
                rules = Rules([allow("a", **said)])
                found = [who for who in everybody if rules.user(*who).may_publish("a")]
                self.assertEqual(sorted(found, key=str), sorted(concerned, key=str))

    def test_cost(self) -> None:
        """
        A user costs the rules that concern him, not those of thousands of others, and who is bound by the same rules in
        the same way shares what was worked out.
        """
        own = [allow(f"of/{number}", users=(f"user{number}",)) for number in range(3_000)]
        rules = Rules([*own, allow("all")])
        self.assertEqual(len(rules), 3_001)
        self.assertEqual(len(rules.concerning("user7", "c")), 2)
        one, same, other = (rules.answers(*who) for who in (("user7", "c"), ("user7", "d"), ("user8", "c")))
        self.assertIs(one, same)
        self.assertIsNot(one, other)
        personal = Rules([allow("home/%u")])
        ann, too, ben = (personal.answers(*who) for who in (("ann", "c"), ("ann", "d"), ("ben", "c")))
        self.assertIs(ann, too)
        self.assertIsNot(ann, ben)


GOOD: dict[Any, Any] = {"allow": True, "topics": ["a/#"]}

#: What is wrong with a table, and what is said about it.
BAD_TABLES: list[tuple[object, list[str]]] = [
    (3, ["3", "expected a table"]),
    ({}, ["neither allow nor deny", "expected one of"]),
    ({"topics": ["a"]}, ["neither allow nor deny"]),
    ({**GOOD, "deny": True}, ["allow and deny"]),
    ({"allow": "yes", "topics": ["a"]}, ["allow is 'yes'", "true or false"]),
    ({"allow": 1, "topics": ["a"]}, ["allow is 1", "true or false"]),
    ({**GOOD, "topcis": ["a"]}, ["unknown key 'topcis'", "did you mean topics?"]),
    ({**GOOD, "qqqqq": ["a"]}, ["unknown key 'qqqqq'", "expected some of allow, deny"]),
    ({**GOOD, 7: 1}, ["unknown key 7"]),
    ({"allow": True}, ["no topics"]),
    ({"allow": True, "topics": []}, ["topics is empty"]),
    ({"allow": True, "topics": "a"}, ["topics is 'a'", "list of strings"]),
    ({"allow": True, "topics": ["a", 1]}, ["topics is ['a', 1]", "list of strings"]),
    ({"allow": True, "topics": ["x" * 1000, 1]}, ["topics is ['xxx", "...", "list of strings"]),
    ({"allow": True, "topics": ["a#"]}, ["topic filter 'a#'", "does not fill its level"]),
    ({"allow": True, "topics": ["%u#"]}, ["topic filter '%u#'", "does not fill its level"]),
    ({"allow": True, "topics": [""]}, ["topic filter ''", "empty"]),
    ({"allow": True, "topics": ["a\0"]}, ["topic filter 'a\\x00'"]),
    ({"allow": True, "topics": ["a\ud800"]}, ["topic filter 'a\\ud800'"]),
    ({"allow": True, "topics": ["$share/g/a"]}, ["topic filter '$share/g/a'", "filter after its share name"]),
    ({**GOOD, "actions": []}, ["actions is empty"]),
    ({**GOOD, "actions": ["publsh"]}, ["action 'publsh'", "did you mean publish?"]),
    ({**GOOD, "users": "ann"}, ["users is 'ann'", "list of strings"]),
    ({**GOOD, "users": []}, ["users is empty", "leave it out"]),
    ({**GOOD, "clients": [None]}, ["clients is [None]", "list of strings"]),
    ({**GOOD, "anonymous": "no"}, ["anonymous is 'no'", "true or false"]),
    ({**GOOD, "partly": 0}, ["partly is 0", "true or false"]),
]


class TableTests(SynchronousTestCase):
    def test_tables(self) -> None:
        """
        What a table says is what the rule is; what it leaves out is everybody and everything.
        """
        for table, rule in (
            (GOOD, allow("a/#")),
            ({"deny": True, "topics": ["a", "b"]}, deny("a", "b")),
            ({"allow": False, "topics": ["a"]}, deny("a")),
            ({"deny": False, "topics": ["a"]}, allow("a")),
            (
                {**GOOD, "users": ["ann"], "clients": ["c"], "actions": ["publish"], "anonymous": True, "partly": True},
                allow("a/#", users=("ann",), clients=("c",), actions=("publish",), anonymous=True, partly=True),
            ),
        ):
            with self.subTest(table=table):
                self.assertEqual(rules_from_tables([table], "here").concerning("ann", "c"), [rule])
        self.assertEqual(len(rules_from_tables((), "here")), 0)
        self.assertTrue(rules_from_tables([], "here", True).user("ann", "c").may_publish("a"))

    def test_wrong(self) -> None:
        """
        A table that is no rule is refused, with where it stands, what was seen and what was expected.
        """
        for table, words in BAD_TABLES:
            with self.subTest(table=table):
                error = self.assertRaises(ValueError, rules_from_tables, [GOOD, table], "broker.toml")
                self.assertTrue(str(error).startswith("broker.toml, rule 2: "), str(error))
                for word in words:
                    self.assertIn(word, str(error))

    def test_no_tables(self) -> None:
        """
        What is no list of tables is refused as well.
        """
        for tables in ("allow", b"allow", 3, None, GOOD):
            with self.subTest(tables=tables):
                error = self.assertRaises(ValueError, rules_from_tables, tables, "broker.toml")
                self.assertIn("broker.toml: ", str(error))
                self.assertIn("expected a list of tables", str(error))

    def test_rule_of_a_program(self) -> None:
        """
        A program that makes a rule of its own is told as much.
        """
        self.assertRaises(ValueError, allow)
        self.assertRaises(ValueError, allow, "a", actions=())
        self.assertRaises(ValueError, allow, "a", actions=("read",))
