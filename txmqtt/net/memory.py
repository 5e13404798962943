"""
What happens when memory runs short: nobody new comes in, and what may be lost is not sent on.

The broker is told by one attribute, C{shedding}. Memory is what the kernel says is resident, measured once a second,
so that whatever the memory went to counts.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from twisted.logger import Logger

from txmqtt.broker.core import Broker

_log = Logger()

#: Where it is told, retained, that memory is short; empty when all is well.
ALARM = b"$SYS/broker/memory/alarm"

#: Of what there is, so much may be used unless the policy says how much.
_SHARE = 0.9
#: So much of the limit must be used no more until all is well again.
_ENOUGH = 0.95
#: While it is short, so many measurements between two requests to the allocator to give back what it keeps.
_PATIENCE = 10

_MIB = 1024 * 1024

#: What C{mallopt} calls them: a larger block than this gets pages of its own, and what is free at the end of the heap
#: is given back beyond this.
_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD = -3, -1


class MemoryWatch:
    """
    Looks once a second, when the service says so.

    @param resident: how much the process has, bytes; 0 where it can't be known.
    @param available: how much there is for it, bytes; 0 where it can't be known.
    @param trim: asks the allocator to give back what it does not need.
    """

    def __init__(
        self,
        broker: Broker,
        resident: Callable[[], int] | None = None,
        available: Callable[[], int] | None = None,
        trim: Callable[[], object] | None = None,
    ) -> None:
        self._broker = broker
        self._resident = resident_memory if resident is None else resident
        self._trim = give_back if trim is None else trim
        self._there_is = int((available_memory if available is None else available)() * _SHARE)
        self._looks = 0

    @property
    def limit(self) -> int:
        """
        How much may be used, bytes; 0 for no limit, where nobody knows how much there is.
        """
        return self._broker.policy.max_memory or self._there_is

    def look(self) -> None:
        """
        Measure, and act on it. The turn is to be flushed afterwards.
        """
        broker, limit = self._broker, self.limit
        used = broker.stats.heap_current = self._resident()
        if broker.shedding:
            self._looks += 1
            if not limit or used < limit * _ENOUGH:
                broker.shedding = False
                _log.info("memory is not short any more: {used} MiB used", used=used // _MIB)
                broker.publish(ALARM, b"", 0, True)
            elif self._looks % _PATIENCE == 0:
                self._trim()
        elif limit and used > limit:
            broker.shedding = True
            self._looks = 0
            why = f"{used // _MIB} MiB of memory are used, {limit // _MIB} MiB at most"
            _log.critical("memory is short: {why}; new connections are refused, QoS 0 is not sent on", why=why)
            broker.publish(ALARM, why.encode(), 0, True)
            self._trim()


def resident_memory() -> int:
    """
    What of this process is in memory, bytes; 0 where there is no C{/proc}.
    """
    try:
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def available_memory(root: str = "/") -> int:
    """
    What there is for this process, bytes: what the machine has, or less where a control group above it says so; 0 where
    neither can be known.

    @param root: where the file system of the kernel's answers begins.
    """
    base = Path(root)
    found = [_machine(base / "proc/meminfo"), *_groups(base)]
    return min((size for size in found if size), default=0)


def _machine(path: Path) -> int:
    for line in _read(path).splitlines():
        name, _, size = line.partition(":")
        if name == "MemTotal":
            return _number(size.removesuffix("kB")) * 1024
    return 0


def _groups(base: Path) -> list[int]:
    """
    The limits of the control groups that this process is in, of either version. A container sees its own as the root.
    """
    found = []
    for line in _read(base / "proc/self/cgroup").splitlines():
        _, controllers, group = [*line.split(":", 2), "", ""][:3]
        if controllers == "":
            top, name = base / "sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            top, name = base / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        where = top / group.lstrip("/")
        for folder in (where, *where.parents):
            found.append(_number(_read(folder / name)))
            if folder == top:
                break
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _number(words: str) -> int:
    words = words.strip()
    return int(words) if words.isdigit() else 0


def give_back() -> None:
    """
    Ask glibc to give back to the system what it keeps for later; elsewhere do nothing.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def keep_some() -> None:
    """
    Ask glibc to keep what a few large packets take for those that follow; elsewhere do nothing. Otherwise it gives back
    the pages of each and gets them anew, emptied, for the next, which costs more than all else about it.
    """
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(_M_MMAP_THRESHOLD, 4 * _MIB)
        library.mallopt(_M_TRIM_THRESHOLD, 8 * _MIB)
