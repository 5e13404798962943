"""
What can be imported, told apart by what it begins with.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BufferedReader
from typing import Final

from txmqtt.backends.sqlite.errors import StoreContentWrong, StoreUnusable
from txmqtt.backends.sqlite.exchange import lines, mosquitto_db, mosquitto_sqlite
from txmqtt.backends.sqlite.exchange.mosquitto import Belongings
from txmqtt.backends.sqlite.exchange.records import Record

_SQLITE: Final = b"SQLite format 3\0"
_LOOK: Final = 64


class Source:
    """
    A file to import from.

    @ivar format: what it is, in words.
    @ivar records: what is in it.
    @ivar left_out: what another broker's file holds and no store of ours does, counted by the reason.
    """

    def __init__(self, format: str, records: Iterator[Record], left_out: Mapping[str, int] | None = None) -> None:
        self.format = format
        self.records = records
        self.left_out = left_out or {}


@contextmanager
def opened(path: str, anonymous: bool = False) -> Iterator[Source]:
    """
    Open whatever it is.

    @param path: an export of ours may also come out of a pipe.
    @param anonymous: sessions of another broker are to belong to nobody by name.
    @raise StoreError: it can't be read, or is nothing that we know.
    """
    try:
        with open(path, "rb") as file:
            yield _told_apart(path, file, anonymous)
    except OSError as error:
        raise StoreUnusable(f"{path} can't be read: {error.strerror}") from None


def _told_apart(path: str, file: BufferedReader, anonymous: bool) -> Source:
    beginning = file.peek(_LOOK)[:_LOOK]
    if beginning.startswith(lines.BEGINNING):
        return Source("an export of txmqtt", lines.read(file))
    if not beginning:
        raise StoreContentWrong(f"{path} is empty")
    belongings = Belongings(anonymous, float(int(os.fstat(file.fileno()).st_mtime)))
    if beginning.startswith(mosquitto_db.MAGIC):
        mosquitto_db.gather(file.read(), belongings)
        return Source(f"mosquitto's database, version {belongings.version}", belongings.records(), belongings.left_out)
    if beginning.startswith(_SQLITE):
        mosquitto_sqlite.gather(path, belongings)
        return Source("mosquitto's SQLite file", belongings.records(), belongings.left_out)
    raise StoreContentWrong(
        f"{path} begins with {beginning[:16]!r}; expected an export of txmqtt, mosquitto's mosquitto.db, or the SQLite "
        "file of its plugin persist-sqlite"
    )
