"""
C{txmqtt store} beside real brokers: ours while it runs, and what a mosquitto leaves behind.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile

from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from tests.end_to_end.support import PATIENCE, Mosquitto, OurBroker, environment, need_program, until
from tests.end_to_end.test_broker_mosquitto import Subscriber, mosquitto_pub
from txmqtt.cli.main import main

TXMQTT = [sys.executable, "-c", "from txmqtt.cli.main import main; main(prog_name='txmqtt')"]


class StoreCommandTests(SynchronousTestCase):
    def setUp(self) -> None:
        need_program("mosquitto_sub", "mosquitto-clients")
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.path = self.name("mqtt.db")

    def name(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def store(self, *words: str, status: int = 0, stdin: str = "") -> str:
        """
        C{txmqtt store}, in a process of its own only where it reads: what it says, and how it must end.
        """
        if stdin:
            command = [*TXMQTT, "store", *words]
            ended = subprocess.run(
                command, env=environment(), input=stdin, capture_output=True, text=True, timeout=PATIENCE
            )
            self.assertEqual(ended.returncode, status, ended.stderr)
            return ended.stderr if status else ended.stdout
        done = CliRunner().invoke(main, ["store", *words], prog_name="txmqtt")
        self.assertEqual(done.exit_code, status, done.output)
        return done.stderr if status else done.stdout

    def broker(self, name: str = "mqtt.db") -> OurBroker:
        made = OurBroker("--state-dir", self.folder, "--store", name)
        self.addCleanup(made.stop)
        return made

    def park(self, port: int, client_id: str, *words: str) -> None:
        """
        Somebody subscribes, and goes.
        """
        program = need_program("mosquitto_sub", "mosquitto-clients")
        command = [program, "-h", "127.0.0.1", "-p", str(port), "-i", client_id, "-E", *words]
        subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)

    def publish(self, port: int, *words: str) -> None:
        done = mosquitto_pub(port, *words)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def heard(self, port: int, count: int, client_id: str, *words: str) -> list[str]:
        """
        What is waiting for somebody who comes back.
        """
        back = Subscriber(port, "-i", client_id, *words)
        self.addCleanup(back.stop, signal.SIGKILL)

        def found() -> list[str] | None:
            lines = [line for line in back.log.splitlines() if line.count("|") == 3]
            # Each QoS by itself: its client hands QoS 1 on at once, and QoS 2 when it is released.
            return sorted(lines, key=lambda line: line.split("|")[1]) if len(lines) >= count else None

        return until(found, f"{count} messages")

    def test_beside_a_broker(self) -> None:
        """
        While the broker runs its store is looked at, checked, exported and copied; and nobody else writes to it.
        """
        broker = self.broker()
        self.park(broker.port, "parked", "-c", "-q", "1", "-t", "a/#")
        for number in range(8):
            self.publish(broker.port, "-t", f"a/{number}", "-m", "x", "-q", "1")
        self.publish(broker.port, "-t", "r", "-m", "x", "-r", "-q", "1")
        found = json.loads(self.store("info", "--json", self.path))
        self.assertEqual(found["broker"], broker.process.pid)
        self.assertEqual((found["sessions"], found["parked"], found["queued"], found["retained"]), (1, 1, 8, 1))
        self.assertEqual(self.store("check", "--thorough", self.path), f"{self.path} is sound\n")
        export = self.store("export", self.path)
        self.assertEqual(export.count('"kind":"owed"'), 8)
        self.store("backup", self.path, self.name("backup.db"))
        self.assertEqual(self.store("export", self.name("backup.db")), export)
        for words in (("compact", self.path), ("import", "--merge", self.path, self.name("none"))):
            said = self.store(*words, status=1, stdin=export)
            self.assertIn("can't be read" if "import" in words else f"in use by process {broker.process.pid}", said)
        said = self.store("import", "--merge", self.path, "-", status=1, stdin=export)
        self.assertEqual(said, f"Error: {self.path} is in use by process {broker.process.pid}\n")
        self.publish(broker.port, "-t", "a/last", "-m", "y", "-q", "2")
        self.assertEqual(len(self.heard(broker.port, 9, "parked", "-c", "-q", "1", "-t", "a/#")), 9)

    def test_moving_house(self) -> None:
        """
        A broker on an imported store delivers what was queued, in order, and what was retained.
        """
        first = self.broker()
        self.park(first.port, "parked", "-c", "-q", "2", "-t", "a/#")
        for number in range(12):
            self.publish(first.port, "-t", "a/b", "-m", str(number), "-q", str(1 + number % 2))
        self.publish(first.port, "-t", "r", "-m", "kept", "-r", "-q", "1")
        first.stop()
        export = self.store("export", self.path)
        self.store("import", self.name("other.db"), "-", stdin=export)
        self.assertEqual(self.store("export", self.name("other.db")), export)
        second = self.broker("other.db")
        heard = self.heard(second.port, 12, "parked", "-c", "-q", "2", "-t", "a/#")
        self.assertEqual(heard, [f"a/b|{1 + first}|0|{n}" for first in (0, 1) for n in range(first, 12, 2)])
        self.assertEqual(self.heard(second.port, 1, "new", "-t", "r"), ["r|0|1|kept"])

    def test_from_mosquitto(self) -> None:
        """
        Who was parked at a mosquitto finds everything at our broker: subscriptions, what was queued, what is retained
        and for how long.
        """
        os.chmod(self.folder, 0o777)  # mosquitto gives up being root
        settings = ("persistence true", f"persistence_location {self.folder}/", "persistence_file mosquitto.db")
        old = Mosquitto(*settings)
        self.addCleanup(old.stop)
        self.park(old.port, "three", "-c", "-q", "2", "-t", "a/#")
        asked = ("-c", "-V", "5", "-x", "1000", "-q", "1", "-t", "a/+")
        self.park(old.port, "five", *asked, "-D", "subscribe", "subscription-identifier", "9")
        for number in range(15):
            self.publish(old.port, "-t", "a/b", "-m", str(number), "-q", str(1 + number % 2))
        for topic, *about in (
            ("r", "-r", "message-expiry-interval", "900"),
            ("a/p", "-q", "1", "content-type", "text/x"),
        ):
            *flags, name, value = about
            self.publish(old.port, "-t", topic, "-m", "said", "-V", "5", *flags, "-D", "publish", name, value)
        old.process.terminate()
        old.process.wait(PATIENCE)
        said = self.store("import", self.path, self.name("mosquitto.db"))
        self.assertRegex(
            said, "^2 sessions with 2 subscriptions, 32 queued and 1 retained message from mosquitto's data"
        )
        self.assertEqual(self.store("check", "--thorough", self.path), f"{self.path} is sound\n")
        new = self.broker()
        heard = self.heard(new.port, 16, "three", "-c", "-q", "2", "-t", "a/#")
        expected = [f"a/b|{1 + first}|0|{n}" for first in (0, 1) for n in range(first, 15, 2)]
        self.assertEqual(heard, [*expected[:8], "a/p|1|0|said", *expected[8:]])
        self.assertEqual(self.heard(new.port, 16, "five", *asked, "-F", "%S|%q|%C|%p")[-1], "9|1|text/x|said")
        (kept,) = self.heard(new.port, 1, "new", "-V", "5", "-t", "r", "-F", "%t|%r|%E|%p")
        self.assertRegex(kept, r"^r\|1\|(900|8\d\d)\|said$")
