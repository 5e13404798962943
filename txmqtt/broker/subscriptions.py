"""
Subscribing and unsubscribing: what is granted, from when on it counts, and what becomes of it if it can't be kept.

A subscription counts from the moment it is asked for, and one that is given up no more from then on. If the backend
then fails to record it, the books go back to what is on record, and the client is told.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from txmqtt.broker.features import check_subscribe, filter_refusal
from txmqtt.broker.filters import Grant, cost
from txmqtt.broker.registry import Member
from txmqtt.broker.retrieval import Retrieval
from txmqtt.broker.routes import reserved
from txmqtt.broker.shared import Group
from txmqtt.codec import reasons
from txmqtt.codec.constants import MQTT5, SUBACK
from txmqtt.codec.packets import Subscribe, Subscription, Unsubscribe
from txmqtt.codec.topics import SHARE, filter_syntax_error, levels, split_share
from txmqtt.session.server import ServerSession
from txmqtt.session.threshold import LONGEST_WORDS
from txmqtt.session.tickets import DONE, Ticket, Waiter

if TYPE_CHECKING:
    from txmqtt.broker.core import Broker


class Subscriptions:
    """
    The part of the broker that subscribes.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def subscribe(self, member: Member, session: ServerSession, packet: Subscribe) -> None:
        """
        Answer a SUBSCRIBE.
        """
        broker = self._broker
        policy = member.terms.policy
        if session.version == MQTT5:
            check_subscribe(policy, packet)
        identifier = 0
        if packet.properties is not None and packet.properties.subscription_identifiers:
            identifier = packet.properties.subscription_identifiers[0]
        codes: list[int] = []
        grants: list[Grant] = []
        steps = _Steps(self, member)
        most = member.terms.policy.max_filters_per_packet
        for asked in packet.subscriptions:
            if len(codes) >= most:
                codes.append(reasons.QUOTA_EXCEEDED)
                continue
            share, below = split_share(asked.filter)
            code = self._judge(member, asked, below)
            if code < reasons.FAILURE and broker.hooks is not None and broker.hooks.subscribes:
                code = self._asked(member, asked, code)
            codes.append(code)
            if code >= reasons.FAILURE:
                continue
            before = member.grants.get(asked.filter)
            grant = self._make(member, asked, code, identifier, share, below)
            grants.append(grant)
            steps.took(asked.filter, before, grant)
            if (
                not share
                and policy.retain_available
                and (asked.retain_handling == 0 or (asked.retain_handling == 1 and before is None))
            ):
                steps.retrieve.append(grant)  # [MQTT5-3.3.1-9] [MQTT5-3.3.1-10]
        ticket = DONE
        if member.durable or any(grant.group is not None for grant in grants):
            ticket = broker.backend.subscribe(member.lease, grants)
            broker.give_credit(member, session)
        session.suback(packet.packet_id, codes, ticket, _refusals(packet.subscriptions, codes))
        steps.watch(ticket)

    def _judge(self, member: Member, asked: Subscription, below: bytes) -> int:
        """
        The QoS granted to a subscription, or from 0x80 up why there is none.
        """
        policy = member.terms.policy
        if asked.filter.startswith(SHARE) and filter_syntax_error(asked.filter, True) is not None:
            return reasons.TOPIC_FILTER_INVALID  # to the letter of 3.x it is a level like any other; here it is not
        missing = filter_refusal(policy, asked.filter.startswith(SHARE), below)
        if missing:
            return missing
        if levels(below) > policy.max_topic_levels or len(below) > policy.max_topic_bytes:
            return reasons.TOPIC_FILTER_INVALID
        if asked.filter not in member.grants and (
            len(member.grants) >= policy.max_subscriptions
            or member.filters_cost + cost(asked.filter) > policy.max_subscription_bytes
        ):
            return reasons.QUOTA_EXCEEDED
        qos = min(asked.qos, policy.max_qos)
        if member.permissions is None:
            return qos if member.sees_sys or not reserved(below) else reasons.NOT_AUTHORIZED
        code = member.permissions.granted(below.decode(), qos)
        if code < reasons.FAILURE:
            return min(code, qos)
        return code if reasons.legal(SUBACK, code) else reasons.NOT_AUTHORIZED

    def _asked(self, member: Member, asked: Subscription, code: int) -> int:
        """
        The same when the hooks have been asked: they may make the QoS lower, or refuse.
        """
        hooks = self._broker.hooks
        assert hooks is not None
        refusal = hooks.subscribing(member, asked)
        if refusal >= reasons.FAILURE:
            return refusal if reasons.legal(SUBACK, refusal) else reasons.NOT_AUTHORIZED
        return min(code, asked.qos)

    def _make(
        self, member: Member, asked: Subscription, qos: int, identifier: int, share: bytes, below: bytes
    ) -> Grant:
        group = Group(member.mount.name, share, below) if share else None
        grant = Grant(member, asked, below, qos, identifier, group)
        self._install(grant)
        return grant

    def restore(self, member: Member, asked: Subscription, identifier: int, share: bytes, below: bytes) -> Grant:
        """
        A subscription that was granted in an earlier life of the broker; C{asked.qos} is what was granted.
        """
        return self._make(member, asked, asked.qos, identifier, share, below)

    def unsubscribe(self, member: Member, session: ServerSession, packet: Unsubscribe) -> None:
        """
        Answer an UNSUBSCRIBE.
        """
        codes: list[int] = []
        gone: list[Grant] = []
        steps = _Steps(self, member)
        most = member.terms.policy.max_filters_per_packet
        for filter in packet.filters:
            if len(codes) >= most and session.version == MQTT5:  # 3.x can't be told, and would be mistaken
                codes.append(reasons.IMPLEMENTATION_SPECIFIC_ERROR)
                continue
            grant = member.grants.get(filter)
            if grant is None:
                codes.append(reasons.NO_SUBSCRIPTION_EXISTED)
                continue
            self._remove(grant)
            gone.append(grant)
            steps.took(filter, grant, None)
            codes.append(reasons.SUCCESS)
            if member.retrievals is not None:
                member.retrievals.pop(filter, None)
        ticket = DONE
        if gone and (member.durable or any(grant.group is not None for grant in gone)):
            ticket = self._broker.backend.unsubscribe(member.lease, gone)
        session.unsuback(packet.packet_id, codes, ticket)
        steps.watch(ticket)

    def end(self, member: Member) -> None:
        """
        The session is over, and all that it subscribed to.
        """
        member.unsettled = None
        for grant in list(member.grants.values()):
            self._remove(grant)

    def ended(self, member: Member) -> bool:
        """
        The session is over.
        """
        return self._broker.registry.find(member.key) is not member

    # What is in force

    def _install(self, grant: Grant) -> None:
        """
        From now on this is what the session has under this filter.
        """
        member, stats = grant.member, self._broker.stats
        if grant.filter not in member.grants:
            stats.subscriptions += 1
            member.filters_cost += cost(grant.filter)
            if grant.group is not None:
                stats.shared_subscriptions += 1
        member.grants[grant.filter] = grant
        interest = member.mount.filters.add(grant.below)
        if grant.group is None:
            interest.join(grant)
        else:
            grant.group = interest.sharing().setdefault(grant.group.name, grant.group)
            grant.group.join(grant)
        member.mount.routes.forget(grant.below)

    def _remove(self, grant: Grant) -> None:
        """
        The session has nothing under this filter any more.
        """
        member, group, stats = grant.member, grant.group, self._broker.stats
        filters = member.mount.filters
        del member.grants[grant.filter]
        stats.subscriptions -= 1
        member.filters_cost -= cost(grant.filter)
        interest = filters.add(grant.below)
        if group is None:
            interest.leave(member)
        else:
            stats.shared_subscriptions -= 1
            group.leave(member)
            if not len(group):
                interest.sharing().pop(group.name, None)
        if interest.empty:
            filters.discard(grant.below)
        member.mount.routes.forget(grant.below)

    def put(self, member: Member, filter: bytes, grant: Grant | None) -> None:
        """
        Make the books say this of one filter, whatever they said.
        """
        current = member.grants.get(filter)
        if grant is not None:
            if grant is not current:
                self._install(grant)
        elif current is not None:
            self._remove(current)

    # Retained messages

    def retrieve(self, member: Member, grants: list[Grant]) -> None:
        """
        New subscriptions are sent what has been retained, one after the other, as fast as the client reads.
        """
        broker = self._broker
        for grant in grants:
            if member.retrievals is None:
                member.retrievals = OrderedDict()
            member.retrievals.pop(grant.filter, None)
            member.retrievals[grant.filter] = Retrieval(broker, member, grant)
        self.go_on(member)

    def go_on(self, member: Member) -> None:
        """
        Send more of what has been retained, if there is room.
        """
        if not member.retrieving:  # what is sent may be written at once, and then we are asked for more
            member.retrieving = True
            try:
                self._retrieve(member)
            finally:
                member.retrieving = False
        if member.session is not None:
            member.session.thirsty = member.stalled or member.retrievals is not None

    def _retrieve(self, member: Member) -> None:
        while True:
            retrievals = member.retrievals  # anew each time: the connection may end while messages are sent
            if not retrievals:
                break
            first = next(iter(retrievals.values()))
            if not first.advance():
                return
            retrievals.pop(first.filter, None)
        member.retrievals = None


class Step:
    """
    What one SUBSCRIBE or UNSUBSCRIBE did to one filter.
    """

    def __init__(self, filter: bytes, after: Grant | None) -> None:
        self.filter = filter
        self.after = after


class Unsettled:
    """
    What one session has asked for one filter and is not on record yet.

    @ivar on_record: what is.
    """

    def __init__(self, on_record: Grant | None) -> None:
        self.on_record = on_record
        self.steps: list[Step] = []


class _Steps(Waiter):
    """
    What one SUBSCRIBE or UNSUBSCRIBE did, until it is on record.

    @ivar retrieve: for these subscriptions what has been retained is looked up then.
    """

    def __init__(self, subscriptions: Subscriptions, member: Member) -> None:
        self._subscriptions = subscriptions
        self._member = member
        self._session = member.session
        self._steps: list[tuple[Step, Grant | None]] = []
        self.retrieve: list[Grant] = []

    def took(self, filter: bytes, before: Grant | None, after: Grant | None) -> None:
        """
        This became of a filter.
        """
        self._steps.append((Step(filter, after), before))

    def watch(self, ticket: Ticket) -> None:
        """
        The ticket decides.
        """
        member = self._member
        if self._subscriptions.ended(member):
            return  # by the answer itself: it could not say that the ticket has failed, or was too large
        if ticket.done and not ticket.failed and not member.unsettled:
            self._look_up(self.retrieve)
            return
        if member.unsettled is None:
            member.unsettled = {}
        for step, before in self._steps:
            member.unsettled.setdefault(step.filter, Unsettled(before)).steps.append(step)
        if ticket.done:
            self.settled(ticket)
        else:
            ticket.wait(self)

    def settled(self, ticket: Ticket) -> None:
        """
        See C{Waiter}.
        """
        member = self._member
        if member.unsettled is None:
            return  # the session is over
        for step, _ in self._steps:
            unsettled = member.unsettled[step.filter]
            unsettled.steps.remove(step)
            if not ticket.failed:
                unsettled.on_record = step.after
            else:
                last = unsettled.steps[-1].after if unsettled.steps else unsettled.on_record
                self._subscriptions.put(member, step.filter, last)
            if not unsettled.steps:
                del member.unsettled[step.filter]
        if not ticket.failed:
            self._look_up([grant for grant in self.retrieve if member.grants.get(grant.filter) is grant])

    def _look_up(self, grants: list[Grant]) -> None:
        member = self._member
        if grants and member.session is not None and member.session is self._session:
            self._subscriptions.retrieve(member, grants)


#: What is said about a filter that is refused.
_WORDS: Final = {
    reasons.NOT_AUTHORIZED: "not authorised",
    reasons.TOPIC_FILTER_INVALID: "too many levels, or a broken share",
    reasons.QUOTA_EXCEEDED: "too many subscriptions",
}


def _refusals(subscriptions: list[Subscription], codes: list[int]) -> str:
    """
    Which filters are refused and why, in words that say no more than the client knows; empty where none is.
    """
    words: list[str] = []
    room = LONGEST_WORDS
    for asked, code in zip(subscriptions, codes, strict=True):
        if code >= reasons.FAILURE and room > 0:
            said = f"{asked.filter.decode()!r}: {_WORDS.get(code, 'refused')}"
            words.append(said)
            room -= len(said)
    return "; ".join(words)
