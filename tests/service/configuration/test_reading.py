"""
Tests of txmqtt.service.configuration.reading and schema: from tables to settings, and what is wrong with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from twisted.trial.unittest import SynchronousTestCase

from txmqtt.broker.policy import Policy
from txmqtt.net.options import Range
from txmqtt.service.configuration.reading import Entry, Reading, told
from txmqtt.service.configuration.schema import Overrides, about, settings_of


@dataclass(frozen=True)
class Inner:
    """
    What is inside.

    @ivar depth: how deep C{it} is.
    """

    depth: Annotated[int, Range(1, 10)] = 3

    def __post_init__(self) -> None:
        if self.depth == 7:
            raise ValueError("7 is not a depth")


@dataclass(frozen=True)
class Other:
    path: str


@dataclass(frozen=True)
class Outer(Inner):
    """
    What is outside.

    @ivar speed: how fast, and this goes on
        over two lines.
    """

    speed: Annotated[float, Range(0, 2)] = 1.0
    on: bool = False
    word: str = ""
    colour: Literal["red", "green"] = "red"
    names: tuple[str, ...] = ()
    colours: tuple[Literal["red", "green"], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    inner: Inner | None = None
    inners: tuple[Inner, ...] = ()
    raw: tuple[Mapping[str, Any], ...] = ()
    kinds: tuple[Any, ...] = field(default=(), metadata={"kinds": {"inner": Inner, "other": Other}})
    limits: Overrides = field(default_factory=Overrides)


def read(table: Any, group: type = Outer) -> tuple[Any, list[str]]:
    reading = Reading()
    made = reading.group(group, table)
    return made, [told(fault) for fault in reading.faults]


class ReadingTests(SynchronousTestCase):
    def test_nothing(self) -> None:
        """
        What is not said is as the defaults have it.
        """
        self.assertEqual(read({}), (Outer(), []))

    def test_everything(self) -> None:
        """
        Every type of setting is read.
        """
        made, faults = read(
            {
                "depth": 4,
                "speed": 2,
                "on": True,
                "word": "w",
                "colour": "green",
                "names": ["a", "b"],
                "colours": ["green"],
                "headers": {"X-A": "1"},
                "options": {"any": [1, {"thing": True}]},
                "inner": {"depth": 5},
                "inners": [{}, {"depth": 6}],
                "raw": [{"what": "ever"}],
                "kinds": [{"type": "other", "path": "p"}, {"type": "inner", "name": "mine"}],
                "limits": {"max_inflight": 7},
            }
        )
        self.assertEqual(faults, [])
        self.assertEqual(
            made,
            Outer(
                4,
                2.0,
                True,
                "w",
                "green",
                ("a", "b"),
                ("green",),
                {"X-A": "1"},
                {"any": [1, {"thing": True}]},
                Inner(5),
                (Inner(), Inner(6)),
                ({"what": "ever"},),
                (Entry("other", "other", Other("p"), ("kinds", 0)), Entry("inner", "mine", Inner(), ("kinds", 1))),
                Overrides(max_inflight=7),
            ),
        )
        self.assertIs(type(made.speed), float)

    def test_faults(self) -> None:
        """
        What is wrong is told with the setting, what was seen and what was expected, and the nearest that is known.
        """
        for table, fault in (
            ({"dept": 1}, "dept: unknown; did you mean depth?"),
            ({"zebra": 1}, "zebra: unknown"),
            ({"depth": 0}, "depth: 0: expected a whole number from 1 to 10"),
            ({"depth": 1.5}, "depth: 1.5: expected a whole number from 1 to 10"),
            ({"depth": True}, "depth: true: expected a whole number from 1 to 10"),
            ({"depth": "3"}, "depth: '3': expected a whole number from 1 to 10"),
            ({"depth": 7}, "7 is not a depth"),
            ({"speed": float("nan")}, "speed: nan: expected a number from 0 to 2"),
            ({"on": 1}, "on: 1: expected true or false"),
            ({"word": 1}, "word: 1: expected a string"),
            ({"colour": "gren"}, "colour: 'gren': expected red or green; did you mean green?"),
            ({"names": "a"}, "names: 'a': expected a list of strings"),
            ({"names": [1]}, "names: [1]: expected a list of strings"),
            ({"colours": ["blue"]}, "colours: 'blue': expected red or green"),
            ({"headers": {"a": 1}}, "headers: {'a': 1}: expected a table of strings"),
            ({"options": 1}, "options: 1: expected a table"),
            ({"inner": 1}, "inner: 1: expected a table"),
            ({"inner": {"depth": 99}}, "inner.depth: 99: expected a whole number from 1 to 10"),
            ({"inners": {}}, "inners: {}: expected tables, each under [[inners]]"),
            ({"inners": [{"dpth": 1}]}, "inners.dpth: unknown; did you mean depth?"),
            ({"kinds": [{}]}, "kinds.type: type is missing: expected inner, other"),
            ({"kinds": [{"type": "othr"}]}, "kinds.type: type = 'othr': expected inner, other; did you mean other?"),
            ({"kinds": [{"type": "other"}]}, "kinds: path is missing"),
            ({"kinds": [{"type": "inner", "name": ""}]}, "kinds.name: '': expected a name"),
            (
                {"kinds": [{"type": "inner"}, {"type": "inner"}]},
                "kinds: there is another named 'inner'; give it a name of its own",
            ),
            ({"limits": {"max_inflght": 1}}, "limits.max_inflght: unknown; did you mean max_inflight?"),
            ({"limits": {"max_inflight": 0}}, "limits.max_inflight: 0: expected a whole number from 1 to 65535"),
            (
                {"limits": {"store_delay": 1.0}},
                "limits.store_delay: is of the whole broker: it can't be another for one listener",
            ),
            ({"word": ["x" * 200]}, f"word: {repr(['x' * 200])[:60]}...: expected a string"),
        ):
            with self.subTest(fault=fault):
                _, faults = read(table)
                self.assertEqual(faults, [fault])

    def test_all_at_once(self) -> None:
        """
        All that is wrong is told, not only what comes first.
        """
        _, faults = read({"depth": 0, "on": 1, "inner": {"depth": 0}, "wrd": "x"})
        self.assertEqual(len(faults), 4)

    def test_limits(self) -> None:
        """
        The limits of the policy are settings like all others.
        """
        made, faults = read({"max_inflight": 7, "resend_interval": 0}, Policy)
        self.assertEqual((made, faults), (Policy(max_inflight=7, resend_interval=0.0), []))


class SchemaTests(SynchronousTestCase):
    def test_words(self) -> None:
        """
        The words of a setting are those of its class, or of the class that it comes from.
        """
        words = {each.name: each.words for each in settings_of(Outer)}
        self.assertEqual(words["speed"], "how fast, and this goes on over two lines.")
        self.assertEqual(words["depth"], "how deep it is.")
        self.assertEqual(about(Outer), "What is outside.")

    def test_every_limit(self) -> None:
        """
        Every limit explains itself and has a range or words to choose from.
        """
        for each in settings_of(Policy):
            with self.subTest(limit=each.name):
                self.assertGreater(len(each.words), 10)
                self.assertTrue(each.range or each.kind in (bool, str))
