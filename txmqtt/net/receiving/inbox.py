"""
What has come for somebody who reads: the messages in line, the one in hand, and who waits for the next.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from txmqtt.codec import reasons
from txmqtt.net.receiving.by_hand import ByHand
from txmqtt.net.receiving.handlers import Handlers
from txmqtt.net.receiving.receivers import Receiver
from txmqtt.net.receiving.terms import Terms, check_seconds, sayable
from txmqtt.net.values import Message
from txmqtt.session.tickets import DONE, WITHHELD, Ticket


class Inbox(Receiver):
    """
    One reader's messages.

    @ivar ended: no more will come; C{why}: the error that says so, None when whoever reads has closed it.
    @ivar dropped: how many messages were thrown away unread.
    @param keep: what nobody has read when it is closed is not acknowledged, so that it comes again.
    """

    reading = True

    def __init__(self, terms: Terms, version: int, handlers: Handlers, clock: IReactorTime, keep: bool) -> None:
        self.ended = False
        self.why: Exception | None = None
        self.waiting = handlers.buffer(terms.limit, terms.policy)
        self._terms = terms
        self._version = version
        self._handlers = handlers
        self._clock = clock
        self._keep = keep
        self._left = 0  # dropped because it was closed
        self._in_hand: Ticket | None = None
        self._reader: Deferred[Message] | None = None
        self._alarm: IDelayedCall | None = None

    @property
    def dropped(self) -> int:
        return self.waiting.dropped + self._left

    # What comes

    def take(self, message: Message) -> Ticket:
        """
        See C{Receiver}.
        """
        if self.ended:
            return self._unread(message)
        ticket = Ticket()
        reader = self._reader
        if reader is not None:
            self._stop_waiting()
            reader.callback(self._hand(message, ticket))
        elif not self.waiting.put(message, ticket):
            return DONE
        return ticket

    def _unread(self, message: Message) -> Ticket:
        ticket = Ticket()
        if self._keep and message.qos:
            self._handlers.settle(ticket, WITHHELD)
            return ticket
        self._left += 1
        self._handlers.figures.dropped += 1
        return DONE

    def _hand(self, message: Message, ticket: Ticket) -> Message:
        """
        Give it to the reader.
        """
        acknowledge = self._terms.acknowledge
        if acknowledge == "manual" and message.qos:
            handlers, version, connections = self._handlers, self._version, self._handlers.connections

            def decided(reason: int) -> bool:
                if ticket.done:
                    return False
                handlers.settle(ticket, sayable(reason, version))
                return handlers.counts(message, connections)

            return ByHand(message, decided)
        if acknowledge == "received":
            self._handlers.settle(ticket, reasons.SUCCESS)
        else:
            self._in_hand = ticket
        return message

    # Reading

    def let_go(self, reason: int = reasons.SUCCESS) -> None:
        """
        The reader has dealt with the message in hand.
        """
        ticket, self._in_hand = self._in_hand, None
        if ticket is not None:
            self._handlers.settle(ticket, reason)

    def failed(self) -> None:
        """
        The reader has failed with the message in hand.
        """
        if self._in_hand is not None:
            self._handlers.figures.failed += 1
            self.let_go(self._terms.verdict(self._version))

    def next(self, timeout: float | None) -> Deferred[Message]:
        """
        The next message, when there is one.
        """
        if timeout is not None:
            check_seconds("timeout", timeout)
        if self._reader is not None:
            raise RuntimeError("somebody waits for the next message already; one can at a time")
        self.let_go()
        if self.waiting:
            return succeed(self._hand(*self.waiting.take()))
        if self.ended:
            return fail(self.why or StopAsyncIteration())
        reader = self._reader = Deferred(lambda _: self._stop_waiting())
        if timeout is not None:
            self._alarm = self._clock.callLater(timeout, self._too_late, timeout)
        return reader

    def _too_late(self, seconds: float) -> None:
        self._alarm = None
        self._fail(TimeoutError(f"no message within {seconds:g} s"))

    def _stop_waiting(self) -> None:
        self._reader = None
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _fail(self, why: Exception) -> None:
        reader = self._reader
        if reader is not None:
            self._stop_waiting()
            reader.errback(why)

    # The end

    def resumed(self) -> None:
        """
        See C{Receiver}.
        """
        self.waiting.resumed()

    def end(self, why: Exception | None) -> None:
        """
        See C{Receiver}. What is here can still be read.
        """
        if not self.ended:
            self.ended = True
            self.why = why
            self._fail(why or StopAsyncIteration())

    def empty(self) -> None:
        """
        Nobody reads any more.
        """
        for ticket in self.waiting.clear():
            if not self._keep:
                self._left += 1
                self._handlers.figures.dropped += 1
            self._handlers.settle(ticket, WITHHELD if self._keep else reasons.SUCCESS)
