"""
Which conversations have a meter: those of clients whose terms say how fast they may publish.
"""

from __future__ import annotations

from txmqtt.broker.registry import Member, Registry
from txmqtt.session.meter import Meter


def measure(member: Member) -> None:
    """
    Make the meter of a connected session say what its terms say now; without rates it has none.
    """
    session, policy = member.session, member.terms.policy
    if session is None:
        return
    if not (policy.publish_rate or policy.byte_rate):
        if not session.throttled:
            session.meter = None
            return
        # The message that waits passes when it is looked at next.
    if session.meter is None:
        session.meter = Meter(session.turn.now)
    session.meter.set(policy.publish_rate, policy.publish_burst, policy.byte_rate, policy.byte_burst)


def measure_all(registry: Registry) -> None:
    """
    After a change of the policy: those who are connected are measured anew.
    """
    for member in registry.everybody():
        measure(member)
