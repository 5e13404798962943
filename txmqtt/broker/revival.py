"""
What a restart brings back: the sessions that an earlier life of the broker left, parked, with all that they subscribed
to, and their wills.

Nobody is connected after a restart, and those who were had no chance to say goodbye: they are given C{will_grace} to
return before their wills are published. How long the broker was away is not known to a session whose client was
connected at the end: its expiry counts from the restart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from txmqtt.broker.farewells import FOR_EVER
from txmqtt.broker.registry import Member
from txmqtt.broker.shapes import Survivor
from txmqtt.codec.topics import split_share

if TYPE_CHECKING:
    from txmqtt.broker.core import Broker


def recover(broker: Broker) -> int:
    """
    Bring back what an earlier life left, before anybody is let in.

    @return: how many sessions.
    """
    survivors = broker.backend.survivors()
    for survivor in survivors:
        _revive(broker, survivor)
    return len(survivors)


def _revive(broker: Broker, survivor: Survivor) -> None:
    lease = survivor.lease
    mount, client_id = lease.key
    member = Member(broker, broker.mount(mount), client_id, lease.user, lease)
    broker.registry.add(member)
    broker.stats.sessions += 1
    member.expiry = survivor.expiry
    grants = []
    for kept in survivor.subscriptions:
        share, below = split_share(kept.asked.filter)
        grants.append(broker.subscriptions.restore(member, kept.asked, kept.identifier, share, below))
    if grants:
        broker.backend.revived(lease, grants)
    _appoint(broker, member, survivor)


def _appoint(broker: Broker, member: Member, survivor: Survivor) -> None:
    now = broker.turn.wall
    due = 0.0
    if survivor.will is not None:
        member.will = survivor.will
        grace = now + broker.policy.will_grace
        if survivor.will_due:
            due = max(survivor.will_due, grace)
        else:
            member.graced = True
            properties = survivor.will.properties
            delay = (properties.will_delay_interval or 0) if properties is not None else 0
            due = max(now + min(delay, survivor.expiry), grace)
        member.will_due = broker.calendar.add(due, member, False)
    if not member.durable:
        member.ending = broker.calendar.add(due, member, True)
    elif survivor.expiry != FOR_EVER:
        member.ending = broker.calendar.add((survivor.parked_at or now) + survivor.expiry, member, True)
