"""
How many instructions does a message cost between the bytes that arrive and the bytes that leave? Exact where time is
noise: two installations on a disturbed machine can be told apart to a thousandth. ::

    python benchmarks/instructions.py old/bin/python new/bin/python
    python benchmarks/instructions.py --check benchmarks/expected.toml compiled/bin/python

The broker's floors 0 to 2 run in memory, without reactor and sockets, under valgrind (Debian: C{valgrind}): once as
they are, and once with rights that allow the load what it does and with rates that are not reached. What comes before a
broker is warm is not counted. With C{--check} it is an error when a message costs a quarter more than the file says,
with those rights and rates. It needs a C compiler, and takes half a minute for each installation.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

#: Of each load: messages in one read, receivers, QoS, and reads. Four times as many come before, uncounted.
LOADS = {
    "pair": (100, 1, 0, 40),
    "one a read": (1, 1, 0, 2000),
    "fan-out": (20, 100, 0, 40),
    "qos1": (20, 1, 1, 100),
    "qos2": (20, 1, 2, 100),
}

#: How much more than expected is an error.
TOLERANCE = 1.25

#: What tells valgrind to count, and to say what it has counted.
_MARKS = """\
#include <valgrind/callgrind.h>
void begin(void) { CALLGRIND_ZERO_STATS; CALLGRIND_TOGGLE_COLLECT; }
void end(const char *what) { CALLGRIND_TOGGLE_COLLECT; CALLGRIND_DUMP_STATS_AT(what); }
"""

_LIMITS = {
    "publish_rate": 1e9,
    "publish_burst": 10**9,
    "byte_rate": 1e12,
    "byte_burst": 10**12,
    "queue_full": "drop_oldest",
}

TOPIC = b"bench/0"


# Under valgrind


class Rights:
    """
    All that the load does is allowed, and is asked about.
    """

    def may_publish(self, topic: str) -> bool:
        return True

    def may_receive(self, topic: str) -> bool:
        return True

    def granted(self, filter: str, qos: int) -> int:
        return qos


class Peer:
    """
    One client, on a wire of memory.

    @ivar got: what it was sent.
    """

    def __init__(self, broker: object, name: str, rights: Rights | None) -> None:
        from txmqtt.broker.core import Broker
        from txmqtt.codec import encode
        from txmqtt.codec.packets import Connect
        from txmqtt.session.server import ServerSession

        assert isinstance(broker, Broker)
        policy = broker.policy
        self.got: list[bytes] = []
        self._broker = broker
        self._rights = rights
        self._session = ServerSession(
            broker.turn,
            self,  # type: ignore[arg-type] # of what a link does it needs these
            self.got.append,
            broker,
            policy.write_buffer,
            policy.connect_timeout,
            policy.opening_bytes,
        )
        self.say(encode.packet(Connect(name, 4), 4))
        self.got.clear()

    def say(self, data: bytes) -> None:
        self._session.feed(data, 0.0)
        self._broker.turn.flush()

    def connecting(self, packet: object) -> None:
        self._broker.join(self._session, packet, None, self._rights, "")  # type: ignore[arg-type]

    def admitted(self) -> None:
        pass

    def rearm(self, deadline: float) -> None:
        pass

    def close(self, reason: int, message: str, abort: bool) -> None:
        raise SystemExit(f"a conversation ended: {message}")


def packets(data: bytes) -> Iterator[bytes]:
    """
    Each packet in these bytes; all are short.
    """
    at = 0
    while at < len(data):
        end = at + 2 + data[at + 1]
        yield data[at:end]
        at = end


def drive(load: str, configured: bool, marks: ctypes.CDLL) -> None:
    """
    Reads of a publisher, and what its receivers answer.
    """
    from txmqtt.backends.memory import MemoryBackend
    from txmqtt.broker.core import Broker
    from txmqtt.broker.policy import Policy
    from txmqtt.broker.stats import Stats
    from txmqtt.codec import encode
    from txmqtt.codec.packets import Publish, Subscribe, Subscription
    from txmqtt.session.turn import Turn

    size, receivers, qos, reads = LOADS[load]
    turn, stats = Turn(), Stats()
    policy = Policy(**_LIMITS) if configured else Policy()  # type: ignore[arg-type]
    broker = Broker(policy, turn, stats, MemoryBackend(policy, stats, turn))
    rights = Rights() if configured else None
    publisher = Peer(broker, "publisher", rights)
    peers = [Peer(broker, f"receiver{number}", rights) for number in range(receivers)]
    for each in peers:
        each.say(encode.packet(Subscribe(1, [Subscription(TOPIC, qos)]), 4))
        each.got.clear()
    identifiers = range(1, size + 1) if qos else [0] * size
    said = b"".join(encode.packet(Publish(TOPIC, bytes(64), qos, packet_id=each), 4) for each in identifiers)
    done = (b"\x40\x02", b"\x50\x02")[qos - 1]
    released = b"".join(b"\x62\x02" + each.to_bytes(2, "big") for each in identifiers)
    at = 4 + len(TOPIC)
    for left in range(5 * reads, 0, -1):
        if left == reads:
            marks.begin()
        publisher.say(said)
        for each in peers:
            sent = b"".join(each.got)
            each.got.clear()
            if qos:
                numbers = [packet[at : at + 2] for packet in packets(sent)]
                each.say(b"".join(done + number for number in numbers))
                if qos == 2:
                    each.say(b"".join(b"\x70\x02" + number for number in numbers))
                    publisher.say(released)
                each.got.clear()
        publisher.got.clear()
    marks.end(_label(load, configured).encode())


def _label(load: str, configured: bool) -> str:
    return f"{load}, {'configured' if configured else 'plain'}"


# From outside


Counts = dict[tuple[str, bool], float]


def counted(python: str, runs: list[tuple[str, bool]]) -> Counts:
    """
    The instructions of one message, or of one delivered where several receive it, in each of these runs: loads, and
    whether they are configured.
    """
    with TemporaryDirectory(prefix="instructions-") as name:
        folder = Path(name)
        (folder / "marks.c").write_text(_MARKS)
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", "marks.so", "marks.c"], check=True, cwd=folder)
        command = ["valgrind", "--tool=callgrind", "--collect-atstart=no", f"--callgrind-out-file={folder}/out"]
        command += [python, __file__, "--drive", str(folder / "marks.so")]
        command += [f"{load}:{int(configured)}" for load, configured in runs]
        environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONSAFEPATH": "1"}
        run = subprocess.run(command, capture_output=True, text=True, env=environment, cwd="/", check=False)
        if run.returncode:
            sys.exit(run.stderr[-2000:])
        dumps = [each.read_text() for each in folder.glob("out.*")]
    found: Counts = {}
    for load, configured in runs:
        (dump,) = (each for each in dumps if f"Client Request: {_label(load, configured)}\n" in each)
        total = re.search(r"^(?:summary|totals): (\d+)", dump, re.MULTILINE)
        assert total is not None
        size, receivers, _, reads = LOADS[load]
        found[load, configured] = int(total[1]) / (reads * size * receivers)
    return found


def check(python: str, loads: list[str], file: Path) -> bool:
    """
    Compare with what is expected.

    @return: whether nothing costs a quarter more.
    """
    expected: dict[str, float] = tomllib.loads(file.read_text())["instructions"]
    found = counted(python, [(load, True) for load in loads])
    good = True
    print(f"{'':12}{'expected':>10}{'found':>10}{'ratio':>8}")
    for load in loads:
        ratio = found[load, True] / expected[load]
        good &= ratio <= TOLERANCE
        print(
            f"{load:12}{expected[load]:10.0f}{found[load, True]:10.0f}{ratio:8.2f}{'' if ratio <= TOLERANCE else ' !'}"
        )
    return good


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().partition("\n")[0])
    parser.add_argument("python", nargs="*", help="the interpreters of the installations, the oldest first")
    parser.add_argument("--only", default=",".join(LOADS), help="of " + ", ".join(LOADS))
    parser.add_argument("--check", type=Path, metavar="FILE", help="compare the first with what is expected")
    parser.add_argument("--drive", metavar="MARKS", help=argparse.SUPPRESS)
    words = parser.parse_args()
    if words.drive:
        for load, configured in (each.split(":") for each in words.python):
            drive(load, configured == "1", ctypes.CDLL(words.drive))
        return
    pythons = [os.path.abspath(each) if os.sep in each else each for each in words.python or [sys.executable]]
    loads = words.only.split(",")
    if words.check:
        sys.exit(not check(pythons[0], loads, words.check))
    found = [
        counted(python, [(load, configured) for load in loads for configured in (False, True)]) for python in pythons
    ]
    columns = [(n, configured) for n in range(len(pythons)) for configured in (False, True)]
    print(
        f"{'':12}"
        + "".join(f"{f'{n + 1} ' + ('configured' if configured else 'plain'):>18}" for n, configured in columns)
    )
    for load in loads:
        first = found[0][load, False]
        figures = (found[n][load, configured] for n, configured in columns)
        print(f"{load:12}" + "".join(f"{figure:9.0f} (x{figure / first:.3f})" for figure in figures), flush=True)


if __name__ == "__main__":
    main()
