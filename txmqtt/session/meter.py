"""
How fast one client may publish: two buckets, of messages and of bytes, that fill with time.

A message is let through while there is something in both, whatever its size, and what it takes beyond that is owed: so
the largest packet passes in the end, and the rate is kept on average. The first that is not let through is kept here
until it is its turn; meanwhile nothing that follows it is looked at.
"""

from __future__ import annotations

from typing import Final

from txmqtt.codec.packets import Publish

#: What is in a bucket that has no rate.
_ENDLESS: Final = float("inf")
#: A wait as short as this is one of rounding alone, seconds.
_ROUNDING: Final = 1e-6
#: The shortest wait that is worth an alarm, seconds.
_TICK: Final = 0.001
#: A client is not read for so long at most; then we look whether it is still there, seconds.
LONGEST_PAUSE: Final = 5.0


class Meter:
    """
    The buckets of one client.

    @ivar kept: the message that has to wait; None while all may pass.
    @ivar wake: while one waits, when it is looked at again, seconds.
    @ivar looked: when the client was last read.
    """

    def __init__(self, now: float) -> None:
        self.kept: Publish | None = None
        self.wake = 0.0
        self.looked = now
        self._rate = self._burst = self._messages = 0.0
        self._byte_rate = self._byte_burst = self._bytes = 0.0
        self._since = now

    def set(self, rate: float, burst: float, byte_rate: float, byte_burst: float) -> None:
        """
        What is allowed from now on. Whoever had been allowed less begins with full buckets; whoever owes goes on owing.

        @param rate: messages a second, 0: any number; C{burst}: so many at once, 0: those of a second.
        @param byte_rate: bytes a second, 0: any number; C{byte_burst}: so many at once, 0: those of a second.
        """
        burst = max(1.0, burst or rate)
        byte_burst = byte_burst or byte_rate
        self._messages = min(burst, self._messages + burst - self._burst) if rate else _ENDLESS
        self._bytes = min(byte_burst, self._bytes + byte_burst - self._byte_burst) if byte_rate else _ENDLESS
        self._rate, self._burst = rate, burst
        self._byte_rate, self._byte_burst = byte_rate, byte_burst

    def pick_up(self) -> Publish | None:
        """
        The message that was kept, which is looked at again.
        """
        kept, self.kept = self.kept, None
        return kept

    def admits(self, now: float, size: int) -> bool:
        """
        Whether a message of so many bytes may pass. If it may, it is accounted for.
        """
        if now != self._since:  # once for each read, not for each message
            self._fill(now)
        if (self._messages < 1.0 or self._bytes < 0.0) and self.patience(now) > 0.0:
            return False
        self._messages -= 1.0
        self._bytes -= size
        return True

    def keep(self, packet: Publish, now: float) -> None:
        """
        It has to wait.
        """
        self.kept = packet
        self.doze(now)

    def doze(self, now: float) -> None:
        """
        Look at what was kept again when it may pass, and not too late.
        """
        self.wake = now + min(max(self.patience(now), _TICK), LONGEST_PAUSE)

    def patience(self, now: float) -> float:
        """
        How long until a message may pass, seconds.
        """
        self._fill(now)
        wait = 0.0
        if self._rate:
            wait = (1.0 - self._messages) / self._rate
        if self._byte_rate:
            wait = max(wait, -self._bytes / self._byte_rate)
        return wait if wait > _ROUNDING else 0.0

    def _fill(self, now: float) -> None:
        passed = now - self._since
        self._since = now
        if self._rate:
            self._messages = min(self._burst, self._messages + passed * self._rate)
        if self._byte_rate:
            self._bytes = min(self._byte_burst, self._bytes + passed * self._byte_rate)
