"""
Database files: how they are opened, made, brought up to date, copied and looked over.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import uuid
from contextlib import closing
from typing import Final, Protocol
from urllib.parse import quote

from txmqtt.backends.sqlite.errors import (
    StoreForeign,
    StoreTooNew,
    StoreTooOld,
    StoreUnusable,
    damaged,
    explain,
    is_trouble,
    is_unfinished,
    locked,
)
from txmqtt.backends.sqlite.lock import StoreLock
from txmqtt.backends.sqlite.tables import Schema

#: What a user may ask for, and what SQLite calls it: when an acknowledgement stands, after a crash of ...
DURABILITY: Final = {
    "full": "FULL",  # ... the machine
    "normal": "NORMAL",  # ... the program; a power cut may undo the last seconds
    "off": "OFF",  # ... the program; a power cut may leave a damaged file
}

_CACHE = 64 * 1024  # KiB
_BUSY = 5.0  # seconds for another program that has the file for a moment


class Connect(Protocol):
    """
    How a file is opened; tests put a failing disk here.
    """

    def __call__(self, path: str, mode: str) -> sqlite3.Connection: ...


def connect(path: str, mode: str) -> sqlite3.Connection:
    """
    Open a file.

    @param mode: C{ro}, C{rw}, or C{rwc} to make it where there is none; C{ro&immutable=1} where nobody writes to it.
    """
    return sqlite3.connect(
        f"file:{quote(os.path.abspath(path))}?mode={mode}",
        uri=True,
        timeout=_BUSY,
        isolation_level=None,  # transactions begin where we say so
        check_same_thread=False,  # opened by one thread, used by another, never by two
        cached_statements=1024,
    )


def prepare(connection: sqlite3.Connection, path: str, durability: str) -> None:
    """
    Make a connection one that writes.

    @raise sqlite3.Error: it can't be.
    """
    if connection.execute("PRAGMA journal_mode=WAL").fetchone()[0] != "wal":
        raise StoreUnusable(f"{path} can't be used: its file system does not carry a write-ahead log")
    for pragma in (
        f"synchronous={DURABILITY[durability]}",
        "wal_autocheckpoint=0",  # the writer says when
        f"cache_size=-{_CACHE}",
        "foreign_keys=OFF",
    ):
        connection.execute(f"PRAGMA {pragma}").fetchall()


def create(path: str) -> None:
    """
    Make an empty file that only its owner can read, where there is none.

    Never touch a file that SQLite may have open: closing it would end SQLite's own locks on it.

    @raise StoreUnusable: there can be no such file.
    """
    if check_place(path):
        return
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreUnusable(f"{path} can't be made: {error.strerror}") from None


def check_place(path: str) -> bool:
    """
    Find out whether a file could be there and be written.

    @return: whether it is there.
    @raise StoreUnusable: there can be no such file.
    """
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise StoreUnusable(f"{path} can't be made: there is no directory {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StoreUnusable(f"{path} can't be used: the directory {folder} is not writable")
    if not os.path.exists(path):
        return False
    if not os.path.isfile(path):
        raise StoreUnusable(f"{path} can't be used: it is not a file")
    if not os.access(path, os.R_OK | os.W_OK):
        raise StoreUnusable(f"{path} can't be used: it is not writable")
    return True


def identity(path: str) -> tuple[int, int]:
    """
    Which file it is, whatever its name.

    @raise OSError: there is none.
    """
    found = os.stat(path)
    return found.st_dev, found.st_ino


def whose(connection: sqlite3.Connection, path: str, schema: Schema) -> int:
    """
    Look before anything is changed.

    @return: the version of its schema, 0 where there is nothing yet.
    @raise StoreError: it is another application's, from a newer version, or damaged.
    """
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master").fetchall()}
    if not names:
        return 0
    try:
        meta = dict(connection.execute("SELECT key, value FROM meta").fetchall()) if "meta" in names else {}
    except sqlite3.OperationalError as error:
        if is_trouble(error):
            raise
        meta = {}  # a table meta, and not ours
    if (found := meta.get("application")) != schema.application:
        other = f"a store of {found}" if found else "a database of another program"
        raise StoreForeign(f"{path} is {other}, not of {schema.application}: name another file")
    version = meta.get("schema")
    if not isinstance(version, int) or not isinstance(meta.get("id"), str) or not isinstance(meta.get("batch"), int):
        raise damaged(path, "its table meta is incomplete")
    if version > schema.version:
        raise StoreTooNew(
            f"{path} has schema {version}, written by a newer txmqtt; this one knows {schema.version} and older: "
            f"run the newer one, or restore a backup from before"
        )
    return version


def look(path: str, schema: Schema) -> None:
    """
    Find out whether a store could be opened now, and leave nothing open and nothing changed.

    @raise StoreError: it could not.
    """
    if not os.path.exists(path):
        return
    holder = StoreLock(path).holder()
    if holder is not None:
        raise locked(path, holder or None)
    # Who reads a file that has no log makes one, unless the file is said not to change.
    beside = (os.path.realpath(path) + suffix for suffix in ("-wal", "-journal"))
    mode = "ro" if any(map(os.path.exists, beside)) else "ro&immutable=1"
    try:
        with closing(connect(path, mode)) as connection:
            whose(connection, path, schema)
    except sqlite3.Error as error:
        if not is_unfinished(error):
            raise explain(error, path) from None


def migrate(connection: sqlite3.Connection, path: str, schema: Schema, version: int) -> None:
    """
    Make what an empty file lacks, or bring an older one up to date, in one transaction.

    @param version: what C{whose} found.
    @raise StoreTooOld: no way leads from there.
    """
    if version == schema.version:
        return
    connection.execute("BEGIN IMMEDIATE")
    if version:
        try:
            statements = list(schema.upgrade(version))
        except KeyError as error:
            raise StoreTooOld(f"{path} has schema {version}, and nothing leads from {error} to the next") from None
        for statement in statements:
            connection.execute(statement)
        connection.execute("UPDATE meta SET value=? WHERE key='schema'", (schema.version,))
    else:
        for statement in schema.creation():
            connection.execute(statement)
        new = {"application": schema.application, "schema": schema.version, "id": uuid.uuid4().hex, "batch": 0}
        for item in new.items():
            connection.execute("INSERT INTO meta VALUES (?,?)", item)
    connection.execute("COMMIT")


def backup(source: str, target: str) -> None:
    """
    A copy of everything committed, while others read and write. It is whole or it is not there.

    @raise StoreError: it can't be made, or the target exists.
    """
    partial = target + ".partial"
    try:
        if os.path.exists(target):
            raise StoreUnusable(f"{target} exists; a backup does not overwrite it")
        if os.path.exists(partial):
            os.unlink(partial)
        create(partial)
        with closing(connect(source, "ro")) as old, closing(connect(partial, "rw")) as new:
            old.backup(new)  # all in one step: one moment of the source, which is not kept from writing
            new.execute("PRAGMA journal_mode=DELETE").fetchall()  # one file, nothing beside it
        install(partial, target)
    except (OSError, sqlite3.Error) as error:
        raise StoreUnusable(f"no backup of {source} to {target}: {error}") from None


def install(partial: str, target: str) -> None:
    """
    Put a file that is whole in its place, and on the disk.

    @raise OSError: it can't be.
    """
    _sync(partial)
    os.rename(partial, target)
    sync_names(target)


def sync_names(path: str) -> None:
    """
    Make durable that a file, and those beside it, have their names.

    SQLite does so when it made a file, and does not look whether it went well.

    @raise OSError: the trouble lasts.
    """
    try:
        _sync(os.path.dirname(os.path.abspath(path)))
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system where that can't be asked for
            raise


def _sync(path: str) -> None:
    held = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(held)
    finally:
        os.close(held)


def check(path: str, thorough: bool = False) -> list[str]:
    """
    Look a file over, while others read and write.

    @param thorough: compare the indexes with their tables too.
    @return: what is wrong with it; nothing where all is well.
    """
    try:
        with closing(connect(path, "ro")) as connection:
            found = connection.execute(f"PRAGMA {'integrity' if thorough else 'quick'}_check(100)").fetchall()
    except sqlite3.Error as error:
        return [str(explain(error, path))]
    return [str(problem) for (problem,) in found if problem != "ok"]


def wal_exceeds(path: str, size: int, page: int) -> bool:
    """
    Whether the write-ahead log holds so many bytes of frames that were written since it last began anew.

    Its length does not say: the log begins anew at its start, and the old frames behind stay (writing over them costs
    a fifth less than growing the file). A frame is of this round if it bears the salts of the log's header (SQLite's
    file format, section 4). No lock of SQLite is on this file, so that opening and closing it is harmless.
    """
    try:
        held = os.open(path + "-wal", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        frame = 32 + size // (page + 24) * (page + 24)
        salts = os.pread(held, 8, frame + 8)
        return len(salts) == 8 and salts == os.pread(held, 8, 16)
    except OSError:  # a disk that can't be read; whoever needs what is on it will say so
        return False
    finally:
        os.close(held)


def renew(path: str) -> None:
    """
    Write a file over itself and sync it. Nobody else may write to it meanwhile.

    After a sync that failed Linux takes the pages for clean: they are read back, no later sync writes them, and they
    would not survive a power cut. Writing to them puts them on their way again.

    @raise OSError: the trouble lasts.
    """
    held = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        at = 0
        while some := os.pread(held, 1 << 20, at):
            at += os.pwrite(held, some, at)
        if at:
            os.fsync(held)
    finally:
        os.close(held)


def size(path: str) -> int:
    """
    Bytes of a file, 0 where there is none.
    """
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
