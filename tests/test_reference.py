"""
The reference names everything, and nothing that there is not.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

import txmqtt
import txmqtt.testing
from tests.backends.sqlite.support_backend import PromptWorker
from tests.service.support import MQTT5, Stage, scratch
from tests.service.test_metrics import Reactor
from txmqtt.broker.core import _STORE_ALARM
from txmqtt.codec.constants import NAMES
from txmqtt.codec.packets import Publish, Subscribe, Subscription
from txmqtt.codec.reasons import ReasonCode, legal
from txmqtt.net.memory import ALARM
from txmqtt.service.configuration.schema import settings_of
from txmqtt.service.configuration.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"

#: What mosquitto publishes: its manual of 2.0, mosquitto(8), without the topics of bridges and the one that is only
#: in the manual; what its source has besides; and what 2.1 adds.
MOSQUITTO = frozenset(
    f"{folder}/{name}" if folder else name
    for folder, names in (
        ("", ("version", "uptime", "messages/stored", "retained messages/count")),
        ("heap", ("current", "maximum")),
        ("clients", ("total", "maximum", "disconnected", "inactive", "connected", "active", "expired")),
        ("store/messages", ("count", "bytes")),
        ("subscriptions", ("count",)),
        ("shared_subscriptions", ("count",)),
        ("messages", ("received", "sent")),
        ("bytes", ("received", "sent")),
        ("publish/messages", ("dropped", "received", "sent")),
        ("publish/bytes", ("received", "sent")),
        ("load/messages", ("received", "sent")),
        ("load/publish", ("dropped", "received", "sent")),
        ("load/bytes", ("received", "sent")),
        ("load", ("sockets", "connections")),
    )
    for name in names
)
MOSQUITTO_21 = ("connections/socket/count", "packet/out/count", "packet/out/bytes")

#: Our broker's side, for who asks whether it says a reason.
BROKERS: tuple[str, ...] = ("broker/", "backends/sqlite/", "backends/memory", "net/door", "net/entry", "net/plugins")
BROKERS += ("net/proving", "net/server", "session/server", "session/threshold")


def tables(group: type, path: str = "") -> Iterator[str]:
    """
    All tables of the configuration that have keys.
    """
    if path:
        yield path
    for setting in settings_of(group):
        below = f"{path}.{setting.name}" if path else setting.name
        if isinstance(setting.group, Mapping):
            yield from (f"{below}.{kind}" for kind in setting.group)
        elif setting.group is not None:
            yield from tables(setting.group, below)


class ReferenceCase(SynchronousTestCase):
    def setUp(self) -> None:
        if not DOCS.is_dir():
            self.skipTest("no documentation beside the tests")
        self.patch(sys, "path", [str(DOCS), *sys.path])

    def page(self, name: str) -> str:
        return (DOCS / f"{name}.rst").read_text()


class OptionTests(ReferenceCase):
    def test_every_table(self) -> None:
        """
        Every table of the configuration is there once; its keys come from the settings themselves.
        """
        shown = re.findall(r"^\.\. settings:: (\S+)$", self.page("reference-options"), re.MULTILINE)
        self.assertEqual(sorted(shown), sorted(tables(Settings)))
        self.assertIn(".. broker-options::", self.page("reference-options"))


class FigureTests(ReferenceCase):
    def topics(self) -> dict[str, str]:
        """
        What the page says that mosquitto calls each topic.
        """
        page = self.page("reference-figures")
        rows: list[tuple[str, str]] = re.findall(
            r"^   \* - ``([^`]+)``\n(?:     - [^\n]*\n)?     - ([^\n]+)\n     - [A-Z`]", page, re.MULTILINE
        )
        self.assertEqual(len(dict(rows)), len(rows))
        return dict(rows)

    def test_topics(self) -> None:
        """
        The page has the topics that a broker with a store publishes, and no others.
        """
        stage = Stage(reactor=Reactor(), store=scratch(self) / "mqtt.db", workers=lambda name: PromptWorker())
        stage.service.startService()
        self.addCleanup(stage.service.stopService)
        curious = stage.client()
        curious.say(Subscribe(1, [Subscription(b"$SYS/#")]))
        stage.reactor.advance(1)
        stage.reactor.pump([10, 10])
        heard = {each.topic.decode() for each in curious.heard() if isinstance(each, Publish)}
        heard |= {each.decode() for each in (ALARM, _STORE_ALARM)}  # which are there when something is wrong
        written = set(self.topics())
        written |= {
            topic.removesuffix("1min") + span for topic in written if "1min" in topic for span in ("5min", "15min")
        }
        self.assertEqual({f"$SYS/broker/{topic}" for topic in written}, heard)

    def test_as_mosquitto(self) -> None:
        """
        What is said to be mosquitto's is; and all that it has is here by its name, or the page says why not.
        """
        page = self.page("reference-figures")
        same = {topic.removesuffix("/1min") for topic, theirs in self.topics().items() if theirs == "*same*"}
        self.assertEqual(same, MOSQUITTO)
        for topic in (*MOSQUITTO_21, "messages/inflight", "connection/..."):
            self.assertIn(f"``{topic}``", page)

    def test_metrics(self) -> None:
        """
        The metrics are shown by what serves them.
        """
        self.assertIn(".. metrics::", self.page("reference-figures"))


class ReasonTests(ReferenceCase):
    def causes(self) -> dict[str, Any]:
        from reason_causes import CAUSES  # type: ignore[import-not-found]  # of docs/

        found: dict[str, Any] = CAUSES
        return found

    def test_every_reason(self) -> None:
        """
        Every reason code is explained for both sides, in its order.
        """
        self.assertEqual(list(self.causes()), [reason.name for reason in ReasonCode])
        for name, cause in self.causes().items():
            with self.subTest(reason=name):
                for words in (cause.broker, cause.client):
                    self.assertTrue(words.endswith("."))
                    self.assertEqual(words.count("``") % 2, 0)

    def test_packets(self) -> None:
        """
        No packet is said to carry a reason that it may not carry.
        """
        for name, cause in self.causes().items():
            for sentence in re.split(r"(?<=\.) ", cause.broker):
                packets, colon, _ = sentence.partition(":")
                for packet in re.findall(r"\b[A-Z]{4,}\b", packets if colon else ""):
                    with self.subTest(reason=name, packet=packet):
                        self.assertTrue(legal(NAMES.index(packet), ReasonCode[name], MQTT5))

    def test_places(self) -> None:
        """
        Whoever names a reason at a new place has to look whether what is said about it is still all; and one that our
        broker never says is named nowhere on its side.
        """
        found: dict[str, set[str]] = {reason.name: set() for reason in ReasonCode}
        for path in sorted((ROOT / "txmqtt").rglob("*.py")):
            place = path.relative_to(ROOT / "txmqtt").with_suffix("").as_posix()
            if place in ("codec/reasons", "codec/frames", "codec/errors") or place.startswith("cli/"):
                continue  # they translate them
            for name in re.findall(r"\b(?:reasons|ReasonCode)\.([A-Z][A-Z0-9_]+)\b", path.read_text()):
                if name in found:
                    found[name].add(place)
        for name, cause in self.causes().items():
            with self.subTest(reason=name):
                if name != "SUCCESS":
                    self.assertEqual(found[name], set(cause.places.split()))
                    never = cause.broker.startswith("Never")
                    self.assertFalse(never and any(place.startswith(BROKERS) for place in found[name]))


class APITests(ReferenceCase):
    def described(self) -> set[str]:
        pages = "".join(path.read_text() for path in sorted((DOCS / "api").glob("*.rst")))
        directives = r"(?:auto(?:class|exception|function|interface)|py:class)"
        return set(re.findall(rf"^\.\. {directives}:: (?:\(\) )?([\w.]+)", pages, re.MULTILINE))

    def test_every_public_name(self) -> None:
        """
        Every public name is described.
        """
        names = {f"txmqtt.{name}" for name in txmqtt.__all__} - {"txmqtt.__version__", "txmqtt.compiled"}
        names |= {f"txmqtt.testing.{name}" for name in txmqtt.testing.__all__}
        self.assertEqual(names - self.described(), set())

    def test_links(self) -> None:
        """
        What a docstring's C{L{...}} is made a link to is described.
        """
        from epytext import LINKS  # type: ignore[import-not-found]  # of docs/

        self.assertEqual(set(LINKS.values()) - {"txmqtt.compiled"} - self.described(), set())

    def test_epytext(self) -> None:
        """
        Marks, fields and code become what autodoc understands; what is no epytext is told.
        """
        from epytext import UnknownMarkup, converted

        text = "See C{topic_}, L{Will} and I{one}*::\n\n    code * here\n\nMore.\n"
        text += "@param x: C{a\n    {b}}s; see L{Hm}.\n@return: y"
        self.assertEqual(
            converted(text),
            [
                "See ``topic_``, :py:obj:`Will <txmqtt.Will>` and *one*\\*::",
                "",
                "    code * here",
                "",
                "More.",
                "",
                ":param x: ``a {b}``\\ s; see ``Hm``.",
                ":returns: y",
                "",
            ],
        )
        for wrong in ("@parm x: y", "B{bold}", "@type x: int"):
            with self.subTest(wrong=wrong):
                self.assertRaises(UnknownMarkup, converted, wrong)
