"""
The retained messages of all mount points, within the bounds of the policy.
"""

from __future__ import annotations

from typing import Final

from txmqtt.broker.policy import Policy
from txmqtt.broker.retained import Retained, Search
from txmqtt.broker.shapes import Reader
from txmqtt.broker.stats import Stats
from txmqtt.session.message import Message
from txmqtt.session.turn import Turn

#: So many levels of topics are looked at for one page of what has been retained: a few milliseconds.
_STEPS: Final = 1_000


class _Rest:
    def __init__(self, search: Search, turn: Turn) -> None:
        self._search = search
        self._turn = turn

    def following(self, reader: Reader) -> None:
        search = self._search
        messages = search.take(_STEPS, self._turn.wall)
        reader.page(messages, search.over, None if search.over else self)


class Shelves:
    """
    One shelf of retained messages for each mount point.
    """

    def __init__(self, policy: Policy, stats: Stats) -> None:
        self.policy = policy
        self._stats = stats
        self._shelves: dict[str, Retained] = {}

    def put(self, mount: str, message: Message) -> bool:
        """
        Retain a message, or with an empty payload clear its topic; False when there is no room. Then nothing changes
        for a message of QoS 1 or 2, which is refused; at QoS 0, which can't be, the older one goes too: it is no longer
        the last [MQTT311-3.3.1-7].
        """
        shelf = self._shelves.get(mount)
        if shelf is None:
            shelf = self._shelves[mount] = Retained()
        if not message.payload:
            shelf.clear(message.topic)  # [MQTT5-3.3.1-6] [MQTT5-3.3.1-7]
        elif self._room(shelf, message):
            shelf.keep(message)
        else:
            self._stats.dropped_retained += 1
            if message.qos:
                return False
            shelf.clear(message.topic)
            self._tally()
            return False
        self._tally()
        return True

    def _room(self, shelf: Retained, message: Message) -> bool:
        policy = self.policy
        old = shelf.get(message.topic)
        size = self._stats.retained_bytes + message.size - (old.size if old is not None else 0)
        if len(message.payload) > policy.max_retained_payload:
            return False
        return size <= policy.max_retained_bytes and (
            old is not None or self._stats.retained < policy.max_retained_messages
        )

    def get(self, mount: str, topic: bytes) -> Message | None:
        """
        What is retained under a topic.
        """
        shelf = self._shelves.get(mount)
        return shelf.get(topic) if shelf is not None else None

    def restore(self, mount: str, topic: bytes, message: Message | None) -> None:
        """
        Make the books say what is on record, whatever the bounds.
        """
        shelf = self._shelves.get(mount)
        if shelf is None:
            shelf = self._shelves[mount] = Retained()
        if message is None:
            shelf.clear(topic)
        else:
            shelf.keep(message)

    def settle(self) -> None:
        """
        After C{restore}: count again.
        """
        self._tally()

    def find(self, mount: str, filter: bytes, turn: Turn, reader: Reader) -> None:
        """
        See C{Backend.find}.
        """
        shelf = self._shelves.get(mount)
        if shelf is None:
            reader.page([], True, None)
        else:
            _Rest(shelf.search(filter), turn).following(reader)

    def expire(self, wall: float) -> list[tuple[str, Message]]:
        """
        Let go of all whose time is over.

        @return: their mount points, and those messages.
        """
        found = [(mount, message) for mount, shelf in self._shelves.items() for message in shelf.expire(wall)]
        self._tally()
        return found

    def _tally(self) -> None:
        self._stats.retained = sum(shelf.count for shelf in self._shelves.values())
        self._stats.retained_bytes = sum(shelf.size for shelf in self._shelves.values())
