"""
Files that a checker is made from: read whole, within bounds, and looked at for changes.
"""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from typing import Any, TypeVar

from twisted.logger import Logger

_log = Logger()

S = TypeVar("S")

#: Where a file was replaced, rewritten or removed, one of these differs. None: it was not there.
Stamp = tuple[int, int, int, int] | None


class Files:
    """
    The files that something was read from.
    """

    def __init__(self) -> None:
        self._seen: dict[str, Stamp] = {}
        self._warned: set[str] = set()

    def read(self, path: str, most: int, secret: bool = False) -> bytes:
        """
        All of a file.

        @param most: it may have so many bytes.
        @param secret: it is nobody's business: when everybody on the machine can read it, that is said once.
        @raise ValueError: it can't be read, or is too large; says which and why.
        """
        self._seen[path] = None
        try:
            # Not a pipe: opening one waits for a writer.
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
                status = os.fstat(file.fileno())
                self._seen[path] = _stamp(status)
                if not stat.S_ISREG(status.st_mode):
                    raise ValueError(f"{path!r} is no plain file")
                data = file.read(most + 1)
        except OSError as error:
            raise ValueError(f"{path!r} can't be read: {error.strerror}") from None
        if len(data) > most:
            raise ValueError(f"{path!r} has more than {most:,} bytes")
        if secret and status.st_mode & stat.S_IROTH and path not in self._warned:
            self._warned.add(path)
            _log.warn("{path} can be read by everybody on this machine; expected mode 0600 or 0640", path=path)
        return data

    def changed(self) -> bool:
        """
        Is one of them another than when it was last read, or tried? What can't be read has changed only once.
        """
        return any(_look(path) != stamp for path, stamp in self._seen.items())


def anchored(settings: S, *names: str) -> S:
    """
    Settings whose files are the same when a daemon has gone to another folder.

    @param names: the settings that are files; empty ones stay empty.
    """
    found: Any = settings
    paths = {name: os.path.abspath(getattr(found, name)) for name in names if getattr(found, name)}
    return replace(found, **paths)  # type: ignore[no-any-return]


def _look(path: str) -> Stamp:
    try:
        return _stamp(os.stat(path))
    except OSError:
        return None


def _stamp(status: os.stat_result) -> Stamp:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
