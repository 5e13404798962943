"""
One process per store: a lock file beside the database, held by the kernel, so that it is free again after kill -9.
"""

from __future__ import annotations

import fcntl
import os

from txmqtt.backends.sqlite.errors import StoreUnusable, locked


class StoreLock:
    """
    The right to write to one database file.

    The lock file stays when the lock is released: removing it would let two processes lock two files of one name. The
    lock is of the open file (flock), not of the process (POSIX), which any close of the same file would end.
    """

    def __init__(self, path: str) -> None:
        self.path = os.path.realpath(path) + ".lock"
        self._held = -1

    def acquire(self) -> None:
        """
        Take it, and write our process id where others find it.

        @raise StoreLocked: somebody else has it.
        @raise StoreUnusable: there can be no lock file.
        """
        try:
            held = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreUnusable(f"{self.path} can't be written: {error.strerror}") from None
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(held, 0)
            os.pwrite(held, b"%d\n" % os.getpid(), 0)
        except BlockingIOError:
            pid = self._holder(held)
            os.close(held)
            raise locked(self.path.removesuffix(".lock"), pid) from None
        except OSError as error:  # pragma: no cover - where a file system has no locks, or no room for a number
            os.close(held)
            raise StoreUnusable(f"{self.path} can't be locked: {error.strerror}") from None
        self._held = held

    def holder(self) -> int | None:
        """
        The process that has it, 0 if that did not say who it is; None when nobody has.
        """
        try:
            held = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return self._holder(held) or 0
        finally:
            os.close(held)
        return None

    def _holder(self, held: int) -> int | None:
        text = os.pread(held, 32, 0).strip()
        return int(text) if text.isdigit() else None

    def release(self) -> None:
        """
        Give it back, if we have it.
        """
        if self._held >= 0:
            os.ftruncate(self._held, 0)
            os.close(self._held)
            self._held = -1
