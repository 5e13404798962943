"""
A page of the documentation, followed to the letter: every file that it shows is saved, every command is typed, and what
it says is printed must be printed.

How a page is written for that:

  - A block with a caption that is the name of a file (C{code-block} or C{literalinclude}) is saved under that name.
  - A C{console} block is typed: lines that begin with C{$} are commands, the others what they print. C{...} stands for
    anything, within a line, or as a line for any number of lines. A command must end well, unless a line that it prints
    begins with C{Error} or C{ERROR}.
  - A C{console} block with a caption is another terminal, which the caption names. Its last command goes on running;
    lines that are shown are waited for, also in a later block of that terminal that begins with them. C{^C} and C{^\\}
    are keys.
  - A C{sh} block is not run: it is what a page says of itself, such as how to install.

Ports that the page names are free ports here, and folders such as C{/etc/txmqtt} are folders of the walk.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import IO
from unittest import SkipTest

from tests.end_to_end import programs
from tests.end_to_end.support import PATIENCE, environment, free_port, until

DOCS = Path(__file__).resolve().parents[2] / "docs"

#: Ports that pages name.
PORTS = ("443", "1883", "1884", "8083", "8883", "8884", "9883")

#: A client that connects again may have just begun to wait for longer.
LONG = 4 * PATIENCE

#: Folders below C{/etc} that pages name; those of the walk stand for them.
FOLDERS = ("txmqtt", "nginx", "haproxy", "systemd")

#: What may be pressed instead.
KEYS = {"^C": signal.SIGINT, "^\\": signal.SIGQUIT}

_BLOCK = re.compile(
    r"^\.\. (?P<kind>code-block|literalinclude):: (?P<argument>\S+)\n"
    r"(?P<options>(?:    ?:.*\n|   :.*\n)*)"
    r"(?:\n(?P<body>(?:    .*\n|\n)+))?",
    re.MULTILINE,
)


@dataclass
class Block:
    """
    One that a page shows.

    @ivar language: C{console}, C{toml} and so on.
    @ivar caption: the name of a file or of a terminal, or nothing.
    """

    language: str
    caption: str
    text: str


def blocks(page: Path) -> Iterator[Block]:
    """
    All that a page shows, in its order.
    """
    for found in _BLOCK.finditer(page.read_text()):
        options = dict(re.findall(r":([\w-]+): ?(.*)", found["options"]))
        caption = options.get("caption", "").strip("`")
        if found["kind"] == "literalinclude":
            yield Block(options.get("language", ""), caption, (page.parent / found["argument"]).read_text())
        else:
            yield Block(found["argument"], caption, textwrap.dedent(found["body"] or "").strip("\n") + "\n")


def pattern(line: str) -> str:
    """
    What matches a line that is shown.
    """
    return ".*".join(re.escape(part) for part in line.split("..."))


def as_shown(shown: list[str]) -> re.Pattern[str]:
    """
    What matches all that a command prints.
    """
    lines = (r"(?:.*\n)*?" if line.strip() == "..." else pattern(line) + r"[ \t]*\n" for line in shown)
    return re.compile("".join(lines))


class Terminal:
    """
    Where one command at a time runs, and goes on running.
    """

    def __init__(self, walk: Walk, name: str) -> None:
        self.walk = walk
        self.said = walk.folder / f".{re.sub(r'[^a-z0-9]+', '-', name.lower())}.log"
        self.said.touch()
        self.process: subprocess.Popen[bytes] | None = None
        self.read = 0  # characters of what was said that the page has shown

    def type(self, command: str) -> None:
        """
        Start a command, when the last one has ended.
        """
        self.wait()
        self.read = len(self.text())
        with self.said.open("ab") as said:
            self.process = self.walk.start(command, said)

    def text(self) -> str:
        """
        All that it has said, in the words of the page.
        """
        return self.walk.as_on_the_page(self.said.read_text(errors="replace"))

    def wait(self) -> None:
        if self.process is not None:
            self.process.wait(LONG)

    def press(self, number: int) -> None:
        """
        A key that ends the command.
        """
        assert self.process is not None
        os.killpg(self.process.pid, number)
        self.wait()

    def shows(self, line: str) -> None:
        """
        Wait for a line.
        """
        wanted = re.compile(f"^{pattern(line)}$", re.MULTILINE)

        def found() -> re.Match[str] | None:
            ended = self.process is not None and self.process.poll() is not None
            seen = wanted.search(self.text(), self.read)
            if seen is None and ended:
                raise AssertionError("it has ended")
            return seen

        try:
            self.read = until(found, repr(line), LONG).end()
        except AssertionError as error:
            raise AssertionError(f"{line!r}: {error}\n{self.text()[self.read :]}") from None

    def end(self) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Walk:
    """
    One reader with one page, in a folder of his own.
    """

    loud = False

    def __init__(self, name: str, path: str = "") -> None:
        """
        @param path: the folder of the programs, of an environment in which txmqtt is installed; otherwise they are what
            is tested here.
        """
        self.page = DOCS / f"{name}.rst"
        if not self.page.exists():
            raise SkipTest("no documentation beside the tests")
        self.folder = Path(mkdtemp(prefix="txmqtt-"))
        self.terminals: dict[str, Terminal] = {}
        self.ports = {port: str(free_port()) for port in PORTS}
        self.surroundings = {
            **environment(),
            **{"HOME": str(self.folder), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1"},
            **{"PATH": f"{path or programs.folder()}:{os.environ.get('PATH', '')}:/usr/sbin", "COLUMNS": "80"},
        }
        elsewhere = ("CI", "BUILD_NUMBER")  # where these are set pytest prints more than people see
        for word in ("STATE_DIRECTORY", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "TXMQTT_EXPECT", *elsewhere):
            self.surroundings.pop(word, None)
        if path:
            for word in ("PYTHONPATH", "PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
                del self.surroundings[word]
        for name in FOLDERS:
            (self.folder / "etc" / name).mkdir(parents=True)

    def close(self) -> None:
        """
        End what runs, and remove the folder.
        """
        for terminal in self.terminals.values():
            terminal.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def here(self, text: str) -> str:
        """
        What the page says, with the ports and folders of this walk.
        """
        text = self.with_ports(text)
        # By its number: where localhost is ::1 first, Twisted needs 0.3 s to find out that nobody listens there.
        for plain, full in (("mqtt://localhost", "mqtt://127.0.0.1:1883"), ("wss://localhost", "wss://localhost:443")):
            text = re.sub(rf"{plain}(?![\w.:])", self.with_ports(full), text)
        return re.sub(rf"/etc/({'|'.join(FOLDERS)})(?![\w-])", rf"{self.folder}/etc/\1", text)

    def with_ports(self, text: str) -> str:
        for port, free in self.ports.items():
            text = re.sub(rf"(?<![\d.]){port}(?!\d)", free, text)
        return text

    def as_on_the_page(self, text: str) -> str:
        """
        The other way round.
        """
        for port, free in self.ports.items():
            text = re.sub(rf"(?<!\d){free}(?!\d)", port, text)
        return text.replace(f"{self.folder}/etc", "/etc").replace(str(self.folder), "/home/you")

    def command(self, text: str) -> str:
        """
        A command, which is told the port where the page relies on that of MQTT.
        """
        port = self.ports["1883"]
        if not re.search(r"(?<!\S)(-L|-p|--port|-h)(?!\S)", text):
            text = re.sub(r"\b(txmqtt (?:sub|pub|request|retained \w+))(?!\S)", rf"\1 -h 127.0.0.1 -p {port}", text)
        text = re.sub(r"mqtt-broker(?= *$)", f"mqtt-broker --listen tcp:{port}:interface=127.0.0.1", text)
        return self.here(text)

    def start(self, command: str, output: IO[bytes] | int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ["bash", "-c", self.command(command)],
            cwd=self.folder,
            env=self.surroundings,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def follow(self) -> int:
        """
        From the first block to the last.

        @return: how many commands were typed.
        """
        return sum(self.step(block) for block in blocks(self.page))

    def step(self, block: Block) -> int:
        """
        @return: how many commands were typed.
        """
        if block.language == "console":
            return self.console(block)
        if block.caption:
            path = self.folder / self.here(block.caption)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.here(block.text))
        return 0

    def console(self, block: Block) -> int:
        lines = re.sub(r"(?<!\^)\\\n", "", block.text).splitlines()
        typed = [at for at, line in enumerate(lines) if line.startswith("$ ")]
        if block.caption:
            terminal = self.terminals.setdefault(block.caption, Terminal(self, block.caption))
            for line in lines:
                if line in KEYS:
                    terminal.press(KEYS[line])
                elif line.startswith("$ "):
                    terminal.type(line[2:])
                elif line.strip() not in ("...", ""):
                    terminal.shows(line)
        else:
            for at, end in zip(typed, [*typed[1:], len(lines)], strict=True):
                self.run(lines[at][2:], lines[at + 1 : end])
        return len(typed)

    def run(self, command: str, shown: list[str]) -> None:
        """
        A command that ends, and prints what is shown if that is something.
        """
        process = self.start(command, subprocess.PIPE)
        try:
            output, _ = process.communicate(timeout=LONG)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise AssertionError(f"{self.page.name}: {command} did not end") from None
        text = self.as_on_the_page(output.decode(errors="replace"))
        if self.loud:
            print(f"$ {command}\n{text}", end="", flush=True)
        fails = any(line.startswith(("Error", "ERROR")) for line in shown)
        if (process.returncode != 0) != fails:
            raise AssertionError(f"{self.page.name}: {command}\nended with status {process.returncode}:\n{text}")
        if shown and not as_shown(shown).fullmatch(text):
            said = "\n".join(shown)
            raise AssertionError(f"{self.page.name}: {command}\nprinted\n{text}\nand not\n{said}")


def main(name: str, path: str = "") -> None:
    """
    For who writes a page: follow it, and print what each command prints.
    """
    walk = Walk(name, path)
    walk.loud = True
    try:
        walk.follow()
    finally:
        for terminal in walk.terminals.values():
            print(f"=== {terminal.said.name}\n{terminal.text()}")
        walk.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
