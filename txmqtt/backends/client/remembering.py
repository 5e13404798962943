"""
What is read at the start: all that a former life of the program had promised, and where it was.
"""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import Any

from txmqtt.backends.client.schema import CLIENT_ID, ENDED, PROMISED, WISHED, outcome_from, promise_from, wish_from
from txmqtt.backends.sqlite.errors import damaged
from txmqtt.backends.sqlite.journal import Journal
from txmqtt.codec.errors import ProtocolError
from txmqtt.session.keeping import Promise, Recollection


class Memory:
    """
    What was found.

    @ivar found: what the client is told.
    @ivar home: the largest number of a publish; C{mark}: the last in the order of sendings and PUBRECs.
    @ivar ended: key and time of each outcome, the oldest first.
    """

    def __init__(self) -> None:
        self.found = Recollection()
        self.home = 0
        self.mark = 0
        self.ended: list[tuple[str, float]] = []


def remember(journal: Journal) -> Memory:
    """
    Read an open file. Blocks.

    @raise StoreError: it can't be read.
    """
    memory = Memory()
    try:
        with ExitStack() as begun:  # whoever looks at what went wrong must not keep the file open
            _read(lambda sql: begun.enter_context(closing(journal.rows(sql))), memory)
    except (ProtocolError, ValueError, TypeError, LookupError, AttributeError) as error:
        # What SQLite reads need not be what was written: it has no checksums.
        raise damaged(journal.path, str(error)) from error
    return memory


def _read(rows: Any, memory: Memory) -> None:
    found = memory.found
    released: list[tuple[int, Promise]] = []
    flying: list[tuple[int, Promise]] = []
    waiting: list[Promise] = []
    for row in rows(PROMISED):
        promise = promise_from(row)
        mark = row[2]
        memory.home = promise.home
        memory.mark = max(memory.mark, mark)
        if promise.released:
            released.append((mark, promise))
        elif promise.packet_id:
            flying.append((mark, promise))
        else:
            waiting.append(promise)
    for some in (released, flying):
        some.sort(key=lambda each: each[0])
        found.promises.extend(promise for _, promise in some)
    found.promises.extend(waiting)
    found.received.extend(packet_id for (packet_id,) in rows("SELECT packet_id FROM received"))
    found.wishes.extend(map(wish_from, rows(WISHED)))
    for row in rows(ENDED):
        found.outcomes.append(outcome_from(row))
        memory.ended.append((row[0], row[3]))
    for name, value in rows("SELECT name, value FROM note"):
        if name == CLIENT_ID:
            found.client_id = str(value)
