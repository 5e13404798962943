"""
Tests of tests.coverage.watching: what counts for whom.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from twisted.trial.unittest import SynchronousTestCase

from tests.coverage.watching import Watch
from tests.house import ROOT


class Measured:
    """
    Writes down what it was asked to do.
    """

    def __init__(self) -> None:
        self.heard: list[str] = []

    def start(self) -> None:
        self.heard.append("start")

    def stop(self) -> None:
        self.heard.append("stop")

    def switch_context(self, name: str) -> None:
        self.heard.append(name)


class WatchTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.measured = Measured()
        self.watch = Watch(cast("Any", self.measured), False)

    def run_hook(self, hook: Iterator[None]) -> list[str]:
        """
        @return: what was asked for before what is wrapped ran, and after it.
        """
        self.measured.heard.clear()
        next(hook)
        self.measured.heard.append("...")
        self.assertRaises(StopIteration, next, hook)
        return self.measured.heard

    def item(self, path: str, by_chance: bool = False) -> Any:
        return SimpleNamespace(path=Path(ROOT, path), obj=SimpleNamespace(is_hypothesis_test=by_chance))

    def test_tests(self) -> None:
        """
        A test counts for its floor; those of no floor, and what is made up by chance, count for nobody.
        """
        for path, by_chance, heard in (
            ("tests/codec/test_a.py", False, ["start", "codec"]),
            ("tests/codec/test_b.py", False, ["codec"]),
            ("tests/net/access/test_c.py", False, ["net"]),
            ("tests/net/test_d.py", True, ["stop"]),
            ("tests/end_to_end/test_e.py", False, []),
            ("tests/net/test_f.py", False, ["start", "net"]),
        ):
            with self.subTest(path=path):
                item = self.item(path, by_chance)
                self.assertEqual(self.run_hook(self.watch.pytest_runtest_protocol(item)), [*heard, "..."])
        self.measured.heard.clear()
        for _ in range(2):
            self.watch.end()
        self.assertEqual(self.measured.heard, ["stop"])

    def test_left_out(self) -> None:
        """
        What counts for nobody is not even run, unless everything is to be.
        """
        items = [self.item("tests/codec/a.py"), self.item("tests/codec/b.py", True), self.item("tests/end_to_end/c.py")]
        left_out: list[Any] = []
        hook = SimpleNamespace(pytest_deselected=lambda items: left_out.extend(items))
        for everything, count in ((True, 3), (False, 1)):
            watch = Watch(cast("Any", self.measured), everything)
            found = list(items)
            watch.pytest_collection_modifyitems(cast("Any", SimpleNamespace(hook=hook)), found)
            self.assertEqual((found, left_out), (items[:count], items[count:]))

    def test_imports(self) -> None:
        """
        So does what a file of tests does when it is imported.
        """
        for path, before, after in (("tests/codec/test_a.py", ["start", "codec"], ["stop"]), ("tests", [], [])):
            heard = self.run_hook(self.watch.pytest_make_collect_report(self.item(path)))
            self.assertEqual(heard, [*before, "...", *after])
