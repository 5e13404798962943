"""
Members without connections, and their subscriptions: for tests of single modules.
"""

from __future__ import annotations

from tests.broker.support import Town
from txmqtt.broker.core import Broker
from txmqtt.broker.filters import Grant
from txmqtt.broker.policy import Policy
from txmqtt.broker.registry import Member
from txmqtt.broker.shapes import Claim, Lease, Permissions
from txmqtt.codec.packets import Subscription


def somewhere() -> Broker:
    """
    A broker for members to belong to.
    """
    return Town(Policy()).broker


def member(broker: Broker, name: str, expiry: int = 0, permissions: Permissions | None = None) -> Member:
    """
    A session that nobody has opened.
    """
    claim = Claim("", name, None, True, expiry)
    made = Member(broker, broker.mount(), name, None, Lease(claim, None, False, expiry > 0))
    made.change_permissions(permissions)
    return made


def subscribe(who: Member, filter: str, qos: int = 0, identifier: int = 0, **options: bool) -> Grant:
    """
    A plain subscription, in force.
    """
    raw = filter.encode()
    grant = Grant(who, Subscription(raw, qos, **options), raw, qos, identifier, None)
    who.mount.filters.add(raw).join(grant)
    who.grants[raw] = grant
    who.mount.routes.forget(raw)
    return grant


def unsubscribe(who: Member, filter: str) -> None:
    """
    It is no more.
    """
    raw = filter.encode()
    interest = who.mount.filters.add(raw)
    interest.leave(who)
    del who.grants[raw]
    if interest.empty:
        who.mount.filters.discard(raw)
    who.mount.routes.forget(raw)
