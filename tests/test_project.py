"""
The package as its users meet it: the commands of the README, the public names, what is installed.
"""

import re
import subprocess
import sys
import types
from importlib import metadata
from pathlib import Path

from twisted.application.service import IServiceMaker, ServiceMaker
from twisted.plugin import getPlugins
from twisted.trial.unittest import SynchronousTestCase

import txmqtt
from txmqtt import _names

ROOT = Path(__file__).resolve().parent.parent


class ReadmeTests(SynchronousTestCase):
    def test_commands_are_marked_and_parse(self) -> None:
        """
        The two lines to paste are one line each, and a shell understands them. CI runs the second as it stands.
        """
        for name, ending in (("start", "twistd -n mqtt-broker"), ("tests", "-m twisted.trial tests")):
            with self.subTest(name=name):
                found = subprocess.run(
                    [sys.executable, ROOT / ".ci" / "readme-command", name], capture_output=True, text=True, check=True
                )
                (command,) = found.stdout.splitlines()
                self.assertTrue(command.endswith(ending), command)
                subprocess.run(["sh", "-n", "-c", command], check=True)


class PackageTests(SynchronousTestCase):
    def test_all_is_what_is_public(self) -> None:
        """
        C{__all__} lists the public names, in order, and there are no others.
        """
        names = {
            name
            for name, value in vars(_names).items()
            if not name.startswith("_") and not isinstance(value, types.ModuleType)
        }
        self.assertEqual(set(txmqtt.__all__), names | {"__version__"})
        self.assertEqual(txmqtt.__all__, _names.__all__)
        self.assertEqual(len(txmqtt.__all__), len(set(txmqtt.__all__)))
        for name in txmqtt.__all__:
            self.assertIs(getattr(txmqtt, name), getattr(_names, name))
        self.assertRaises(AttributeError, getattr, txmqtt, "bogus")

    def test_nothing_is_imported_in_vain(self) -> None:
        """
        A part of the package can be used without waiting for the whole; a name that is asked for is there.
        """
        code = "import sys, txmqtt.codec; print('twisted' in sys.modules); from txmqtt import connect; import txmqtt; "
        code += "print('twisted' in sys.modules, txmqtt.__version__ == txmqtt._build.__version__)"
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        self.assertEqual(found.stdout.split(), ["False", "True", "True"])

    def test_version(self) -> None:
        """
        The version is a plain one, and the one that was installed.
        """
        self.assertTrue(re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+|(a|b|rc)\d+)?", txmqtt.__version__), txmqtt.__version__)
        try:
            installed = metadata.version("txmqtt")
        except metadata.PackageNotFoundError:
            self.skipTest("txmqtt runs from its checkout and is not installed")
        self.assertEqual(txmqtt.__version__, installed)

    def test_types_are_shipped(self) -> None:
        """
        A user's mypy believes our annotations.
        """
        self.assertTrue(Path(str(txmqtt.__file__)).with_name("py.typed").exists())

    def test_twisted_folder_is_not_ours(self) -> None:
        """
        An C{__init__.py} in our twisted/ would hide Twisted itself.
        """
        self.assertEqual(list((ROOT / "twisted").rglob("__init__.py")), [])


class PluginTests(SynchronousTestCase):
    def test_twistd_finds_the_broker(self) -> None:
        """
        C{twistd mqtt-broker} is there.
        """
        makers = [maker for maker in getPlugins(IServiceMaker) if isinstance(maker, ServiceMaker)]
        self.assertIn(("mqtt-broker", "txmqtt.service.tap"), {(maker.tapname, maker.module) for maker in makers})
