"""
A file that was cut short, made as long as it says it is: SQLite reads no other.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

_HEADER = 100


@contextmanager
def whole(path: str) -> Iterator[tuple[str, int]]:
    """
    The file itself, or if it is too short a copy with empty pages where some are missing.

    @return: the path to read, and how many bytes are missing.
    @raise OSError: it can't be read, or there is no room for a copy.
    """
    missing = _missing(path)
    if not missing:
        yield path, 0
        return
    with TemporaryDirectory(prefix="txmqtt-") as folder:
        copy = os.path.join(folder, "copy.db")
        shutil.copyfile(path, copy)
        if os.path.exists(path + "-wal"):
            shutil.copyfile(path + "-wal", copy + "-wal")
        os.truncate(copy, os.path.getsize(copy) + missing)
        yield copy, missing


def _missing(path: str) -> int:
    """
    By how many bytes a file is shorter than its header says (SQLite's file format, section 1.3).
    """
    try:
        held = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return 0  # whoever reads it will say why
    try:
        header = os.pread(held, _HEADER, 0)
        size = os.fstat(held).st_size
    finally:
        os.close(held)
    if len(header) < _HEADER or header[24:28] != header[92:96]:  # its count of pages is not up to date
        return 0
    page = int.from_bytes(header[16:18], "big")
    page = 65536 if page == 1 else page
    count = int.from_bytes(header[28:32], "big")
    # With a log, pages may be there only.
    return max(0, count * page - size) if page >= 512 and count * page < 1 << 47 else 0
