"""
Watches the tests under pytest, and writes down under whose name each line was reached.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.coverage.units import Unit, unit_of

if TYPE_CHECKING:
    from coverage import Coverage

#: What runs when a module is imported counts for its own unit, whoever imported it first.
IMPORTED = "imported"


class Watch:
    """
    A plugin of pytest: it switches the measurement to the unit that a test belongs to.

    What belongs to none (C{end_to_end}, C{conformance}) runs at full speed, unwatched, and so does what hypothesis
    makes up: what a line owes to chance today it may miss tomorrow, and the figures would not be the same twice.
    """

    def __init__(self, measured: Coverage, everything: bool) -> None:
        """
        @param measured: has not been started.
        @param everything: what counts for nobody is run, too.
        """
        self._measured = measured
        self._everything = everything
        self._running = False

    def begin(self) -> bool:
        """
        Import all that will be measured: nobody must have done so before.

        @return: it is compiled, and can't be watched.
        """
        self._switch(IMPORTED)
        importlib.import_module("pytest_txmqtt")
        package = importlib.import_module("txmqtt")
        for found in pkgutil.walk_packages(package.__path__, "txmqtt."):
            importlib.import_module(found.name)
        self._switch("")
        return bool(package.compiled)

    def end(self) -> None:
        """
        The last test is over.
        """
        self._switch("")

    def _switch(self, name: str) -> None:
        """
        From now on, what runs counts for this unit, or for nobody.
        """
        if name and not self._running:
            self._measured.start()
        elif self._running and not name:
            self._measured.stop()
        self._running = bool(name)
        if name:
            self._measured.switch_context(name)

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Iterator[None]:
        """
        A file of tests is imported.
        """
        self._switch(_name(collector.path))
        report = yield
        self._switch("")
        return report

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """
        All tests are known.
        """
        if not self._everything:
            left_out = [item for item in items if not _counts_for(item)]
            items[:] = [item for item in items if _counts_for(item)]
            config.hook.pytest_deselected(items=left_out)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """
        A test is run.
        """
        self._switch(_counts_for(item))
        return (yield)

    def reached(self, unit: Unit) -> dict[str, Any]:
        """
        What a unit's own tests reached, file by file, as C{coverage json} says it.
        """
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder, "report.json")
            files, contexts = [str(path) for path in unit.files], [f"^{unit.name}$", f"^{IMPORTED}$"]
            self._measured.json_report(files, outfile=str(report), contexts=contexts)
            found: dict[str, Any] = json.loads(report.read_text())["files"]
            return found


def _counts_for(item: pytest.Item) -> str:
    """
    The unit for which a test counts; empty: none.
    """
    return "" if getattr(getattr(item, "obj", None), "is_hypothesis_test", False) else _name(item.path)


def _name(path: Path) -> str:
    unit = unit_of(path)
    return unit.name if unit is not None else ""
