"""
What docs/authorisation.rst says is so.
"""

from __future__ import annotations

import re
import textwrap
import tomllib
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from txmqtt.net.access.acl import AccessControl, AccessSettings
from txmqtt.net.access.mosquitto_acl import read_acl
from txmqtt.net.access.rules import RuledUser, Rules, rules_from_tables

PAGE = Path(__file__).resolve().parents[3] / "docs" / "authorisation.rst"


def blocks(language: str) -> list[str]:
    """
    The examples in one language, as they are written.
    """
    found = re.findall(rf"^\.\. code-block:: {language}\n\n((?:    .*\n|\n)+)", PAGE.read_text(), re.MULTILINE)
    return [textwrap.dedent(block) for block in found]


def table(allow: bool, topic: str, **more: Any) -> dict[str, Any]:
    return {"allow": allow, "topics": [topic], **more}


class DocumentationTests(SynchronousTestCase):
    def test_configuration(self) -> None:
        """
        The first example is a configuration, and means what is said of it.
        """
        first, monitor = (tomllib.loads(block)["acl"] for block in blocks("toml"))
        tables = first.pop("rule")
        settings = AccessSettings(**first)
        self.assertEqual((settings.default, bool(settings.file)), ("deny", True))
        ann = AccessControl(tables=tables).user("ann", "c")
        self.assertEqual((ann.granted("home/#", 2), ann.granted("#", 2), ann.granted("news/ann", 0)), (2, 0x87, 0))
        self.assertEqual([ann.may_receive(topic) for topic in ("home/attic", "home/attic/secret/key")], [True, False])
        self.assertTrue(ann.may_publish("home/attic/secret/key"))
        control = AccessControl(AccessSettings(default="allow"), monitor["rule"])
        self.assertEqual([control.user(name, "c").granted("$SYS/#", 0) for name in ("monitor", "ann")], [0, 0x87])

    def test_table(self) -> None:
        """
        Every line of the table of examples gives the answer that it says.
        """

        def ann(*tables: dict[str, Any]) -> RuledUser:
            return rules_from_tables(tables, "here").user("ann", "c")

        some, others = table(True, "a/#"), table(False, "a/b")
        self.assertFalse(ann(others, some).may_publish("a/b"))
        self.assertTrue(ann(some, others).may_publish("a/b"))
        reader = ann(others, some)
        self.assertEqual(
            (reader.granted("a/#", 0), reader.may_receive("a/b"), reader.may_receive("a")), (0, False, True)
        )
        self.assertEqual(ann(some).granted("#", 0), 0x87)
        reader = ann({**some, "partly": True})
        self.assertEqual((reader.granted("#", 0), reader.may_receive("b"), reader.may_receive("a/b")), (0, False, True))
        self.assertEqual(ann(table(False, "a/#"), table(True, "#")).granted("a/+", 0), 0x87)
        self.assertEqual(ann(table(True, "#")).granted("$SYS", 0), 0x87)
        self.assertEqual(ann(table(True, "a/b", actions=["publish"])).granted("a/b", 0), 0x87)

    def test_file(self) -> None:
        """
        The example of a file is one, and means what is said of it.
        """
        (text,) = blocks("text")
        rules = Rules(read_acl(text.encode(), "the page"))
        ann, nobody = rules.user("ann", "c1"), rules.user(None, "c1")
        asked = ("news/a", "home/a", "home/attic", "log/ann", "shared/a", "status/ann/c1", "status/ben/c1")
        read = [topic for topic in asked if ann.may_receive(topic)]
        written = [topic for topic in asked if ann.may_publish(topic)]
        self.assertEqual(read, ["home/a", "shared/a"])
        self.assertEqual(written, ["home/a", "log/ann", "shared/a", "status/ann/c1"])
        self.assertEqual(
            [topic for topic in asked if nobody.may_receive(topic) or nobody.may_publish(topic)], ["news/a"]
        )
