"""
Watches the tests under pytest, and writes down under whose name each line was reached.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import coverage
import pytest

from tests.coverage.units import ROOT, Unit, unit_of

#: What runs when a module is imported counts for its own unit, whoever imported it first.
IMPORTED = "imported"


class Watch:
    """
    A plugin of pytest: it switches the measurement to the unit that a test belongs to.

    What belongs to none (C{end_to_end}, C{conformance}) runs at full speed, unwatched, and so does what hypothesis
    makes up: what a line owes to chance today it may miss tomorrow, and the figures would not be the same twice.
    """

    def __init__(self) -> None:
        self.measured = coverage.Coverage(data_file=None, config_file=str(ROOT / "pyproject.toml"))
        self._running = False

    def begin(self) -> None:
        """
        Import all that will be measured.
        """
        self._watch(IMPORTED)
        package = importlib.import_module("txmqtt")
        for found in pkgutil.walk_packages(package.__path__, "txmqtt."):
            importlib.import_module(found.name)
        self._watch("")

    def end(self) -> None:
        self._watch("")

    def _watch(self, name: str) -> None:
        """
        From now on, what runs counts for this unit, or for nobody.
        """
        if self._running and not name:
            self.measured.stop()
            self._running = False
        if name and not self._running:
            self.measured.start()
            self._running = True
        if name:
            self.measured.switch_context(name)

    def _belongs(self, path: Path) -> str:
        unit = unit_of(path)
        return unit.name if unit is not None else ""

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Iterator[None]:
        self._watch(self._belongs(collector.path))
        report = yield
        self._watch("")
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        by_chance = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
        self._watch("" if by_chance else self._belongs(item.path))
        return (yield)


def paths(chosen: Iterable[Unit]) -> list[str]:
    """
    Where their tests are.
    """
    return [str(ROOT / "tests" / unit.name) for unit in chosen]
