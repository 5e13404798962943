"""
The units for systemd: systemd understands them, they give away little, and what they start does start.
"""

from __future__ import annotations

import re
import shlex
import socket
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from click.testing import CliRunner
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.end_to_end.support import ACCEPTED, PATIENCE, TWISTD, Running, free_port, greeting, need_program
from txmqtt.cli.main import main as txmqtt

CONTRIB = Path(__file__).resolve().parents[2] / "contrib"


def unit(name: str) -> str:
    """
    What is in a unit; skips the test where the tests are installed without the rest.
    """
    path = CONTRIB / name
    if not path.exists():
        raise SkipTest("no contrib/ beside the tests")
    return path.read_text()


class UnitTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = TemporaryDirectory(prefix="txmqtt-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.analyze = need_program("systemd-analyze", "systemd")
        service = unit("txmqtt.service")
        # It has to name a program that is there.
        (self.folder / "txmqtt.service").write_text(
            re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", service, flags=re.M)
        )
        (self.folder / "txmqtt.socket").write_text(unit("txmqtt.socket"))

    def run_analyze(self, *words: str) -> str:
        done = subprocess.run([self.analyze, *words], cwd=self.folder, capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_verify(self) -> None:
        """
        systemd has nothing to complain about, not even a word that it does not know.
        """
        said = self.run_analyze("verify", "./txmqtt.service", "./txmqtt.socket")
        self.assertEqual([line for line in said.splitlines() if "txmqtt" in line], [])

    def test_security(self) -> None:
        """
        Of what a service can do to a machine, it may do little: below 2 of 10 in systemd's own words.
        """
        try:
            said = self.run_analyze("security", "--offline=yes", "--no-pager", "./txmqtt.service")
        except AssertionError as error:
            if "unrecognized option" in str(error):
                raise SkipTest("this systemd does not look at units that are not installed") from error
            raise
        found = re.search(r"exposure level for txmqtt.service: ([\d.]+)", said)
        assert found is not None, said
        self.assertLess(float(found[1]), 2.0)


class SocketTests(SynchronousTestCase):
    def test_activation(self) -> None:
        """
        The command of the unit, started with a socket and a credential as systemd starts it, lets in whom it should.
        """
        activate = need_program("systemd-socket-activate", "systemd")
        found = re.search(r"^ExecStart=\S+/twistd (.*)$", unit("txmqtt.service"), re.M)
        name = re.search(r"^FileDescriptorName=(\S+)$", unit("txmqtt.socket"), re.M)
        assert found is not None and name is not None
        folder = TemporaryDirectory(prefix="txmqtt-")
        self.addCleanup(folder.cleanup)
        done = CliRunner().invoke(txmqtt, ["passwd", "-c", "-b", f"{folder.name}/passwords", "ada", "lovelace"])
        self.assertEqual(done.exit_code, 0, done.output)
        words = [word.replace("${CREDENTIALS_DIRECTORY}", folder.name) for word in shlex.split(found[1])]
        # What it listens on here is IPv4, so that a machine without IPv6 can tell too.
        words = [word.replace("INET6", "INET") for word in words]
        port = free_port()
        passed = ("PYTHONPATH", "PYTHONUNBUFFERED", "STATE_DIRECTORY", "PATH")
        broker = Running(
            [
                activate,
                f"--fdname={name[1]}",
                *(f"--setenv={each}" for each in passed),
                "-l",
                f"127.0.0.1:{port}",
                *TWISTD,
                *words,
            ]
        )
        self.addCleanup(broker.stop)
        broker.says("Listening on")
        for user, password, accepted in ((b"ada", b"lovelace", True), (b"ada", b"byron", False)):
            with self.subTest(password=password), socket.create_connection(("127.0.0.1", port), PATIENCE) as peer:
                peer.sendall(greeting(4, b"c", user, password))
                answer = peer.recv(4)
                self.assertEqual((answer[:1], answer == ACCEPTED), (ACCEPTED[:1], accepted))
