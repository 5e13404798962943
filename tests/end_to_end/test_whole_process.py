"""
The broker as a process under those who run it: systemd with a configuration file, logrotate, twist, and as a daemon.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from tempfile import mkdtemp

from twisted.trial.unittest import SynchronousTestCase

from tests.end_to_end.guest import Guest
from tests.end_to_end.support import PATIENCE, TWISTD, Running, environment, free_port, until
from tests.end_to_end.test_systemd import Activated, opened
from tests.end_to_end.test_twistd import alive, kill

CONFIGURATION = """
[broker]
store = "memory"
[log]
format = "json"
file = "{log}"
[[listener]]
endpoint = "{endpoint}"
anonymous = "yes"
"""

#: C{twist} of the environment that runs the tests.
TWIST = [
    sys.executable,
    "-c",
    "import sys; sys.argv[0] = 'twist'; from twisted.application.twist._twist import Twist; Twist.main()",
]


class ProcessTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(mkdtemp(prefix="txmqtt-"))
        self.addCleanup(subprocess.run, ["rm", "-rf", str(self.folder)])
        self.log = self.folder / "broker.log"
        self.port = free_port()

    def configuration(self, endpoint: str = "", log: str | None = None) -> str:
        path = self.folder / "broker.toml"
        endpoint = endpoint or f"tcp:{self.port}:interface=127.0.0.1"
        path.write_text(CONFIGURATION.format(endpoint=endpoint, log=self.log if log is None else log))
        return str(path)

    def rotated(self, pid: int) -> None:
        """
        Move the log away as logrotate does, and see that the next line is in a new file.
        """
        self.log.rename(self.folder / "broker.log.1")
        os.kill(pid, signal.SIGUSR1)
        until(self.log.exists, "the log to be opened again")
        guest = Guest(self.port, "rotated").come_in()
        self.addCleanup(guest.leave)
        until(lambda: "connected as 'rotated'" in self.log.read_text(), "a line in the new log")
        for line in (self.folder / "broker.log.1").read_text().splitlines():
            json.loads(line)

    def test_systemd(self) -> None:
        """
        With a socket and a configuration systemd is told of READY, of each reload when it begins and ends, of the
        watchdog and of STOPPING. The socket stays open through a reload; the log is opened again by SIGUSR1.
        """
        door = opened(socket.AF_INET, ("127.0.0.1", 0))
        self.addCleanup(door.close)
        self.port = door.getsockname()[1]
        options = ("--config", self.configuration("systemd:domain=INET:index=0"))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.bind(str(self.folder / "notify"))
            systemd.settimeout(PATIENCE)

            def told(word: str) -> dict[str, str]:
                while True:
                    words = dict(line.split("=", 1) for line in systemd.recv(4096).decode().splitlines())
                    if word in words:
                        return words

            surroundings = {"NOTIFY_SOCKET": str(self.folder / "notify"), "WATCHDOG_USEC": "2000000"}
            broker = Activated({"mqtt": door}, (), options, surroundings, Path(mkdtemp(prefix="txmqtt-")))
            try:
                self.assertIn("STATUS", told("READY"))
                broker.process.send_signal(signal.SIGHUP)  # at once: whoever hears READY may ask for it
                self.assertTrue(int(told("RELOADING")["MONOTONIC_USEC"]))
                told("READY")
                guest = Guest(self.port, "early").come_in()
                self.addCleanup(guest.leave)
                (self.folder / "broker.toml").write_text("nonsense")
                broker.process.send_signal(signal.SIGHUP)
                told("RELOADING")
                self.assertIn("not reloaded", told("READY")["STATUS"])
                self.assertTrue(guest.is_there())
                self.rotated(broker.process.pid)
                told("WATCHDOG")
                broker.process.send_signal(signal.SIGTERM)
                told("STOPPING")
                self.assertEqual(broker.process.wait(PATIENCE), 0)
            finally:
                broker.stop()

    def test_daemon(self) -> None:
        """
        As a daemon it serves, logs to twistd's own file unless told otherwise, and opens it again by SIGUSR1.
        """
        self.log = self.folder / "twistd.log"
        config = self.configuration(log="")
        ended = subprocess.run(
            [*TWISTD, "mqtt-broker", "--config", config],
            cwd=self.folder,
            env=environment(self.folder),
            capture_output=True,
            timeout=PATIENCE,
        )
        self.assertEqual((ended.returncode, ended.stderr), (0, b""))
        pid = int((self.folder / "twistd.pid").read_text())
        self.addCleanup(kill, pid)
        guest = Guest(self.port, "early").come_in()
        self.addCleanup(guest.leave)
        self.rotated(pid)
        os.kill(pid, signal.SIGHUP)
        until(lambda: "has been read again" in self.log.read_text(), "the reload in the log")
        os.kill(pid, signal.SIGTERM)
        until(lambda: not alive(pid), "the daemon to end")

    def test_twist(self) -> None:
        """
        Under twist it serves and logs as twist is told to.
        """
        config = self.configuration(log="")
        broker = Running([*TWIST, "--log-format=text", "mqtt-broker", "--config", config], self.folder)
        self.addCleanup(broker.stop)
        broker.says(r"listening on 127\.0\.0\.1")
        guest = Guest(self.port, "early").come_in()
        self.addCleanup(guest.leave)
        broker.process.send_signal(signal.SIGUSR1)
        broker.process.send_signal(signal.SIGHUP)
        broker.says("has been read again")
        broker.says("connected as .*early")
        self.assertTrue(guest.is_there())
        self.assertEqual(broker.stop(), 0)
