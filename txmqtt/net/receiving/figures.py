"""
What became of the messages that came, in numbers.
"""

from __future__ import annotations


class Figures:
    """
    The counters of one client's receiving. They only grow, C{waiting} excepted.

    @ivar waiting: how many messages wait now: for a callback at its limit, or for whoever reads a stream.
    @ivar dropped: how many were thrown away unread: QoS 0 for which there was no room, and what a stream still held
        when it was closed.
    @ivar failed: how many callbacks have failed; one that took too long is among them.
    @ivar timed_out: how many of these took too long.
    @ivar withheld: how many messages were not acknowledged, so that they come again.
    @ivar late: how many were acknowledged by hand when the connection that they came with was gone.
    @ivar unclaimed: how many nobody took.
    """

    __slots__ = ("dropped", "failed", "late", "timed_out", "unclaimed", "waiting", "withheld")

    def __init__(self) -> None:
        self.waiting = 0
        self.dropped = 0
        self.failed = 0
        self.timed_out = 0
        self.withheld = 0
        self.late = 0
        self.unclaimed = 0

    def __repr__(self) -> str:
        return f"<figures: {', '.join(f'{getattr(self, name)} {name}' for name in self.__slots__)}>"
