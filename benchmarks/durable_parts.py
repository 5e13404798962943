"""
The questions that a load answers: what a durable store costs, and whom.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

from brokers import UNLIMITED, Broker, fresh_folder, mosquitto, ours, running
from durable_generator import Figures, Generator, troubles
from durable_tables import Row, Table

#: The two stores that are compared, as C{--store} wants them.
MEMORY, SQLITE = "memory", "mqtt.db"
STORES = (MEMORY, SQLITE)
SQL = "sqlite"
COLUMNS = (MEMORY, SQL)
MOSQUITTO = "mosquitto"

#: 50 publishers with 20 messages outstanding each, and a session that stays for each topic.
DURABLE = ("-q", "1", "-g", "50", "-w", "20", "-d", "-f", "durable")
#: The same while those sessions have nobody connected.
AWAY = (*DURABLE, "-o")
#: 20 pairs that need no disk.
PLAIN = ("-q", "0", "-g", "20", "-w", "50", "-f", "plain")


@dataclass(frozen=True)
class Bench:
    """
    What all questions share.

    @ivar directory: where the brokers keep what they keep; its disk is the one that is measured.
    @ivar runs: how many alternating runs of each.
    @ivar many: likewise, where a difference of a few per cent is looked for.
    @ivar messages: how many wait when the broker starts.
    @ivar sessions: how many there are then.
    """

    generator: Generator
    directory: str
    durability: str
    runs: int
    many: int
    messages: int
    sessions: int

    def alternate(self, runs: int) -> Iterator[str]:
        """
        The two stores in turn, each as often first as second: what drifts hits both.
        """
        for number in range(runs):
            yield from STORES if number % 2 == 0 else STORES[::-1]

    @contextmanager
    def broker(self, store: str, *options: str) -> Iterator[Broker]:
        """
        Our broker with an empty store, in a fresh process.
        """
        with fresh_folder(self.directory) as folder, running(ours(folder, store, self.durability, *options)) as broker:
            yield broker

    def run(self, store: str, *options: str) -> Figures:
        """
        One load on a fresh broker of ours that refuses nothing.
        """
        with self.broker(store, *UNLIMITED) as broker:
            return self.generator.run(broker, *options)


def throughput(bench: Bench) -> Table:
    table = Table(
        "throughput", "QoS 1, 50 publishers, 20 outstanding each, a durable subscriber for each topic", COLUMNS
    )
    online = _alternating(bench, DURABLE)
    for what, name in (("acknowledged/s", "acknowledged"), ("delivered/s", "received")):
        reach = ">= 0.5" if name == "acknowledged" else ""
        columns = [[run.rate(name) for run in online[store]] for store in STORES]
        table.compare(f"connected: {what}", columns, [run for each in online.values() for run in each], reach=reach)
    away = _alternating(bench, AWAY)
    both = [run for each in away.values() for run in each]
    columns = [[run.rate("acknowledged") for run in away[store]] for store in STORES]
    table.compare("away: acknowledged/s", columns, both, reach=">= 0.5")
    columns = [[run.drain_rate for run in away[store]] for store in STORES]
    table.compare("back again: delivered/s", columns, both)
    return table


def _alternating(bench: Bench, load: tuple[str, ...]) -> dict[str, list[Figures]]:
    found: dict[str, list[Figures]] = {store: [] for store in STORES}
    for store in bench.alternate(bench.runs):
        found[store].append(bench.run(store, *load))
    return found


def beside(bench: Bench) -> Table:
    table = Table("beside", "20 QoS 0 pairs, alone and beside the load of throughput", COLUMNS)
    alone: dict[str, list[Figures]] = {store: [] for store in STORES}
    beside: dict[str, list[Figures]] = {store: [] for store in STORES}
    others: dict[str, list[Figures]] = {store: [] for store in STORES}
    for store in bench.alternate(bench.runs):
        with bench.broker(store, *UNLIMITED) as broker:
            alone[store].append(bench.generator.run(broker, *PLAIN))
            with bench.generator.background(broker, *DURABLE) as over:
                beside[store].append(bench.generator.run(broker, *PLAIN))
            others[store] += over
    for what, runs, name, reach in (
        ("QoS 0 alone: delivered/s", alone, "received", ""),
        ("QoS 0 beside QoS 1: delivered/s", beside, "received", ">= 0.67"),
        ("QoS 1 meanwhile: acknowledged/s", others, "acknowledged", ""),
    ):
        columns = [[run.rate(name) for run in runs[store]] for store in STORES]
        table.compare(what, columns, [run for each in runs.values() for run in each], reach=reach)
    kept = {
        column: median(
            two.rate("received") / one.rate("received") for one, two in zip(alone[store], beside[store], strict=True)
        )
        for column, store in zip(COLUMNS, STORES, strict=True)
    }
    table.rows.append(Row("QoS 0 beside QoS 1, of what it has alone", kept, digits=2))
    return table


def latency(bench: Bench) -> Table:
    columns = ("memory p50", "memory p99", "sqlite p50", "sqlite p99", "sqlite max")
    table = Table(
        "latency", "PUBACK, one publisher with one outstanding, milliseconds; the ratio is sqlite's p99", columns
    )
    half, most = disk(bench.directory)
    table.notes.append(f"fdatasync in the state directory takes {half * 1e3:.3f} ms (p50), {most * 1e3:.3f} ms (p99)")
    for load, who in ((("-d",), "connected"), (("-o",), "away")):
        for busy in (False, True):
            runs: dict[str, list[Figures]] = {store: [] for store in STORES}
            for store in bench.alternate(bench.runs):
                runs[store].append(_one_publisher(bench, store, load, busy))
            memory, sqlite = runs[MEMORY], runs[SQLITE]
            figures = (
                median(run.ack_50 for run in memory),
                median(run.ack_99 for run in memory),
                median(run.ack_50 for run in sqlite),
                median(run.ack_99 for run in sqlite),
                max(run.ack_max for run in sqlite),
            )
            values = {column: value * 1e3 for column, value in zip(columns, figures, strict=True)}
            what = f"subscriber {who}, {'beside 20 QoS 0 pairs' if busy else 'nothing else'}"
            wrong = troubles(memory + sqlite)
            table.rows.append(Row(what, values, values["sqlite p99"], "< 5 ms", 3, " ms", troubles=wrong))
    return table


def _one_publisher(bench: Bench, store: str, load: tuple[str, ...], busy: bool) -> Figures:
    load = ("-q", "1", "-g", "1", "-w", "1", "-f", "single", *load)
    with bench.broker(store, *UNLIMITED) as broker:
        if not busy:
            return bench.generator.run(broker, *load)
        with bench.generator.background(broker, *PLAIN):
            return bench.generator.run(broker, *load)


def disk(directory: str, times: int = 200) -> tuple[float, float]:
    """
    Seconds that the disk takes to make 4 KiB durable, in a file that does not grow: p50 and p99.
    """
    taken = []
    with fresh_folder(directory) as folder, (folder / "probe").open("wb", buffering=0) as probe:
        probe.write(bytes(4096 * times))
        os.fsync(probe.fileno())
        probe.seek(0)
        for _ in range(times):
            probe.write(os.urandom(4096))
            began = time.perf_counter()
            os.fdatasync(probe.fileno())
            taken.append(time.perf_counter() - began)
    taken.sort()
    return taken[times // 2], taken[times * 99 // 100]


def untouched(bench: Bench) -> Table:
    table = Table("untouched", "traffic that needs no disk, microseconds of processor time for each delivery", COLUMNS)
    loads = {
        "QoS 0 pairs": ("-q", "0", "-g", "10", "-w", "50"),
        "QoS 1 pairs, clean sessions": ("-q", "1", "-g", "10", "-w", "20"),
    }
    runs: dict[tuple[str, str], list[Figures]] = {(what, store): [] for what in loads for store in STORES}
    for store in bench.alternate(bench.many):
        with bench.broker(store) as broker:
            for what, load in loads.items():
                runs[what, store].append(bench.generator.run(broker, *load))
    for what in loads:
        columns = [[run.cpu_per_delivery for run in runs[what, store]] for store in STORES]
        table.compare(what, columns, runs[what, MEMORY] + runs[what, SQLITE], reach="<= 1.05", digits=2)
    return table


def peer(bench: Bench) -> Table:
    question = "against one that saves after every change, and after kill -9 at the end of the load"
    table = Table("mosquitto", question, (MOSQUITTO, SQL))
    runs: dict[tuple[str, str], list[Figures]] = {}
    for what, load in (("connected", DURABLE), ("away", (*AWAY, "-K"))):
        for _ in range(bench.runs):
            for who in table.columns:
                with fresh_folder(bench.directory) as folder:
                    store = ours(folder, SQLITE, bench.durability, *UNLIMITED)
                    broker = mosquitto(folder) if who == MOSQUITTO else store
                    if broker is None:
                        table.notes.append("there is no mosquitto here")
                        return table
                    runs.setdefault((what, who), []).append(_until_killed(bench, broker, load))
    for what in ("connected", "away"):
        columns = [[run.rate("acknowledged") for run in runs[what, who]] for who in table.columns]
        wrong = [run for who in table.columns for run in runs[what, who]] if what == "connected" else []
        table.compare(f"{what}: acknowledged/s", columns, wrong)
    killed = {who: runs["away", who] for who in table.columns}
    acknowledged = {who: float(sum(run.all_acknowledged for run in killed[who])) for who in table.columns}
    lost = {who: float(sum(run.lost for run in killed[who])) for who in table.columns}
    wrong_too = {what: count for what, count in troubles(killed[MOSQUITTO] + killed[SQL]).items() if what != "lost"}
    table.rows.append(Row("acknowledged until kill -9", acknowledged))
    table.rows.append(Row("lost of them", lost, reach="0 by sqlite", troubles=wrong_too))
    return table


def _until_killed(bench: Bench, broker: Broker, load: tuple[str, ...]) -> Figures:
    with running(broker):
        if "-K" not in load:
            return bench.generator.run(broker, *load)
        running_load = bench.generator.start(broker, *load)
        try:
            running_load.says("running")
            running_load.says("killed")
            broker.ended()
            broker.start()
            return running_load.figures()
        finally:
            running_load.abandon()
