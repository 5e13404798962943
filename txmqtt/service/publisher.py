"""
Publishing from the program that the broker runs in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from txmqtt.broker.core import Broker
from txmqtt.codec import reasons
from txmqtt.codec.errors import Refused
from txmqtt.codec.properties import Properties
from txmqtt.codec.reasons import ReasonCode
from txmqtt.codec.topics import topic_error
from txmqtt.session.tickets import Caller


class Publisher:
    """
    Takes the program's messages: all that is published in one turn of the reactor shares its writes.
    """

    def __init__(self, broker: Broker, reactor: Any, seconds: Callable[[], float]) -> None:
        self._broker = broker
        self._reactor = reactor
        self._seconds = seconds
        self._flush_due = False

    def publish(
        self, topic: str, payload: bytes, qos: int, retain: bool, properties: Properties | None
    ) -> Deferred[ReasonCode]:
        """
        See C{BrokerService.publish}.
        """
        if not isinstance(topic, str) or not isinstance(payload, bytes):
            raise TypeError(f"expected topic as str and payload as bytes, not {type(topic)} and {type(payload)}")
        name = topic.encode()
        if (wrong := topic_error(name)) is not None:
            raise ValueError(wrong)
        if qos not in (0, 1, 2):
            raise ValueError(f"QoS is {qos!r}; expected 0, 1 or 2")
        self._broker.turn.now = self._seconds()
        ticket = self._broker.publish(name, payload, qos, retain, properties)
        if not self._flush_due:
            self._flush_due = True
            self._reactor.callLater(0, self._flush)
        done: Deferred[ReasonCode] = Deferred()

        def settled(reason: int) -> None:
            if reason >= reasons.FAILURE:
                done.errback(Refused(f"not published: {reasons.name(reason)}", reason))
            else:
                done.callback(ReasonCode(reason))

        if ticket.done:
            settled(ticket.reason)
        else:
            ticket.wait(Caller(settled))
        return done

    def _flush(self) -> None:
        self._flush_due = False
        self._broker.turn.flush()
