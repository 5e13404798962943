"""
The shim built, and the environment of a program that runs on it.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from unittest import SkipTest

from tests.disk.faults import Faults

SOURCE = Path(__file__).with_name("shim.c")


def compiler() -> str | None:
    """
    A C compiler, if there is one.
    """
    return shutil.which("cc") or shutil.which("gcc")


@cache
def library() -> Path:
    """
    The shim, built once per run. Skips the test where there is no compiler.
    """
    program = compiler()
    if program is None:
        raise SkipTest("a C compiler is missing; Debian has it in the package gcc")
    folder = mkdtemp(prefix="txmqtt-shim-")
    atexit.register(shutil.rmtree, folder, True)
    target = Path(folder) / "shim.so"
    subprocess.run([program, "-shared", "-fPIC", "-O2", "-o", target, SOURCE, "-lpthread"], check=True)
    return target


class Shim:
    """
    For programs that keep their files in one directory.

    @ivar watched: that directory.
    @ivar faults: what is wrong with it just now.
    @ivar diary: the file with all that happened in it, or None.
    """

    def __init__(self, watched: Path, beside: Path, record: bool = False) -> None:
        """
        @param beside: a directory that is not within the watched one, for the shim's own files.
        """
        self._library = library()
        self.watched = watched
        self.diary = beside / "diary" if record else None
        self.faults = Faults(beside / "faults")

    def environment(self) -> dict[str, str]:
        """
        What such a program must find in its environment.
        """
        return {**os.environ, **self.surroundings()}

    def surroundings(self) -> dict[str, str]:
        """
        What of it is the shim's own.
        """
        found = {
            "LD_PRELOAD": str(self._library),
            "TXMQTT_DISK_WATCH": str(self.watched),
            "TXMQTT_DISK_CONTROL": str(self.faults.path),
        }
        if self.diary is not None:
            found["TXMQTT_DISK_LOG"] = str(self.diary)
        return found
