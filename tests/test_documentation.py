"""
What the pages under docs/ show can be used as it is shown.
"""

from __future__ import annotations

import os
import re
import sys
import textwrap
from pathlib import Path

from twisted import plugins
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from tests.net.support_tls import certificates_pem, key_pem, server
from tests.service.support import scratch
from txmqtt.net.access.scram import scram_line
from txmqtt.service.assembly import Assembly
from txmqtt.service.configuration.file import load

ROOT = Path(__file__).resolve().parent.parent


def blocks(page: Path, language: str) -> list[str]:
    """
    The examples of a page in one language, as they are written.
    """
    pattern = rf"^\.\. code-block:: {language}\n\n((?:    .*\n|\n)+)"
    return [textwrap.dedent(block) for block in re.findall(pattern, page.read_text(), re.MULTILINE)]


class ConfigurationTests(SynchronousTestCase):
    """
    Every configuration that is shown. C{/etc/txmqtt} is a folder in which there is what the pages name.
    """

    def setUp(self) -> None:
        self.pages = sorted((ROOT / "docs").glob("*.rst"))
        if not self.pages:
            self.skipTest("no documentation beside the tests")
        example = ROOT / "examples" / "plugin"
        self.patch(sys, "path", [*sys.path, os.fspath(example)])
        self.patch(plugins, "__path__", [*plugins.__path__, os.fspath(example / "twisted" / "plugins")])
        self.folder = scratch(self)
        pair = server("broker.example.com")
        for name, data in (
            ("cert.pem", certificates_pem(pair)),
            ("key.pem", key_pem(pair)),
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
