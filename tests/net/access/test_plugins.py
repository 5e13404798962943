"""
Tests of txmqtt.net.access.plugins.
"""

from __future__ import annotations

import ast
from dataclasses import fields
from pathlib import Path

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.strcred import ICheckerFactory, findCheckerFactory, makeChecker
from twisted.plugin import IPlugin
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.net.access.signing import CURVE, pem
from tests.service.support import scratch
from txmqtt.net.access import plugins
from txmqtt.net.access.http import HTTPSettings, Service
from txmqtt.net.access.jwt import Tokens, TokenSettings
from txmqtt.net.access.passwords import Passwords, PasswordSettings

KINDS = {"passwords": PasswordSettings, "jwt": TokenSettings, "http": HTTPSettings}


class PluginTests(SynchronousTestCase):
    def test_help(self) -> None:
        """
        C{--help-auth-type} tells every setting.
        """
        for kind, settings in KINDS.items():
            with self.subTest(kind=kind):
                factory = findCheckerFactory(kind)
                verifyObject(ICheckerFactory, factory)
                verifyObject(IPlugin, factory)
                for field in fields(settings):
                    self.assertRegex(factory.authHelp, rf"(?m)^{field.name}: \w")
                self.assertNotIn("@ivar", factory.authHelp)

    def test_checkers(self) -> None:
        """
        C{--auth} makes a checker of each kind, with its settings.
        """
        folder = scratch(self)
        (folder / "passwords").write_text("")
        (folder / "passwords").chmod(0o600)
        (folder / "pem").write_bytes(pem(CURVE))
        for description, kind in (
            (f"passwords:{folder}/passwords", Passwords),
            (f"passwords:{folder}/passwords:threads=4:remember=0", Passwords),
            (f"jwt:algorithms=ES256:public-key-file={folder}/pem:audience=a,b", Tokens),
            ("http:http://127.0.0.1:8080/login:timeout=3:method=GET", Service),
            ("http:https://login.example:8443/", Service),
        ):
            with self.subTest(description=description):
                checker = makeChecker(description)
                self.assertIsInstance(checker, kind)
                verifyObject(ICredentialsChecker, checker)
                self.assertTrue(
                    set(checker.credentialInterfaces)
                    <= set(findCheckerFactory(description.split(":")[0]).credentialInterfaces)
                )

    def test_wrong(self) -> None:
        """
        What can't be used is named.
        """
        for description, why in (
            ("passwords", "expected a file"),
            ("passwords:/nowhere", "'/nowhere' can't be read: No such file"),
            ("jwt", "expected algorithms="),
            ("jwt:algorithms=ES256", "ES256 without public keys"),
            ("http", "expected a url"),
            ("http:login.example", "url: expected a URL"),
        ):
            with self.subTest(description=description), self.assertRaisesRegex(ValueError, why):
                makeChecker(description)

    def test_light(self) -> None:
        """
        What twistd looks through for its help loads no checker, and nothing that checkers need.
        """
        tree = ast.parse(Path(plugins.__file__).read_text())
        loaded = {node.module for node in tree.body if isinstance(node, ast.ImportFrom)}
        self.assertEqual({name for name in loaded if "txmqtt" in str(name)}, {"txmqtt.net.access.arguments"})
