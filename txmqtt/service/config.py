"""
From words to values: endpoint strings, who can reach a listener, where things are kept.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from resource import RLIM_INFINITY, RLIMIT_NOFILE, getrlimit, setrlimit

from twisted.internet.address import UNIXAddress
from twisted.internet.interfaces import IAddress

from txmqtt.net.endpoints import speaks_for_others

#: Where the broker listens unless it is told otherwise.
DEFAULT_LISTEN = "tcp:1883:interface=127.0.0.1"

#: The store that is none.
IN_MEMORY = "memory"


def only_from_here(endpoint: object, address: IAddress | None) -> bool:
    """
    Whether no other machine can reach a listener. What listens for a proxy speaks for others, wherever it listens.

    @param address: what it listens on.
    """
    if speaks_for_others(endpoint):
        return False
    if isinstance(address, UNIXAddress):
        return True
    try:
        return ip_address(str(getattr(address, "host", "")).partition("%")[0]).is_loopback
    except ValueError:
        return False


# What the system allows


def allow_open_files(wanted: int) -> int:
    """
    Let this process open so many files, as far as the system's hard limit goes: connections are files too, and the
    usual soft limit is 1024.

    @return: how many it may open now.
    """
    soft, hard = getrlimit(RLIMIT_NOFILE)
    target = wanted if hard == RLIM_INFINITY else min(wanted, hard)
    if soft == RLIM_INFINITY or soft >= target:
        return wanted if soft == RLIM_INFINITY else soft
    setrlimit(RLIMIT_NOFILE, (target, hard))
    return target


def state_directory(given: str | None, environment: Mapping[str, str]) -> Path:
    """
    Where what must survive a restart is kept: as given, or where systemd or the desktop's conventions put it.
    """
    if given:
        return Path(given)
    if systemd := environment.get("STATE_DIRECTORY"):
        return Path(systemd.partition(":")[0])
    home = environment.get("XDG_STATE_HOME") or Path(environment.get("HOME") or "~").expanduser() / ".local" / "state"
    return Path(home) / "txmqtt"


def make_private(directory: Path) -> None:
    """
    Make a directory that only we may enter, unless it is there.

    @raise OSError: it can't be made, or we may not write there.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not os.access(directory, os.W_OK | os.X_OK):
        raise PermissionError(13, os.strerror(13), str(directory))
