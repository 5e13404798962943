"""
What is read at the start: sessions, subscriptions, wills, counts of what waits, and what is retained. Not the queues.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

from txmqtt.backends.sqlite.errors import damaged
from txmqtt.backends.sqlite.journal import Journal
from txmqtt.backends.sqlite.ledger import SqliteLedger
from txmqtt.backends.sqlite.schema import kept_from, message_from, will_from
from txmqtt.broker.owed import Owed
from txmqtt.broker.piles import Holding, Pile
from txmqtt.broker.shapes import Claim, Survivor
from txmqtt.broker.shelves import Shelves
from txmqtt.codec.errors import ProtocolError

#: The rows of a query; what they hold is known by the query.
Rows = Callable[[str], Iterator[Any]]

#: No number of these tables is to be given to anything new.
NUMBERS = (
    "SELECT max(n) FROM (SELECT max(ref) AS n FROM queue UNION ALL SELECT max(number) FROM message "
    "UNION ALL SELECT max(number) FROM session UNION ALL SELECT max(number) FROM share "
    "UNION ALL SELECT max(mark) FROM flight)"
)


def recover(
    journal: Journal, owed: Owed, ledger: SqliteLedger, shelves: Shelves
) -> tuple[list[Survivor], dict[str, Any]]:
    """
    Read what an earlier life left. Blocks.

    @return: the sessions, and what was noted, by name.
    @raise StoreError: the file can't be read.
    """
    try:
        with ExitStack() as begun:  # whoever looks at what went wrong must not keep the file open
            return _read(lambda sql: begun.enter_context(closing(journal.rows(sql))), owed, ledger, shelves)
    except (ProtocolError, ValueError, TypeError, LookupError, AttributeError) as error:
        # What SQLite reads need not be what was written: it has no checksums.
        raise damaged(journal.path, str(error)) from error


def _read(rows: Rows, owed: Owed, ledger: SqliteLedger, shelves: Shelves) -> tuple[list[Survivor], dict[str, Any]]:
    ((last,),) = rows(NUMBERS)
    owed.last_ref = last or 0
    survivors: dict[int, Survivor] = {}
    leases: dict[int, Holding] = {}
    for number, mount, client_id, user, durable, expiry, parked_at in rows("SELECT * FROM session"):
        held = Holding(Claim(mount, client_id, user, False, expiry), None, True, bool(durable))
        held.number = number
        held.parked_at = parked_at or 0.0
        survivors[number] = Survivor(held, expiry, held.parked_at, None, 0.0)
        leases[number] = held
        ledger.know(held)
    for number, *subscription in rows("SELECT * FROM subscription"):
        if number in survivors:
            survivors[number].subscriptions.append(kept_from(subscription))
    for number, due, *will in rows("SELECT * FROM will"):
        if number in survivors:
            survivor = survivors[number]
            held = leases[number]
            survivor.will = held.will = will_from(will)
            survivor.will_due = held.will_due = due or 0.0
    for number, packet_id in rows("SELECT * FROM inbound"):
        if number in survivors:
            leases[number].incoming.resume(packet_id)
    _queues(rows, owed, ledger, leases)
    for mount, *message in rows("SELECT * FROM retained"):
        restored = message_from(message)
        shelves.restore(mount, restored.topic, restored)
    shelves.settle()
    notes = {name: json.loads(value) for name, value in rows("SELECT name, value FROM note")}
    return list(survivors.values()), notes


def _queues(rows: Rows, owed: Owed, ledger: SqliteLedger, leases: dict[int, Holding]) -> None:
    # SQLite would read the whole queue for the second and the third of these: "+" keeps it from the index that groups,
    # CROSS keeps it to the order of the tables.
    piles: dict[int, Pile] = {}
    for holder, count, size in rows("SELECT holder, count(*), sum(size) FROM queue GROUP BY holder"):
        pile = piles[holder] = Pile(holder)
        pile.add_behind(count, size)
    for holder, soonest in rows("SELECT holder, min(expires) FROM queue WHERE expires IS NOT NULL GROUP BY +holder"):
        piles[holder].add_behind(0, 0, soonest)
    for holder, count, size in rows(
        "SELECT q.holder, count(*), sum(q.size) FROM flight f CROSS JOIN queue q ON q.ref = f.ref GROUP BY q.holder"
    ):
        piles[holder].add_behind(-count, -size)
        if holder in leases:
            leases[holder].flown = count
            leases[holder].flown_size = size
    for number, held in leases.items():
        held.pile = piles.pop(number, None)
        owed.revive(held)
    shares = {(mount, name, filter): number for number, mount, name, filter in rows("SELECT * FROM share")}
    ledger.left_to_groups(shares, piles)
