"""
What the pages under docs/ show can be used as it is shown.
"""

from __future__ import annotations

import ast
import os
import re
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import fields
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

import click
from twisted import plugins
from twisted.internet.testing import MemoryReactorClock
from twisted.scripts.twistd import ServerOptions  # type: ignore[attr-defined]
from twisted.trial.unittest import SynchronousTestCase

from tests.net.support_tls import authority, certificates_pem, key_pem, revocation, server
from tests.service.support import scratch
from txmqtt import MQTTClientService, Phase, Retry
from txmqtt.broker.policy import Policy
from txmqtt.cli.main import main
from txmqtt.codec import errors
from txmqtt.net.access.scram import scram_line
from txmqtt.net.settings import Settings
from txmqtt.service.assembly import Assembly
from txmqtt.service.configuration.file import load
from txmqtt.service.limits import option
from txmqtt.service.tap import BrokerOptions

ROOT = Path(__file__).resolve().parent.parent


def blocks(page: Path, language: str) -> list[str]:
    """
    The examples of a page in one language, as they are written.
    """
    pattern = rf"^\.\. code-block:: {language}\n\n((?:    .*\n|\n)+)"
    return [textwrap.dedent(block) for block in re.findall(pattern, page.read_text(), re.MULTILINE)]


def rows(page: Path) -> dict[str, str]:
    """
    The tables of a page: the second cell of each row by what the first names.
    """
    return dict(re.findall(r"^   \* - ``([\w.]+)``\n     - ?(.*)$", page.read_text(), re.MULTILINE))


def value(cell: str) -> object:
    """
    What a cell of a table says that a default is.
    """
    plain = cell.strip("`").replace(",", "")
    number = plain.removesuffix(" MiB")
    if number != plain:
        return int(number) << 20
    return ast.literal_eval(plain)


def commands(group: click.Command) -> Iterator[click.Command]:
    """
    A command with all below it.
    """
    yield group
    if isinstance(group, click.Group):
        ctx = click.Context(group)
        for name in group.list_commands(ctx):
            each = group.get_command(ctx, name)
            assert each is not None
            yield from commands(each)


class DocumentationCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.pages = sorted((ROOT / "docs").glob("*.rst"))
        if not self.pages:
            self.skipTest("no documentation beside the tests")


class LookTests(DocumentationCase):
    def test_contents(self) -> None:
        """
        No page has contents of its own: the theme shows them beside it, and where they stood an error.
        """
        self.assertEqual([page.name for page in self.pages if ".. contents::" in page.read_text()], [])


class OptionTests(DocumentationCase):
    def test_options_exist(self) -> None:
        """
        Every option that a page names is one of the broker's, of twistd's or of txmqtt's.
        """
        options: tuple[Any, ...] = (BrokerOptions(), ServerOptions())
        known = {name.rstrip("=") for each in options for name in each.longOpt}
        known |= {
            name.removeprefix("--") for command in commands(main) for each in command.params for name in each.opts
        }
        known |= {"now", "prefix", "strict"}  # of systemctl, npm and mypy
        known |= {"fdname", "system"}  # of systemd-socket-activate and useradd
        known |= {"keyform", "psk", "psk-identity", "tls-engine", "tls-engine-kpass-sha1"}  # of mosquitto_sub only
        known |= {"broker", "all", "known"}  # of tests.conformance
        known |= {"seconds", "jobs", "only", "folder", "replay", "list"}  # of tests.fuzz
        known |= {"quick", "only", "check"}  # of the programs in benchmarks
        known |= {"only", "short"}  # of tests.coverage
        known |= {"minutes", "python"}  # of benchmarks.soak
        for page in [*self.pages, ROOT / "README.rst"]:
            for name in sorted(set(re.findall(r"(?<![\w-])--([a-z][a-z0-9-]*)", page.read_text()))):
                with self.subTest(page=page.name, option=name):
                    self.assertIn(name, known)

    def test_every_limit(self) -> None:
        """
        Every limit is on some page.
        """
        said = "".join(page.read_text() for page in self.pages).replace("_", "-")
        words = set(re.findall(r"[a-z]+(?:-[a-z0-9]+)*", said))
        self.assertEqual([each.name for each in fields(Policy) if option(each.name) not in words], [])


class ProgramTests(DocumentationCase):
    def test_programs(self) -> None:
        """
        What is shown in Python is Python, and what it imports of ours is there.
        """
        shown = 0
        for page in [*self.pages, ROOT / "README.rst"]:
            for position, text in enumerate(blocks(page, "python")):
                with self.subTest(page=page.name, block=position):
                    tree = compile(text, page.name, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
                    for node in ast.walk(tree):
                        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("txmqtt"):
                            module = import_module(node.module or "")
                            self.assertEqual([each.name for each in node.names if not hasattr(module, each.name)], [])
                            shown += 1
        self.assertGreater(shown, 3)


class ClientTests(DocumentationCase):
    def test_every_option(self) -> None:
        """
        Every option of a client has a row, with its default as it is.
        """
        for page, kind in (("client", Settings), ("client-service", Retry)):
            found = rows(ROOT / "docs" / f"{page}.rst")
            for each in fields(kind):
                with self.subTest(page=page, option=each.name):
                    self.assertIn(each.name, found)
                    self.assertEqual(value(found[each.name]), each.default)

    def test_every_option_of_the_service(self) -> None:
        """
        And of a service; those that it has from C{connect} are on the page of that.
        """
        found = rows(ROOT / "docs" / "client-service.rst")
        here = "tls", "proxy", "headers"
        for each in signature(MQTTClientService).parameters.values():
            if each.name in here or each.kind is each.VAR_KEYWORD:
                continue
            with self.subTest(option=each.name):
                self.assertIn(each.name, found)
                if each.default not in (each.empty, None):
                    self.assertEqual(value(found[each.name]), each.default)
        connections = (ROOT / "docs" / "client-connections.rst").read_text()
        self.assertEqual([name for name in here if f"{name}=" not in connections], [])

    def test_every_phase(self) -> None:
        """
        Every phase has a row.
        """
        found = rows(ROOT / "docs" / "client-service.rst")
        self.assertEqual([each.name for each in Phase if f"Phase.{each.name}" not in found], [])

    def test_every_error(self) -> None:
        """
        Every error that a client's user may meet is explained.
        """
        said = (ROOT / "docs" / "client.rst").read_text()
        kinds = [
            each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.MQTTError)
        ]
        unseen = (errors.ProtocolError, errors.RemoteProtocolError, errors.UnsupportedVersion)  # end a connection
        self.assertEqual(
            [each.__name__ for each in kinds if each not in unseen and f"``{each.__name__}``" not in said], []
        )


class ConfigurationTests(DocumentationCase):
    """
    Every configuration that is shown. C{/etc/txmqtt} is a folder in which there is what the pages name.
    """

    def setUp(self) -> None:
        super().setUp()
        example = ROOT / "examples" / "plugin"
        self.patch(sys, "path", [*sys.path, os.fspath(example)])
        self.patch(plugins, "__path__", [*plugins.__path__, os.fspath(example / "twisted" / "plugins")])
        self.folder = scratch(self)
        pair = server("broker.example.com")
        for name, data in (
            ("cert.pem", certificates_pem(pair)),
            ("key.pem", key_pem(pair)),
            ("ca.pem", certificates_pem(authority())),
            ("crl.pem", revocation(by=authority())),
            ("issuer.pem", certificates_pem(pair)),
            ("headers", b"X-Token: sesame\n"),
            ("passwords", b""),
            ("acl", b"topic read news/#\n"),
            ("scram", scram_line("ann", "a password").encode() + b"\n"),
        ):
            (self.folder / name).write_bytes(data)
            (self.folder / name).chmod(0o600)

    def test_examples(self) -> None:
        """
        It has no mistakes, and all that it asks for can be made.
        """
        shown = 0
        for page in self.pages:
            for position, text in enumerate(blocks(page, "toml")):
                with self.subTest(page=page.name, block=position):
                    path = self.folder / "broker.toml"
                    path.write_text(text.replace("/etc/txmqtt", os.fspath(self.folder)))
                    assembly = Assembly(load(path).settings, MemoryReactorClock())
                    assembly.stop()
                    self.assertEqual(assembly.faults, [])
                    shown += 1
        self.assertGreater(shown, 3)
