"""
An export as lines of JSON: first a line that names format and version, then a line for each record, then one that says
how many there were, so that an export that was cut short is not taken for a whole one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import IO, Any, Final

from txmqtt.backends.sqlite.errors import StoreContentWrong, StoreTooNew
from txmqtt.backends.sqlite.exchange.objects import from_object, to_object
from txmqtt.backends.sqlite.exchange.records import Record
from txmqtt.backends.sqlite.exchange.taking import Taking, Wrong

FORMAT: Final = "txmqtt store"
VERSION: Final = 1
#: What every export begins with.
BEGINNING: Final = b'{"format":"txmqtt store"'

#: No packet makes a longer line, even if each of its bytes is escaped.
_LONGEST: Final = 7 * (256 << 20)


def line(found: dict[str, Any]) -> bytes:
    """
    One line.
    """
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def header() -> bytes:
    """
    The first line.
    """
    return line({"format": FORMAT, "version": VERSION})


def write(records: Iterable[Record]) -> Iterator[bytes]:
    """
    The lines of an export.
    """
    yield header()
    count = 0
    for record in records:
        yield line(to_object(record))
        count += 1
    yield line({"kind": "end", "records": count})


def read(file: IO[bytes]) -> Iterator[Record]:
    """
    The records of an export, one after the other.

    @raise StoreContentWrong: which line is wrong, what was found and what was expected.
    @raise StoreTooNew: a newer txmqtt wrote it.
    """
    number = 0
    ended = False
    while said := file.readline(_LONGEST):
        number += 1
        try:
            found = _parsed(said)
            if ended:
                raise Wrong("expected nothing after the line of kind end")
            if number == 1:
                _check_header(found)
            elif found.get("kind") == "end":
                _check_end(found, number - 2)
                ended = True
            else:
                record = from_object(found)
                record.where = f"line {number}"
                yield record
        except Wrong as error:
            raise StoreContentWrong(f"line {number}: {error}") from None
    if not ended:
        raise StoreContentWrong(f"line {number + 1}: nothing; expected more, and a line of kind end as the last")


def _parsed(said: bytes) -> dict[str, Any]:
    if not said.endswith(b"\n"):
        raise Wrong("it is cut off; expected a line feed at its end")
    try:
        found = json.loads(said, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Wrong(f"{said[:60]!r} is not JSON ({error})") from None
    if not isinstance(found, dict):
        raise Wrong(f"{said[:60]!r}; expected an object")
    return found


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is not a number")


def _check_header(found: dict[str, Any]) -> None:
    taking = Taking(found)
    if (written := taking.text("format")) != FORMAT:
        raise Wrong(f"format is {written!r}; expected {FORMAT!r}")
    version = taking.number("version")
    if version != VERSION:
        raise StoreTooNew(f"line 1: version {version} of the format; this txmqtt knows {VERSION}: use a newer one")
    taking.nothing_left()


def _check_end(found: dict[str, Any], count: int) -> None:
    taking = Taking(found)
    taking.text("kind")
    if (said := taking.number("records")) != count:
        raise Wrong(f"the export had {said} records, and here are {count}")
    taking.nothing_left()
