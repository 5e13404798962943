"""
The laws of the house that a program can check: imports go down, files stay small, tests do not wait.
"""

import ast
import importlib
import os
import re
import shutil
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.house import COMPILED, DISTRIBUTIONS, FLOORS, ROOT, floor_named, floor_of, imports, nodes, sources

TESTS = ROOT / "tests"

FORBIDDEN_BELOW = {
    *("asyncio", "concurrent", "datetime", "io", "logging", "multiprocessing", "os", "pathlib", "queue", "sched"),
    *("select", "selectors", "signal", "socket", "sqlite3", "ssl", "subprocess", "threading", "time"),
}

#: Files longer than this are two ideas, or stand here with their reason.
LONGEST = 400
LONG_FILES: dict[str, str] = {}


def where(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def climbs(floor: str, name: str) -> str:
    """
    Why a file of this floor must not import this name, or nothing.
    """
    top = name.split(".")[0]
    if top == "txmqtt":
        target = floor_named(name)
        return "" if target in FLOORS[floor] else f"{floor} must not import {target}"
    if floor in COMPILED:
        if top in FORBIDDEN_BELOW:
            return f"{floor} must not import {top}"
        if top not in sys.stdlib_module_names and top != "mypy_extensions":
            return f"{floor} imports the standard library only, not {top}"
    return ""


class FloorTests(SynchronousTestCase):
    def test_imports_go_down(self) -> None:
        """
        A newcomer can read a floor without knowing those above it.
        """
        problems = [
            f"{where(path, line)}: {why}"
            for path in sources(ROOT / "txmqtt")
            for line, name in imports(path)
            if (why := climbs(floor_of(path), name))
        ]
        self.assertEqual(problems, [], "\n" + "\n".join(problems))

    def test_every_folder_has_a_floor(self) -> None:
        """
        A new folder says what it may import before anything stands in it.
        """
        strangers = {floor_of(path) for path in sources(ROOT / "txmqtt")} - FLOORS.keys()
        self.assertEqual(strangers, set())

    def test_climbing_is_noticed(self) -> None:
        """
        The check itself tells up from down.
        """
        for floor, name, legal in (
            ("session", "txmqtt.codec.decode.Decoder", True),
            ("codec", "txmqtt.session.client", False),
            ("net", "txmqtt.backends.memory", False),
            ("backends", "txmqtt.net.protocol", False),
            ("service", "txmqtt.net.protocol", True),
            ("net", "txmqtt.connect", False),
            ("broker", "twisted.internet.defer.Deferred", False),
            ("broker", "time.monotonic", False),
            ("broker", "collections.deque", True),
            ("net", "twisted.internet.defer.Deferred", True),
        ):
            with self.subTest(floor=floor, name=name):
                self.assertEqual(climbs(floor, name) == "", legal)

    def test_dependencies_are_declared(self) -> None:
        """
        Whoever installs txmqtt gets all that it imports.
        """
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        declared = {re.split(r"[\[<>=!~; ]", line)[0].lower() for line in project["dependencies"]}
        missing = [
            where(path, line)
            for path in sources(ROOT / "txmqtt")
            for line, name in imports(path)
            if (top := name.split(".")[0]) not in sys.stdlib_module_names
            and top != "txmqtt"
            and DISTRIBUTIONS.get(top, top) not in declared
        ]
        self.assertEqual(missing, [])

    def test_files_are_small(self) -> None:
        """
        A file is one idea: 400 lines is a sign to split, and a longer one gives its reason above.
        """
        lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in sources(ROOT / "txmqtt")}
        self.assertEqual({name for name, lines in lengths.items() if lines > LONGEST}, set(LONG_FILES))


class WaitingTests(SynchronousTestCase):
    def test_time_is_advanced_not_waited_for(self) -> None:
        """
        Outside end_to_end no test sleeps, so that the whole suite takes seconds and never depends on a busy machine.
        """
        waits = [
            where(path, node.lineno)
            for path in sources(TESTS)
            if "end_to_end" not in path.parts
            for node in nodes(path)
            if isinstance(node, ast.Call) and self.waits(node)
        ]
        self.assertEqual(waits, [])

    def test_nothing_is_left_behind(self) -> None:
        """
        No test leaves files where it was started: trial's C{mktemp} does, wherever trial is not the runner.
        """
        left = [
            where(path, node.lineno)
            for path in sources(TESTS)
            for node in nodes(path)
            if isinstance(node, ast.Attribute) and node.attr == "mktemp"
        ]
        self.assertEqual(left, [])

    def waits(self, call: ast.Call) -> bool:
        verb = self.last_name(call.func)
        on_reactor = bool(call.args) and self.last_name(call.args[0]) == "reactor"
        return verb == "sleep" or (verb == "deferLater" and on_reactor)

    def last_name(self, node: ast.AST) -> str:
        return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


class BuildTests(SynchronousTestCase):
    """
    Guards: a run that was meant for one build must not silently test the other.
    """

    def test_no_compiled_file_in_the_checkout(self) -> None:
        """
        A compiled module beside its source would hide every later edit.
        """
        strays = [str(path.relative_to(ROOT)) for path in (*ROOT.glob("*.so"), *(ROOT / "txmqtt").rglob("*.so"))]
        self.assertEqual(strays, [])

    def test_expected_build_is_loaded(self) -> None:
        """
        With TXMQTT_EXPECT=compiled or =interpreted, every module of floors 0 to 2 is what was asked for.
        """
        expected = os.environ.get("TXMQTT_EXPECT")
        if expected is None:
            self.skipTest("TXMQTT_EXPECT does not say which build this run is for")
        self.assertIn(expected, ("compiled", "interpreted"))
        other = []
        for path in (path for floor in COMPILED for path in sources(ROOT / "txmqtt" / floor)):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            loaded = importlib.import_module(name).__file__ or ""
            if loaded.endswith(".py") != (expected == "interpreted"):
                other.append(loaded)
        self.assertEqual(other, [])

    def test_expected_peers_are_here(self) -> None:
        """
        With TXMQTT_EXPECT_PEERS=yes, no test of a real peer or a failing disk is skipped because something is missing.
        """
        if os.environ.get("TXMQTT_EXPECT_PEERS") != "yes":
            self.skipTest("TXMQTT_EXPECT_PEERS does not say that the real peers must be here")
        # Debian keeps servers in /usr/sbin, which is not on everybody's path.
        path = os.environ.get("PATH", "") + ":/usr/sbin"
        path += f":{Path(sys.executable).parent}"
        programs: tuple[str, ...] = ("mosquitto", "mosquitto_pub", "mosquitto_sub", "cc", "node", "chromium")
        programs += ("rabbitmq-server", "epmd", "nats-server", "nginx", "haproxy", "openssl", "curl")
        missing = [name for name in programs if shutil.which(name, path=path) is None]
        missing += [name for name in ("paho", "gmqtt", "websockets") if find_spec(name) is None]
        peers = Path(os.environ.get("TXMQTT_PEERS") or ROOT / "build" / "peers", "node_modules")
        missing += [f"{name} for Node" for name in ("mqtt",) if not (peers / name).is_dir()]
        self.assertEqual(missing, [])
