"""
Retained messages on their way to one new subscription, as fast as the subscriber reads them and no faster.

A wide filter may find a hundred thousand messages. They are sent in pages: the next when the last has left, so that
neither the write buffer nor the queue of the session overflows because of them.
"""

from __future__ import annotations

from txmqtt.broker.fanout import Fanout
from txmqtt.broker.filters import Grant
from txmqtt.broker.registry import Member
from txmqtt.broker.routes import Delivery, Route
from txmqtt.broker.shapes import Backend
from txmqtt.session.message import Message
from txmqtt.session.outgoing import REFUSED
from txmqtt.session.turn import Turn


class Retrieval:
    """
    What one subscription is still to be sent.
    """

    def __init__(self, member: Member, grant: Grant, backend: Backend, fanout: Fanout, turn: Turn, page: int) -> None:
        self._member = member
        self._filter = grant.filter
        self._delivery = Delivery(member, [grant], True)
        self._route = Route(member.mount.name, [self._delivery], [])
        self._backend = backend
        self._fanout = fanout
        self._turn = turn
        self._page = page
        self._messages: list[Message] = []
        self._at = 0
        self._complete = False

    @property
    def finished(self) -> bool:
        """
        Nothing is left to be sent, and nothing more will be found.
        """
        return self._complete and self._at >= len(self._messages)

    def page(self, messages: list[Message], last: bool) -> None:
        """
        See C{Reader.page}.
        """
        self._messages.extend(messages)
        self._complete = last
        self.advance()

    def advance(self) -> None:
        """
        Send as much as there is room for.
        """
        session = self._member.session
        if session is None:
            return
        until = min(len(self._messages), self._at + self._page)
        while self._at < until:
            if session.paused or session.out_size * 2 >= session.write_limit:
                break
            outgoing = session.outgoing
            if outgoing is None or not outgoing.idle or outgoing.flying >= outgoing.window:
                break
            self._send(self._messages[self._at])
            self._at += 1
        if self.finished:
            self._messages = []
            self._at = 0

    def _send(self, message: Message) -> None:
        member = self._member
        session = member.session
        delivery = self._delivery
        if message.expired(self._turn.wall) or not member.may_receive(message.topic) or session is None:
            return
        if delivery.no_local and message.publisher == member.client_id:
            return
        if not message.qos or not delivery.qos:
            self._fanout.one(message, delivery)
        elif member.durable:
            self._backend.publish(_again(message), self._route, None, 0)
        elif session.post(delivery.copy(message)) == REFUSED:
            self._fanout.full()

    def flush(self) -> None:
        """
        The connection is gone: what has been asked for and is owed to a session that lasts waits for its return.
        """
        if self._member.durable and self._delivery.qos:
            for message in self._messages[self._at :]:
                if message.qos:
                    self._backend.publish(_again(message), self._route, None, 0)
        self._messages = []
        self._at = 0
        self._complete = True


def _again(message: Message) -> Message:
    """
    The same message, not to be retained once more.
    """
    return Message(
        message.topic,
        message.payload,
        message.qos,
        False,
        message.properties,
        message.expires_at,
        message.publisher,
    )
