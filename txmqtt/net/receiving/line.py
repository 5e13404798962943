"""
A callback on terms: so many messages at once, the others in line, so long for each, and a policy for what fails.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from txmqtt.codec import reasons
from txmqtt.net.receiving.by_hand import ByHand
from txmqtt.net.receiving.handlers import Handlers
from txmqtt.net.receiving.receivers import Callback, Receiver, deferred
from txmqtt.net.receiving.terms import Terms, sayable
from txmqtt.net.values import Message
from txmqtt.session.tickets import DONE, Ticket


class Line(Receiver):
    """
    The callback, and who waits for it.

    @param version: of MQTT.
    @ivar running: how many messages are in its hands.
    """

    def __init__(self, handled: Callback, terms: Terms, version: int, handlers: Handlers, clock: IReactorTime) -> None:
        self.handled = handled
        self.terms = terms
        self.version = version
        self.handlers = handlers
        self.clock = clock
        self.running = 0
        self.waiting = handlers.buffer(terms.limit, terms.policy)
        self._moving = False

    def take(self, message: Message) -> Ticket:
        """
        See C{Receiver}.
        """
        ticket = Ticket()
        if self._free() and not self.waiting:
            _Run(self, message, ticket).start()
        elif not self.waiting.put(message, ticket):
            return DONE
        return ticket

    def _free(self) -> bool:
        concurrency = self.terms.concurrency
        return concurrency is None or self.running < concurrency

    def go_on(self) -> None:
        """
        A message has left the callback's hands.
        """
        if self._moving:  # a callback that returned at once; whoever called it goes on
            return
        self._moving = True
        try:
            while self.waiting and self._free():
                _Run(self, *self.waiting.take()).start()
        finally:
            self._moving = False

    def resumed(self) -> None:
        """
        See C{Receiver}.
        """
        self.waiting.resumed()


class _Run:
    """
    One message in the hands of the callback.
    """

    def __init__(self, line: Line, message: Message, ticket: Ticket) -> None:
        self._line = line
        self._ticket = ticket
        self._by_hand = line.terms.acknowledge == "manual" and message.qos > 0
        self._message = ByHand(message, self._decided) if self._by_hand else message
        self._connections = line.handlers.connections
        self._result: Deferred[object] | None = None
        self._returned = False
        self._over = False
        self._alarm: IDelayedCall | None = None

    def start(self) -> None:
        line = self._line
        terms = line.terms
        line.running += 1
        if terms.acknowledge == "received":
            self._settle(reasons.SUCCESS)
        if terms.timeout is not None:
            self._alarm = line.clock.callLater(terms.timeout, self._too_late, terms.timeout)
        try:
            result = deferred(line.handled(self._message))
        except (Exception, SystemExit):
            self._failed(Failure())
            return
        if result is None:
            self._done(None)
        elif self._over:  # by its own doing: it let the time pass
            result.addErrback(lambda _: None)
            result.cancel()
        else:
            self._result = result
            result.addCallbacks(self._done, self._failed)

    def _done(self, _: object) -> None:
        self._returned = True
        if not self._by_hand or self._ticket.done:
            self._finish(reasons.SUCCESS)

    def _failed(self, failure: Failure) -> None:
        if not self._over:  # a timeout has been told already
            self._line.handlers.failed(failure, self._message.topic)
            self._finish(self._line.terms.verdict(self._line.version))

    def _too_late(self, seconds: float) -> None:
        self._alarm = None
        line = self._line
        line.handlers.figures.timed_out += 1
        line.handlers.failed(Failure(TimeoutError(f"not dealt with within {seconds:g} s")), self._message.topic)
        result = self._result
        self._finish(line.terms.verdict(line.version))
        if result is not None:
            result.cancel()

    def _decided(self, reason: int) -> bool:
        """
        The application acknowledges by hand.
        """
        ticket = self._ticket
        if ticket.done:
            return False
        self._settle(sayable(reason, self._line.version))
        if self._returned:
            self._finish(reasons.SUCCESS)
        return self._line.handlers.counts(self._message, self._connections)

    def _settle(self, reason: int) -> None:
        self._line.handlers.settle(self._ticket, reason)

    def _finish(self, reason: int) -> None:
        if self._over:
            return
        self._over = True
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        line = self._line
        line.running -= 1
        self._settle(reason)
        line.go_on()
