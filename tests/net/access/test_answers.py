"""
Tests of txmqtt.net.access.answers: what names are filled in, and which could forge a filter.
"""

from __future__ import annotations

from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from tests.net.support import Log
from txmqtt.net.access.answers import forging
from txmqtt.net.access.rules import Rule, Rules

#: Names with which somebody would get more than a level of his own.
FORGING = ["+", "#", "a+", "a#b", "a/b", "/", "a/#", "\x01", "a\nb", "a\x7f", "\x85"]

#: Names that are unusual, and harmless.
HARMLESS = ["ann", "Ann Jones", "zoë", "a.b", "a*", "%", "%c", "%u", "$", "a$b", "日本", "a?b", "a\\b", "\u200b"]


def topics(rule: Rule, name: str | None, client_id: str, *asked: str) -> list[str]:
    """
    Which of these may be published to by this rule, before all else is denied or allowed.
    """
    rules = Rules([rule, Rule(not rule.allow, ("#", "$SYS/#", "$own/#"))])
    user = rules.user(name, client_id)
    return [topic for topic in asked if user.may_publish(topic) == rule.allow]


class PlaceholderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.log = Log()
        globalLogPublisher.addObserver(self.log)
        self.addCleanup(globalLogPublisher.removeObserver, self.log)

    def test_filled_in(self) -> None:
        """
        %u is the user name and %c the client identifier, wherever they stand, as often as they do.
        """
        for filter, topic in (
            ("home/%u", "home/ann"),
            ("home/%u/#", "home/ann/kitchen/lamp"),
            ("%u/+/%c", "ann/x/c1"),
            ("%c-of-%u", "c1-of-ann"),
            ("%u%u%c", "annannc1"),
            ("%%u", "%ann"),
            ("%x/%U/%", "%x/%U/%"),
        ):
            for allow in (True, False):
                with self.subTest(filter=filter, allow=allow):
                    rule = Rule(allow, (filter,))
                    self.assertEqual(topics(rule, "ann", "c1", topic, f"x/{topic}", "home/ben"), [topic])

    def test_as_it_is(self) -> None:
        """
        A name is put in as it is: what looks like a placeholder in it is none.
        """
        for name in HARMLESS:
            with self.subTest(name=name):
                self.assertFalse(forging(name))
                rule = Rule(True, ("of/%u", "by/%c"))
                self.assertEqual(topics(rule, name, "c", f"of/{name}", "of/c", "by/c"), [f"of/{name}", "by/c"])
                self.assertEqual(topics(rule, "u", name, f"by/{name}", "by/u", "of/u"), [f"by/{name}", "of/u"])

    def test_forged(self) -> None:
        """
        A name with a wildcard, a separator or a control character never chooses what a rule means: a rule that would
        fill it in allows nothing, and denies all that it could have meant. Rules that do not use it are as for others.
        """
        asked = ("home", "home/a", "home/a/b/in", "home/+/in", "other", "by/c")
        for name in FORGING:
            with self.subTest(name=name):
                self.assertTrue(forging(name))
                for who in ((name, "c"), ("ann", name)):
                    place = "%u" if who[0] == name else "%c"
                    self.assertEqual(topics(Rule(True, (f"home/{place}/#", f"{place}")), *who, *asked, name), [])
                    self.assertEqual(topics(Rule(False, (f"home/{place}/in",)), *who, *asked), list(asked[:4]))
                    self.assertEqual(topics(Rule(False, (f"{place}/x",)), *who, *asked), list(asked))
                    self.assertEqual(topics(Rule(True, ("other",)), *who, *asked), ["other"])
                self.assertEqual(topics(Rule(True, ("by/%c",)), name, "c", *asked), ["by/c"])
                self.assertEqual(topics(Rule(False, ("by/%c/%u/x",)), name, "c", *asked), ["by/c"])

    def test_said_once(self) -> None:
        """
        The log says once for each client that its name does not fit, shortened, and says nothing about others.
        """
        rule = Rule(True, ("home/%u", "home/%u/x", "by/%c"))
        topics(rule, "x" * 1000 + "+", "c", "a", "b")
        (said,) = self.log.said
        self.assertIn("'home/%u'", said)
        self.assertIn(f"user '{'x' * 64}...'", said)
        topics(rule, "ann", "", "a")
        topics(rule, None, "c", "a")
        self.assertEqual(len(self.log.said), 1)

    def test_anonymous(self) -> None:
        """
        Rules with %u are not about those who have no user name.
        """
        for allow in (True, False):
            self.assertEqual(topics(Rule(allow, ("home/%u", "%u/#")), None, "c", "home", "home/", "home/c", "None"), [])
        self.assertEqual(topics(Rule(True, ("by/%c",)), None, "c", "by/c", "by/"), ["by/c"])

    def test_not_there_yet(self) -> None:
        """
        An empty user name, or a client identifier that is yet to be assigned, is treated like one that does not fit.
        """
        asked = ("by", "by/", "by/x", "other")
        for place, who in (("%u", ("", "c")), ("%c", ("ann", ""))):
            self.assertEqual(topics(Rule(True, (f"by/{place}", "other")), *who, *asked), ["other"])
            self.assertEqual(topics(Rule(False, (f"by/{place}",)), *who, *asked), ["by", "by/", "by/x"])

    def test_dollar(self) -> None:
        """
        Nobody gets hold of $SYS, or anything like it, by his name.
        """
        for name in ("$SYS", "$own"):
            asked = (name, f"{name}/a", f"x/{name}")
            self.assertEqual(topics(Rule(True, ("%u/#", "%c/#", "x/%u")), name, name, *asked), [f"x/{name}"])
            self.assertEqual(topics(Rule(False, ("%u/#",)), name, "c", *asked), [name, f"{name}/a"])
            self.assertEqual(topics(Rule(True, (f"{name}/%u",)), "a", "c", *asked), [f"{name}/a"])
        self.assertEqual(topics(Rule(True, ("%u/a",)), "$share", "c", "$share/a"), [])
