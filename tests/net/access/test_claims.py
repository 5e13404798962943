"""
Tests of txmqtt.net.access.claims.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from txmqtt.net.access.claims import rules_of


class ClaimTests(SynchronousTestCase):
    def may(self, claim: object, name: str = "ann", client: str = "c1") -> set[str]:
        """
        What a user may do about a few topics.
        """
        user = rules_of(claim, "acl").user(name, client)
        topics = ("home/ann", "home/bob", "c1/x", "a/b")
        return {
            *(f"publish {topic}" for topic in topics if user.may_publish(topic)),
            *(f"subscribe {topic}" for topic in topics if user.granted(topic, 1) == 1),
            *(f"receive {topic}" for topic in topics if user.may_receive(topic)),
        }

    def test_ours(self) -> None:
        """
        Our own tables mean what they mean in the broker's configuration.
        """
        claim = [{"allow": True, "actions": ["publish"], "topics": ["home/%u"]}]
        self.assertEqual(self.may(claim), {"publish home/ann"})

    def test_lists(self) -> None:
        """
        EMQX's lists allow what they name and nothing else; whoever may subscribe may be sent what comes.
        """
        claim = {"pub": ["home/${username}"], "sub": ["${clientid}/#"], "all": ["a/+"]}
        self.assertEqual(
            self.may(claim),
            {
                "publish home/ann",
                *("subscribe c1/x", "receive c1/x"),
                *("publish a/b", "subscribe a/b", "receive a/b"),
            },
        )
        nothing: tuple[object, ...] = ({}, {"pub": []}, [])
        for each in nothing:
            self.assertEqual(self.may(each), set())

    def test_rules(self) -> None:
        """
        EMQX's rules are asked in their order; the first that fits decides.
        """
        claim = [
            {"permission": "deny", "action": "all", "topic": "home/bob"},
            {"permission": "allow", "action": "subscribe", "topics": ["home/+", "a/b"], "qos": "all"},
            {"permission": "allow", "topic": "c1/x", "retain": "all"},
        ]
        self.assertEqual(
            self.may(claim),
            {
                *("subscribe home/ann", "receive home/ann", "subscribe a/b", "receive a/b"),
                *("publish c1/x", "subscribe c1/x", "receive c1/x"),
            },
        )

    def test_wrong(self) -> None:
        """
        What we do not understand may hold somebody back: it is refused, with where it stands and what was expected.
        """
        rule: dict[str, Any] = {"permission": "allow", "action": "publish", "topic": "a"}
        for claim, why in (
            ("all", "acl: expected a list of rules"),
            (None, "acl: expected a list of rules"),
            (7, "acl: expected a list of rules"),
            ([1], "acl: expected a list of rules"),
            ({"publish": ["a"]}, "acl: 'publish'; expected pub, sub and all"),
            ({"pub": "a"}, "acl, pub: expected a list"),
            ({"pub": [1]}, "acl, pub: expected topic filters as strings"),
            ({"pub": ["a/#/b"]}, "acl, rule 1: topic filter 'a/#/b'"),
            ({"pub": ["a"] * 1001}, "at most 1,000"),
            ([{}], "neither allow nor deny"),
            ([{"allow": True, "topics": ["a"], "qos": 1}], "unknown key 'qos'"),
            ([rule] * 1001, "at most 1,000"),
            ([rule, {"allow": True, "topics": ["a"]}], "acl, rule 2: 'allow'"),
            ([{**rule, "permission": "maybe"}], "acl, rule 1: permission: expected allow or deny"),
            ([{**rule, "action": "shout"}], "acl, rule 1: action: expected"),
            ([{**rule, "action": ["publish"]}], "acl, rule 1: action: expected"),
            ([{**rule, "qos": [0, 1]}], "qos can't be restricted"),
            ([{**rule, "retain": True}], "retain can't be restricted"),
            ([{**rule, "who": "ann"}], "'who'"),
            ([{**rule, "topics": ["a"]}], "expected a topic, or topics"),
            ([{"permission": "allow"}], "expected a topic, or topics"),
            ([{"permission": "allow", "topics": []}], "no topics"),
            ([{**rule, "topic": "eq a/#"}], "'eq'"),
            ([{**rule, "topic": "${zone}/a"}], "placeholder"),
        ):
            with self.subTest(claim=str(claim)[:80]), self.assertRaises(ValueError) as caught:
                rules_of(claim, "acl")
            self.assertIn(why, str(caught.exception))
