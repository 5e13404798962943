"""
What does a client's store cost?

    python -m benchmarks.client_store [--seconds 3] [--runs 3] [--directory .]

A program publishes as fast as it can through C{MQTTClientService}, 64 bytes each, with at most so many unacknowledged;
without a store, and with one whose transactions are synced to disk (C{full}) or not (C{normal}). The broker, on the
other processor, keeps nothing. Medians of alternating runs: publishes acknowledged in a second, and processor time of
the program for each. The disk that counts is that of C{--directory}.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from twisted.internet import reactor as global_reactor

import txmqtt
from benchmarks.processes import Broker, txmqtt_command
from txmqtt import MQTTClientService
from txmqtt.backends.client import ClientStore

reactor: Any = global_reactor

#: The processors for broker and program.
BROKER, PROGRAM = 1, 0
STORES = ("", "normal", "full")
WINDOWS = (1, 100)


class Publisher:
    """
    Keeps so many publishes under way for so long.
    """

    def __init__(self, port: int, store: str, path: str, qos: int, window: int, seconds: float) -> None:
        self._qos, self._window, self._seconds = qos, window, seconds
        kept = ClientStore(path, reactor, store) if store else None
        options: dict[str, Any] = {"store": kept, "client_id": "publisher", "clean_start": False, "session_expiry": 60}
        self.commits = 0
        self._store = kept
        self._service = MQTTClientService(f"mqtt://127.0.0.1:{port}", max_inflight=window, **options)
        self._done = 0
        self._over = False

    def start(self) -> None:
        self._service.startService()
        self._service.whenReady().addCallback(self._begin)

    def _begin(self, _: object) -> None:
        self._began, self._cpu = time.monotonic(), time.process_time()
        reactor.callLater(self._seconds, self._end)
        for _each in range(self._window):
            self._publish()

    def _publish(self, _: object = None) -> None:
        if not self._over:
            self._service.publish("bench/topic", bytes(64), self._qos).addCallback(self._acknowledged)

    def _acknowledged(self, _: object) -> None:
        self._done += 1
        self._publish()

    def _end(self) -> None:
        self._over = True
        took, cpu = time.monotonic() - self._began, time.process_time() - self._cpu
        commits = self._store.journal.figures.commits if self._store is not None else 0
        print(self._done / took, cpu / max(self._done, 1) * 1e6, commits / took, flush=True)
        reactor.stop()


def child(port: str, store: str, path: str, qos: str, window: str, seconds: str) -> None:
    publisher = Publisher(int(port), store, path, int(qos), int(window), float(seconds))
    reactor.callWhenRunning(publisher.start)
    reactor.run()


def measure(port: int, folder: str, store: str, qos: int, window: int, seconds: float) -> list[float]:
    """
    One run in a process of its own.
    """
    home = str(Path(txmqtt.__file__ or "").resolve().parent.parent)
    here = str(Path(__file__).resolve().parent.parent)
    with TemporaryDirectory(prefix="client-store-", dir=folder) as fresh:
        words = [str(port), store, os.path.join(fresh, "app.db"), str(qos), str(window), str(seconds)]
        ended = subprocess.run(
            [sys.executable, "-P", "-m", "benchmarks.client_store", "--child", *words],
            env={**os.environ, "PYTHONPATH": os.pathsep.join((home, here))},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {PROGRAM}),
        )
    return [float(word) for word in ended.stdout.split()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--directory", default=".", help="where the stores are made")
    chosen = parser.parse_args()
    broker = Broker(txmqtt_command("memory", None))
    broker.start()
    try:
        os.sched_setaffinity(broker.pid, {BROKER})
        if not broker.answers(30.0):
            raise SystemExit(broker.last_words())
        print(f"txmqtt {'compiled' if txmqtt.compiled else 'interpreted'}, Python {sys.version.split()[0]}")
        print(f"{'QoS':>3} {'under way':>9}  {'store':<8} {'publishes/s':>12} {'us each':>9} {'commits/s':>10}")
        for qos in (1, 2):
            for window in WINDOWS:
                found: dict[str, list[list[float]]] = {store: [] for store in STORES}
                for _ in range(chosen.runs):
                    for store in STORES:
                        found[store].append(measure(broker.port, chosen.directory, store, qos, window, chosen.seconds))
                for store, runs in found.items():
                    rate, cpu, commits = (statistics.median(column) for column in zip(*runs, strict=True))
                    print(f"{qos:>3} {window:>9}  {store or 'none':<8} {rate:>12,.0f} {cpu:>9.1f} {commits:>10,.0f}")
    finally:
        broker.remove()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:])
    else:
        main()
