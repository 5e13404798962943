"""
What a journal asks of its owner, how far it may lag, and what it counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from txmqtt.backends.sqlite.batch import Batch
from txmqtt.broker.histogram import Histogram


class Owner(Protocol):
    """
    Whose books these are. All calls come in the reactor's thread.
    """

    def taken_up(self) -> None:
        """
        There is something in hand: it is to be flushed at the end of the turn.
        """

    def handed_over(self) -> None:
        """
        What was in hand is no more, and must not be added to.
        """

    def settling(self) -> None:
        """
        Tickets are about to be settled, in a turn of its own.
        """

    def settled(self) -> None:
        """
        Tickets were settled: flush the turn.
        """

    def lost(self, batches: Sequence[Batch]) -> None:
        """
        These were not written and will not be: put the books back. Their tickets are settled right after this.
        """

    def troubled(self, why: str) -> None:
        """
        The disk fails. Said once; the message is one line.
        """

    def recovered(self) -> None:
        """
        The disk works again.
        """


class Limits:
    """
    How far the disk may lag behind before new work is refused, how long the write-ahead log grows, how long a batch is
    kept back while it grows, and how long the disk is left alone after it has failed; times in seconds.
    """

    def __init__(
        self,
        age: float = 2.0,
        operations: int = 100_000,
        size: int = 64 << 20,
        wal: int = 16 << 20,
        linger: float = 0.0,
        probe: float = 1.0,
    ) -> None:
        self.age = age
        self.operations = operations
        self.size = size
        self.wal = wal
        self.linger = linger
        self.probe = probe

    def within(self, age: float, operations: int, size: int) -> Limits:
        """
        The same, from now on with these.
        """
        self.age, self.operations, self.size = age, operations, size
        return self


class Figures:
    """
    What a journal counts. Latencies are of the transaction alone, in seconds.

    @ivar checkpoints_failing: how many tries to bring the log in have failed since the last that did not.
    @ivar latencies: all of the latencies.
    @ivar waits: from the first change that a batch has to the moment when those who wait for it are told.
    """

    def __init__(self) -> None:
        self.commits = 0
        self.rows = 0
        self.failures = 0
        self.checkpoints = 0
        self.checkpoints_failing = 0
        self.last_rows = 0
        self.max_rows = 0
        self.last_latency = 0.0
        self.max_latency = 0.0
        self.latencies = Histogram()
        self.waits = Histogram()

    def topics(self, oldest: float, data: int, log: int) -> list[tuple[str, str]]:
        """
        Each figure with its topic below C{$SYS/broker/}.

        @param oldest: seconds since the oldest operation that is not committed.
        @param data: bytes of the database file; C{log}: and of its write-ahead log.
        """
        return [
            ("store/commits/count", str(self.commits)),
            ("store/commits/failed", str(self.failures)),
            ("store/commits/latency", f"{self.last_latency * 1000:.3f} ms"),
            ("store/commits/latency/maximum", f"{self.max_latency * 1000:.3f} ms"),
            ("store/commits/rows", str(self.last_rows)),
            ("store/commits/rows/maximum", str(self.max_rows)),
            ("store/rows", str(self.rows)),
            ("store/checkpoints/count", str(self.checkpoints)),
            ("store/checkpoints/failing", str(self.checkpoints_failing)),
            ("store/oldest uncommitted", f"{oldest:.3f} seconds"),
            ("store/bytes", str(data)),
            ("store/log/bytes", str(log)),
        ]

    def count(self, rows: int, latency: float, waited: float) -> None:
        """
        A batch was committed.
        """
        self.latencies.observe(latency)
        self.waits.observe(waited)
        self.commits += 1
        self.rows += rows
        self.last_rows = rows
        self.last_latency = latency
        if rows > self.max_rows:
            self.max_rows = rows
        if latency > self.max_latency:
            self.max_latency = latency
