"""
Brokers as processes of their own: started in a fresh folder, on free ports, stopped when the test or the run is over.
"""

from __future__ import annotations

import atexit
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkdtemp
from typing import TypeVar
from unittest import SkipTest

import txmqtt

T = TypeVar("T")

#: A CONNACK that says yes to a client of 3.1.1 without a session.
ACCEPTED = b"\x20\x02\x00\x00"

#: Longer than anything takes on a busy machine. Nothing waits that long when all is well.
PATIENCE = 15.0

#: Whence the ports for servers come: outgoing connections begin at 32768.
_PORTS = (10_000, 32_000)
_CHANCE = random.SystemRandom()
_CLAIMS: list[socket.socket] = []

#: C{twistd} of the environment that runs the tests, whatever its scripts are called.
TWISTD = [sys.executable, "-c", "import sys; sys.argv[0] = 'twistd'; from twisted.scripts.twistd import run; run()"]

#: Where the package under test lives, and its plugin: the checkout, or where it is installed.
HOME = str(Path(txmqtt.__file__ or "").resolve().parent.parent)


#: Where libraries of Node are: npm put them there.
NODE_MODULES = Path(
    os.environ.get("TXMQTT_PEERS") or Path(__file__).resolve().parents[2] / "build" / "peers", "node_modules"
)


def environment(folder: Path | None = None) -> dict[str, str]:
    """
    For a process that must find the package under test, from whatever folder it runs in, and keeps its state there.
    """
    found = {**os.environ, "PYTHONPATH": HOME, "PYTHONUNBUFFERED": "1"}
    return found if folder is None else {**found, "STATE_DIRECTORY": str(folder / "state")}


def need_program(name: str, package: str) -> str:
    """
    Where a program is; skips the test when it is not here, and says which Debian package has it.
    """
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin")  # not on everybody's path
    if found is None:
        raise SkipTest(f"{name} is missing; Debian has it in the package {package}")
    return found


def need_module(name: str, distribution: str) -> None:
    """
    Skips the test when a library is not here, and says what pip calls it.
    """
    if find_spec(name) is None:
        raise SkipTest(f"{name} is missing; pip install {distribution}")


def need_node_module(name: str) -> Path:
    """
    Where a library of Node is installed, as a folder for C{NODE_PATH}; skips the test when it is not, and says how to
    install it.
    """
    found = NODE_MODULES / name
    if not found.is_dir():
        raise SkipTest(f"{name} is missing for Node; npm install --prefix build/peers {name}")
    return NODE_MODULES


def free_port() -> int:
    """
    A port for a server that is about to start, ours for as long as this process lives.

    It lies below those that the system gives to outgoing connections, so that none of them can take it meanwhile; and a
    name that only one process at a time may bind keeps other test runs on this machine from choosing the same.
    """
    while True:
        port = _CHANCE.randrange(*_PORTS)
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0txmqtt-tests-port-{port}")
            with socket.socket() as taken:
                taken.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
            continue
        _CLAIMS.append(claim)
        return port


def until(happens: Callable[[], T | None], what: str, patience: float = PATIENCE) -> T:
    """
    Wait for something that is true; fail when it does not come.
    """
    end = time.monotonic() + patience
    while True:
        if found := happens():
            return found
        if time.monotonic() > end:
            raise AssertionError(f"waited {patience:g} s in vain for {what}")
        time.sleep(0.01)


class Running:
    """
    A process that we started, with what it says in a file.

    @cvar leads: it leads a group of processes, which are killed with it.
    @ivar folder: where it runs; gone when it is stopped.
    @ivar log: all that it has said.
    """

    leads = False

    def __init__(
        self, command: list[str], folder: Path | None = None, surroundings: Mapping[str, str] | None = None
    ) -> None:
        """
        @param surroundings: what it finds in its environment besides ours.
        """
        self.folder = folder or Path(mkdtemp(prefix="txmqtt-"))
        self._command = command
        self._surroundings = {**environment(self.folder), **(surroundings or {})}
        self._said = self.folder / "said.log"
        self.again()

    def again(self) -> None:
        """
        Start it, on what the last one left, which must have ended.
        """
        with self._said.open("wb") as said:
            self.process = subprocess.Popen(
                self._command,
                cwd=self.folder,
                env=self._surroundings,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=self.leads,
            )

    def die(self) -> None:
        """
        kill -9.
        """
        if self.leads:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        else:
            self.process.kill()
        self.process.wait()

    @property
    def log(self) -> str:
        return self._said.read_text(errors="replace")

    def says(self, pattern: str) -> re.Match[str]:
        """
        Wait until it has said something like this.
        """

        def said() -> re.Match[str] | None:
            found = re.search(pattern, self.log)
            if found is None and self.process.poll() is not None:
                raise AssertionError(f"ended with status {self.process.returncode} before {pattern!r}:\n{self.log}")
            return found

        return until(said, f"{pattern!r} in the log")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """
        End it, and remove its folder.

        @return: its exit status.
        """
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
        return status


class OurBroker(Running):
    """
    C{twistd -n mqtt-broker} on a free port of this machine.
    """

    def __init__(self, *options: str, surroundings: Mapping[str, str] | None = None) -> None:
        listen = ["--listen", "tcp:0:interface=127.0.0.1"]
        super().__init__([*TWISTD, "-n", "mqtt-broker", *listen, *options], surroundings=surroundings)
        try:
            self.port = int(self.says(r"listening on 127\.0\.0\.1:(\d+)")[1])
        except BaseException:
            self.stop(signal.SIGKILL)
            raise


class Mosquitto(Running):
    """
    Mosquitto on a free port of this machine, open to everybody.
    """

    def __init__(self, *lines: str) -> None:
        program = need_program("mosquitto", "mosquitto")
        folder = Path(mkdtemp(prefix="txmqtt-"))
        self.port = free_port()
        configuration = [f"listener {self.port} 127.0.0.1", "allow_anonymous true", *lines]
        (folder / "mosquitto.conf").write_text("\n".join(configuration) + "\n")
        super().__init__([program, "-c", str(folder / "mosquitto.conf")], folder)
        try:
            until(self._listens, "mosquitto to listen")
        except BaseException:
            self.stop(signal.SIGKILL)
            raise

    def _listens(self) -> bool:
        with socket.socket() as door:
            return door.connect_ex(("127.0.0.1", self.port)) == 0


@cache
def our_broker() -> OurBroker:
    """
    One broker for all tests that need nothing special of it.
    """
    broker = OurBroker()
    atexit.register(broker.stop)
    return broker


@cache
def mosquitto() -> Mosquitto:
    """
    One mosquitto for all tests that need nothing special of it.
    """
    broker = Mosquitto()
    atexit.register(broker.stop)
    return broker


def greeting(level: int, client: bytes, *login: bytes) -> bytes:
    """
    A clean CONNECT with a keep-alive of 60 s; C{login} is a user name and a password.
    """
    words = b"".join(len(word).to_bytes(2, "big") + word for word in (client, *login))
    flags = 0xC2 if login else 0x02
    body = b"\x00\x04MQTT" + bytes([level, flags, 0, 60]) + (b"\x00" if level == 5 else b"") + words
    return bytes([0x10, len(body)]) + body
