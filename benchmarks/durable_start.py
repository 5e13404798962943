"""
How soon a broker with much to keep is there again, what it holds in memory, and what a returning client costs others.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from brokers import UNLIMITED, Broker, fresh_folder, ours, running
from durable_generator import Figures, troubles
from durable_parts import SQLITE, Bench
from durable_tables import Row, Table

from txmqtt.codec import encode
from txmqtt.codec.constants import MQTT311, PUBACK, PUBLISH
from txmqtt.codec.decode import Decoder
from txmqtt.codec.packets import Connect, Publish

#: Queued messages of each session that is paged in.
_PAGE = 1_000

#: Sessions that one filling load makes.
_AT_ONCE = 500

_PING = ("-q", "0", "-g", "1", "-w", "1", "-f", "ping")


def start(bench: Bench) -> Table:
    table = Table(
        "start", "from the start of the process to a CONNACK, and what is in memory then", ("empty", "filled")
    )
    with _filled(bench, 0, 0) as broker:
        empty_seconds = broker.start()
        empty_memory = _memory(broker)
    deep = max(1, bench.messages // _PAGE)
    for sessions, each in ((bench.sessions, bench.messages // bench.sessions), (deep, _PAGE)):
        with _filled(bench, sessions, each) as broker:
            seconds, memory = broker.start(), _memory(broker)
            what = f"{sessions * each:,} messages in {sessions:,} sessions"
            row = Row(f"{what}: s", {"empty": empty_seconds, "filled": seconds}, seconds, "< 5 s", 2, " s")
            table.rows.append(row)
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
        with running(ours(folder, SQLITE, "off", *UNLIMITED)) as broker:
            for first in range(0, sessions, _AT_ONCE):
                some = min(_AT_ONCE, sessions - first)
                told = ("-g", str(some), "-n", str(each), "-f", f"fill{first}")
                load = bench.generator.start(broker, "-o", "-l", "-q", "1", "-w", "20", *told, seconds=3600)
                load.says("running")
                if wrong := troubles([load.figures()]):
                    raise SystemExit(f"the store can't be filled: {wrong}")
        again = ours(folder, SQLITE, bench.durability, *UNLIMITED)
        try:
            yield again
        finally:
            again.stop()


def _memory(broker: Broker) -> float:
    time.sleep(1)  # what it does after the first CONNACK counts too
    return broker.memory


def _returns(bench: Bench, broker: Broker, table: Table, sessions: int) -> None:
    """
    Clients return one after the other and take what waits for them, while a pair sends single messages to and fro.
    """
    alone = bench.generator.run(broker, *_PING)
    taken: list[float] = []
    with bench.generator.background(broker, *_PING) as over:
        end = time.monotonic() + bench.generator.seconds
        while len(taken) < sessions and time.monotonic() < end:
            taken.append(_collect(broker.port, len(taken)))
    beside = over[0]
    table.rows.append(Row(f"one returns for {_PAGE:,} messages: ms", {"filled": median(taken) * 1e3}, digits=1))
    table.notes.append(f"{len(taken)} clients returned while a QoS 0 pair sent single messages: 'empty' is it alone")

    def row(what: str, name: str) -> None:
        one, two = getattr(alone, name) * 1e3, getattr(beside, name) * 1e3
        wrong: list[Figures] = [alone, beside] if name == "delivery_50" else []
        ratio = two / one if one else None
        table.rows.append(Row(what, {"empty": one, "filled": two}, ratio, digits=3, troubles=troubles(wrong)))

    row("QoS 0 meanwhile: ms, p50", "delivery_50")
    row("QoS 0 meanwhile: ms, p99", "delivery_99")
    row("QoS 0 meanwhile: ms, longest", "delivery_max")


def _collect(port: int, number: int) -> float:
    """
    Seconds until a client that returns has all that waits for it.
    """
    client_id = f"fill{number // _AT_ONCE * _AT_ONCE}-s{number % _AT_ONCE}"
    decoder, left = Decoder(MQTT311), _PAGE
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), 30) as client:
        client.sendall(encode.packet(Connect(client_id, clean_start=False), MQTT311))
        while left:
            data = client.recv(1 << 16)
            if not data:
                raise SystemExit(f"{client_id} was disconnected with {left} messages to come")
            decoder.feed(data)
            answers = []
            while (packet := decoder.take()) is not None:
                if packet.kind == PUBLISH:
                    assert isinstance(packet, Publish)
                    answers.append(encode.ack(PUBACK, packet.packet_id, 0, None, MQTT311))
                    left -= 1
            client.sendall(b"".join(answers))
        taken = time.monotonic() - began
        client.sendall(b"\xe0\x00")
    return taken
