"""
The backend that keeps everything in memory, and nothing beyond the end of the process.

Every ticket is done from the start: there is no disk to wait for.
"""

from __future__ import annotations

from typing import Any

from txmqtt.broker.filters import Grant
from txmqtt.broker.owed import Owed
from txmqtt.broker.policy import Policy
from txmqtt.broker.routes import Route
from txmqtt.broker.shapes import RELEASED_OUT, UNRETAINED, Hall, Lease, Reader, Survivor
from txmqtt.broker.shelves import Shelves
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

    lasting = False

    def __init__(self, policy: Policy, stats: Stats, turn: Turn) -> None:
        self._turn = turn
        self._owed = Owed(policy, stats, turn)
        self._shelves = Shelves(policy, stats)
        self._hall: Hall | None = None
        # The queues answer for themselves.
        self.open = self._owed.open
        self.close = self._owed.close
        self.discard = self._owed.discard
        self.room = self._owed.room
        self.want = self._owed.want
        self.settle = self._owed.settle
        self.recall = self._owed.recall

    def attach(self, hall: Hall) -> None:
        """
        See C{Backend.attach}.
        """
        self._hall = hall
        self._owed.attach(hall)

    def change_policy(self, policy: Policy) -> None:
        """
        See C{Backend.change_policy}.
        """
        self._owed.policy = self._shelves.policy = policy

    def will(self, lease: Lease, due: float) -> None:
        """
        See C{Backend.will}: the broker's own books are all the memory there is.
        """

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
        if message.retain and not self._shelves.put(route.mount, message) and message.qos:
            return UNRETAINED
        return self._owed.publish(message, route) if message.qos else DONE

    def remember(self, lease: Lease, fact: int, packet_id: int, item: Outbound | None) -> Ticket:
        """
        See C{Backend.remember}: the session's books are all the memory there is.
        """
        if fact == RELEASED_OUT and item is not None:
            return self._owed.released(lease, item)
        return DONE

    def find(self, mount: str, filter: bytes, reader: Reader) -> None:
        """
        See C{Backend.find}.
        """
        self._shelves.find(mount, filter, self._turn, reader)

    def survivors(self) -> list[Survivor]:
        """
        See C{Backend.survivors}: nobody survives.
        """
        return []

    def revived(self, lease: Lease, grants: list[Grant]) -> None:
        """
        See C{Backend.revived}.
        """

    def note(self, name: str, value: Any) -> None:
        """
        Nothing outlives the process: what is noted is forgotten.
        """

    def noted(self, name: str) -> Any:
        """
        What an earlier life has noted: nothing.
        """
        return None

    def figures(self) -> list[tuple[str, str]]:
        """
        See C{Backend.figures}: there is nothing to tell that the broker does not know.
        """
        return []

    def sweep(self, wall: float) -> None:
        """
        Let go of retained messages whose time is over.
        """
        expired = self._shelves.expire(wall)
        if expired:
            assert self._hall is not None
            self._hall.dropped(len(expired), reasons.IMPLEMENTATION_SPECIFIC_ERROR)
