"""
Leaving: what becomes of a session, and of its will, when its connection ends, when its time is over, and at the end.

A will is due at the earlier of its delay and the end of its session, and is published once: whoever publishes it takes
it out of the session first. One that could not be stored for those who are owed it is published again until it can be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from txmqtt.broker.hooks import INWARD
from txmqtt.broker.registry import Member
from txmqtt.broker.shapes import UNAVAILABLE
from txmqtt.codec import reasons
from txmqtt.codec.packets import Disconnect, Publish, Will
from txmqtt.session.server import ServerSession
from txmqtt.session.tickets import Ticket, Waiter

if TYPE_CHECKING:
    from txmqtt.broker.core import Broker

#: A session expiry interval that never ends [MQTT5 3.1.2.11.2].
FOR_EVER: Final = 0xFFFFFFFF

#: Seconds until a session that could not end is looked at again.
_AGAIN: Final = 1.0


class Farewells:
    """
    The part of the broker that lets go.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._unsaid: list[_LastWords] = []

    def leave(self, member: Member, session: ServerSession, goodbye: Disconnect | None) -> None:
        """
        The connection of a session has ended.
        """
        broker = self._broker
        broker.stats.connections -= 1
        member.session = None
        member.credited = member.stalled = False
        if member.line is not None:
            member.line.leave()
        if goodbye is not None:
            if goodbye.reason == reasons.SUCCESS:
                self._cancel_will(member)  # [MQTT5-3.14.4-3] [MQTT311-3.14.4-3]
            if goodbye.properties is not None and goodbye.properties.session_expiry_interval is not None:
                member.expiry = member.terms.capped(goodbye.properties.session_expiry_interval)
        replaced, discarded = member.replaced, member.discarded
        member.replaced = member.discarded = False
        ends = discarded or not member.durable or not member.expiry
        self._what_waits(member, session, ends)
        if broker.closing and broker.backend.lasting and member.will is not None:
            # The restart will see to it: nobody who could return now must find that it has been published.
            if not ends:
                broker.backend.close(member.lease, member.expiry)
            return
        self._will(member, ends, replaced)
        if ends:
            self._end(member)
            broker.backend.close(member.lease, 0)
        else:
            if member.permissions is not None:
                member.forget_routes()
            broker.backend.close(member.lease, member.expiry)
            if member.expiry != FOR_EVER:  # also if it is taken over: whoever wants it may not get it
                member.ending = broker.calendar.add(broker.turn.wall + member.expiry, member, True)

    def call_off(self, member: Member) -> None:
        """
        What was to happen to a session while it is parked does not [MQTT5-3.1.3-9].
        """
        for appointment in (member.ending, member.will_due):
            if appointment is not None:
                self._broker.calendar.cancel(appointment)
        member.ending = member.will_due = None

    def _what_waits(self, member: Member, session: ServerSession, ends: bool) -> None:
        """
        What was on its way and nobody else keeps.
        """
        retrievals, member.retrievals = member.retrievals, None
        if retrievals is not None and not ends:
            for retrieval in retrievals.values():
                retrieval.leave()
        waiting = session.outgoing.waiting if session.outgoing is not None else None
        if waiting is not None:
            self._broker.stats.dropped_ended += sum(not item.ref for item in waiting)

    def _will(self, member: Member, ends: bool, replaced: bool) -> None:
        broker = self._broker
        delay = 0
        if member.will is not None and member.will.properties is not None:
            delay = member.will.properties.will_delay_interval or 0
        if ends or not delay:
            self._publish_will(member)
        elif replaced:
            self._cancel_will(member)  # the client is back before its time [MQTT5-3.1.3-9]
        elif member.will is not None:
            # At the end of the delay or of the session, whichever comes first [MQTT5-3.1.2-8].
            due = broker.turn.wall + min(delay, member.expiry)
            member.will_due = broker.calendar.add(due, member, False)
            broker.backend.will(member.lease, due)

    def _cancel_will(self, member: Member) -> None:
        if member.will is not None:
            member.will = None
            self._broker.backend.will(member.lease, 0.0)

    def _publish_will(self, member: Member) -> None:
        will = member.will
        if will is None:
            return
        self._cancel_will(member)
        broker = self._broker
        if not member.may_publish(will.topic):  # it was asked at CONNECT too; the right may have gone since
            broker.stats.refused_publishes += 1
            return
        if broker.hooks is not None and not self._passes(member, will):
            broker.stats.refused_publishes += 1
            return
        broker.stats.wills_sent += 1
        self._say(_LastWords(self, will, member))

    def _passes(self, member: Member, will: Will) -> bool:
        """
        Whether the hooks let a will be published, as they do with whatever a client publishes; it may be changed.
        """
        hooks = self._broker.hooks
        assert hooks is not None
        if not hooks.interest(will.topic) & INWARD:
            return True
        packet = Publish(will.topic, will.payload, will.qos, will.retain, False, 0, will.properties)
        if hooks.publishing(member, packet) >= reasons.FAILURE:
            return False
        will.topic, will.payload, will.retain = packet.topic, packet.payload, packet.retain
        will.properties = packet.properties
        return True

    def _say(self, words: _LastWords) -> None:
        will = words.will
        ticket = self._broker.publish(
            will.topic, will.payload, will.qos, will.retain, will.properties, words.mount, words.client_id, words.terms
        )
        if ticket is UNAVAILABLE:
            self._unsaid.append(words)
        elif not ticket.done:
            ticket.wait(words)

    def not_said(self, words: _LastWords) -> None:
        """
        A will could not be stored for those who are owed it.
        """
        self._unsaid.append(words)

    def _end(self, member: Member) -> None:
        """
        The session is no more: nobody looks for it, nothing is for it.
        """
        broker = self._broker
        self.call_off(member)
        broker.subscriptions.end(member)
        broker.registry.remove(member)
        broker.stats.sessions -= 1

    def discarded(self, key: tuple[str, str]) -> None:
        """
        The backend no longer has a parked session.
        """
        member = self._broker.registry.find(key)
        if member is not None and member.session is None:
            if member.graced:  # its client is back in time
                self._cancel_will(member)
            self._publish_will(member)
            self._end(member)

    def sweep(self) -> None:
        """
        Do what is due by the wall clock: wills, and sessions that have expired.
        """
        broker = self._broker
        for line in list(broker.lines):
            line.go_on()
        unsaid, self._unsaid = self._unsaid, []
        for words in unsaid:
            self._say(words)
        for appointment in broker.calendar.due(broker.turn.wall):
            member = appointment.member
            if member.session is not None or broker.registry.find(member.key) is not member:
                continue
            if appointment.ending and member.lease.owner is not None:  # its client is on the threshold
                member.ending = broker.calendar.add(broker.turn.wall + _AGAIN, member, True)
                continue
            self._publish_will(member)
            if appointment.ending:
                broker.stats.sessions_expired += member.durable
                self._end(member)
                broker.backend.discard(member.key)
            else:
                member.will_due = None

    def shut(self, message: str) -> None:
        """
        Everybody goes. Where nothing outlives the process, first all wills, while somebody is there to hear them; a
        store keeps them for the clients to return to, or for the restart to publish.
        """
        broker = self._broker
        for arrival in list(broker.arrivals):
            arrival.shut(message)
        if not broker.backend.lasting:
            for member in broker.registry.everybody():
                self._publish_will(member)
        for member in broker.registry.everybody():
            if member.session is not None:
                member.session.server_reference = member.terms.policy.server_reference
                member.session.end(member.terms.at_shutdown, message)


class _LastWords(Waiter):
    """
    A will that has been published, until those who are owed it have it for sure.
    """

    def __init__(self, farewells: Farewells, will: Will, member: Member) -> None:
        self.will = will
        self.mount = member.mount.name
        self.client_id = member.client_id
        self.terms = member.terms
        self._farewells = farewells

    def settled(self, ticket: Ticket) -> None:
        """
        See C{Waiter}.
        """
        if ticket.failed:
            self._farewells.not_said(self)
