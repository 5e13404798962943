"""
Does a healthy pair of clients notice what hostile ones do?  python benchmarks/hostile.py

A broker runs in its own process on one processor, everybody else on another. A publisher and a subscriber send one
message after the other and note how long each took: alone, then while hostile clients do one thing after the other,
then alone again. The table says how much longer it took than alone, by the better of the two times. Ten thousand
connections that are not let in may make the 99th percentile a quarter longer, each kind of client that is let in may
double it. It takes a minute.
"""

from __future__ import annotations

import argparse
import errno
import multiprocessing
import os
import select
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.synchronize import Event
from pathlib import Path
from resource import RLIMIT_NOFILE, getrlimit, setrlimit
from tempfile import TemporaryDirectory
from typing import NamedTuple

from brokers import LOAD, Broker, ours

#: A clean CONNECT of 3.1.1 by whoever, and what answers it.
_HELLO = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00"
_WELCOME = b"\x20\x02\x00\x00"
#: A CONNECT that promises more than it says.
_HALF = b"\x10\x80\x40\x00\x04MQTT\x04"

#: So many connections are opened a second until all are there, and by those that close them at once.
_PACE = 2_000
_HASTE = 300
#: A measurement is cut into so many.
_WINDOWS = 8

_HERE = "127.0.0.1"


class Mob:
    """
    Connections that are never let in: opened at a pace, and again when the broker closes them.

    @param first: what each says at once.
    @param trickle: each says one byte a second.
    @param hasty: each is closed by us as soon as it is open.
    """

    def __init__(self, port: int, size: int, first: bytes = b"", trickle: bool = False, hasty: bool = False) -> None:
        self._port = port
        self._size = size
        self._first = first
        self._trickle = trickle
        self._hasty = hasty
        self._pace = _HASTE if hasty else _PACE
        self._poll = select.epoll()
        self._open: dict[int, socket.socket] = {}
        self._due = time.monotonic()
        self._spoke = time.monotonic()
        self._talkers: list[socket.socket] = []

    def step(self) -> bool:
        """
        Do what is due.

        @return: whether all are there.
        """
        now = time.monotonic()
        while self._due < now and len(self._open) < self._size:
            self._due = max(self._due, now - 0.02) + 1 / self._pace
            self._connect()
        if self._trickle:
            self._say_more(now)
        for number, _ in self._poll.poll(0.0005, 500):
            with suppress(OSError):
                if self._open[number].recv(100):
                    continue
            self._close(number)
        return self._hasty or len(self._open) >= self._size * 0.95

    def _say_more(self, now: float) -> None:
        """
        A byte of everybody each second, one after the other.
        """
        if not self._talkers:
            self._talkers = list(self._open.values())
        due = min(len(self._talkers), int((now - self._spoke) * len(self._open)))
        if due:
            self._spoke = now
        for _ in range(due):
            with suppress(OSError):
                self._talkers.pop().send(b"\0")

    def _connect(self) -> None:
        door = socket.socket()
        try:
            door.setblocking(False)
            if door.connect_ex((_HERE, self._port)) not in (0, errno.EINPROGRESS):
                door.close()
                return
            if self._hasty:
                door.close()
                return
            if self._first:
                door.send(self._first)
        except OSError:
            pass  # the poll finds out
        self._open[door.fileno()] = door
        self._poll.register(door, select.EPOLLIN)

    def _close(self, number: int) -> None:
        self._open.pop(number).close()


class Guests:
    """
    Some that are let in, and then do something.

    @param answers: whether they read what they are sent.
    """

    def __init__(self, port: int, size: int, then: bytes, again: bytes = b"") -> None:
        self._again = again
        self._open = [_guest(port) for _ in range(size)]
        for each in self._open:
            each.sendall(then)
            each.setblocking(False)

    def step(self) -> bool:
        """
        Do what is due.
        """
        if self._again:
            select.select([], self._open, [], 0.05)
            for each in self._open:
                with suppress(BlockingIOError):
                    each.send(self._again)
        else:
            time.sleep(0.05)
        return True


def _guest(port: int) -> socket.socket:
    guest = socket.create_connection((_HERE, port))
    guest.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    guest.sendall(_HELLO)
    if guest.recv(4, socket.MSG_WAITALL) != _WELCOME:
        raise SystemExit("a client was not let in")
    return guest


def _publish(topic: bytes, payload: bytes) -> bytes:
    size = 2 + len(topic) + len(payload)
    head = bytes([0x30, size]) if size < 128 else bytes([0x30, size & 127 | 128, size >> 7])
    return head + len(topic).to_bytes(2, "big") + topic + payload


def _subscribe(topic: bytes) -> bytes:
    return bytes([0x82, 5 + len(topic), 0, 1]) + len(topic).to_bytes(2, "big") + topic + b"\0"


class _Both:
    """
    Several at once.
    """

    def __init__(self, *parts: Mob | Guests) -> None:
        self._parts = parts

    def step(self) -> bool:
        return all([part.step() for part in self._parts])


#: What hostile clients do: by name, who does it, and how much longer it may make the 99th percentile.
KINDS: dict[str, tuple[Callable[[int, int], Mob | Guests | _Both], float]] = {
    "say nothing": (lambda port, size: Mob(port, size), 1.25),
    "say half a CONNECT": (lambda port, size: Mob(port, size, _HALF), 1.25),
    "say a byte a second": (lambda port, size: Mob(port, size, _HALF, trickle=True), 1.25),
    "connect and close": (lambda port, size: Mob(port, size, hasty=True), 1.25),
    "all of these": (
        lambda port, size: _Both(
            Mob(port, size * 4 // 10),
            Mob(port, size * 3 // 10, _HALF),
            Mob(port, size * 3 // 10, _HALF, trickle=True),
            Mob(port, 100, hasty=True),
        ),
        1.25,
    ),
    "stop reading": (
        lambda port, size: _Both(
            Guests(port, 5, _subscribe(b"much")), Guests(port, 1, b"", _publish(b"much", bytes(1_000)))
        ),
        2.0,
    ),
    "say half a PUBLISH": (lambda port, size: Guests(port, 50, _publish(b"much", bytes(1_000))[:500]), 2.0),
    "flood": (lambda port, size: Guests(port, 2, b"", _publish(b"much", bytes(50)) * 100), 2.0),
}


def _hostile(kind: str, port: int, size: int, ready: Event, over: Event) -> None:
    # What is measured is the broker's share of its processor, not ours of this one.
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    os.setpriority(os.PRIO_PROCESS, 0, 5)
    crowd = KINDS[kind][0](port, size)
    began = time.monotonic()
    while not over.is_set():
        if crowd.step() or time.monotonic() > began + 10:
            ready.set()


class Pair:
    """
    A publisher and a subscriber.
    """

    def __init__(self, port: int) -> None:
        self._publisher, self._subscriber = _guest(port), _guest(port)
        self._subscriber.settimeout(10)
        self._subscriber.sendall(_subscribe(b"fine"))
        self._subscriber.recv(5, socket.MSG_WAITALL)

    def measure(self, seconds: float) -> tuple[float, float]:
        """
        @return: the median and the 99th percentile of the time that a message takes, microseconds, in the best of
            several windows: what else the machine does only makes it worse.
        """
        windows = [self._window(seconds / _WINDOWS) for _ in range(_WINDOWS)]
        return min(p50 for p50, _ in windows), min(p99 for _, p99 in windows)

    def _window(self, seconds: float) -> tuple[float, float]:
        took: list[float] = []
        end = time.monotonic() + seconds
        message = _publish(b"fine", bytes(64))
        while time.monotonic() < end:
            began = time.perf_counter()
            self._publisher.sendall(message)
            if len(self._subscriber.recv(len(message), socket.MSG_WAITALL)) != len(message):
                raise SystemExit("the healthy subscriber was closed")
            took.append(time.perf_counter() - began)
            time.sleep(0.001)
        took.sort()
        return took[len(took) // 2] * 1e6, took[len(took) * 99 // 100] * 1e6


class Row(NamedTuple):
    """
    What was measured.

    @ivar share: of a processor that the broker took.
    @ivar memory: of the broker, MB.
    """

    kind: str
    p50: float
    p99: float
    share: float
    memory: float


def _measure(broker: Broker, pair: Pair, kind: str, seconds: float) -> Row:
    spent, began = broker.processor_time, time.monotonic()
    p50, p99 = pair.measure(seconds)
    share = (broker.processor_time - spent) / (time.monotonic() - began)
    return Row(kind, p50, p99, share, broker.memory)


def _run(broker: Broker, kinds: list[str], size: int, seconds: float) -> list[Row]:
    pair = Pair(broker.port)
    pair.measure(1.0)
    rows = [_measure(broker, pair, "none", seconds)]
    context = multiprocessing.get_context("fork")
    for kind in kinds:
        ready, over = context.Event(), context.Event()
        process = context.Process(target=_hostile, args=(kind, broker.port, size, ready, over))
        process.start()
        ready.wait(15)
        rows.append(_measure(broker, pair, kind, seconds))
        over.set()
        process.join(5)
        if process.is_alive():
            process.kill()
        time.sleep(0.5)
    return [*rows, _measure(broker, pair, "none, again", seconds)]


def _told(rows: list[Row]) -> int:
    """
    Print the table.

    @return: how many bars were missed.
    """
    alone = min(rows[0].p99, rows[-1].p99)
    missed = 0
    print(f"{'hostile clients':>20} {'p50 us':>7} {'p99 us':>7} {'ratio':>6} {'bar':>5} {'CPU':>5} {'MB':>5}")
    for kind, p50, p99, share, memory in rows:
        ratio = p99 / alone
        bar = KINDS[kind][1] if kind in KINDS else 0.0
        missed += bar > 0 and ratio > bar
        print(f"{kind:>20} {p50:7.0f} {p99:7.0f} {ratio:6.2f} {bar or '':>5} {share:5.0%} {memory:5.0f}")
    return missed


def main() -> None:
    """
    Measure, and say how many bars were missed.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=10_000, help="connections that are not let in [default: 10000]")
    parser.add_argument("--seconds", type=float, default=2.5, help="of each measurement [default: 2.5]")
    parser.add_argument("--half-open", type=int, help="--max-half-open of the broker [default: room for all of them]")
    parser.add_argument("--kind", choices=KINDS, action="append", help="only this kind; may be repeated")
    parser.add_argument(
        "--urgent", action="store_true", help="before everything else that this machine does, as far as root may"
    )
    options = parser.parse_args()
    _, hard = getrlimit(RLIMIT_NOFILE)
    setrlimit(RLIMIT_NOFILE, (hard, hard))
    size = min(options.size, hard - 500)
    os.sched_setaffinity(0, {LOAD})
    if options.urgent:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    with TemporaryDirectory(prefix="hostile-") as folder:
        room = options.half_open or size + 1_000
        broker = ours(Path(folder), "memory", "full", "--max-half-open", str(room), "--max-connections", str(hard))
        broker.start()
        try:
            rows = _run(broker, options.kind or list(KINDS), size, options.seconds)
        finally:
            broker.stop()
    missed = _told(rows)
    sys.exit(f"{missed} bars missed" if missed else 0)


if __name__ == "__main__":
    main()
