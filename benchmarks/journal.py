"""
How fast is the journal? Rows per second, and how long a ticket waits, with 1, 100 and 1,000 messages outstanding.

Run it with C{python benchmarks/journal.py [--seconds 2] [--directory DIR] [--durability full]}. A message is two rows,
its content (100 bytes) and its place in a queue, both deleted again later. "busy" runs it beside socket pairs that keep
the reactor at 100 %, as a broker's QoS 0 traffic does, and says how many round trips these made.
"""

import argparse
import os
import socket
import tempfile
from time import perf_counter
from typing import Any

from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.internet.task import react

from txmqtt.backends.sqlite.batch import Batch
from txmqtt.backends.sqlite.journal import Journal
from txmqtt.backends.sqlite.tables import Schema, Table
from txmqtt.session.tickets import Caller, Ticket

MESSAGE = Table(
    "message",
    "id expires qos topic payload",
    1,
    "CREATE TABLE message (id INTEGER PRIMARY KEY, expires, qos, topic, payload)",
)
QUEUE = Table(
    "queue",
    "session seq message flags",
    2,
    "CREATE TABLE queue (session, seq, message, flags, PRIMARY KEY (session, seq)) WITHOUT ROWID",
)
PAYLOAD = b"x" * 100


class Load:
    """
    Keeps so many messages outstanding, and deletes the acknowledged ones a moment later.
    """

    def __init__(self, journal_at: str, durability: str, outstanding: int) -> None:
        self.journal = Journal(journal_at, Schema("benchmark", 1, (MESSAGE, QUEUE)), global_reactor, self, durability)
        self.outstanding = outstanding
        self.number = 0
        self.acknowledged = 0
        self.latencies: list[float] = []
        self.waiting: dict[Ticket, tuple[int, int, float]] = {}
        self.running = True
        self.due = 0

    def more(self, count: int) -> None:
        journal, first = self.journal, self.number
        for number in range(first, first + count):
            journal.put(MESSAGE, (number, None, 1, b"topic/of/this", PAYLOAD), 120, True)
            journal.put(QUEUE, (number % 50, number, number, 1), 0, True)
        self.number += count
        ticket = journal.ticket()
        begin, held, since = self.waiting.get(ticket, (first, 0, perf_counter()))
        self.waiting[ticket] = (begin, held + count, since)
        if not held:
            ticket.wait(Caller(lambda reason: self.kept(ticket)))
        journal.flush()

    def taken_up(self) -> None: ...

    def handed_over(self) -> None: ...

    def settling(self) -> None: ...

    def settled(self) -> None:
        if self.running and self.due:
            due, self.due = self.due, 0
            self.more(due)

    def kept(self, ticket: Ticket) -> None:
        assert not ticket.failed
        first, count, since = self.waiting.pop(ticket)
        self.latencies.append(perf_counter() - since)
        self.acknowledged += count
        self.due += count
        for number in range(first, first + count):
            self.journal.drop(QUEUE, (number % 50, number))
            self.journal.drop(MESSAGE, number)

    def lost(self, batches: list[Batch]) -> None: ...

    def troubled(self, why: str) -> None:
        print(why)

    def recovered(self) -> None: ...


class Echo(Protocol):
    """
    Sends back whatever comes: two of them are busy for ever.
    """

    turns = 0

    def dataReceived(self, data: bytes) -> None:
        Echo.turns += 1
        assert self.transport is not None
        self.transport.write(data)


def later(seconds: float) -> Deferred[None]:
    done: Deferred[None] = Deferred()
    global_reactor.callLater(seconds, done.callback, None)
    return done


async def measure(arguments: argparse.Namespace, outstanding: int, busy: int) -> None:
    pairs: list[Any] = []
    for _ in range(busy):
        for end in socket.socketpair():
            end.setblocking(False)
            protocol = Echo()
            global_reactor.adoptStreamConnection(end.fileno(), socket.AF_UNIX, _Factory(protocol))
            end.close()
            pairs.append(protocol)
    for protocol in pairs[::2]:
        protocol.transport.write(PAYLOAD)
    with tempfile.TemporaryDirectory(dir=arguments.directory) as folder:
        load = Load(os.path.join(folder, "journal.db"), arguments.durability, outstanding)
        load.journal.open()
        started, Echo.turns = perf_counter(), 0
        load.more(outstanding)
        await later(arguments.seconds)
        seconds = perf_counter() - started
        turns, messages = Echo.turns, load.acknowledged
        load.running = False
        await load.journal.close()
        figures = load.journal.figures
    for protocol in pairs:
        protocol.transport.abortConnection()
    latencies = sorted(load.latencies)
    print(
        f"{outstanding:5} outstanding, {'busy' if busy else 'idle'}: {messages / seconds:9,.0f} messages/s "
        f"{figures.rows / seconds:9,.0f} rows/s  p50 {latencies[len(latencies) // 2] * 1e3:6.2f} ms "
        f"p99 {latencies[len(latencies) * 99 // 100] * 1e3:6.2f} ms  {figures.rows / figures.commits:7.1f} rows/commit "
        f"{figures.checkpoints} checkpoints, longest commit {figures.max_latency * 1e3:.1f} ms, "
        f"{turns / seconds:9,.0f} turns/s",
        flush=True,
    )


class _Factory:
    def __init__(self, protocol: Echo) -> None:
        self.protocol = protocol
        self.noisy = False

    def buildProtocol(self, address: object) -> Echo:
        return self.protocol

    def doStart(self) -> None: ...

    def doStop(self) -> None: ...


async def main(reactor: object) -> None:
    parser = argparse.ArgumentParser(description="How fast is the journal?")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--directory", default=".")
    parser.add_argument("--durability", default="full")
    arguments = parser.parse_args()
    for busy in (0, 20):
        for outstanding in (1, 100, 1000):
            await measure(arguments, outstanding, busy)


if __name__ == "__main__":
    react(main)
