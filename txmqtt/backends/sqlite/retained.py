"""
Retained messages: in memory all of them, and on disk with the batch in which they came.
"""

from __future__ import annotations

from collections.abc import Sequence

from txmqtt.backends.sqlite.batch import Batch
from txmqtt.backends.sqlite.journal import Journal
from txmqtt.backends.sqlite.schema import RETAINED
from txmqtt.broker.routes import Route
from txmqtt.broker.shelves import Shelves
from txmqtt.session.message import Message


class SqliteRetained:
    """
    The shelves, and what is on its way to the disk.
    """

    def __init__(self, shelves: Shelves, journal: Journal) -> None:
        self._shelves = shelves
        self._journal = journal
        #: By batch, what somebody waits for: the mount point, the message, and what had been retained before it.
        self._before: dict[Batch, list[tuple[str, Message, Message | None]]] = {}

    def put(self, message: Message, route: Route) -> bool:
        """
        Retain a message; False when there is no room.
        """
        mount = route.mount
        before = self._shelves.get(mount, message.topic)
        kept = self._shelves.put(mount, message)
        after = self._shelves.get(mount, message.topic)
        if after is not before and not route.reserved:  # what the broker says of itself is not worth the disk
            batch = self._journal.hand()
            batch.said += 1
            batch.held += message.size
            batch.say(RETAINED, (mount, message.topic), after)
            if message.qos:
                self._before.setdefault(batch, []).append((mount, message, before))
        return kept

    def expire(self, wall: float) -> int:
        """
        Let go of all whose time is over.

        @return: how many.
        """
        expired = self._shelves.expire(wall)
        for mount, message in expired:
            self._journal.drop(RETAINED, (mount, message.topic))
        return len(expired)

    def settled(self) -> None:
        """
        Batches have been decided.
        """
        if self._before:
            self._before = {batch: before for batch, before in self._before.items() if not batch.ticket.done}

    def lost(self, batches: Sequence[Batch]) -> None:
        """
        What was refused in these is not retained, unless something else has been since.
        """
        for batch in reversed(batches):
            for mount, message, before in reversed(self._before.pop(batch, ())):
                after = self._shelves.get(mount, message.topic)
                if after is message or (after is None and not message.payload):
                    self._shelves.restore(mount, message.topic, before)
        self._shelves.settle()

    def say_again(self, batches: Sequence[Batch]) -> None:
        """
        Of the topics that lost batches were about the disk is to have what the books say.
        """
        for batch in batches:
            for key in batch.rows(RETAINED):
                self._journal.say(RETAINED, key, self._shelves.get(*key))
