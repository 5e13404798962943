"""
Whoever gets messages, and how a callback gets them when there is nothing special about it.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CoroutineType
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txmqtt.net.values import Message
from txmqtt.session.tickets import DONE, Caller, Ticket, decided

if TYPE_CHECKING:
    from txmqtt.net.receiving.handlers import Handlers

Callback = Callable[[Message], object]


class Receiver:
    """
    Gets the messages of one subscription, which may have several filters.

    @ivar callback: all that there is to do is to call this; None where there is more.
    @ivar reading: somebody waits for what comes, and must be told when nothing more will.
    """

    callback: Callback | None = None
    reading = False

    def take(self, message: Message) -> Ticket:
        """
        Here is a message; it is dealt with when the ticket is settled. Never raises.
        """
        raise NotImplementedError

    def resumed(self) -> None:
        """
        The server goes on with the session on a new connection, and sends again what was not acknowledged.
        """

    def end(self, why: Exception | None) -> None:
        """
        Nothing more will come: the subscription is no more (None), another took its place, or the connection is gone.
        """


class Plain(Receiver):
    """
    A callback, called with each message as it comes, which has dealt with it when it returns, or when the Deferred or
    coroutine that it returns is done.
    """

    def __init__(self, callback: Callback, handlers: Handlers) -> None:
        self.callback: Callback = callback
        self._handlers = handlers

    def take(self, message: Message) -> Ticket:
        """
        See C{Receiver}.
        """
        try:
            result = self.callback(message)
        except (Exception, SystemExit):
            self._handlers.failed(Failure(), message.topic)
            return DONE
        return DONE if result is None else self._handlers.follow(result, message.topic)


def deferred(result: object) -> Deferred[object] | None:
    """
    What a callback returned, as something to wait for; None when there is nothing to wait for.
    """
    if isinstance(result, CoroutineType):
        return Deferred.fromCoroutine(result)
    return result if isinstance(result, Deferred) else None


def together(tickets: list[Ticket]) -> Ticket:
    """
    One ticket for several receivers of one message: done when all are, with the worst that any of them says. The higher
    reason code is the worse, and not to acknowledge at all is worst: it must come again for who has not got it.
    """
    pending = [ticket for ticket in tickets if not ticket.done]
    if not pending:
        worst = max([ticket.reason for ticket in tickets])
        return decided(worst) if worst else DONE
    all_done = Ticket()
    left = len(pending)

    def one_less(_: int) -> None:
        nonlocal left
        left -= 1
        if not left:
            all_done.settle(max([ticket.reason for ticket in tickets]))

    caller = Caller(one_less)
    for ticket in pending:
        ticket.wait(caller)
    return all_done
