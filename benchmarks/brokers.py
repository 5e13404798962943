"""
Brokers as processes of their own, on one processor, in folders that are gone afterwards.
"""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import txmqtt

#: Where the package that is measured lives, and its plugin: the checkout, or where it is installed.
HOME = str(Path(txmqtt.__file__ or "").resolve().parent.parent)

#: The processor of the brokers and that of the load: 0 and 1, or the first two that this process may use.
BROKERS, LOAD = (sorted(os.sched_getaffinity(0)) * 2)[:2]

_TWISTD = "import sys; sys.argv[0] = 'twistd'; from twisted.scripts.twistd import run; run()"

#: So that nothing is ever refused, however much is left waiting.
UNLIMITED = ("--max-queued-messages", str(2**40), "--max-queued-bytes", str(2**50))

_CONNECT = b"\x10\x11\x00\x04MQTT\x04\x02\x00\x00\x00\x05hello"
_CONNACK = b"\x20\x02\x00\x00"

#: Seconds: longer than any broker takes to start or to end.
_PATIENCE = 120.0

_MOSQUITTO = """\
listener {port} 127.0.0.1
allow_anonymous true
user {user}
max_queued_messages 0
max_inflight_messages 0
"""

_SAVING = """\
persistence true
persistence_location {folder}/
autosave_interval 1
autosave_on_changes true
"""


def pinned(processor: int, command: Sequence[str]) -> list[str]:
    """
    The command that runs another on one processor only.
    """
    return ["taskset", "-c", str(processor), *command]


def free_port() -> int:
    """
    A port that nobody listens on just now.
    """
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


class Broker:
    """
    One broker, which may be started again after it ended.

    @ivar folder: where it keeps what it keeps.
    @param environment: None: this one's, with our package.
    """

    def __init__(
        self, command: Sequence[str], folder: Path, port: int, environment: dict[str, str] | None = None
    ) -> None:
        self.folder = folder
        self.port = port
        self._command = pinned(BROKERS, command)
        self._environment = {**os.environ, "PYTHONPATH": HOME} if environment is None else environment
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> float:
        """
        Start it.

        @return: seconds until a client had its CONNACK.
        """
        began = time.monotonic()
        with (self.folder / "said.log").open("ab") as said:
            self._process = subprocess.Popen(
                self._command,
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
        while not self._answers():
            if self._process.poll() is not None:
                raise SystemExit(f"a broker ended instead of starting:\n{self.log}")
            if time.monotonic() > began + _PATIENCE:
                self.stop(signal.SIGKILL)
                raise SystemExit(f"a broker did not start within {_PATIENCE:g} s:\n{self.log}")
            time.sleep(0.005)
        return time.monotonic() - began

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), _PATIENCE) as client:
                client.sendall(_CONNECT)
                return client.recv(4, socket.MSG_WAITALL) == _CONNACK
        except OSError:
            return False

    def stop(self, number: int = signal.SIGTERM) -> None:
        """
        End it, if it runs.
        """
        if self._process is None:
            return
        self._process.send_signal(number)
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise

    def ended(self) -> None:
        """
        Wait until it has ended, by whatever hand.
        """
        assert self._process is not None
        self._process.wait(_PATIENCE)

    @property
    def memory(self) -> float:
        """
        Its resident memory, MB.
        """
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024 / 1e6
        raise SystemExit("a broker ended while it was measured")

    @property
    def processor_time(self) -> float:
        """
        Seconds of processor time that it has taken so far.
        """
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def log(self) -> str:
        return (self.folder / "said.log").read_text(errors="replace")[-3000:]


def ours(folder: Path, store: str, durability: str, *options: str, python: str | None = None) -> Broker:
    """
    C{twistd mqtt-broker}, not yet started.

    @param store: "memory", or the name of a file.
    @param python: the interpreter of an installation; None: this one's, with our package.
    """
    port = free_port()
    listen = f"tcp:{port}:interface=127.0.0.1"
    kept = ["--state-dir", str(folder), "--store", store, "--durability", durability]
    command = [python or sys.executable, "-c", _TWISTD, "-n", "--pidfile=", "mqtt-broker", "--listen", listen]
    environment = None if python is None else {**os.environ, "PYTHONPATH": ""}
    return Broker([*command, *kept, *options], folder, port, environment)


def mosquitto(folder: Path) -> Broker | None:
    """
    A mosquitto that saves after every change, not yet started; None where there is none.
    """
    program = _mosquitto_program()
    return None if program is None else _mosquitto(program, _MOSQUITTO + _SAVING, folder)


def _mosquitto_program() -> str | None:
    return shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin")


def _mosquitto(program: str, settings: str, folder: Path) -> Broker:
    port, file = free_port(), folder / "mosquitto.conf"
    file.write_text(settings.format(port=port, user=getpass.getuser(), folder=folder))
    return Broker([program, "-c", str(file)], folder, port)


def peers() -> list[Callable[[Path], Broker]]:
    """
    How to make those that are compared, which keep everything in memory: ours, then mosquitto if it is installed.
    """
    found: list[Callable[[Path], Broker]] = [partial(ours, store="memory", durability="normal")]
    program = _mosquitto_program()
    if program is not None:
        found.append(partial(_mosquitto, program, _MOSQUITTO))
    return found


@contextmanager
def fresh_folder(directory: str) -> Iterator[Path]:
    """
    An empty folder, gone afterwards.
    """
    with TemporaryDirectory(prefix="durable-", dir=directory) as folder:
        yield Path(folder).resolve()


@contextmanager
def running(broker: Broker) -> Iterator[Broker]:
    """
    A broker from its start to its end.
    """
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()
