"""
Tests of txmqtt.service.configuration.lines: on which line of a TOML file a setting stands.
"""

from __future__ import annotations

import tomllib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txmqtt.service.configuration.lines import Lines, Path

TEXT = '''# a comment
top = 1

[broker]
  state_dir = "x"   # another
"quoted key" = 2
a.b = 3
many = [
    1,
    "]",  # not the end
]

[[listener]]
endpoint = """
[not.a.header]
key = 1
"""
[listener.limits]
max_inflight = 5
[[listener]]
mount = \'\'\'
[[listener]]\'\'\'
tls = { key = "k", inner = { deep = 1 } }
[[listener.rules]]
[[listener.rules]]
x = 1
[last]
'''


def paths(value: Any, path: Path = ()) -> list[Path]:
    """
    The way to everything in a table.
    """
    found = [path]
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, below in inner:
        found += paths(below, (*path, name))
    return found


class LinesTests(SynchronousTestCase):
    def test_where(self) -> None:
        """
        Every way of writing a setting is found on the line where it begins.
        """
        lines = Lines(TEXT)
        for path, line in (
            (("top",), 2),
            (("broker",), 4),
            (("broker", "state_dir"), 5),
            (("broker", "quoted key"), 6),
            (("broker", "a", "b"), 7),
            (("broker", "many"), 8),
            (("listener", 0), 13),
            (("listener", 0, "endpoint"), 14),
            (("listener", 0, "limits"), 18),
            (("listener", 0, "limits", "max_inflight"), 19),
            (("listener", 1), 20),
            (("listener", 1, "mount"), 21),
            (("listener", 1, "tls", "inner", "deep"), 23),
            (("listener", 1, "rules", 0), 24),
            (("listener", 1, "rules", 1, "x"), 26),
            (("last",), 27),
        ):
            with self.subTest(path=path):
                self.assertEqual(lines.of(path), line)

    def test_not_there(self) -> None:
        """
        What is not in the file is missing in the nearest table around it, or in the file.
        """
        lines = Lines(TEXT)
        self.assertEqual(lines.of(("listener", 1, "endpoint")), 20)
        self.assertEqual(lines.of(("nothing", "at", "all")), 0)
        self.assertEqual(lines.of(()), 0)

    def test_line_ends(self) -> None:
        """
        A file that was written elsewhere counts alike.
        """
        self.assertEqual(Lines(TEXT.replace("\n", "\r\n")).of(("broker", "many")), 8)

    def test_everything_is_somewhere(self) -> None:
        """
        Whatever the standard library reads from the file has a line.
        """
        lines = Lines(TEXT)
        for path in paths(tomllib.loads(TEXT))[1:]:
            self.assertGreater(lines.of(path), 0, path)

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.sampled_from(TEXT.splitlines()), max_size=12))
    def test_any_file(self, chosen: list[str]) -> None:
        """
        Whatever is TOML is taken apart without an error, and each setting has a line of its own file.
        """
        text = "\n".join(chosen)
        try:
            said = tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            return
        lines = Lines(text)
        for path in paths(said)[1:]:
            self.assertTrue(0 < lines.of(path) <= len(chosen), (text, path))
