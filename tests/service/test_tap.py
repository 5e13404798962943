"""
The options of C{twistd mqtt-broker}.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from twisted.application.service import Application, IServiceMaker
from twisted.cred.credentials import IAnonymous, IUsernamePassword
from twisted.cred.portal import Portal
from twisted.logger import ILogObserver
from twisted.plugin import getPlugins
from twisted.python.usage import Options, UsageError
from twisted.trial.unittest import SynchronousTestCase

from tests.service.support import scratch
from txmqtt.backends.sqlite import files
from txmqtt.backends.sqlite.lock import StoreLock
from txmqtt.backends.sqlite.schema import SCHEMA
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
        self.assertEqual([each.name for each in options.assembly.places], ["tcp:1883:interface=127.0.0.1"])
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
            self.refused("--auth", "nonsense"), r"^--auth 'nonsense': expected one of anonymous, .*file, .*memory"
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
        self.assertEqual(parsed("--state-dir", "/there").assembly.settings.broker.state_dir, "/there")
        self.patch(os, "environ", {"STATE_DIRECTORY": "/var/lib/mqtt"})
        self.assertEqual(parsed().assembly.settings.broker.state_dir, "/var/lib/mqtt")

    def test_relative_state_directory(self) -> None:
        """
        A relative state directory is one of the directory in which the command was given: a daemon may go elsewhere.
        """
        options = parsed("--state-dir", "state")
        self.assertEqual(options.assembly.settings.broker.state_dir, str(Path.cwd() / "state"))
        self.assertEqual(options.assembly.store, Path.cwd() / "state" / "mqtt.db")

    def test_store(self) -> None:
        """
        Unless told otherwise, all is kept in mqtt.db in the state directory, and no crash undoes what was acknowledged.
        """
        options = parsed("--state-dir", "/there")
        self.assertEqual((options.assembly.store, options["durability"]), (Path("/there/mqtt.db"), "full"))
        for store, path in (
            ("other.db", Path("/there/other.db")),
            ("/here/x.db", Path("/here/x.db")),
            ("memory", None),
        ):
            with self.subTest(store=store):
                self.assertEqual(parsed("--state-dir", "/there", "--store", store).assembly.store, path)

    def test_directory_is_made(self) -> None:
        """
        The state directory is made when the store is in it, or when somebody asked for it.
        """
        for words, made in (
            ((), True),
            (("--store", "memory"), False),
            (("--store", "/elsewhere/mqtt.db"), False),
            (("--store", "memory", "--state-dir", "/there"), True),
            (("--store", "/elsewhere/mqtt.db", "--state-dir", "/there"), True),
        ):
            with self.subTest(words=words):
                self.assertIs(parsed(*words).directory is not None, made)

    def test_wrong_store(self) -> None:
        """
        A durability that there is not, or no file name at all, is answered with what was seen and what was expected.
        """
        for seen in ("maximum", "FULL", ""):
            said = self.refused("--durability", seen)
            self.assertEqual(said, f"--durability {seen!r}: expected one of full, normal, off")
        self.assertEqual(self.refused("--store", ""), "--store '': expected a file name, or memory")

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


def daemon(*words: str) -> BrokerOptions:
    """
    The options of a broker that goes to the background.
    """
    options = parsed("--listen", "tcp:0:interface=127.0.0.1", *words)
    options.parent = twistd = Options()
    twistd.update(nodaemon=False, chroot=None)
    return options


def make_store(path: Path, *changes: str) -> None:
    """
    A store that a broker left, and what somebody did to it.
    """
    files.create(str(path))
    with closing(files.connect(str(path), "rw")) as connection:
        files.prepare(connection, str(path), "off")
        files.migrate(connection, str(path), SCHEMA, 0)
        for change in changes:
            connection.execute(change)


class StoreTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = scratch(self)
        self.path = self.folder / "mqtt.db"

    def refused(self) -> str:
        """
        What the person at the terminal reads in place of a daemon.
        """
        with self.assertRaises(SystemExit) as caught:
            makeService(daemon("--state-dir", str(self.folder)))
        said = str(caught.exception.code)
        self.assertEqual(said.count("\n"), 0)
        return said

    def test_nothing_is_made_early(self) -> None:
        """
        Whoever makes the service, as twistd does before it forks, makes no file and leaves none open, whether there is
        a store already or not.
        """
        state = self.folder / "state"
        for options in (daemon("--state-dir", str(state)), parsed("--state-dir", str(state))):
            makeService(options)
            self.assertEqual(os.listdir(self.folder), [])
        make_store(self.path)
        before = self.path.read_bytes(), os.listdir(self.folder)
        opened = os.listdir("/proc/self/fd")
        makeService(daemon("--state-dir", str(self.folder)))
        self.assertEqual((self.path.read_bytes(), os.listdir(self.folder)), before)
        self.assertEqual(len(os.listdir("/proc/self/fd")), len(opened))

    def test_what_a_crash_left(self) -> None:
        """
        What a broker that was killed left in its log counts.
        """
        make_store(self.path)
        with closing(files.connect(str(self.path), "rw")) as held:
            held.execute("UPDATE meta SET value = 7 WHERE key = 'batch'")
            makeService(daemon("--state-dir", str(self.folder)))
            held.execute("UPDATE meta SET value = 99 WHERE key = 'schema'")
            self.assertIn("mqtt.db-wal", os.listdir(self.folder))
            self.assertIn("has schema 99", self.refused())

    def test_unusable(self) -> None:
        """
        For a daemon, a store that can't be used is found out while there is still somebody to tell, in one line.
        """
        newer = f"UPDATE meta SET value = {SCHEMA.version + 1} WHERE key = 'schema'"
        for change, words in (
            (newer, f"has schema {SCHEMA.version + 1}, written by a newer txmqtt; this one knows {SCHEMA.version}"),
            ("UPDATE meta SET value = 'cook book' WHERE key = 'application'", "is a store of cook book, not of txmqtt"),
            ("DELETE FROM meta WHERE key = 'schema'", "is damaged (its table meta is incomplete)"),
        ):
            with self.subTest(change=change):
                self.path.unlink(missing_ok=True)
                make_store(self.path, change)
                self.assertIn(f"mqtt-broker: {self.path} {words}", self.refused())
        self.path.unlink()
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("CREATE TABLE recipe (name)")
        self.assertIn(f"mqtt-broker: {self.path} is a database of another program", self.refused())
        self.path.write_bytes(b"no database" * 100)
        self.assertIn(f"mqtt-broker: {self.path} is damaged (file is not a database)", self.refused())

    def test_in_use(self) -> None:
        """
        So is a store that another broker has, with the number of its process as far as that is known.
        """
        make_store(self.path)
        lock = StoreLock(str(self.path))
        lock.acquire()
        self.addCleanup(lock.release)
        self.assertEqual(self.refused(), f"mqtt-broker: {self.path} is in use by process {os.getpid()}")
        os.truncate(lock.path, 0)
        self.assertEqual(self.refused(), f"mqtt-broker: {self.path} is in use by another process")

    def test_in_the_foreground(self) -> None:
        """
        With -n all that is found out when it starts.
        """
        make_store(self.path, "UPDATE meta SET value = 99 WHERE key = 'schema'")
        makeService(parsed("--state-dir", str(self.folder)))


class MakerTests(SynchronousTestCase):
    def test_plugin(self) -> None:
        """
        The plugin leads here.
        """
        [maker] = [each for each in getPlugins(IServiceMaker) if each.tapname == "mqtt-broker"]
        self.assertIs(maker.options, BrokerOptions)
        self.assertIsInstance(maker.makeService(parsed()), BrokerProcess)

    def test_syslog(self) -> None:
        """
        Who wants the log in syslog gets it there.
        """
        options = parsed("--listen", "tcp:0:interface=127.0.0.1")
        options.parent = twistd = Options()
        for syslog, ours in ((True, False), (False, True)):
            twistd.update(nodaemon=True, chroot=None, syslog=syslog)
            application = Application("broker")
            makeService(options).setServiceParent(application)
            with self.subTest(syslog=syslog):
                self.assertEqual(application.getComponent(ILogObserver, None) is not None, ours)

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
