"""
One connection's way through the door: before CONNECT, waiting for a login, inside, gone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IDelayedCall

from txmqtt.broker.registry import Member
from txmqtt.broker.terms import Terms
from txmqtt.codec import reasons
from txmqtt.codec.packets import Connect
from txmqtt.net.door import Door
from txmqtt.net.origins import direct, origin

if TYPE_CHECKING:
    from txmqtt.net.server import MQTTServerProtocol


class Entry:
    """
    See C{txmqtt.net.door.Guest}.

    @ivar origin: where it comes from; of a proxy that has not told yet, where the proxy is.
    @ivar places: what it is counted in, once it is logged in.
    @ivar quiet: what is said of its end in the log is the door's to say.
    """

    __slots__ = ("_before", "_door", "_guest", "_terms", "_waiting", "origin", "places", "quiet")

    def __init__(self, guest: MQTTServerProtocol, door: Door, terms: Terms) -> None:
        self.origin = ""
        self.places: Collection[Hashable] = ()
        self.quiet = False
        self._guest = guest
        self._door = door
        self._terms = terms
        self._before = False
        self._waiting: IDelayedCall | None = None

    def knock(self) -> bool:
        """
        The connection is made.

        @return: whether it is certain where it comes from. Otherwise C{found} must be called with the first bytes.
        """
        transport = self._guest.transport
        self.origin = origin(transport.getPeer())
        self._before = True
        self._door.arrived(self, self._terms.policy)
        if not direct(transport):
            return False
        if self._before:
            self._certain()
        return True

    def found(self) -> None:
        """
        The first bytes of MQTT are here, and with them, at the latest, where it comes from.
        """
        if self._before:
            place = origin(self._guest.transport.getPeer())
            if place != self.origin:
                self._door.found(self, place)
            self._certain()

    def _certain(self) -> None:
        policy = self._terms.policy
        if policy.ban_answer == "close" and self._door.banned(self.origin):
            self.shut_out(reasons.BANNED, f"{self.origin} is banned")
            return
        self._door.crowded(self, policy)

    def shut_out(self, reason: int, message: str) -> None:
        """
        See C{txmqtt.net.door.Guest}.
        """
        self.quiet = True
        self._guest.shut_out(reason, message)

    def ask(self, packet: Connect, memory_is_short: bool, login: Callable[[], None]) -> tuple[int, str]:
        """
        It has said CONNECT.

        @param login: called when it may log in, now or later.
        @return: why it may not, a reason code and words; 0 when it may.
        """
        door, terms = self._door, self._terms
        policy = terms.policy
        self.quiet = True
        if door.banned(self.origin):
            return reasons.BANNED, f"{self.origin} is banned"
        if memory_is_short:
            why = "memory is short"
            door.tell("refused because memory is short", why)
            return reasons.QUOTA_EXCEEDED, why
        why = door.too_fast(self.origin, policy)
        if why:
            return reasons.CONNECTION_RATE_EXCEEDED, why
        self.quiet = False
        unfit, why = terms.unfit(packet)
        if unfit:
            return unfit, why
        delay = door.delay(self.origin, packet.username or "", policy)
        if not delay:
            login()
            return reasons.SUCCESS, ""
        if door.delayed >= policy.max_delayed_logins:
            self.quiet = True
            why = f"{door.delayed} logins wait because others failed, no more are allowed"
            door.tell("refused because too many logins wait", why)
            return reasons.SERVER_BUSY, why
        door.delayed += 1
        door.stats.logins_delayed += 1
        self._waiting = self._guest.later(delay, self._go_on, login)
        return reasons.SUCCESS, ""

    def _go_on(self, login: Callable[[], None]) -> None:
        self._waiting = None
        self._door.delayed -= 1
        login()

    def failed(self, name: str) -> None:
        """
        The name or the password was wrong.
        """
        self._door.failed(self.origin, name, self._terms.policy)

    def enter(self, user: str | None, key: tuple[str, str], member: Member | None) -> tuple[int, str]:
        """
        It is logged in, and wants a place.

        @param key: of the session that it wants.
        @param member: who has it.
        @return: why it gets none, a reason code and words; 0 when it has it.
        """
        door, terms, policy = self._door, self._terms, self._terms.policy
        theirs: Collection[Hashable] = ()
        if member is not None and member.session is not None and member.user == user:
            pause = door.flapping.wait(key)
            if pause:
                self.quiet = True
                return (
                    reasons.CONNECTION_RATE_EXCEEDED,
                    f"another client fights for its identifier and keeps it for {pause:.1f} s",
                )
            other = getattr(member.session.link, "entry", None)
            if isinstance(other, Entry):
                theirs = other.places
        # Who is in while there is no limit is not counted when one is set: that would cost memory for each of them.
        places: list[tuple[Hashable, int, str]] = []
        if terms.max_connections:
            places.append((terms, terms.max_connections, "to this listener"))
        if policy.max_connections_per_user and user is not None:
            places.append((("user", terms.mount, user), policy.max_connections_per_user, "of this user"))
        if policy.max_connections_per_address and door.counts(self.origin, policy):
            places.append((("from", self.origin), policy.max_connections_per_address, f"from {self.origin}"))
        why = door.enter(places, theirs)
        if why:
            return reasons.QUOTA_EXCEEDED, why
        if places:
            self.places = tuple(place for place, _, _ in places)
        return reasons.SUCCESS, ""

    def inside(self) -> None:
        """
        It has had its CONNACK.
        """
        if self._before:
            self._before = False
            self._door.passed(self)

    def taken_over(self, key: tuple[str, str], peer: str) -> None:
        """
        Another connection has its session now.
        """
        self._door.flapping.taken_over(key, peer, self._terms.policy)

    def leave(self) -> None:
        """
        It is over; may be said more than once.
        """
        self.inside()
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
            self._door.delayed -= 1
        if self.places:
            places, self.places = self.places, ()
            self._door.leave(places)
