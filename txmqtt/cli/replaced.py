"""
A file changes from what it was to what it shall be, never half: whoever reads it meanwhile sees one or the other.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from tempfile import mkstemp


class CannotReplace(Exception):
    """
    The file is as it was; says why.
    """


def refuse_existing(path: str) -> None:
    """
    Say now what L{create} would say later.

    @raise CannotReplace: it is there.
    """
    if os.path.lexists(path):
        raise CannotReplace(f"{path} exists; it is not overwritten")


def create(path: str, data: bytes) -> None:
    """
    Make a file that was not there, which only its owner can read.

    @raise CannotReplace: it is there, or can't be made.
    """
    try:
        partial = _written(path, data, None)
        try:
            os.link(partial, path)  # unlike a rename, this fails when somebody else was faster
        finally:
            os.unlink(partial)
        _remembered(path)
    except FileExistsError:
        raise CannotReplace(f"{path} exists; it is not overwritten") from None
    except OSError as error:
        raise CannotReplace(f"{path} can't be made: {error.strerror}") from None


def replace(path: str, edit: Callable[[bytes], bytes]) -> None:
    """
    Change a file. It keeps its mode, its owner and its group; of several who change it at once, each sees what those
    before it did. Where nothing changes, nothing is written.

    @param edit: what it shall be, from what it is; may raise.
    @raise CannotReplace: it is not there, or can't be changed.
    """
    path = os.path.realpath(path)  # a link stays one
    try:
        while True:
            with open(path, "rb") as before:
                fcntl.flock(before, fcntl.LOCK_EX)
                status = os.fstat(before.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise CannotReplace(f"{path} is no plain file")
                if not os.path.samestat(status, os.stat(path)):
                    continue  # somebody else has replaced it while we waited
                data = before.read()
                after = edit(data)
                if after != data:
                    os.replace(_written(path, after, status), path)
                    _remembered(path)
                return
    except OSError as error:
        raise CannotReplace(f"{path} can't be changed: {error.strerror}") from None


def _written(path: str, data: bytes, like: os.stat_result | None) -> str:
    """
    A file beside this one, on the disk.

    @param like: whose mode and owner it gets; None: only its owner, which is us, can read it.
    """
    handle, partial = mkstemp(prefix=f".{os.path.basename(path)}.", dir=os.path.dirname(path) or ".")
    try:
        with os.fdopen(handle, "wb") as file:
            if like is not None:
                ours = os.fstat(handle)
                if (ours.st_uid, ours.st_gid) != (like.st_uid, like.st_gid):
                    try:
                        os.fchown(handle, like.st_uid, like.st_gid)
                    except PermissionError:  # as another's, whoever reads it today might not
                        raise CannotReplace(f"{path} would not stay its owner's and group's; ask them") from None
                os.fchmod(handle, stat.S_IMODE(like.st_mode))
            file.write(data)
            file.flush()
            os.fsync(handle)
    except BaseException:
        with suppress(OSError):
            os.unlink(partial)
        raise
    return partial


def _remembered(path: str) -> None:
    """
    Have the folder itself on the disk.
    """
    folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
