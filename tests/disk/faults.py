"""
What is wrong with a disk, told to programs that run on the shim while they run.
"""

from __future__ import annotations

import errno
import mmap
import struct
from pathlib import Path

#: C{struct control} of C{shim.c}: four faults of error, skip, times and hits, then four numbers, then a name's end.
_SIZE = 4096
_KINDS = {"write": 0, "sync": 4, "read": 8, "change": 12}
_SYNC_LOSES, _SYNC_DELAY, _WRITE_DELAY, _SYNCS = range(16, 20)
_ONLY = 20 * 8


class Faults:
    """
    A page that the shim reads at every operation.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_bytes(bytes(_SIZE))
        with path.open("r+b") as file:
            self._page = mmap.mmap(file.fileno(), _SIZE)

    def _get(self, slot: int) -> int:
        value: int = struct.unpack_from("=q", self._page, slot * 8)[0]
        return value

    def _set(self, slot: int, value: int) -> None:
        struct.pack_into("=q", self._page, slot * 8, value)

    def fail(self, kind: str, error: int = errno.EIO, skip: int = 0, times: int = 0) -> None:
        """
        Operations fail from now on.

        @param kind: C{write}, C{sync}, C{read}, or C{change} for what makes, renames, removes and resizes files.
        @param skip: so much goes well before: bytes written, or operations.
        @param times: so many fail, then all is well; 0 until C{heal}.
        """
        slot = _KINDS[kind]
        self._set(slot, 0)
        self._set(slot + 1, skip)
        self._set(slot + 2, times)
        self._set(slot, error)

    def full(self, left: int = 0) -> None:
        """
        The disk takes so many more bytes.
        """
        self.fail("write", errno.ENOSPC, left)

    def read_only(self) -> None:
        """
        As when the kernel found the file system damaged.
        """
        for kind in ("write", "sync", "change"):
            self.fail(kind, errno.EROFS)

    def lose_syncs(self, lose: bool = True) -> None:
        """
        What a failed sync should have written counts as written from now on, and is not: what Linux does.
        """
        self._set(_SYNC_LOSES, int(lose))

    def slow(self, sync: float = 0.0, write: float = 0.0) -> None:
        """
        So many seconds before each operation.
        """
        self._set(_SYNC_DELAY, int(sync * 1e9))
        self._set(_WRITE_DELAY, int(write * 1e9))

    def only(self, ending: str) -> None:
        """
        Only files whose names end so are concerned by faults, or directories for C{/}.
        """
        self._page[_ONLY : _ONLY + 32] = ending.encode().ljust(32, b"\0")

    def heal(self) -> None:
        """
        All is well again.
        """
        for slot in _KINDS.values():
            self._set(slot, 0)
        self.slow()
        self.lose_syncs(False)
        self.only("")

    def hits(self, kind: str) -> int:
        """
        How many operations have failed so far.
        """
        return self._get(_KINDS[kind] + 3)

    @property
    def syncs(self) -> int:
        """
        How many syncs were asked for.
        """
        return self._get(_SYNCS)
