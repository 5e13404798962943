"""
Stores that hold a bit of everything, or anything by chance.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterable
from contextlib import closing
from io import BytesIO
from typing import Any

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.codec.strategies import filters, packet_ids, payloads, properties, qualities, shared_filters, text, topics
from txmqtt.backends.sqlite.exchange import lines
from txmqtt.backends.sqlite.exchange.dump import Dump
from txmqtt.backends.sqlite.exchange.fill import Filling
from txmqtt.backends.sqlite.exchange.intake import intake
from txmqtt.backends.sqlite.exchange.records import (
    Flight,
    MessageRecord,
    OwedRecord,
    Record,
    RetainedRecord,
    SessionRecord,
    ShareRecord,
    TotalsRecord,
)
from txmqtt.backends.sqlite.exchange.soundness import check
from txmqtt.codec.constants import PUBLISH
from txmqtt.codec.packets import Subscription, Will
from txmqtt.codec.properties import WILL_PROPERTIES, Properties
from txmqtt.session.message import Message, travelling


def everything() -> list[Record]:
    """
    A store with each kind of thing in it.
    """
    said = Properties(content_type="text/plain", correlation_data=b"\xff\0", user_properties=(("k", "v"), ("k", "w")))
    several = Message(b"a/1", b"for several", 2, True, said, 2_000_000_000.5, "sender")
    return [
        SessionRecord(
            "",
            "one",
            "joe",
            True,
            3600,
            1_700_000_000.25,
            [(Subscription(b"a/#", 2, True, True), 7), (Subscription(b"b", 0), 0)],
            Will(b"gone", b"\xff", 1, True, Properties(will_delay_interval=5)),
            1_700_000_300.0,
            [1, 65535],
        ),
        SessionRecord("", "two", None, True, 0xFFFFFFFF, 0.0, [(Subscription(b"$share/g/s/+", 1), 0)]),
        SessionRecord("m", "one", "", False, 0, 0.0, [], Will(b"w", b"", 0, False, None)),
        ShareRecord("", b"g", b"s/+"),
        MessageRecord(1, several),
        OwedRecord(("", "one"), 2, 1, True, (7, 8), Flight(9, True, 2)),
        OwedRecord(("", "two"), 1, 1),
        OwedRecord(("", "one"), 1, Message(b"t", b"\xfe\xff", 1), False, (), Flight(10, False, 1)),
        OwedRecord(("", b"g", b"s/+"), 1, Message("s/ü".encode(), "ü\n\u2028".encode(), 1)),
        OwedRecord(("", "one"), 1, Message(b"t", b"", 1)),
        RetainedRecord("", several),
        RetainedRecord("m", Message(b"a/1", b"x", 0, True)),
        TotalsRecord({"received": 12}),
    ]


def written(records: Iterable[Record]) -> bytes:
    """
    An export.
    """
    return b"".join(lines.write(records))


def read(export: bytes) -> list[Record]:
    """
    What an export says.
    """
    return list(lines.read(BytesIO(export)))


class StoreTestCase(SynchronousTestCase):
    """
    A folder for stores.
    """

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.path = self.name("mqtt.db")

    def name(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def fill(self, records: Iterable[Record], path: str = "", merge: bool = False) -> Filling:
        return intake(path or self.path, iter(records), merge)

    def export(self, path: str = "") -> bytes:
        """
        All of a store that is whole.
        """
        dump = Dump(path or self.path)
        found = written(dump.records())
        self.assertEqual(dump.lost, [])
        return found

    def run_sql(self, *statements: str) -> list[Any]:
        """
        What somebody did to the store; the answer of the last statement.
        """
        found: list[Any] = []
        with closing(sqlite3.connect(self.path)) as connection, connection:
            for statement in statements:
                found = connection.execute(statement).fetchall()
        return found

    def assertSound(self, path: str = "") -> None:
        self.assertEqual(check(path or self.path, True), [])


# By chance

_times = st.floats(0, 4e9, allow_nan=False)


@st.composite
def messages(draw: st.DrawFn) -> Message:
    said = draw(properties(PUBLISH))
    payload = draw(st.one_of(payloads, text.map(str.encode)))
    return Message(
        draw(topics), payload, draw(qualities), draw(st.booleans()), travelling(said), draw(_times), draw(text)
    )


@st.composite
def sessions(draw: st.DrawFn, name: tuple[str, str]) -> SessionRecord:
    wanted = draw(st.lists(st.one_of(filters, shared_filters), max_size=3, unique=True))
    asked = [
        (
            Subscription(each, draw(qualities), draw(st.booleans()), draw(st.booleans())),
            draw(st.integers(0, 268_435_455)),
        )
        for each in sorted(wanted)
    ]
    record = SessionRecord(
        *name, draw(st.one_of(st.none(), text)), draw(st.booleans()), draw(st.integers(0, 2**32 - 1))
    )
    record.parked_at = draw(_times)
    record.subscriptions = asked
    if draw(st.booleans()):
        record.will = Will(
            draw(topics), draw(payloads), draw(qualities), draw(st.booleans()), draw(properties(WILL_PROPERTIES))
        )
        record.will_due = draw(_times)
    record.inbound = sorted(draw(st.sets(packet_ids, max_size=3)))
    return record


@st.composite
def stores(draw: st.DrawFn) -> list[Record]:
    """
    All that a store may hold, in the order of an export.
    """
    mounts = st.sampled_from(["", "m"])
    names = draw(st.lists(st.tuples(mounts, text.filter(bool)), max_size=4, unique=True))
    found: list[Record] = [draw(sessions(name)) for name in names]
    groups = draw(st.lists(st.tuples(mounts, st.just(b"g"), filters), max_size=2, unique=True))
    found += [ShareRecord(*group) for group in groups]
    holders: list[Any] = [*names, *groups]
    places = iter(draw(st.permutations(range(1, 21))))
    ids = iter(draw(st.permutations(range(1, 21))))
    several = 0
    flying = []
    for _ in range(draw(st.integers(0, 6)) if holders else 0):
        if draw(st.booleans()):
            several += 1
            found.append(MessageRecord(several, draw(messages())))
            wanted: Message | int = several
        else:
            wanted = draw(messages())
        holder = draw(st.sampled_from(holders))
        item = OwedRecord(holder, draw(st.integers(1, 2)), wanted, draw(st.booleans()))
        item.identifiers = tuple(draw(st.lists(st.integers(1, 268_435_455), max_size=2)))
        if len(holder) == 2 and draw(st.booleans()):
            item.flight = Flight(next(ids), item.qos == 2 and draw(st.booleans()), next(places))
            flying.append(item.flight)
        found.append(item)
    for place, flight in enumerate(sorted(flying, key=lambda each: each.place), 1):
        flight.place = place
    kept = draw(
        st.lists(messages().filter(lambda message: bool(message.payload)), max_size=3, unique_by=lambda m: m.topic)
    )
    found += [RetainedRecord(draw(mounts), message) for message in kept]
    if draw(st.booleans()):
        found.append(TotalsRecord(draw(st.dictionaries(text, st.integers(0, 2**63 - 1), max_size=3))))
    return found
