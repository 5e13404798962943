"""
What is to be measured, and which process does what of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

#: What a payload begins with where latencies are taken: 4 bytes that name the run, 4 that nobody needs, 8 of the clock.
HEADER: Final = 16


@dataclass(frozen=True, kw_only=True)
class Plan:
    """
    A measurement, or the part of it that one process does.

    @ivar kind: C{pub}, C{sub}, C{pair}, C{fan-out} or C{connect}.
    @ivar token: the name of the run, in topics and payloads.
    @ivar clients: how many of them: publishers, subscribers, pairs, or connections at a time.
    @ivar first: the number of the first of them.
    @ivar publishers: of fan-out: how many publish.
    @ivar rate: messages a second, 0 as many as will go.
    @ivar count: messages to publish, or connections to make; 0 for no limit.
    @ivar window: how many may be on their way, of each publisher.
    @ivar topic: a filter for C{sub}, otherwise what the topics begin with.
    """

    kind: str
    token: str
    clients: int = 1
    first: int = 0
    publishers: int = 0
    rate: float = 0.0
    count: int = 0
    size: int = 64
    qos: int = 0
    window: int = 100
    topic: str = "txmqtt/bench"

    @property
    def publishes(self) -> int:
        """
        How many clients publish.
        """
        return {"pub": self.clients, "pair": self.clients, "fan-out": self.publishers}.get(self.kind, 0)

    @property
    def copies(self) -> int:
        """
        How many copies of each message come back to us.
        """
        return {"pair": 1, "fan-out": self.clients}.get(self.kind, 0)

    def topic_of(self, number: int) -> str:
        """
        Where the publisher of this number publishes.
        """
        return f"{self.topic}/{self.token}/{0 if self.kind == 'fan-out' else number}"

    def said(self) -> dict[str, Any]:
        """
        As it is sent to a process.
        """
        return asdict(self)


def shares(plan: Plan, processes: int) -> list[Plan]:
    """
    The plan, a part for each process. There are no more of them than clients.
    """
    processes = max(1, min(processes, plan.clients))
    parts = []
    first = 0
    for clients, publishers, count in zip(
        _split(plan.clients, processes),
        _split(plan.publishers, processes),
        _split(plan.count, processes),
        strict=True,
    ):
        parts.append(replace(plan, clients=clients, first=first, publishers=publishers, count=count))
        first += clients
    working = sum(part.publishes > 0 for part in parts) if plan.publishes else processes
    # Who has nobody to publish has no part of the rate and the count.
    if plan.publishes and working < processes:
        counts = iter(_split(plan.count, working))
        parts = [replace(part, count=next(counts) if part.publishes else 0) for part in parts]
    return [replace(part, rate=plan.rate / working if part.publishes or not plan.publishes else 0.0) for part in parts]


def _split(number: int, parts: int) -> Iterator[int]:
    each, more = divmod(number, parts)
    return (each + (part < more) for part in range(parts))
