"""
Commands of ours without the time that they take to start: one process has imported all that they need, and becomes a
command in a copy of itself.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from functools import cache

from tests.end_to_end.support import PATIENCE, environment

#: What the commands import when they run.
_NEEDED = (
    "txmqtt.cli.pub.publishing",
    "txmqtt.cli.request.command",
    "txmqtt.cli.retained.gathering",
    "txmqtt.cli.sub.listening",
)


class Forked:
    """
    A command that runs, as far as we want to know of it.

    @ivar stdout: what it prints, not buffered; C{stderr}: what it complains of.
    """

    def __init__(self, *words: str, stdin: bytes = b"") -> None:
        read_in, write_in = os.pipe()
        read_out, write_out = os.pipe()
        read_error, write_error = os.pipe()
        read_status, write_status = os.pipe()
        theirs = [read_in, write_out, write_error, write_status]
        socket.send_fds(_nursery(), [json.dumps(words).encode()], theirs)
        for each in theirs:
            os.close(each)
        self.stdout = os.fdopen(read_out, "rb", buffering=0)
        self.stderr = os.fdopen(read_error, "rb", buffering=0)
        self._status = os.fdopen(read_status, "rb", buffering=0)
        with os.fdopen(write_in, "wb") as stream:
            stream.write(stdin)  # never more than a pipe holds
        self.pid = int(self._status.readline())
        self._ended: int | None = None

    def signal(self, number: int) -> None:
        """
        Send it a signal.
        """
        os.kill(self.pid, number)

    def wait(self) -> int:
        """
        Wait for its end: the exit status.
        """
        if self._ended is None:
            if not select.select([self._status], [], [], PATIENCE)[0]:
                raise AssertionError(f"a command did not end within {PATIENCE:g} s")
            self._ended = int(self._status.readline())
        return self._ended

    def end(self) -> tuple[int, bytes, str]:
        """
        Wait for its end: the status, what it printed, and what it complained of.
        """
        status = self.wait()  # none of them prints more than a pipe holds
        return status, self.stdout.read(), self.stderr.read().decode()

    def close(self) -> None:
        """
        Have done with it.
        """
        if self._ended is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        for stream in (self.stdout, self.stderr, self._status):
            stream.close()


@cache
def _nursery() -> socket.socket:
    """
    The way to the process that becomes commands.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    code = f"from tests.end_to_end.forked import serve; serve({theirs.fileno()})"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**environment(), "PYTHONPATH": os.pathsep.join(sys.path), "XDG_CONFIG_HOME": "/nonexistent"},
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
    )
    theirs.close()

    def stop() -> None:
        ours.close()
        process.wait(PATIENCE)

    atexit.register(stop)
    return ours


def serve(number: int) -> None:
    """
    Become commands, until nobody wants any.
    """
    for module in _NEEDED:
        __import__(module)
    assert "twisted.internet.reactor" not in sys.modules  # one for each command
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    wishes = socket.socket(fileno=number)
    while True:
        words, fds, _, _ = socket.recv_fds(wishes, 65_536, 4)
        if not words:
            return
        if not os.fork():
            wishes.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _look_after(json.loads(words), fds)
        for each in fds:
            os.close(each)


def _look_after(words: list[str], fds: list[int]) -> None:
    """
    Start the command, say its number, wait for its end, and say its status.
    """
    *streams, told = fds
    pid = os.fork()
    if not pid:
        os.close(told)
        _become(words, streams)
    for each in streams:
        os.close(each)
    os.write(told, b"%d\n" % pid)
    os.write(told, b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    os._exit(0)


def _become(words: list[str], streams: list[int]) -> None:
    for place, stream in enumerate(streams):
        os.dup2(stream, place)
        os.close(stream)
    from txmqtt.cli.main import main

    try:
        main(words, prog_name="txmqtt")
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0
    else:
        status = 0
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
