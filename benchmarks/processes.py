"""
Brokers as processes that can be killed and started again on what they left behind.
"""

from __future__ import annotations

import os
import random
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp

import txmqtt

#: C{twistd} of this interpreter, whatever its scripts are called.
_RUN_TWISTD = "import sys; sys.argv[0] = 'twistd'; from twisted.scripts.twistd import run; run()"

#: Limits out of the way: what is dropped because a queue is full is not lost by a kill.
_LIMITS = "--max-queued-messages 10000000 --max-queued-bytes 10000000000"

#: A clean CONNECT of 3.1.1, and the CONNACK that says yes.
_HELLO = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"
_WELCOME = b"\x20\x02\x00\x00"

#: In flight without limit, because a new message overtakes those that wait for their turn (seen with 2.0.11).
_MOSQUITTO = """
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {folder}/
autosave_interval 1
autosave_on_changes true
max_queued_messages 0
max_inflight_messages 0
"""


def txmqtt_command(store: str | None, durability: str | None) -> str:
    """
    Our own broker.
    """
    words = [sys.executable, "-c", _RUN_TWISTD, "-n", "--pidfile=", "mqtt-broker"]
    words += ["--listen", "tcp:{port}:interface=127.0.0.1", *_LIMITS.split()]
    if store is not None:
        words += ["--state-dir", "{dir}", "--store", store]
    if durability is not None:
        words += ["--durability", durability]
    return shlex.join(words)


def mosquitto_command() -> str:
    """
    Mosquitto with its own kind of persistence; its configuration is written by C{Broker}.
    """
    program = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if program is None:
        raise SystemExit("mosquitto is missing; Debian has it in the package mosquitto")
    return f"{program} -c {{dir}}/mosquitto.conf"


class Broker:
    """
    One broker, on one port, with one folder, and as many processes as it takes one after the other.

    @ivar state: where it keeps what must last, within C{folder}.
    @ivar environment: what it finds in its environment besides ours.
    @ivar started: when the last one was, by C{time.monotonic()}.
    """

    def __init__(self, command: str, within: str | None = None) -> None:
        """
        @param command: with C{{port}} and C{{dir}} for what they are.
        @param within: where its folder is made, if not where all temporary files are.
        """
        self.folder = Path(mkdtemp(prefix="txmqtt-broker-", dir=within))
        self.port = free_port()
        self.environment: dict[str, str] = {}
        self.started = 0.0
        state = self.state = self.folder / "state"
        state.mkdir()
        (state / "mosquitto.conf").write_text(_MOSQUITTO.format(port=self.port, folder=state))
        state.chmod(0o777)  # mosquitto gives up root for a user of its own
        self.folder.chmod(0o755)
        self._command = [
            word.replace("{port}", str(self.port)).replace("{dir}", str(state)) for word in shlex.split(command)
        ]
        self._log = self.folder / "said.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """
        Start it, and do not wait until it listens.
        """
        home = str(Path(txmqtt.__file__ or "").resolve().parent.parent)
        paths = ":".join(filter(None, (home, os.environ.get("PYTHONPATH"))))
        self.started = time.monotonic()
        with self._log.open("ab") as said:
            self._process = subprocess.Popen(
                self._command,
                cwd=self.folder,
                env={**os.environ, **self.environment, "PYTHONPATH": paths},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        return 0 if self._process is None else self._process.pid

    def answers(self, patience: float) -> bool:
        """
        Wait until it lets somebody in; not if it ends before, or takes longer.
        """
        end = time.monotonic() + patience
        while self.running and time.monotonic() < end:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=patience) as visitor:
                visitor.sendall(_HELLO)
                if visitor.recv(4) == _WELCOME:
                    return True
            time.sleep(0.01)
        return False

    def last_words(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])

    def kill(self, number: int = signal.SIGKILL) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()

    def remove(self) -> None:
        """
        End it, and remove its folder.
        """
        if self.running:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def free_port() -> int:
    """
    A port that nobody listens on, and that the system gives to no outgoing connection while the broker is away.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                taken.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
