"""
The programs that somebody types who has installed txmqtt, without the time that they take to start: one process has
imported all that they need, and becomes a program in a copy of itself.

In a folder for C{PATH} there is a small script for each; it hands its words, its folder, its environment and its
streams to that process, hands signals on, and ends as the program does.
"""

from __future__ import annotations

import atexit
import gc
import marshal
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from tests.end_to_end.support import HOME, PATIENCE, TWISTD, environment, until

#: What may be typed.
NAMES = ("python", "pytest", "trial", "twistd", "txmqtt")

#: What they import when they run.
_NEEDED = (
    *("txmqtt.cli.pub.publishing", "txmqtt.cli.request.command", "txmqtt.cli.retained.gathering"),
    *("txmqtt.cli.sub.listening", "txmqtt.cli.passwd", "txmqtt.cli.configuration", "txmqtt.cli.store"),
    *("twisted.scripts._twistd_unix", "txmqtt._names", "txmqtt.service.tap", "txmqtt.net.access.passwords"),
    *("txmqtt.cli.main", "txmqtt.cli.formats.template", "txmqtt.cli.formats.json_line", "encodings.idna"),
    *("txmqtt.testing", "txmqtt.service.assembly", "txmqtt.service.metrics", "txmqtt.net.tls", "pytest"),
)

#: It imports what is in the interpreter already, and nothing else: it is started more often than anything here.
_SCRIPT = """#!{python} -ISE
import _signal, _socket, marshal, posix, sys
given = {{key.decode(): value.decode(errors="surrogateescape") for key, value in posix.environ.items()}}
if "LISTEN_FDS" in given:  # sockets of systemd are for this process and no other
    posix.execve(sys.executable, {twistd!r} + sys.argv[1:], {{**given, "PYTHONPATH": {home!r}}})
peer = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
peer.connect({path!r})
streams = b"".join(each.to_bytes(4, sys.byteorder) for each in (0, 1, 2))
wish = marshal.dumps([sys.argv[0].rpartition("/")[2], sys.argv[1:], posix.getcwd(), given])
peer.sendmsg([wish], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
pid = int(peer.recv(20))
for number in (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP):
    _signal.signal(number, lambda number, frame: posix.kill(pid, number))
status = int(peer.recv(20) or b"-9")
posix._exit(status if status >= 0 else 128 - status)
"""


@cache
def folder() -> str:
    """
    Where the scripts are, for as long as this process lives.
    """
    home = Path(mkdtemp(prefix="txmqtt-"))
    path = home / "nursery"
    process = subprocess.Popen(
        [sys.executable, "-c", f"from tests.end_to_end.programs import serve; serve({str(path)!r})"],
        env={**environment(), "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
    )

    def stop() -> None:
        process.communicate()  # the end of its input
        process.wait(PATIENCE)
        shutil.rmtree(home, ignore_errors=True)

    atexit.register(stop)
    bin = home / "bin"
    bin.mkdir()
    for name in NAMES:
        (bin / name).write_text(_SCRIPT.format(python=sys.executable, path=str(path), home=HOME, twistd=TWISTD))
        (bin / name).chmod(0o755)
    until(path.exists, "the programs to be there", 4 * PATIENCE)
    return str(bin)


def serve(path: str) -> None:
    """
    Become programs, until our input ends.
    """
    for module in _NEEDED:
        __import__(module)
    assert "twisted.internet.reactor" not in sys.modules  # one for each program
    gc.freeze()  # a copy need not look through all of that
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    door.bind(path + ".")
    door.listen()
    os.rename(path + ".", path)  # there when somebody listens
    while True:
        ready, _, _ = select.select([0, door.fileno()], [], [])
        if 0 in ready:
            return
        peer, _ = door.accept()
        if not os.fork():
            door.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _look_after(peer)
        peer.close()


def _look_after(peer: socket.socket) -> None:
    """
    Start the program, say its number, wait for its end, and say its status. Who asked for it takes it along.
    """
    wish, streams, _, _ = socket.recv_fds(peer, 1 << 20, 3)
    pid = os.fork()
    if not pid:
        peer.close()
        name, words, where, surroundings = marshal.loads(wish)
        _become(name, words, where, surroundings, streams)
    for each in streams:
        os.close(each)
    peer.send(b"%d" % pid)
    ended = os.pidfd_open(pid)
    if ended not in select.select([peer.fileno(), ended], [], [])[0]:
        os.kill(pid, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    try:
        peer.send(b"%d" % status)
    finally:
        os._exit(0)


def _become(name: str, words: list[str], where: str, surroundings: dict[str, str], streams: list[int]) -> None:
    for place, stream in enumerate(streams):
        os.dup2(stream, place)
        os.close(stream)
    os.chdir(where)
    os.environ.clear()
    os.environ.update(surroundings)
    sys.argv = [name, *words]
    status = 1
    try:
        status = _run(name, words) or 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _run(name: str, words: list[str]) -> int | None:
    if name == "txmqtt":
        from txmqtt.cli.main import main

        main(words, prog_name=name)
    elif name == "twistd":
        from twisted.scripts.twistd import run

        run()
    elif name == "trial":
        from twisted.scripts.trial import run

        run()
    elif name == "pytest":
        import pytest

        return int(pytest.main(["-p", "pytest_txmqtt", "-p", "no:cacheprovider", *words]))
    else:
        sys.argv = words
        sys.path.insert(0, os.getcwd())
        runpy.run_path(words[0], run_name="__main__")
    return None
