"""
Sockets that somebody else has opened: systemd's way of starting a broker.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from fcntl import F_DUPFD_CLOEXEC, fcntl
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

from twisted.trial.unittest import SynchronousTestCase

from tests.end_to_end.support import ACCEPTED, PATIENCE, TWISTD, Running, environment, greeting

#: Does what systemd does between fork and exec: the sockets become 3 and what follows, and the environment says so.
_ACTIVATE = """
import os, sys
given = [int(number) for number in sys.argv[1].split(",")]
for at, number in enumerate(given):
    os.dup2(number, 3 + at)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(given)), LISTEN_FDNAMES=sys.argv[2])
os.execv(sys.argv[3], sys.argv[3:])
"""


class Activated(Running):
    """
    C{twistd -n mqtt-broker} with sockets that are open already.
    """

    def __init__(
        self,
        sockets: dict[str, socket.socket],
        listen: tuple[str, ...] = (),
        options: tuple[str, ...] = ("--auth", "anonymous", "--store", "memory"),
        surroundings: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.folder = folder or Path(mkdtemp(prefix="txmqtt-"))
        self._said = self.folder / "said.log"
        numbers = [each.fileno() for each in sockets.values()]
        words = [word for each in listen for word in ("--listen", each)]
        command = [*TWISTD, "-n", "mqtt-broker", *words, *options]
        with self._said.open("wb") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _ACTIVATE, ",".join(map(str, numbers)), ":".join(sockets), *command],
                cwd=self.folder,
                env={**environment(self.folder), **(surroundings or {})},
                pass_fds=numbers,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )


def opened(family: socket.AddressFamily, address: str | tuple[str, int]) -> socket.socket:
    """
    A socket that listens, with a number above those that the broker finds its own at.
    """
    listening = socket.socket(family)
    listening.bind(address)
    listening.listen(100)
    with listening:
        return socket.socket(fileno=fcntl(listening.fileno(), F_DUPFD_CLOEXEC, 32))


class ActivationTests(SynchronousTestCase):
    def dial(self, door: socket.socket) -> socket.socket:
        """
        A client that has said CONNECT.
        """
        peer = socket.socket(door.family)
        self.addCleanup(peer.close)
        peer.settimeout(PATIENCE)
        peer.connect(door.getsockname())
        peer.sendall(greeting(4, b""))
        return peer

    def test_restart(self) -> None:
        """
        While the broker restarts no connection is refused: whoever comes meanwhile waits, and is let in by the next.
        """
        door = opened(socket.AF_INET, ("127.0.0.1", 0))
        self.addCleanup(door.close)
        listen = ("systemd:domain=INET:index=0",)
        first = Activated({"mqtt": door}, listen)
        try:
            early = self.dial(door)  # before anybody listens in there
            self.assertEqual(early.recv(4), ACCEPTED)
        finally:
            status = first.stop(signal.SIGTERM)
        self.assertEqual(status, 0)
        self.assertEqual(early.recv(1), b"")
        meanwhile = [self.dial(door) for _ in range(20)]
        second = Activated({"mqtt": door}, listen)
        self.addCleanup(second.stop)
        for peer in (*meanwhile, self.dial(door)):
            self.assertEqual(peer.recv(4), ACCEPTED)

    def test_several_by_name(self) -> None:
        """
        Of several sockets each is found by its name: IPv4, IPv6 and UNIX.
        """
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        doors = {
            "four": opened(socket.AF_INET, ("127.0.0.1", 0)),
            "six": opened(socket.AF_INET6, ("::1", 0)),
            "file": opened(socket.AF_UNIX, f"{folder.name}/mqtt.sock"),
        }
        for door in doors.values():
            self.addCleanup(door.close)
        listen = ("systemd:domain=UNIX:name=file", "systemd:domain=INET6:name=six", "systemd:domain=INET:name=four")
        broker = Activated(doors, listen)
        self.addCleanup(broker.stop)
        for door in doors.values():
            self.assertEqual(self.dial(door).recv(4), ACCEPTED)
