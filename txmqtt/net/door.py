"""
How many may come, from where and how fast: what all listeners of a broker share.

It is asked three times about each connection: when it is made, for what a socket costs; when it says CONNECT, for what
a login costs; and when it is logged in, for a place. Where it comes from is known from the start, or with the first
bytes when a proxy tells it. Whoever has not said CONNECT is closed without a word, anybody else is told why.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from time import monotonic
from time import time as wall_time
from typing import Any, Protocol

from twisted.logger import Logger

from txmqtt.broker.policy import Policy
from txmqtt.broker.stats import Stats
from txmqtt.codec import reasons
from txmqtt.net.bans import Ban, Bans
from txmqtt.net.buckets import Bucket, Recent
from txmqtt.net.crowd import Crowd
from txmqtt.net.flapping import Flapping
from txmqtt.net.origins import Network, networks, within

_log = Logger()

#: Between two lines of the log about the same kind of refusal, seconds.
_QUIET = 60.0


class Guest(Protocol):
    """
    A connection, as the door sees it.

    @ivar origin: where it comes from, as far as that is known.
    """

    origin: str

    def shut_out(self, reason: int, message: str) -> None:
        """
        It must go, before it has said CONNECT or had an answer.
        """


class Door:
    """
    One for each broker. Limits are those of the listener that a connection comes to.

    @ivar bans: who has failed to log in, and who is banned.
    @ivar flapping: who fights for a client identifier.
    @ivar delayed: how many logins wait because others failed.
    @param seconds: a clock that never jumps.
    @param wall: what time it is for the world.
    @param size: how many addresses are remembered; and as many user names and client identifiers.
    """

    def __init__(
        self,
        stats: Stats,
        seconds: Callable[[], float] = monotonic,
        wall: Callable[[], float] = wall_time,
        size: int = 16_384,
    ) -> None:
        self.stats = stats
        self.flapping = Flapping(stats, seconds, size)
        self.bans = Bans(stats, seconds, wall, size)
        self.delayed = 0
        self._seconds = seconds
        self._crowd: Crowd[Guest] = Crowd()
        self._places: dict[Hashable, int] = {}
        self._rate = Bucket()
        self._rates: Recent[str, Bucket] = Recent(size)
        self._trusted_words = ""
        self._trusted: Sequence[Network] = ()
        self._told: dict[str, tuple[float, int]] = {}

    # When it is made

    def arrived(self, guest: Guest, policy: Policy) -> None:
        """
        A connection is there. Others may have to go for it, and it may itself.
        """
        crowd = self._crowd
        crowd.add(guest, guest.origin)
        self.stats.half_open += 1
        if len(crowd) > policy.max_half_open:
            self._push_out(crowd.oldest(), f"{policy.max_half_open} connections wait to be let in, no more are allowed")

    def found(self, guest: Guest, origin: str) -> None:
        """
        Its proxy has told where it comes from.
        """
        self._crowd.remove(guest, guest.origin)
        guest.origin = origin
        self._crowd.add(guest, origin)

    def crowded(self, guest: Guest, policy: Policy) -> None:
        """
        Where it comes from is certain: of too many from there that are not in, the oldest goes.
        """
        limit = policy.max_connections_per_address
        origin = guest.origin
        if limit and self._crowd.count(origin) > limit and self.counts(origin, policy):
            self._push_out(
                self._crowd.oldest(origin), f"{limit} connections from {origin} wait to be let in, no more are allowed"
            )

    def _push_out(self, guest: Guest, message: str) -> None:
        self.stats.half_open_closed += 1
        self.tell("closed to make room for others", message)
        guest.shut_out(reasons.SERVER_BUSY, message)

    def passed(self, guest: Guest) -> None:
        """
        It is in, or has gone.
        """
        self._crowd.remove(guest, guest.origin)
        self.stats.half_open -= 1

    # When it says CONNECT

    def banned(self, origin: str) -> bool:
        """
        Whether nobody from there is let in; counted.
        """
        if not self.bans.banned(origin):
            return False
        self.stats.banned_refused += 1
        return True

    def too_fast(self, origin: str, policy: Policy) -> str:
        """
        Why this CONNECT comes too soon after others, in words, or nothing.
        """
        now = self._seconds()
        why = ""
        rate = policy.max_connection_rate_per_address
        if rate and self.counts(origin, policy):
            bucket = self._rates.find(origin) or Bucket()
            self._rates.put(origin, bucket)
            if not bucket.take(now, rate, policy.connection_burst_per_address):
                why = f"more than {rate:g} connections a second from {origin}"
        rate = policy.max_connection_rate
        if not why and rate and not self._rate.take(now, rate, policy.connection_burst):
            why = f"more than {rate:g} connections a second"
        if why:
            self.stats.rate_exceeded += 1
            self.tell("refused because they came too fast", why)
        return why

    def counts(self, origin: str, policy: Policy) -> bool:
        """
        Whether limits for one address hold for this one.
        """
        words = policy.trusted_addresses
        if words != self._trusted_words:
            self._trusted_words = words
            try:
                self._trusted = networks(words)
            except ValueError as error:
                _log.error("the trusted addresses stay as they were: {error}", error=str(error))
        return origin != "" and not within(origin, self._trusted)

    def failed(self, origin: str, name: str, policy: Policy) -> None:
        """
        A login has failed for a wrong name or password.
        """
        self.stats.logins_failed += 1
        if self.counts(origin, policy):
            self.bans.failed(origin, name, policy)

    def delay(self, origin: str, name: str, policy: Policy) -> float:
        """
        How long a login must wait because others failed, seconds.
        """
        delay = self.bans.delay(origin, name, policy)
        return delay if delay and self.counts(origin, policy) else 0.0

    # When it is logged in

    def enter(self, places: Collection[tuple[Hashable, int, str]], left: Collection[Hashable]) -> str:
        """
        Take a place, if there is room in all that it is counted in.

        @param places: in what, how many may be there, and in words.
        @param left: what the connection is counted in whose place it takes.
        @return: why there is none, or nothing.
        """
        taken = self._places
        for key, limit, words in places:
            if taken.get(key, 0) >= limit and key not in left:
                return f"{limit} connections {words}, no more are allowed"
        for key, _, _ in places:
            taken[key] = taken.get(key, 0) + 1
        return ""

    def leave(self, keys: Collection[Hashable]) -> None:
        """
        Give the place back.
        """
        taken = self._places
        for key in keys:
            left = taken[key] - 1
            if left:
                taken[key] = left
            else:
                del taken[key]

    # What an operator and the service ask

    def list_bans(self) -> list[Ban]:
        """
        Every ban that is in force.
        """
        return self.bans.all()

    def ban(self, address: str, duration: float) -> None:
        """
        See C{Bans.ban}.
        """
        self.bans.ban(address, duration)

    def lift(self, address: str) -> bool:
        """
        See C{Bans.lift}.
        """
        return self.bans.lift(address)

    def state(self) -> dict[str, Any]:
        """
        What is to outlive the process, as JSON can write it.
        """
        return self.bans.state()

    def restore(self, state: Any) -> None:
        """
        What an earlier life said by C{state}; what is something else is passed over.
        """
        if isinstance(state, dict):
            self.bans.restore(state)

    def tell(self, what: str, why: str) -> None:
        """
        Tell the log that somebody was turned away, once a minute at most for each kind: a flood must not fill it.
        """
        now = self._seconds()
        due, count = self._told.get(what, (0.0, 0))
        count += 1
        if now < due:
            self._told[what] = (due, count)
            return
        self._told[what] = (now + _QUIET, 0)
        _log.warn("{count} connections were {what}, the last because of: {why}", count=count, what=what, why=why)
