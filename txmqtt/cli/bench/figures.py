"""
What the processes have counted, put together: what the table shows while it goes on, and the summary at the end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from txmqtt.cli.bench.latencies import Latencies
from txmqtt.cli.bench.plan import Plan

#: Over how long a rate is taken, seconds.
_RECENT: Final = 2.0

#: So many different errors are kept.
_MOST_ERRORS: Final = 20

COUNTED: Final = ("sent", "acknowledged", "received", "failed")

PERCENTILES: Final = (50.0, 90.0, 99.0, 99.9)


class Figures:
    """
    The sums.

    @param seconds: a clock that never jumps.
    @ivar sums: how many of each.
    @ivar connected: how many clients are there.
    @ivar latencies: all that were measured.
    @ivar errors: what went wrong, each only once.
    @ivar cpu: what our processes took of the processors, seconds.
    """

    def __init__(self, plan: Plan, seconds: Callable[[], float]) -> None:
        self._plan = plan
        self._seconds = seconds
        self._started: float | None = None
        self._last: float | None = None
        self._ends: float | None = None
        self._recent: deque[tuple[float, dict[str, int]]] = deque()
        self.sums = dict.fromkeys(COUNTED, 0)
        self.connected = 0
        self.latencies = Latencies()
        self.errors: list[str] = []
        self.cpu = 0.0

    def begin(self) -> None:
        """
        From now on it is measured.
        """
        self._started = self._last = self._seconds()
        self._recent.append((self._started, dict(self.sums)))

    def end(self) -> None:
        """
        The time is up; what comes now was on its way.
        """
        self._ends = self._last = self._seconds()

    def add(self, tally: Mapping[str, Any]) -> None:
        """
        A process has told what it counted.
        """
        for name in COUNTED:
            self.sums[name] += tally[name]
        self.connected += tally["connected"]
        self.latencies.merge(tally["latencies"])
        if tally["error"] and tally["error"] not in self.errors and len(self.errors) < _MOST_ERRORS:
            self.errors.append(tally["error"])
        now = self._seconds()
        if self._ends is None and (tally["sent"] or tally["acknowledged"] or tally["received"]):
            self._last = now
        self._recent.append((now, dict(self.sums)))
        while len(self._recent) > 2 and self._recent[1][0] < now - _RECENT:
            self._recent.popleft()

    def rate(self, name: str) -> float:
        """
        How many a second, of late.
        """
        if len(self._recent) < 2:
            return 0.0
        (since, before), (until, after) = self._recent[0], self._recent[-1]
        return (after[name] - before[name]) / (until - since) if until > since else 0.0

    @property
    def begun(self) -> bool:
        """
        It is measured.
        """
        return self._started is not None

    @property
    def elapsed(self) -> float:
        """
        Seconds from the beginning to the end, or so far.
        """
        return 0.0 if self._started is None or self._last is None else self._last - self._started

    def missing(self) -> int:
        """
        How many that should have come back have not, yet.
        """
        return max(self.sums["sent"] * self._plan.copies - self.sums["received"], 0)

    def summary(self) -> dict[str, Any]:
        """
        All of it, for JSON.
        """
        elapsed = self.elapsed
        said: dict[str, Any] = {
            "kind": self._plan.kind,
            "clients": self._plan.clients,
            "qos": self._plan.qos,
            "size": self._plan.size,
            "seconds": round(elapsed, 3),
        }
        for name in COUNTED:
            said[name] = self.sums[name]
        for name in ("sent", "acknowledged", "received"):
            said[f"{name}_per_second"] = round(self.sums[name] / elapsed, 1) if elapsed else 0.0
        if self._plan.copies:
            said["missing"] = self.missing()
        said["latency_ms"] = self.latency() if self.latencies.count else None
        said["client_cpu_seconds"] = round(self.cpu, 3)
        said["errors"] = self.errors
        return said

    def latency(self) -> dict[str, float]:
        """
        Percentiles, milliseconds.
        """
        found = {f"p{percent:g}": self.latencies.percentile(percent) / 1000 for percent in PERCENTILES}
        return {"mean": round(self.latencies.mean() / 1000, 3), **found, "max": self.latencies.longest / 1000}
