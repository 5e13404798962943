"""
Tests of txmqtt.broker.filters: who asked for what, found again by topic.
"""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.broker.people import member, somewhere
from tests.broker.strategies import filters, topics
from txmqtt.broker.filters import Filters, Grant, cost, wild
from txmqtt.broker.registry import Member
from txmqtt.broker.shared import Group
from txmqtt.codec.packets import Subscription
from txmqtt.codec.topics import matches


def bare(tree: Filters) -> bool:
    """
    Nothing is left in the tree.
    """
    return not tree._exact and tree._root.bare and tree._root.children is None


class FiltersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.filters = Filters()

    def test_wild(self) -> None:
        """
        A filter with a wildcard is told from one without.
        """
        for filter, expected in ((b"a/b", False), (b"+", True), (b"#", True), (b"a/+/b", True), (b"a/#", True)):
            self.assertEqual(wild(filter), expected)

    def test_same_filter_same_interest(self) -> None:
        """
        A filter has one interest, whoever asks for it and however often.
        """
        for filter in (b"a", b"a/+", b"a/#", b"#", b"+", b"+/+"):
            interest = self.filters.add(filter)
            self.assertEqual(interest.filter, filter)
            self.assertIs(self.filters.add(filter), interest)

    def test_discard_what_is_not_there(self) -> None:
        """
        To forget a filter that nobody has changes nothing.
        """
        kept = self.filters.add(b"a/+/c")
        for filter in (b"a/+", b"a/+/#", b"a/+/c/d", b"b/+", b"+/+", b"a", b"#"):
            self.filters.discard(filter)
        self.assertEqual(self.filters.match(b"a/b/c"), [kept])
        self.filters.discard(b"a/+/c")
        self.assertTrue(bare(self.filters))

    def test_empty(self) -> None:
        """
        An interest is empty when neither a session nor a group has it.
        """
        interest = self.filters.add(b"a")
        self.assertTrue(interest.empty)
        groups = interest.sharing()
        self.assertTrue(interest.empty)
        groups[b"g"] = Group("", b"g", b"a")
        self.assertFalse(interest.empty)
        self.assertIs(interest.sharing(), groups)

    def test_what_others_need_stays(self) -> None:
        """
        Of the branch of a filter that is forgotten only what no other needs goes.
        """
        for filter in (b"a/b/+", b"a/c/#"):
            self.filters.add(filter)
        self.filters.discard(b"a/b/+")
        self.assertEqual([interest.filter for interest in self.filters.match(b"a/c/d")], [b"a/c/#"])
        self.filters.discard(b"a/c/#")
        self.assertTrue(bare(self.filters))

    def test_who_has_it(self) -> None:
        """
        An interest knows everybody who has it, once and as they asked last, whether they are none, one or more.
        """
        broker = somewhere()
        people = [member(broker, name) for name in "abc"]
        interest = self.filters.add(b"x")
        wanted: dict[Member, Grant] = {}
        for join, number in (
            (1, 0),
            (1, 0),
            (0, 1),
            (0, 0),
            (1, 1),
            (1, 2),
            (1, 1),
            (0, 0),
            (0, 1),
            (1, 0),
            (0, 2),
            (0, 0),
        ):
            who = people[number]
            if join:
                wanted[who] = Grant(who, Subscription(b"x"), b"x", 0, 0, None)
                interest.join(wanted[who])
            else:
                wanted.pop(who, None)
                interest.leave(who)
            found = [interest.only] if interest.only is not None else list((interest.grants or {}).values())
            self.assertEqual((found, interest.empty), (list(wanted.values()), not wanted))

    def test_deep(self) -> None:
        """
        However many levels a policy allows, they are found without harm.
        """
        topic = b"/".join([b"a"] * 5_000)
        for filter in (topic, b"/".join([b"+"] * 5_000), b"/".join([b"a"] * 4_999 + [b"#"])):
            self.filters.add(filter)
        self.assertEqual(len(self.filters.match(topic)), 3)

    def test_cost(self) -> None:
        """
        A filter costs its bytes and something besides; one with wildcards for each of its levels.
        """
        self.assertLess(cost(b"a/b/c"), cost(b"a/b/+"))
        self.assertLess(cost(b"a/b/+"), cost(b"a/b/c/d/e/+"))
        self.assertEqual(cost(bytes(1_000)) - cost(b""), 1_000)

    @settings(max_examples=300, deadline=None)
    @given(st.lists(filters(), max_size=12, unique=True), st.lists(topics(), min_size=1, max_size=4))
    def test_match(self, asked: list[bytes], published: list[bytes]) -> None:
        """
        A topic finds exactly the filters that match it; when all are forgotten nothing is left of the tree.
        """
        tree = Filters()
        for filter in asked:
            tree.add(filter)
        for topic in published:
            found = sorted(interest.filter for interest in tree.match(topic))
            self.assertEqual(found, sorted(filter for filter in asked if matches(filter, topic)))
        while asked:
            tree.discard(asked.pop(0))
            for topic in published:
                found = sorted(interest.filter for interest in tree.match(topic))
                self.assertEqual(found, sorted(filter for filter in asked if matches(filter, topic)))
        self.assertTrue(bare(tree))
