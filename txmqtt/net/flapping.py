"""
Two clients that take one client identifier from each other, for ever: the next who wants it waits a while.

Each reconnects when it is thrown out and throws out the other, which costs the broker a session's whole opening each
time, and is nearly always a mistake that somebody should hear of.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from twisted.logger import Logger

from txmqtt.broker.policy import Policy
from txmqtt.broker.stats import Stats
from txmqtt.net.buckets import Bucket, Recent

_log = Logger()

#: So much of a client identifier is shown, characters.
_SHOWN = 64


class _Fight:
    """
    What is known of one client identifier that was taken over.
    """

    __slots__ = ("bucket", "loser", "told", "until")

    def __init__(self) -> None:
        self.bucket = Bucket()
        self.loser = ""
        self.until = 0.0
        self.told = False


class Flapping:
    """
    Who fights for what.

    @param seconds: a clock that never jumps.
    @param size: how many client identifiers are remembered.
    """

    def __init__(self, stats: Stats, seconds: Callable[[], float] = monotonic, size: int = 16_384) -> None:
        self._stats = stats
        self._seconds = seconds
        self._fights: Recent[tuple[str, str], _Fight] = Recent(size)

    def taken_over(self, key: tuple[str, str], loser: str, policy: Policy) -> None:
        """
        A connection ended because another took its session over.

        @param key: mount point and client identifier.
        @param loser: where the connection came from that ended. Who lost before it is the one that has it now.
        """
        if not policy.max_takeovers:
            return
        now = self._seconds()
        leak = policy.max_takeovers / policy.takeover_window
        fight = self._fights.find(key) or _Fight()
        self._fights.put(key, fight)
        if not fight.bucket.level(now, leak):
            fight.told = False
        count = fight.bucket.pour(now, leak)
        if count > policy.max_takeovers - 1:
            fight.until = now + policy.takeover_pause
            if not fight.told:
                fight.told = True
                _log.warn(
                    "two clients fight for the client identifier {client!r}, the one at {winner} and the one at "
                    "{loser}: it was taken over {count} times within {window:g} s, and is left to whoever has it for "
                    "{pause:g} s each time",
                    client=key[1][:_SHOWN],
                    winner=fight.loser or loser,
                    loser=loser,
                    count=round(count),
                    window=policy.takeover_window,
                    pause=policy.takeover_pause,
                )
        fight.loser = loser

    def wait(self, key: tuple[str, str]) -> float:
        """
        How long it must not be taken from whoever has it now, seconds; 0.0 when it may be.
        """
        fight = self._fights.find(key)
        if fight is None:
            return 0.0
        left = fight.until - self._seconds()
        if left <= 0.0:
            return 0.0
        self._stats.flapping += 1
        return left
