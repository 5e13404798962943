"""
The options of C{twistd mqtt-broker}.
"""

from __future__ import annotations

import os
from pathlib import Path

from twisted.application.service import IServiceMaker
from twisted.cred.credentials import IAnonymous, IUsernamePassword
from twisted.cred.portal import Portal
from twisted.plugin import getPlugins
from twisted.python.usage import Options, UsageError
from twisted.trial.unittest import SynchronousTestCase

from tests.service.support import scratch
from txmqtt.broker.policy import DEFAULTS
from txmqtt.net.auth import FirstOf, IMQTTUser, Realm, UsernamePassword
from txmqtt.service.process import BrokerProcess
from txmqtt.service.tap import BrokerOptions, makeService


def parsed(*words: str) -> BrokerOptions:
    options = BrokerOptions()
    options.parseOptions(list(words))
    return options


class OptionTests(SynchronousTestCase):
    def refused(self, *words: str) -> str:
        """
        What a wrong option is answered.
        """
        with self.assertRaises(UsageError) as caught:
            parsed(*words)
        return str(caught.exception)

    def test_none(self) -> None:
        """
        Without options it listens on port 1883 of this machine, with every limit at its default.
        """
        options = parsed()
        self.assertEqual(options["listen"], ["tcp:1883:interface=127.0.0.1"])
        self.assertNotIn("credCheckers", options)
        self.assertEqual(makeService(options).broker.policy, DEFAULTS)

    def test_limit(self) -> None:
        """
        A limit that is asked for is the one that holds.
        """
        policy = makeService(parsed("--max-queued-messages", "7", "--resend-interval=0")).broker.policy
        self.assertEqual((policy.max_queued_messages, policy.resend_interval), (7, 0.0))

    def test_listen(self) -> None:
        """
        It listens wherever it was told to, and only there.
        """
        words = ("tcp:1884", "unix:/run/mqtt.sock")
        self.assertEqual(parsed("--listen", words[0], "--listen", words[1])["listen"], list(words))

    def test_wrong(self) -> None:
        """
        A wrong option is answered with the option, the value and what was expected.
        """
        self.assertRegex(self.refused("--listen", "tcp:mqtt"), r"^--listen 'tcp:mqtt': expected an endpoint, such as")
        self.assertRegex(self.refused("--max-inflight", "0"), r"^--max-inflight '0': expected a whole number from 1")
        self.assertRegex(
            self.refused("--auth", "nonsense"), r"^--auth 'nonsense': expected one of anonymous, file, mem"
        )
        self.assertRegex(self.refused("--auth", "file:/nowhere"), r"^--auth 'file': '/nowhere' is no file; expected")
        self.assertEqual(self.refused("start"), "'start': expected options only")
        self.assertIn("--colour", self.refused("--colour", "red"))

    def test_secrets(self) -> None:
        """
        The answer to a wrong --auth does not repeat passwords.
        """
        said = self.refused("--auth", "memory:ann:sesame:bob")
        self.assertRegex(said, r"^--auth 'memory': .*--help-auth-type memory$")
        self.assertNotIn("sesame", said)

    def test_state_directory(self) -> None:
        """
        The state directory is the one that was given, or the one of the environment.
        """
        self.assertEqual(parsed("--state-dir", "/there")["state-dir"], Path("/there"))
        self.patch(os, "environ", {"STATE_DIRECTORY": "/var/lib/mqtt"})
        self.assertEqual(parsed()["state-dir"], Path("/var/lib/mqtt"))

    def test_version(self) -> None:
        """
        C{--version} tells ours, not Twisted's.
        """
        with self.assertRaises(SystemExit) as caught:
            parsed("--version")
        self.assertEqual(caught.exception.code, 0)


class AuthTests(SynchronousTestCase):
    def login(self, options: BrokerOptions, name: bytes, password: bytes) -> str | None:
        """
        The user whom these credentials make; None for nobody.
        """
        portal = Portal(Realm(), [FirstOf(options["credCheckers"])])
        users: list[str | None] = []
        login = portal.login(UsernamePassword(name, password), None, IMQTTUser)
        login.addCallbacks(lambda answer: users.append(answer[1].name), lambda _: users.append(None))
        return users[0]

    def test_memory(self) -> None:
        """
        C{--auth memory:name:password} lets in who says so on the wire, and nobody else.
        """
        options = parsed("--auth", "memory:ann:sesame:jörg:schlüssel")
        self.assertEqual(self.login(options, b"ann", b"sesame"), "ann")
        self.assertEqual(self.login(options, "jörg".encode(), "schlüssel".encode()), "jörg")
        for name, password in ((b"ann", b"other"), (b"ann", b""), (b"bob", b"sesame"), (b"", b"")):
            with self.subTest(name=name, password=password):
                self.assertIsNone(self.login(options, name, password))

    def test_file(self) -> None:
        """
        C{--auth file:passwords} lets in who stands in the file at that time.
        """
        passwords = scratch(self) / "passwords"
        passwords.write_bytes(b"ann:sesame\n")
        options = parsed("--auth", f"file:{passwords}")
        self.assertEqual(self.login(options, b"ann", b"sesame"), "ann")
        self.assertIsNone(self.login(options, b"bob", b"hammer"))
        passwords.write_bytes(b"bob:hammer\n")
        self.assertEqual(self.login(options, b"bob", b"hammer"), "bob")

    def test_several(self) -> None:
        """
        C{--auth} may be repeated: whom one does not know, another may.
        """
        options = parsed("--auth", "memory:ann:sesame", "--auth", "memory:bob:hammer", "--auth", "anonymous")
        self.assertEqual(self.login(options, b"ann", b"sesame"), "ann")
        self.assertEqual(self.login(options, b"bob", b"hammer"), "bob")
        self.assertIsNone(self.login(options, b"ann", b"hammer"))
        self.assertEqual(set(options["credInterfaces"]), {IAnonymous, IUsernamePassword})


class MakerTests(SynchronousTestCase):
    def test_plugin(self) -> None:
        """
        The plugin leads here.
        """
        [maker] = [each for each in getPlugins(IServiceMaker) if each.tapname == "mqtt-broker"]
        self.assertIs(maker.options, BrokerOptions)
        self.assertIsInstance(maker.makeService(parsed()), BrokerProcess)

    def test_daemon(self) -> None:
        """
        For a daemon, a listener that can't be opened is found out while there is still somebody to tell; with -n, when
        it starts.
        """
        options = parsed("--listen", "unix:/nowhere/s")
        options.parent = twistd = Options()
        twistd.update(nodaemon=False, chroot=None)
        with self.assertRaises(SystemExit) as caught:
            makeService(options)
        self.assertEqual(
            caught.exception.code, "mqtt-broker: cannot listen on unix:/nowhere/s: No such file or directory"
        )
        twistd["nodaemon"] = True
        makeService(options)
