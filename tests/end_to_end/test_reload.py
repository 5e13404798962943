"""
A broker that is run by a configuration file, and reads it again while clients are connected.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from tempfile import mkdtemp

from twisted.trial.unittest import SynchronousTestCase

from tests.end_to_end.support import PATIENCE, TWISTD, Running, environment, free_port, need_program

TXMQTT = [sys.executable, "-c", "import sys; sys.argv[0] = 'txmqtt'; from txmqtt.cli.main import main; main()"]

CONFIGURATION = """
[broker]
store = "memory"

[[listener]]
endpoint = "tcp:{port}:interface=127.0.0.1"
"""


class ReloadTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(mkdtemp(prefix="txmqtt-"))
        self.path = self.folder / "broker.toml"
        self.port = free_port()
        self.path.write_text(CONFIGURATION.format(port=self.port))
        self.broker = Running([*TWISTD, "-n", "mqtt-broker", "--config", str(self.path)], self.folder)
        self.addCleanup(self.broker.stop)
        self.broker.says(r"listening on 127\.0\.0\.1")

    def txmqtt(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*TXMQTT, *words], env=environment(), capture_output=True, text=True, timeout=PATIENCE, check=False
        )

    def publish(self, port: int, topic: str, payload: str, *more: str) -> int:
        program = need_program("mosquitto_pub", "mosquitto-clients")
        words = [program, "-V", "5", "-p", str(port), "-q", "1", "-t", topic, "-m", payload, *more]
        return subprocess.run(words, capture_output=True, timeout=PATIENCE, check=False).returncode

    def test_reload(self) -> None:
        """
        A subscriber stays connected, and gets what comes, while listeners, limits and rules change under it; a mistake
        changes nothing; and the broker can be told by signal and by command.
        """
        program = need_program("mosquitto_sub", "mosquitto-clients")
        self.publish(self.port, "a", "one", "-r")
        listening = Running([program, "-v", "-p", str(self.port), "-t", "#", "-q", "1"])
        self.addCleanup(listening.stop)
        listening.says(r"a one")
        other = free_port()
        more = f'\n[[listener]]\nendpoint = "tcp:{other}:interface=127.0.0.1"\n'
        rules = '[[acl.rule]]\nallow = true\nactions = ["publish", "subscribe", "receive"]\ntopics = ["a/#"]\n'
        before = self.path.read_text()
        self.path.write_text(before + more + rules)
        pid = str(self.broker.process.pid)
        done = self.txmqtt("reload", "--pid", pid, "--config", str(self.path))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.broker.says("the configuration has been read again")
        self.broker.says(rf"listening on 127\.0\.0\.1:{other}")
        self.publish(other, "a/b", "two")
        listening.says(r"\na/b two")
        self.path.write_text(before + "[limts]\n")
        self.broker.process.send_signal(signal.SIGHUP)
        self.broker.says(r"what was in force stays in force: .*broker\.toml:7: limts: unknown; did you mean limits\?")
        self.publish(other, "a/b", "three")
        listening.says(r"\na/b three")
        self.assertIsNone(listening.process.poll())
        self.assertNotIn("closed", self.broker.log)
