"""
What the shim recorded, read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: The kinds of C{shim.c}.
CREATED, OPENED, WRITTEN, RESIZED, SYNCED, RENAMED, UNLINKED = range(1, 8)

_RECORD = struct.Struct("=BBHIQqqq")


@dataclass(frozen=True, slots=True)
class Operation:
    """
    Something that a program did to a file, or to the directory that they are in.

    @ivar file: which, whatever its name: an inode number.
    @ivar began: seconds of C{time.monotonic()}; likewise C{ended}.
    @ivar name: the file's, where the operation has one; of a rename, the old one.
    @ivar target: of a rename, the new name.
    @ivar offset: of a write where it begins, of a resizing the new size.
    @ivar data: what was written.
    @ivar directory: of a sync, it was of a directory.
    @ivar failed: of a sync, it was not done.
    @ivar lost: of a failed sync, what it should have written counts as clean.
    """

    kind: int
    began: float
    ended: float
    file: int = 0
    name: str = ""
    target: str = ""
    offset: int = 0
    data: bytes = b""
    directory: bool = False
    failed: bool = False
    lost: bool = False


def read(path: Path) -> list[Operation]:
    """
    All of them, in the order in which they ended.
    """
    return list(_parse(path.read_bytes()))


def _parse(diary: bytes) -> Iterator[Operation]:
    at = 0
    while at + _RECORD.size <= len(diary):
        kind, lost, error, length, file, began, ended, offset = _RECORD.unpack_from(diary, at)
        at += _RECORD.size
        data = diary[at : at + length]
        if len(data) < length:
            return  # the program was killed over it
        at += length
        name, target = "", ""
        if kind != WRITTEN:
            name, _, target = data.decode().partition("\0")
            data = b""
        yield Operation(
            kind,
            began / 1e9,
            ended / 1e9,
            file,
            name,
            target,
            offset,
            data,
            directory=kind == SYNCED and offset == 1,
            failed=error != 0,
            lost=lost != 0,
        )
