"""
What failed logins lead to: the next ones from the same address wait, then the address is banned for a while.

A name that many addresses guess at is slowed too but never banned, since that would shut out whose name it is. Whoever
comes from the address waits, also who knows the password: if they were answered at once, no answer would mean no. What
is known of strangers is bounded; whoever has not failed for the longest time is forgotten first.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from math import ceil
from time import monotonic
from time import time as wall_time
from typing import Any, NamedTuple

from twisted.logger import Logger

from txmqtt.broker.policy import Policy
from txmqtt.broker.stats import Stats
from txmqtt.net.buckets import Bucket, Recent
from txmqtt.net.origins import origin_of

_log = Logger()

#: Whoever failed so often waits the longest there is, in any case.
_DOUBLINGS = 16


class Ban(NamedTuple):
    """
    An address that is not let in.

    @ivar address: of IPv4, or a /64 network of IPv6.
    @ivar until: when it will be again, wall time, seconds.
    @ivar by_operator: not because of failed logins.
    """

    address: str
    until: float
    by_operator: bool


class Bans:
    """
    Who has failed, and who is banned for it.

    @param seconds: a clock that never jumps; C{wall} is what time it is for the world, since bans outlive the process.
    @param size: how many addresses, names and bans are remembered.
    """

    def __init__(
        self,
        stats: Stats,
        seconds: Callable[[], float] = monotonic,
        wall: Callable[[], float] = wall_time,
        size: int = 16_384,
    ) -> None:
        self._stats = stats
        self._seconds = seconds
        self._wall = wall
        self._size = size
        self._by_origin: Recent[str, Bucket] = Recent(size)
        self._by_name: Recent[str, Bucket] = Recent(size)
        # Those that an operator made are not pushed out by those that strangers make us make.
        self._made: Recent[str, float] = Recent(size)
        self._ordered: dict[str, float] = {}

    # Who is banned

    def banned(self, origin: str) -> bool:
        """
        Whether this origin is banned.
        """
        if not self._made and not self._ordered:
            return False
        now = self._wall()
        if self._ordered.get(origin, 0.0) > now:
            return True
        until = self._made.find(origin)
        if until is None:
            return False
        if until > now:
            return True
        self._made.pop(origin)
        return False

    def all(self) -> list[Ban]:
        """
        Every ban that is in force.
        """
        now = self._wall()
        found = [Ban(place, until, True) for place, until in self._ordered.items()]
        found += [Ban(place, until, False) for place, until in self._made.items()]
        return [ban for ban in found if ban.until > now]

    def ban(self, address: str, duration: float) -> None:
        """
        Ban an address.

        @param duration: seconds.
        @raise ValueError: it is none, the time is not positive, or as many are banned as can be.
        """
        place = _place(address)
        if not duration > 0:
            raise ValueError(f"banned for {duration!r} s; expected more than 0")
        if place not in self._ordered and len(self._ordered) >= self._size:
            now = self._wall()
            self._ordered = {each: until for each, until in self._ordered.items() if until > now}
            if len(self._ordered) >= self._size:
                raise ValueError(f"{self._size} addresses are banned, no more are remembered; lift one first")
        self._ordered[place] = self._wall() + duration
        _log.warn("{place} is banned for {duration:g} s by an operator", place=place, duration=duration)

    def lift(self, address: str) -> bool:
        """
        Lift a ban, and forget what led to it.

        @return: whether there was one.
        @raise ValueError: this is no address.
        """
        place = _place(address)
        was = self.banned(place)
        self._made.pop(place)
        self._ordered.pop(place, None)
        self._by_origin.pop(place)
        if was:
            _log.info("{place} is not banned any more", place=place)
        return was

    # Who has failed

    def failed(self, origin: str, name: str, policy: Policy) -> None:
        """
        A login has failed.

        @param name: under which name; empty for none.
        """
        now = self._seconds()
        leak = _leak(policy)
        if name:
            _poured(self._by_name, name, now, leak)
        failures = _poured(self._by_origin, origin, now, leak)
        if policy.ban_failures and failures > policy.ban_failures - 1 and not self.banned(origin):
            self._by_origin.pop(origin)
            self._made.put(origin, self._wall() + policy.ban_time)
            self._stats.banned += 1
            _log.warn(
                "{origin} is banned for {duration:g} s: {count} failed logins, the last for user {name!r}",
                origin=origin,
                duration=policy.ban_time,
                count=ceil(failures),
                name=name[:64],
            )

    def delay(self, origin: str, name: str, policy: Policy) -> float:
        """
        How long the next login is to wait for its answer, seconds.
        """
        if not policy.login_delay or not (self._by_origin or self._by_name):
            return 0.0
        now = self._seconds()
        leak = _leak(policy)
        failures = 0.0
        for bucket in (self._by_origin.find(origin), self._by_name.find(name)):
            if bucket is not None:
                failures = max(failures, bucket.level(now, leak))
        if not failures:
            return 0.0
        longer: float = 2.0 ** min(_DOUBLINGS, ceil(failures) - 1)
        return min(policy.login_delay * longer, policy.connect_timeout / 2)

    # What outlives the process

    def state(self) -> dict[str, Any]:
        """
        The bans that are in force, as it can be written down.
        """
        return {"bans": [list(ban) for ban in self.all()]}

    def restore(self, state: dict[str, Any]) -> None:
        """
        What an earlier life wrote down. What makes no sense in it is passed over.
        """
        now = self._wall()
        bans = state.get("bans")
        for ban in bans if isinstance(bans, list) else []:
            match ban:
                case [str(place), float() | int() as until, bool(by_operator)] if until > now:
                    if not by_operator:
                        self._made.put(place, float(until))
                    elif len(self._ordered) < self._size:
                        self._ordered[place] = float(until)


def _leak(policy: Policy) -> float:
    """
    How many failures are forgotten in a second.
    """
    return max(1, policy.ban_failures) / policy.ban_window


def _poured(table: Recent[str, Bucket], key: str, now: float, leak: float) -> float:
    bucket = table.find(key) or Bucket()
    table.put(key, bucket)
    return bucket.pour(now, leak)


def _place(address: str) -> str:
    """
    @raise ValueError: it is no address.
    """
    ip_address(address.partition("/")[0])
    return origin_of(address)
