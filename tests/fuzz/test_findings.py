"""
What the fuzzer once found stays mended, and the harnesses work, without the fuzzer.
"""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz.findings import FINDINGS
from tests.fuzz.harnesses import NAMES, find

PAGE = Path(__file__).resolve().parents[2] / "docs" / "robustness.rst"

#: Of the seeds of a harness, so many are tried here.
_SOME = 12


class FindingTests(SynchronousTestCase):
    def test_mended(self) -> None:
        """
        No input that was found makes anything fail.
        """
        for name, words, data in FINDINGS:
            with self.subTest(harness=name, words=words):
                find(name).one_input(data)

    def test_told_once(self) -> None:
        """
        Each is there once, with words that say what was wrong.
        """
        self.assertEqual(len({(name, data) for name, _, data in FINDINGS}), len(FINDINGS))
        self.assertEqual([data for _, words, data in FINDINGS if not words], [])


class SeedTests(SynchronousTestCase):
    def test_seeds_pass(self) -> None:
        """
        What the fuzzer begins with makes nothing fail, nor does nothing at all.
        """
        for harness in map(find, NAMES):
            seeds = list(harness.seeds())
            self.assertTrue(len(seeds) > 5, harness.name)
            for seed in (b"", *seeds[:: len(seeds) // _SOME + 1]):
                with self.subTest(harness=harness.name, seed=seed):
                    harness.one_input(seed)

    def test_seeds_are_short(self) -> None:
        """
        Hardly any of them is longer than what the fuzzer tries: it would be cut.
        """
        for harness in map(find, NAMES):
            seeds = list(harness.seeds())
            long = [seed for seed in seeds if len(seed) > harness.longest]
            self.assertTrue(len(long) <= len(seeds) // 10, harness.name)

    def test_tokens(self) -> None:
        """
        Words that mean something are no longer than those that libFuzzer takes.
        """
        for harness in map(find, NAMES):
            self.assertEqual([token for token in harness.tokens() if not 0 < len(token) <= 64], [], harness.name)


class PageTests(SynchronousTestCase):
    def test_all_are_told(self) -> None:
        """
        The page about robustness has a row for each harness.
        """
        if not PAGE.exists():
            self.skipTest("no documentation beside the tests")
        self.assertEqual(re.findall(r"^   \* - ``(\w+)``$", PAGE.read_text(), re.MULTILINE), list(NAMES))
