"""
Why a store can't be used: one class for each thing that somebody can do about it, each message one line.
"""

from __future__ import annotations

import re
import sqlite3

from txmqtt.codec.errors import MQTTError


class StoreError(MQTTError):
    """
    The store can't be used as asked. The message says which file, what was found, and what helps.
    """


class StoreLocked(StoreError):
    """
    Another process has it: stop that one, or take another file.

    @ivar pid: the other process, or None where it did not say.
    """

    def __init__(self, message: str, pid: int | None = None) -> None:
        super().__init__(message)
        self.pid = pid


class StoreTooNew(StoreError):
    """
    A newer txmqtt wrote it: run that one, or restore a backup from before.
    """


class StoreTooOld(StoreError):
    """
    It is so old that nothing brings it up to date any more: export it with the version that wrote it.
    """


class StoreForeign(StoreError):
    """
    It is a database, and not one of ours: name another file.
    """


class StoreDamaged(StoreError):
    """
    Its content can't be trusted: restore a backup, or salvage what can be read.

    @ivar found: what is wrong with it.
    """

    def __init__(self, message: str, found: str = "") -> None:
        super().__init__(message)
        self.found = found


class StoreContentWrong(StoreError):
    """
    What is to enter a store is not what it should be: mend it where the message says, or leave it out.
    """


class StoreNotEmpty(StoreError):
    """
    It holds something already: name a new file, or say that the two are to be one.
    """


class StoreUnusable(StoreError):
    """
    The operating system says no: permissions, a missing directory, a full or failing disk.
    """


#: SQLite's primary result codes that tell of the file or the disk, and not of what we asked for.
_TROUBLES = frozenset(
    {
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOTADB,
    }
)
_DAMAGES = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
#: What is found by Python has no code.
_DAMAGED_TEXT = re.compile("malformed|Could not decode to UTF-8")


def _code(error: BaseException) -> int | None:
    code = getattr(error, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else None


def is_trouble(error: BaseException) -> bool:
    """
    Whether it is the disk or the file that failed, so that the same work may succeed later.
    """
    if isinstance(error, (MemoryError, OSError, StoreError)):
        return True
    if not isinstance(error, sqlite3.DatabaseError):
        return False
    code = _code(error)
    if code is None:
        return type(error) in (sqlite3.OperationalError, sqlite3.DatabaseError)
    return code in _TROUBLES


def is_full(error: BaseException) -> bool:
    """
    Whether there was no room on the disk.
    """
    return _code(error) == sqlite3.SQLITE_FULL


def explain(error: BaseException, path: str) -> StoreError:
    """
    The same trouble as one of ours, in one line.
    """
    if isinstance(error, StoreError):
        return error
    if _code(error) in _DAMAGES or (isinstance(error, sqlite3.DatabaseError) and _DAMAGED_TEXT.search(str(error))):
        return damaged(path, str(error))
    if is_unfinished(error):
        return StoreUnusable(
            f"{path} was left in the middle of a change by a crash: start the broker once, which takes back what is "
            f"half done"
        )
    return StoreUnusable(f"{path} can't be used: {error}")


def is_unfinished(error: BaseException) -> bool:
    """
    Whether all that is wrong is a change that a crash broke off, and that whoever opens the file to write takes back.

    So it can be while a file is made, or is given its write-ahead log.
    """
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_READONLY_ROLLBACK


def locked(path: str, pid: int | None) -> StoreLocked:
    """
    Who has a file, as far as that is known.
    """
    return StoreLocked(f"{path} is in use by {f'process {pid}' if pid else 'another process'}", pid)


def damaged(path: str, found: str) -> StoreDamaged:
    """
    What is wrong with a file, and the two ways out of it. A disk that can't be read looks the same to SQLite.
    """
    return StoreDamaged(
        f"{path} is damaged ({found}): if the system's log has no I/O error of its disk, restore a backup "
        f"(rm {path}-wal; cp BACKUP {path}), or salvage what can be read (txmqtt store export {path})",
        found,
    )
