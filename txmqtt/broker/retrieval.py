"""
Retained messages on their way to one new subscription, as fast as the subscriber reads them and no faster.

A wide filter may find a hundred thousand messages. They are sent in pages: the next when the last has left, so that
neither the write buffer nor the queue of the session overflows because of them. A session has one of these at work at a
time; the others have not even looked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from txmqtt.broker.filters import Grant
from txmqtt.broker.registry import Member
from txmqtt.broker.routes import Delivery, Route
from txmqtt.broker.shapes import UNAVAILABLE, Rest
from txmqtt.session.message import Message, unretained
from txmqtt.session.tickets import Ticket, Waiter

if TYPE_CHECKING:
    from txmqtt.broker.core import Broker


#: In one turn so many pages are looked through, whatever is found in them.
_PAGES: Final = 3


class Retrieval(Waiter):
    """
    What one subscription is still to be sent.

    @ivar filter: as the client wrote it.
    """

    def __init__(self, broker: Broker, member: Member, grant: Grant) -> None:
        self.filter = grant.filter
        self._broker = broker
        self._member = member
        self._below = grant.below
        self._delivery = Delivery(member, [grant], True)
        self._route = Route(member.mount.name, [self._delivery], [])
        self._messages: list[Message] = []
        self._at = 0
        self._rest: Rest | None = None
        self._begun = False
        self._finding = False
        self._complete = False
        self._over = False  # the connection has ended
        self._pending: list[Ticket] = []  # for what the backend has yet to keep

    def advance(self) -> bool:
        """
        Send as much as there is room for.

        @return: nothing is left to be sent, and nothing more will be found.
        """
        if not self._begun:
            self._begin()
        room = self._broker.policy.retained_page
        pages = _PAGES
        while self._at < len(self._messages) or self._rest is not None:
            if not self._may_go_on():
                return False
            if room <= 0 or pages <= 0:
                self._pause()
                return False
            if self._at == len(self._messages):
                pages -= 1
                self._look_further()
                continue
            message = self._messages[self._at]
            self._at += 1
            if self._wanted(message):
                if not self._send(message):
                    return False
                room -= 1
        self._messages = []
        self._at = 0
        return self._complete

    def _begin(self) -> None:
        self._begun = self._finding = True
        self._broker.backend.find(self._member.mount.name, self._below, self)
        self._finding = False

    def _look_further(self) -> None:
        rest, self._rest = self._rest, None
        assert rest is not None
        self._messages = []
        self._at = 0
        self._finding = True
        rest.following(self)
        self._finding = False

    def page(self, messages: list[Message], last: bool, rest: Rest | None) -> None:
        """
        See C{Reader.page}.
        """
        self._messages.extend(messages)
        self._complete = last
        self._rest = rest
        if self._over:
            if not self._finding:
                self._leave_rest()
        elif not self._finding:
            self._broker.subscriptions.go_on(self._member)

    def settled(self, ticket: Ticket) -> None:
        """
        See C{Waiter}: what was to be kept is.
        """
        if not self._over:
            self._broker.subscriptions.go_on(self._member)

    def _may_go_on(self) -> bool:
        """
        Another message would leave at once, and not wait behind others.
        """
        session = self._member.session
        if session is None or session.paused or session.resting or session.out_size * 2 >= session.write_limit:
            return False
        outgoing = session.outgoing
        if outgoing is None or not outgoing.idle:
            return False
        if self._pending:
            self._pending = [ticket for ticket in self._pending if not ticket.done]
        return len(outgoing.ids) + len(self._pending) < outgoing.window

    def _pause(self) -> None:
        """
        So much is enough for one turn; we are called again in the next.
        """
        session = self._member.session
        assert session is not None
        session.rest()

    def _wanted(self, message: Message) -> bool:
        member = self._member
        if message.expired(self._broker.turn.wall):
            return False
        if self._delivery.no_local and message.publisher == member.client_id:
            return False
        return member.may_receive(message.topic)

    def _send(self, message: Message) -> bool:
        """
        @return: there may be room for more.
        """
        member, session = self._member, self._member.session
        assert session is not None
        if not message.qos or not self._delivery.qos:
            self._broker.fanout.one(message, self._delivery)
        elif member.durable:
            return self._owe(message)
        else:
            passed = self._broker.fanout.passed(member, message)
            if passed is not None:
                session.post(self._delivery.copy(passed))
        return True

    def _owe(self, message: Message) -> bool:
        before = self._member.delivered
        ticket = self._broker.backend.publish(unretained(message), self._route, None, 0)
        if ticket is UNAVAILABLE:
            self._broker.stats.drop(1, ticket.reason)
            return True
        if ticket.done:
            return self._member.delivered != before  # otherwise something else is to go first
        self._pending.append(ticket)
        ticket.wait(self)
        return True

    def leave(self) -> None:
        """
        The connection has ended, the session has not: what has been asked for and is owed waits for its return.
        """
        self._over = True
        if not self._begun:
            self._begin()
        else:
            self._leave_rest()

    def _leave_rest(self) -> None:
        broker, member = self._broker, self._member
        rest = self._messages[self._at :]
        while self._rest is not None:
            self._look_further()
            rest.extend(self._messages)
        self._messages, self._at = [], 0
        if broker.registry.find(member.key) is not member:
            return  # the session has ended since
        for message in rest:
            if message.qos and self._delivery.qos and self._wanted(message):
                broker.backend.publish(unretained(message), self._route, None, 0)
