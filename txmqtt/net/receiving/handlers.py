"""
The messages of one session, handed to their receivers, and the word to the server when they are dealt with.

A message calls each callback that it is for, once; what is for nobody goes to the catch-all. A callback that returns a
Deferred, or a coroutine, has dealt with its message when that is done: so long a QoS 1 or 2 message is not
acknowledged. A callback that fails has dealt with it too, unless its terms say otherwise: the failure is logged and
counted.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger
from twisted.python.failure import Failure

from txmqtt.codec.packets import Publish
from txmqtt.net.receiving.buffer import Buffer
from txmqtt.net.receiving.figures import Figures
from txmqtt.net.receiving.pressure import Pressure
from txmqtt.net.receiving.receivers import Callback, deferred, together
from txmqtt.net.receiving.routing import Routing
from txmqtt.net.receiving.terms import Policy
from txmqtt.net.values import Message
from txmqtt.session.tickets import DONE, WITHHELD, Ticket

_log = Logger()


class Handlers(Routing):
    """
    The receivers of one session, which outlives its connections.

    @ivar otherwise: gets what is for nobody else.
    @ivar lasting: somebody connects again and restores the subscriptions: receivers stay when a connection ends, also
        when the server has lost the session.
    @ivar wake: called just before something is settled later than it came: the connection that has the session now,
        which need not be the one that the message came with, has something to say.
    @ivar connections: how many connections have ended.
    @ivar pressure: whether the connection is read.
    @ivar figures: the counters.
    """

    def __init__(self, otherwise: Callback | None = None, lasting: bool = False) -> None:
        super().__init__()
        self.otherwise = otherwise
        self.lasting = lasting
        self.wake: Callable[[], object] = lambda: None
        self.connections = 0
        self.pressure = Pressure()
        self.figures = Figures()

    # The life of connections

    def offered(self, identifying: bool) -> None:
        """
        The server accepted a connection.

        @param identifying: it sends subscription identifiers.
        """
        if identifying != self.identifying:
            self.identifying = identifying
            self.forget_routes()

    def resumed(self) -> None:
        """
        It goes on with the session, and sends again what was not acknowledged.
        """
        for receiver in self.receivers():
            receiver.resumed()

    def lost(self, why: Exception) -> None:
        """
        The connection is over.
        """
        self.connections += 1
        if not self.lasting:
            self.end(why)

    def end(self, why: Exception) -> None:
        """
        Nothing comes any more: who waits for the next message is told why.
        """
        for reader in self.remove_readers():
            reader.end(why)

    def buffer(self, limit: int, policy: Policy) -> Buffer:
        """
        A place for messages to wait.
        """
        return Buffer(limit, policy, self.figures, self.pressure, lambda: self.wake())

    # What they get

    def deliver(self, packet: Publish) -> Ticket:
        """
        Hand a message to whom it is for.

        @return: settled when it is dealt with.
        """
        properties = packet.properties
        try:
            routes = self._routes if properties is None else self._named[properties.subscription_identifiers]
            topic, callback, receivers = routes[packet.topic]
        except KeyError:
            identifiers = () if properties is None else properties.subscription_identifiers
            topic, callback, receivers = self.find(packet.topic, identifiers)
        if callback is None:
            if receivers:
                message = Message(topic, packet.payload, packet.qos, packet.retain, packet.dup, properties)
                tickets = [receiver.take(message) for receiver in receivers]
                return tickets[0] if len(tickets) == 1 else together(tickets)
            callback = self.otherwise
            if callback is None:
                self._nobody(topic)
                return DONE
        try:
            result = callback(Message(topic, packet.payload, packet.qos, packet.retain, packet.dup, properties))
        except (Exception, SystemExit):
            self.failed(Failure(), topic)
            return DONE
        return DONE if result is None else self.follow(result, topic)

    def follow(self, result: object, topic: str) -> Ticket:
        """
        What a plain callback returned: when it is done, so is the message.
        """
        waiting = deferred(result)
        if waiting is None:
            return DONE
        ticket = Ticket()
        waiting.addErrback(self.failed, topic)
        waiting.addCallback(lambda _: self.settle(ticket, 0))
        return ticket

    def settle(self, ticket: Ticket, reason: int) -> None:
        """
        A message is dealt with.
        """
        if not ticket.done:
            if reason == WITHHELD:
                self.figures.withheld += 1
            self.wake()
            ticket.settle(reason)

    def counts(self, message: Message, connections: int) -> bool:
        """
        Whether acknowledging this message, which came on that connection, is of any use: a QoS 1 message of an earlier
        one has been sent again, or will be, or the session is gone; of QoS 2 it is remembered.
        """
        if connections == self.connections:
            return True
        self.figures.late += 1
        return message.qos == 2

    def failed(self, failure: Failure, topic: str) -> None:
        """
        A callback has failed.
        """
        self.figures.failed += 1
        _log.failure("the callback for a message on {topic!r} failed", failure, topic=topic)

    def _nobody(self, topic: str) -> None:
        figures = self.figures
        if not figures.unclaimed:
            _log.warn(
                "a message on {topic!r} matches no subscription that has a callback, and there is no on_message;"
                " from now on such messages are only counted",
                topic=topic,
            )
        figures.unclaimed += 1
