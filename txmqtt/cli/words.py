"""
How figures are told to people.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # everybody needs words, and few a store
    from txmqtt.backends.sqlite.exchange.overview import Overview

_UNITS: Final = ("KiB", "MiB", "GiB", "TiB")


def size(count: int) -> str:
    """
    So many bytes.
    """
    if count < 1024:
        return f"{count} bytes"
    power = 0
    while count >> 10 * (power + 2) and power < len(_UNITS) - 1:
        power += 1
    return f"{count / 1024 ** (power + 1):.1f} {_UNITS[power]}"


def counted(count: int, one: str, many: str = "") -> str:
    """
    So many of them, the word in the number that it should have.
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def plain(text: str) -> str:
    """
    What somebody else has written, without what a terminal would obey.
    """
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def report(seen: Overview) -> Iterator[str]:
    """
    A store at a glance, line by line.
    """
    if seen.broker is None:
        user = "nobody"
    else:
        user = f"process {seen.broker}" if seen.broker else "a process that does not say which"
    connected = "connected" if seen.broker is not None else "connected when the broker ended"
    parts = [f"{seen.connected:,} {connected}", f"{seen.parked:,} parked"]
    if seen.only_will:
        parts.append(f"{seen.only_will:,} only because of a will")
    yield f"{seen.path}: schema {seen.schema}, identifier {plain(str(seen.identifier))}"
    yield f"  in use by      {user}"
    yield f"  file           {size(seen.file_bytes)}, and a log of {size(seen.log_bytes)}"
    yield f"  sessions       {seen.sessions:,}: {', '.join(parts)}"
    yield f"  subscriptions  {seen.subscriptions:,}"
    yield f"  shared groups  {seen.shares:,}"
    yield f"  queued         {counted(seen.queued, 'message')}, {size(seen.queued_bytes)}"
    yield f"  in flight      {counted(seen.in_flight, 'message')} to clients, {seen.inbound:,} from them"
    yield f"  retained       {counted(seen.retained, 'message')}, {size(seen.retained_bytes)}"
    yield f"  wills          {seen.wills:,}"
    if seen.fullest:
        yield "  the fullest queues"
        for queue in seen.fullest:
            yield f"    {counted(queue.messages, 'message'):>18}  {size(queue.bytes):>11}  {plain(queue.holder)}"
