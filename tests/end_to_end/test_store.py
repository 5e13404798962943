"""
What a broker keeps, when it is killed, stopped, started twice, and finds its store not as it left it.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.end_to_end.support import PATIENCE, TWISTD, OurBroker, environment, need_program, until
from tests.end_to_end.test_broker_mosquitto import Subscriber, mosquitto_pub
from tests.end_to_end.test_twistd import alive, kill

#: As a daemon, and in the foreground.
MODES: tuple[list[str], ...] = ([], ["-n"])


class StoreTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        need_program("mosquitto_sub", "mosquitto-clients")
        folder = tempfile.TemporaryDirectory(prefix="txmqtt-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.state = self.folder / "state"
        self.path = self.state / "mqtt.db"
        self.lasts = 0

    def broker(self, *options: str) -> OurBroker:
        made = OurBroker("--state-dir", str(self.state), *options)
        self.addCleanup(made.stop, signal.SIGKILL)
        return made

    def refused(self, mode: list[str], *options: str) -> str:
        """
        The one line that ends a broker on this store, with status 1; nothing is left of it.
        """
        before = sorted(os.listdir(self.folder))
        command = [*TWISTD, *mode, "mqtt-broker", "--listen", "tcp:0:interface=127.0.0.1"]
        ended = subprocess.run(
            [*command, "--state-dir", str(self.state), *options],
            cwd=self.folder,
            env=environment(self.folder),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        self.assertEqual(ended.returncode, 1, ended.stdout + ended.stderr)
        self.assertRegex(ended.stderr, r"\Amqtt-broker: [^\n]+\n\Z")
        self.assertEqual(sorted(os.listdir(self.folder)), before)
        return ended.stderr.removeprefix("mqtt-broker: ").rstrip()

    def park(self, port: int, name: str, qos: int) -> None:
        """
        Somebody subscribes to C{t/#} with a session that lasts, and goes.
        """
        program = need_program("mosquitto_sub", "mosquitto-clients")
        command = [program, "-h", "127.0.0.1", "-p", str(port), "-i", name, "-c", "-E", "-q", str(qos), "-t", "t/#"]
        subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)

    def publish(self, port: int, topic: str, payload: str, qos: int, *words: str) -> None:
        done = mosquitto_pub(port, "-t", topic, "-m", payload, "-q", str(qos), *words)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def returns(self, port: int, name: str, qos: int) -> list[str]:
        """
        What was waiting for somebody who comes back, and what comes of it again: a message that is published once it is
        there tells when all before it has come.
        """
        back = Subscriber(port, "-i", name, "-c", "-q", str(qos), "-t", "t/#").ready()
        self.addCleanup(back.stop, signal.SIGKILL)
        self.lasts += 1
        self.publish(port, "t/last", str(self.lasts), qos)
        back.says(rf"(?m)^t/last\|.*\|{self.lasts}$")
        back.process.send_signal(signal.SIGTERM)
        back.process.wait(PATIENCE)
        lines = [line for line in back.log.splitlines() if line.count("|") == 3]
        return [line for line in lines if not line.startswith("t/last")]


class KeepingTests(StoreTestCase):
    def test_killed(self) -> None:
        """
        kill -9: who was away gets what was published meanwhile, once and in order, and it does not come again after
        another kill -9; what was retained is retained.
        """
        broker = self.broker()
        for qos in (1, 2):
            self.park(broker.port, f"sleeper {qos}", qos)
            for number in range(3):
                self.publish(broker.port, f"t/{qos}", str(number), qos)
        self.publish(broker.port, "kept", "word", 1, "-r")
        broker.stop(signal.SIGKILL)
        broker = self.broker()
        broker.says(r"2 sessions, 9 queued and 1 retained messages are back")
        # Who asked for QoS 2 heard both; when QoS 1 was published there was only the other.
        expected = {
            "sleeper 1": [f"t/{qos}|1|0|{number}" for qos in (1, 2) for number in range(3)],
            "sleeper 2": [f"t/2|2|0|{number}" for number in range(3)],
        }
        for qos in (1, 2):
            name = f"sleeper {qos}"
            self.assertEqual(self.returns(broker.port, name, qos), expected[name])
        new = Subscriber(broker.port, "-t", "kept")
        self.addCleanup(new.stop, signal.SIGKILL)
        self.assertEqual(new.heard(1), ["kept|0|1|word"])
        broker.stop(signal.SIGKILL)
        broker = self.broker()
        self.assertEqual(self.returns(broker.port, "sleeper 2", 2), [])

    def test_stopped(self) -> None:
        """
        SIGTERM: nothing is lost either, and nothing is left to be brought in.
        """
        broker = self.broker()
        self.park(broker.port, "sleeper", 2)
        self.publish(broker.port, "t/x", "word", 2)
        self.publish(broker.port, "kept", "word", 2, "-r")
        self.assertEqual(broker.stop(), 0)
        self.assertEqual(sorted(os.listdir(self.state)), ["mqtt.db", "mqtt.db.lock"])
        broker = self.broker()
        broker.says(r"1 sessions, 1 queued and 1 retained messages are back")
        self.assertEqual(self.returns(broker.port, "sleeper", 2), ["t/x|2|0|word"])

    def test_memory(self) -> None:
        """
        With --store memory nothing survives, and nothing is written.
        """
        broker = self.broker("--store", "memory")
        broker.says("kept in memory: nothing survives a restart")
        self.park(broker.port, "sleeper", 1)
        self.publish(broker.port, "t/x", "word", 1, "-r")
        self.assertEqual(broker.stop(), 0)
        self.assertEqual(os.listdir(self.state), [])
        broker = self.broker("--store", "memory")
        self.assertEqual(self.returns(broker.port, "sleeper", 1), [])


class RefusalTests(StoreTestCase):
    def test_second_broker(self) -> None:
        """
        A second broker on the same state directory ends with one line that names the process of the first, with -n and
        as a daemon; kill -9 of the first lets the next one in.
        """
        broker = self.broker()
        broker.says("messages are back")
        for mode in MODES:
            with self.subTest(mode=mode):
                self.assertEqual(self.refused(mode), f"{self.path} is in use by process {broker.process.pid}")
        self.publish(broker.port, "t", "still there", 1)
        broker.stop(signal.SIGKILL)
        self.broker().says("messages are back")

    def test_beside_a_daemon(self) -> None:
        """
        A daemon has its store under the number of the process that it has become.
        """
        command = [*TWISTD, "mqtt-broker", "--listen", f"unix:{self.folder}/mqtt.sock", "--state-dir", "state"]
        subprocess.run(command, cwd=self.folder, env=environment(self.folder), check=True, timeout=PATIENCE)
        pid = int((self.folder / "twistd.pid").read_text())
        self.addCleanup(kill, pid)
        pidfile = ["--pidfile", str(self.folder / "second.pid")]
        self.assertEqual(self.refused(["-n", *pidfile]), f"{self.path} is in use by process {pid}")
        os.kill(pid, signal.SIGTERM)
        until(lambda: not alive(pid), "the daemon to end")

    def test_damaged_or_newer(self) -> None:
        """
        A file over which something else was written, and one of a newer version, are refused with one line, and left as
        they are. The line names both ways out of damage.
        """
        broker = self.broker()
        self.park(broker.port, "sleeper", 1)
        for number in range(40):
            self.publish(broker.port, f"t/{number}", "x" * 2000, 1, "-r")
        self.assertEqual(broker.stop(), 0)
        whole = self.path.read_bytes()
        for name, at, mode in (("at its head", 0, []), ("in its midst", 4096, ["-n"])):
            damaged = whole[:at] + b"\xff" * 30_000 + whole[at + 30_000 :]
            self.path.write_bytes(damaged)
            with self.subTest(name=name, mode=mode):
                said = self.refused(mode)
                self.assertRegex(said, rf"^{self.path} is damaged \(.+\): ")
                self.assertIn(f"(rm {self.path}-wal; cp BACKUP {self.path})", said)
                self.assertIn(f"(txmqtt store export {self.path})", said)
                self.assertEqual(self.path.read_bytes(), damaged)
        self.path.write_bytes(whole)
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute("UPDATE meta SET value = 99 WHERE key = 'schema'")
        newer = self.path.read_bytes()
        said = self.refused(["-n"])
        self.assertIn(f"{self.path} has schema 99, written by a newer txmqtt; this one knows ", said)
        self.assertEqual(self.path.read_bytes(), newer)
        self.path.write_bytes(whole)
        self.broker().says(r"1 sessions, 40 queued and 40 retained messages are back")
