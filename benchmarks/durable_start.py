"""
How soon a broker with much to keep is there again, what it holds in memory, and what a returning client costs others.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from statistics import median

from brokers import UNLIMITED, Broker, fresh_folder, ours
from durable_fill import client_id, fill
from durable_generator import troubles
from durable_parts import SQLITE, Bench
from durable_tables import Row, Table

from txmqtt.codec import encode
from txmqtt.codec.constants import MQTT311, PUBACK
from txmqtt.codec.decode import Decoder
from txmqtt.codec.packets import Connect, Publish

#: Queued messages of each session that is paged in.
_PAGE = 1_000

#: Seconds without a byte after which nothing comes any more.
_PATIENCE = 10.0

_PING = ("-q", "0", "-g", "1", "-w", "1", "-f", "ping")


def start(bench: Bench) -> Table:
    table = Table(
        "start", "from the start of the process to a CONNACK, and what is in memory then", ("empty", "filled")
    )
    with _filled(bench, 0, 0) as broker:
        empty_seconds, empty_work = broker.start(), broker.processor_time
        empty_memory = _memory(broker)
    deep = max(1, bench.messages // _PAGE)
    for sessions, each in ((bench.sessions, bench.messages // bench.sessions), (deep, _PAGE)):
        with _filled(bench, sessions, each) as broker:
            seconds, work = broker.start(), broker.processor_time
            memory = _memory(broker)
            what = f"{sessions * each:,} messages in {sessions:,} sessions"
            row = Row(f"{what}: s", {"empty": empty_seconds, "filled": seconds}, seconds, "< 5 s", 2, " s")
            table.rows.append(row)
            table.rows.append(Row(f"{what}: processor s", {"empty": empty_work, "filled": work}, digits=2))
            more, bar = memory - empty_memory, "< 100 MB" if each == _PAGE else ""
            table.rows.append(Row(f"{what}: MB", {"empty": empty_memory, "filled": memory}, more, bar, unit=" MB more"))
            if each == _PAGE:
                _returns(bench, broker, table, sessions)
    return table


@contextmanager
def _filled(bench: Bench, sessions: int, each: int) -> Iterator[Broker]:
    """
    A broker, not yet started, with a store of so many sessions with so many messages each.
    """
    with fresh_folder(bench.directory) as folder:
        fill(folder / SQLITE, sessions, each)
        broker = ours(folder, SQLITE, bench.durability, *UNLIMITED)
        try:
            yield broker
        finally:
            broker.stop()


def _memory(broker: Broker) -> float:
    time.sleep(1)  # what it does after the first CONNACK counts too
    return broker.memory


def _returns(bench: Bench, broker: Broker, table: Table, sessions: int) -> None:
    """
    Clients return one after the other and take what waits for them, while a pair sends single messages to and fro.
    """
    alone = bench.generator.run(broker, *_PING)
    taken: list[float] = []
    with bench.generator.background(broker, *_PING, beside_load=False) as over:
        end = time.monotonic() + bench.generator.seconds
        missing = 0
        while len(taken) < sessions and time.monotonic() < end and not missing:
            seconds, missing = _collect(broker, len(taken))
            taken.append(seconds)
    beside = over[0]
    wrong_here = {"lost": missing} if missing else {}
    row = Row(f"one returns for {_PAGE:,} messages: ms", {"filled": median(taken) * 1e3}, digits=1, troubles=wrong_here)
    table.rows.append(row)
    table.notes.append(f"{len(taken)} clients returned while a QoS 0 pair sent single messages: 'empty' is it alone")

    for what, name in (("p50", "delivery_50"), ("p99", "delivery_99"), ("longest", "delivery_max")):
        one, two = getattr(alone, name) * 1e3, getattr(beside, name) * 1e3
        wrong = troubles([alone, beside]) if what == "p50" else {}  # once for the three
        ratio = two / one if one else None
        table.rows.append(
            Row(f"QoS 0 meanwhile: ms, {what}", {"empty": one, "filled": two}, ratio, digits=3, troubles=wrong)
        )


def _collect(broker: Broker, number: int) -> tuple[float, int]:
    """
    A client returns and takes what waits for it.

    @return: seconds until it had all, and how many messages never came.
    """
    decoder, left = Decoder(MQTT311), _PAGE
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", broker.port), _PATIENCE) as client, suppress(TimeoutError):
        client.sendall(encode.packet(Connect(client_id(number), clean_start=False), MQTT311))
        while left:
            if not (data := client.recv(1 << 16)):
                raise SystemExit(f"{client_id(number)} was sent away with {left} messages to come:\n{broker.log}")
            decoder.feed(data)
            answers = []
            while (packet := decoder.take()) is not None:
                if isinstance(packet, Publish):
                    answers.append(encode.ack(PUBACK, packet.packet_id, 0, None, MQTT311))
                    left -= 1
            client.sendall(b"".join(answers))
        client.sendall(encode.disconnect(0, None, MQTT311))
    return time.monotonic() - began, left
