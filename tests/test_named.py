"""
What the pages name of the source, of the tests and of the limits is there.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import fields

from twisted.trial.unittest import SynchronousTestCase

from tests.house import ROOT
from tests.named import locate, mentions
from txmqtt.broker.policy import Policy


class NameTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.pages = sorted((ROOT / "docs").glob("*.rst"))
        if not self.pages:
            self.skipTest("no documentation beside the tests")

    def test_everything_is_there(self) -> None:
        """
        Each file, function and test that a page names exists.
        """
        named = 0
        for page in self.pages:
            for role, name in mentions(page.read_text("utf-8")):
                named += 1
                with self.subTest(page=page.name, name=name):
                    locate(role, name)
        self.assertGreater(named, 200)

    def test_what_is_noticed(self) -> None:
        """
        What is not there is told apart from what is.
        """
        said = """
            :src:`broker/publishing.py Publishing.published`, :src:`words <benchmarks/kill9.py>`,
            :test:`test_named.NameTests.test_what_is_noticed`, ``src`` and :doc:`store`; :src:`broker/publishing.py
            Publishing`
        """
        found = list(mentions(said))
        self.assertEqual(
            found,
            [
                ("src", "broker/publishing.py Publishing.published"),
                ("src", "benchmarks/kill9.py"),
                ("test", "test_named.NameTests.test_what_is_noticed"),
                ("src", "broker/publishing.py Publishing"),
            ],
        )
        for role, name in found:
            self.assertTrue((ROOT / locate(role, name).path).is_file())
        for role, name in (
            ("src", "broker/nothing.py"),
            ("src", "broker/publishing.py Publishing.nothing"),
            ("test", "test_named.NameTests.test_nothing"),
            ("test", "nothing"),
        ):
            with self.subTest(name), self.assertRaises(LookupError):
                locate(role, name)

    def test_every_limit_has_its_row(self) -> None:
        """
        The tables of limits have each limit of the policy, once.
        """
        text = (ROOT / "docs" / "limits-table.rst").read_text("utf-8")
        listed: Counter[str] = Counter()
        for part in text.split(".. limits::\n")[1:]:
            listed.update(part.strip().partition("\n\n")[0].split())
        self.assertEqual(listed, Counter(each.name for each in fields(Policy)))
