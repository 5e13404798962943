"""
C{txmqtt store} as its user meets it: what it says, and how it ends.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from click.testing import CliRunner, Result

from tests.backends.sqlite.exchange.support_mosquitto import FULL
from tests.backends.sqlite.exchange.support_records import StoreTestCase, everything, written
from txmqtt.backends.sqlite.exchange.records import OwedRecord, SessionRecord
from txmqtt.backends.sqlite.lock import StoreLock
from txmqtt.cli.main import main
from txmqtt.session.message import Message


class StoreCommandTestCase(StoreTestCase):
    def run_command(self, *words: str) -> Result:
        return CliRunner().invoke(main, ["store", *words], prog_name="txmqtt")

    def succeeds(self, *words: str) -> str:
        done = self.run_command(*words)
        self.assertEqual((done.exit_code, done.stderr), (0, ""), done.output)
        return done.stdout

    def fails(self, *words: str) -> str:
        """
        It says one line, and ends with status 1.
        """
        done = self.run_command(*words)
        self.assertEqual((done.exit_code, done.stdout), (1, ""), done.output)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        return done.stderr


class HelpTests(StoreCommandTestCase):
    def test_help(self) -> None:
        """
        Every command says in plain words what it does, and whether the broker may be running.
        """
        said = self.succeeds("--help")
        for name in ("info", "check", "export", "import", "backup", "compact"):
            with self.subTest(name=name):
                self.assertIn(f"  {name} ", said)
                self.assertRegex(self.succeeds(name, "-h"), r"The\s+broker\s+(may|must\s+not)\s+be\s+running")

    def test_misspelt(self) -> None:
        """
        A wrong word is told with status 2, as every program does.
        """
        for words in (["cat"], ["info"], ["info", "a", "b"], ["info", "--cat", "a"]):
            done = self.run_command(*words)
            self.assertEqual(done.exit_code, 2)
            self.assertIn("Usage: txmqtt store", done.stderr)


class InfoTests(StoreCommandTestCase):
    def test_at_a_glance(self) -> None:
        """
        A store is told in a few lines.
        """
        self.fill([*everything(), SessionRecord("", "\x1b[31mred", expiry=1)])
        said = self.succeeds("info", self.path)
        for words in (
            f"{self.path}: schema 1, identifier ",
            "in use by      nobody",
            "sessions       4: 2 connected when the broker ended, 1 parked, 1 only because of a will",
            "subscriptions  3",
            "queued         5 messages, 1.3 KiB",
            "in flight      2 messages to clients, 2 from them",
            "retained       2 messages, 18 bytes",
            "3 messages    786 bytes  one",
            "1 message    266 bytes  $share/g/s/+",
        ):
            self.assertIn(words, said)

    def test_terminal_obeys_no_client(self) -> None:
        """
        A client identifier with control characters does nothing to the terminal.
        """
        red = "\x1b[31mred"
        self.fill([SessionRecord("", red, expiry=1), OwedRecord(("", red), 1, Message(b"t", b"p", 1))])
        self.assertIn("  \\x1b[31mred\n", self.succeeds("info", self.path))

    def test_for_programs(self) -> None:
        """
        The same as one line of JSON.
        """
        self.fill(everything())
        (line,) = self.succeeds("info", "--json", self.path).splitlines()
        found = json.loads(line)
        self.assertEqual((found["sessions"], found["queued"], found["broker"]), (3, 5, None))
        self.assertEqual(found["fullest"][0], {"holder": "one", "messages": 3, "bytes": 786})

    def test_in_use(self) -> None:
        """
        Who has it is named.
        """
        self.fill([])
        lock = StoreLock(self.path)
        lock.acquire()
        self.addCleanup(lock.release)
        self.assertIn(f"in use by      process {os.getpid()}\n", self.succeeds("info", self.path))

    def test_no_store(self) -> None:
        """
        What is not there is said to be missing, and is not made.
        """
        self.assertEqual(self.fails("info", self.path), f"Error: {self.path} is not there\n")
        self.assertEqual(os.listdir(self.folder), [])


class CheckTests(StoreCommandTestCase):
    def test_sound(self) -> None:
        """
        A sound store is said to be, with status 0.
        """
        self.fill(everything())
        for words in ([self.path], ["--thorough", self.path]):
            self.assertEqual(self.succeeds("check", *words), f"{self.path} is sound\n")

    def test_unsound(self) -> None:
        """
        Each thing that is wrong is a line, and the status is 1.
        """
        self.fill(everything())
        self.run_sql("DELETE FROM session WHERE client_id = 'two'")
        done = self.run_command("check", self.path)
        self.assertEqual(done.exit_code, 1)
        self.assertEqual(
            done.stdout.splitlines(), ["1 queued messages are owed to nobody", "1 subscriptions belong to no session"]
        )


class ExportTests(StoreCommandTestCase):
    def test_to_standard_output(self) -> None:
        """
        Without another name the lines go where pipes begin.
        """
        self.fill(everything())
        self.assertEqual(self.succeeds("export", self.path).encode(), written(everything()))

    def test_to_a_file(self) -> None:
        """
        A file is whole, readable for its owner only, and none that was there is overwritten.
        """
        self.fill(everything())
        out = self.name("out.jsonl")
        self.assertEqual(self.succeeds("export", self.path, out), "")
        self.assertEqual(Path(out).read_bytes(), written(everything()))
        self.assertEqual(os.stat(out).st_mode & 0o777, 0o600)
        self.assertIn("exists; an export does not overwrite it", self.fails("export", self.path, out))
        self.assertIn("can't be written: No such file", self.fails("export", self.path, self.name("no/where")))

    def test_nothing_half_done(self) -> None:
        """
        What can't be exported leaves no file behind.
        """
        self.fails("export", self.path, self.name("out.jsonl"))
        self.assertEqual(os.listdir(self.folder), [])

    def test_damaged(self) -> None:
        """
        What can be read is written, what is lost is said beside it, and the status is 1.
        """
        self.fill(everything())
        self.run_sql("UPDATE queue SET holder = 99 WHERE qos = 2", "UPDATE retained SET topic = CAST('#' AS BLOB)")
        done = self.run_command("export", self.path)
        self.assertEqual(done.exit_code, 1)
        self.assertEqual(len(done.stdout_bytes.split(b"\n")) - 1, 2 + len(everything()) - 3)
        self.assertEqual(len(done.stderr.splitlines()), 4)
        self.assertIn("nobody has the number 99", done.stderr)
        self.assertIn("12 lines written; 3 losses", done.stderr)


class ImportTests(StoreCommandTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.export_path = self.name("in.jsonl")
        Path(self.export_path).write_bytes(written(everything()))

    def test_ours(self) -> None:
        """
        An export becomes a store.
        """
        said = self.succeeds("import", self.path, self.export_path)
        self.assertEqual(
            said, "3 sessions with 3 subscriptions, 5 queued and 2 retained messages from an export of txmqtt\n"
        )
        self.assertEqual(self.export(), written(everything()))

    def test_mosquitto(self) -> None:
        """
        What mosquitto left becomes a store, and what has no place in it is said.
        """
        Path(self.export_path).write_bytes(FULL)
        done = self.run_command("import", "--anonymous", self.path, self.export_path)
        self.assertEqual(done.exit_code, 0)
        self.assertEqual(
            done.stdout,
            "2 sessions with 4 subscriptions, 6 queued and 2 retained messages from mosquitto's database, version 6\n",
        )
        self.assertIn("left out: 1 messages of QoS 0\n", done.stderr)
        self.assertNotIn(b"joe", self.export())

    def test_wrong(self) -> None:
        """
        A wrong line is named, and nothing is made.
        """
        Path(self.export_path).write_bytes(written(everything()).replace(b'"qos":2', b'"qos":7', 1))
        said = self.fails("import", self.path, self.export_path)
        self.assertEqual(said, "Error: line 2: qos of a subscription is 7; expected 0 to 2\n")
        self.assertFalse(os.path.exists(self.path))

    def test_there_already(self) -> None:
        """
        What a store holds is added to on request only.
        """
        self.fill([SessionRecord("", "three", expiry=1)])
        self.assertIn("say --merge to add to it", self.fails("import", self.path, self.export_path))
        self.succeeds("import", "--merge", self.path, self.export_path)
        self.assertIn(
            "client identifier 'one' has a session", self.fails("import", "--merge", self.path, self.export_path)
        )

    def test_retained_already(self) -> None:
        """
        A retained message that is there stays, and that is said.
        """
        Path(self.export_path).write_bytes(written(each for each in everything() if each.__class__.__name__[0] == "R"))
        self.succeeds("import", self.path, self.export_path)
        done = self.run_command("import", "--merge", self.path, self.export_path)
        self.assertEqual(done.stderr, "2 topics had a retained message already, which stays\n")

    def test_broker_has_it(self) -> None:
        """
        Not while a broker has it.
        """
        lock = StoreLock(self.path)
        lock.acquire()
        self.addCleanup(lock.release)
        self.assertIn(f"is in use by process {os.getpid()}", self.fails("import", self.path, self.export_path))
        self.assertIn("is not there", self.fails("compact", self.path))


class CopyTests(StoreCommandTestCase):
    def test_backup(self) -> None:
        """
        A backup is a store like its original, and overwrites nothing.
        """
        self.fill(everything())
        target = self.name("backup.db")
        self.assertRegex(self.succeeds("backup", self.path, target), r"backup.db: [\d.]+ KiB\n")
        self.assertEqual(self.export(target), written(everything()))
        self.assertIn("exists; a backup does not overwrite it", self.fails("backup", self.path, target))
        self.assertIn("no backup of", self.fails("backup", self.name("none.db"), self.name("other.db")))
        self.assertFalse(os.path.exists(self.name("other.db")))

    def test_compact(self) -> None:
        """
        The sizes before and after are said.
        """
        self.fill(everything())
        self.run_sql("CREATE TABLE f (x)", "INSERT INTO f VALUES (zeroblob(3000000))", "DROP TABLE f")
        self.assertRegex(self.succeeds("compact", self.path), r"mqtt.db: 2.9 MiB before, \d+.\d KiB now\n")
