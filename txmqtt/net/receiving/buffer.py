"""
What waits for a receiver that is not ready: bounded, with a policy, and counted.

QoS 1 and 2 messages wait unacknowledged, so that the server sends no more of them than our Receive Maximum (3.x: no
more than it likes, and too many end the connection); there is always room for these. QoS 0 has no such bound, and gets
one here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from txmqtt.net.receiving.figures import Figures
from txmqtt.net.receiving.pressure import Pressure
from txmqtt.net.receiving.terms import Policy
from txmqtt.net.values import Message
from txmqtt.session.tickets import Ticket


class Buffer:
    """
    Messages in the order in which they came, each with the ticket that its acknowledgement waits for.

    @ivar dropped: how many QoS 0 messages found no room.
    @param limit: of QoS 0 messages.
    @param wake: called when there is room again, so that the connection looks whether to read on.
    """

    def __init__(
        self, limit: int, policy: Policy, figures: Figures, pressure: Pressure, wake: Callable[[], object]
    ) -> None:
        self.dropped = 0
        self._limit = limit
        self._policy = policy
        self._figures = figures
        self._pressure = pressure
        self._wake = wake
        self._held: deque[tuple[Message, Ticket]] = deque()
        self._loose = 0  # how many of them are QoS 0

    def __len__(self) -> int:
        return len(self._held)

    def put(self, message: Message, ticket: Ticket) -> bool:
        """
        Let a message wait.

        @return: False when it was dropped instead.
        """
        if message.qos == 0:
            if self._loose >= self._limit:
                self.dropped += 1
                self._figures.dropped += 1
                if self._policy != "drop_oldest":
                    return False
                self._drop_oldest()
            self._loose += 1
        self._held.append((message, ticket))
        self._figures.waiting += 1
        if self._loose >= self._limit and self._policy == "pause":
            self._pressure.full.add(self)
            self._pressure.check()
        return True

    def take(self) -> tuple[Message, Ticket]:
        """
        The message that has waited longest.
        """
        message, ticket = self._held.popleft()
        self._gone(message)
        return message, ticket

    def clear(self) -> list[Ticket]:
        """
        Nobody wants these any more; their tickets.
        """
        held = list(self._held)
        self._held.clear()
        for message, _ in held:
            self._gone(message)
        return [ticket for _, ticket in held]

    def resumed(self) -> None:
        """
        The server goes on with the session, and sends again what was not acknowledged: QoS 1 anew, QoS 2 as repeats of
        what is here.
        """
        held = list(self._held)
        self._held = deque((message, ticket) for message, ticket in held if message.qos != 1)
        self._figures.waiting -= len(held) - len(self._held)

    def _drop_oldest(self) -> None:
        for position, (message, _) in enumerate(self._held):
            if message.qos == 0:
                del self._held[position]
                self._gone(message)
                return

    def _gone(self, message: Message) -> None:
        self._figures.waiting -= 1
        if message.qos == 0:
            self._loose -= 1
            # Not for each single place: stopping and starting the transport costs more than a message.
            if self._loose <= self._limit // 2 and self in self._pressure.full:
                self._pressure.full.discard(self)
                self._wake()
