"""
What a program did that was killed before it could write it down.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.disk.diary import CREATED, RESIZED, UNLINKED, WRITTEN, Operation
from tests.disk.image import Disk


def unrecorded(operations: Sequence[Operation], folder: Path, now: float) -> list[Operation]:
    """
    What leads from the end of a diary to the files as they are, done now, with no sync: so that the diary of the next
    program can follow.

    @param now: seconds of C{time.monotonic()}, after the kill and before the next program.
    """
    disk = Disk()
    for each in operations:
        disk.apply(each)
    return list(_differences(disk.seen(), folder, now))


def _differences(known: dict[str, bytes], folder: Path, now: float) -> Iterator[Operation]:
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_dir() or name.endswith("-shm"):
            continue
        file = path.stat().st_ino
        before, after = known.pop(name, None), path.read_bytes()
        if before is None:
            before = b""
            yield Operation(CREATED, now, now, file, name)
        if len(before) != len(after):
            yield Operation(RESIZED, now, now, file, offset=len(after))
            before = before[: len(after)].ljust(len(after), b"\0")
        if before != after:
            first = next(at for at in range(len(after)) if before[at] != after[at])
            last = next(at for at in reversed(range(len(after))) if before[at] != after[at])
            yield Operation(WRITTEN, now, now, file, offset=first, data=after[first : last + 1])
    for name in known:
        yield Operation(UNLINKED, now, now, name=name)
