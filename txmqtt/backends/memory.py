"""
The backend that keeps everything in memory, and nothing beyond the end of the process.

Every ticket is done from the start: there is no disk to wait for.
"""

from __future__ import annotations

from txmqtt.broker.filters import Grant
from txmqtt.broker.owed import Owed
from txmqtt.broker.policy import Policy
from txmqtt.broker.retained import Retained
from txmqtt.broker.routes import Route
from txmqtt.broker.shapes import RELEASED_OUT, UNRETAINED, Hall, Lease, Reader
from txmqtt.broker.stats import Stats
from txmqtt.codec import reasons
from txmqtt.session.message import Message
from txmqtt.session.outgoing import Outbound
from txmqtt.session.tickets import DONE, Ticket
from txmqtt.session.turn import Turn


class MemoryBackend:
    """
    See C{txmqtt.broker.shapes.Backend}.
    """

    def __init__(self, policy: Policy, stats: Stats, turn: Turn) -> None:
        self._policy = policy
        self._stats = stats
        self._turn = turn
        self._owed = Owed(policy, stats, turn)
        self._retained: dict[str, Retained] = {}
        self._hall: Hall | None = None
        # The queues answer for themselves.
        self.open = self._owed.open
        self.close = self._owed.close
        self.discard = self._owed.discard
        self.want = self._owed.want
        self.settle = self._owed.settle
        self.recall = self._owed.recall

    def attach(self, hall: Hall) -> None:
        """
        See C{Backend.attach}.
        """
        self._hall = hall
        self._owed.attach(hall)

    def subscribe(self, lease: Lease, grants: list[Grant]) -> Ticket:
        """
        See C{Backend.subscribe}.
        """
        self._owed.joined(lease, grants)
        return DONE

    def unsubscribe(self, lease: Lease, grants: list[Grant]) -> Ticket:
        """
        See C{Backend.unsubscribe}.
        """
        self._owed.parted(lease, grants)
        return DONE

    def publish(self, message: Message, route: Route, lease: Lease | None, packet_id: int) -> Ticket:
        """
        See C{Backend.publish}.
        """
        if message.retain and not self._retain(message, route.mount) and message.qos:
            return UNRETAINED
        return self._owed.publish(message, route) if message.qos else DONE

    def _retain(self, message: Message, mount: str) -> bool:
        retained = self._retained.get(mount)
        if retained is None:
            retained = self._retained[mount] = Retained()
        if message.payload:
            if not self._room(retained, message):
                self._stats.dropped_retained += 1
                if not message.qos and retained.clear(message.topic):
                    self._tally()  # what was retained before is no longer the last [MQTT311-3.3.1-7]
                return False
            retained.keep(message)
        else:
            retained.clear(message.topic)  # [MQTT5-3.3.1-6] [MQTT5-3.3.1-7]
        self._tally()
        return True

    def _room(self, retained: Retained, message: Message) -> bool:
        policy = self._policy
        old = retained.get(message.topic)
        size = self._stats.retained_bytes + message.size - (old.size if old is not None else 0)
        return size <= policy.max_retained_bytes and (
            old is not None or self._stats.retained < policy.max_retained_messages
        )

    def _tally(self) -> None:
        self._stats.retained = sum(retained.count for retained in self._retained.values())
        self._stats.retained_bytes = sum(retained.size for retained in self._retained.values())

    def remember(self, lease: Lease, fact: int, packet_id: int, item: Outbound | None) -> Ticket:
        """
        See C{Backend.remember}: the session's books are all the memory there is.
        """
        if fact == RELEASED_OUT and item is not None:
            self._owed.released(lease, item)
        return DONE

    def find(self, mount: str, filter: bytes, reader: Reader) -> None:
        """
        See C{Backend.find}: all of it in one page.
        """
        retained = self._retained.get(mount)
        reader.page(retained.find(filter, self._turn.wall) if retained is not None else [], True)

    def sweep(self, wall: float) -> None:
        """
        Let go of retained messages whose time is over.
        """
        for retained in self._retained.values():
            for message in retained.expire(wall):
                assert self._hall is not None
                self._hall.dropped(message, reasons.IMPLEMENTATION_SPECIFIC_ERROR)
        self._tally()
