"""
From words to values: the limits as options, endpoint strings, who can reach a listener, where things are kept.
"""

from __future__ import annotations

import ast
import os
import re
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import fields
from ipaddress import ip_address
from pathlib import Path
from pkgutil import get_data
from resource import RLIM_INFINITY, RLIMIT_NOFILE, getrlimit, setrlimit
from typing import Any

from twisted.internet.address import UNIXAddress
from twisted.internet.interfaces import IAddress, IStreamServerEndpoint
from twisted.python.usage import UsageError

from txmqtt.broker.policy import Policy
from txmqtt.codec.constants import MAX_PACKET
from txmqtt.net.endpoints import server_endpoint, speaks_for_others
from txmqtt.net.options import UNBOUNDED, Range

#: Where the broker listens unless it is told otherwise.
DEFAULT_LISTEN = "tcp:1883:interface=127.0.0.1"

#: The store that is none.
IN_MEMORY = "memory"

_U16 = 65_535
_U32 = 0xFFFFFFFF


#: What each limit of the policy may be set to. Where MQTT has a field for it, what fits in there.
RANGES = {
    "max_connections": Range(1, UNBOUNDED),
    "max_sessions": Range(1, UNBOUNDED),
    "connect_timeout": Range(0.1, 3600),
    "opening_bytes": Range(64, MAX_PACKET),
    "close_timeout": Range(0.1, 3600),
    "max_packet_size": Range(64, MAX_PACKET),
    "max_topic_levels": Range(1, _U16),
    "max_subscriptions": Range(1, UNBOUNDED),
    "max_subscription_bytes": Range(0, UNBOUNDED),
    "max_inflight": Range(1, _U16),
    "max_inflight_5": Range(1, _U16),
    "receive_maximum": Range(1, _U16),
    "max_queued_messages": Range(0, UNBOUNDED),
    "max_queued_bytes": Range(0, UNBOUNDED),
    "queue_page": Range(1, 10_000),
    "queue_page_bytes": Range(0, UNBOUNDED),
    "write_buffer": Range(1024, UNBOUNDED),
    "max_session_expiry": Range(0, _U32),
    "will_grace": Range(0, _U32),
    "max_keep_alive": Range(1, _U16),
    "topic_alias_maximum": Range(0, _U16),
    "max_topic_aliases": Range(0, _U16),
    "max_retained_messages": Range(0, UNBOUNDED),
    "max_retained_bytes": Range(0, UNBOUNDED),
    "retained_page": Range(1, UNBOUNDED),
    "max_routes": Range(1, UNBOUNDED),
    "resend_interval": Range(0, 86_400),
    "store_delay": Range(0.1, 3600),
    "store_operations": Range(1, UNBOUNDED),
    "store_bytes": Range(1, UNBOUNDED),
    "sys_interval": Range(0, 86_400),
}


# Limits


def option(name: str) -> str:
    """
    What a limit is called on the command line.
    """
    return name.replace("_", "-")


def limit_parameters() -> list[list[Any]]:
    """
    Every limit of the policy, as C{usage.Options.optParameters} wants it: name, default and help are the policy's own.
    """
    said = limit_docs()
    return [
        [option(field.name), None, field.default, said.get(field.name, ""), _reader(field.name, type(field.default))]
        for field in fields(Policy)
    ]


def policy_from(options: Mapping[str, Any]) -> Policy:
    """
    The policy that these options ask for.
    """
    return Policy(**{field.name: options[option(field.name)] for field in fields(Policy)})


def limit_docs() -> dict[str, str]:
    """
    What the policy's docstring says of each limit. Compiled classes have no docstrings, so it is read from the source,
    which is installed beside.
    """
    source = get_data("txmqtt.broker", "policy.py") or b""
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef) and node.name == Policy.__name__:
            said = re.findall(r"^@ivar (\w+): (.*?)(?=^@|\Z)", ast.get_docstring(node) or "", re.MULTILINE | re.DOTALL)
            return {name: _plain(words) for name, words in said}
    return {}


def _plain(words: str) -> str:
    return re.sub(r"[A-Z]\{(.*?)\}", r"\1", textwrap.shorten(words, 1000))


def _reader(name: str, kind: type) -> Callable[[str], float]:
    low, high = RANGES[name]

    def read(value: str) -> float:
        try:
            number: float = kind(value)
            if low <= number <= high:
                return number
        except ValueError:
            pass
        what = "a whole number" if kind is int else "a number"
        bound = f"from {low:.15g}" + ("" if high == UNBOUNDED else f" to {high:.15g}")
        raise UsageError(f"--{option(name)} {value!r}: expected {what} {bound}")

    return read


# Listening


def listener(reactor: Any, description: str) -> IStreamServerEndpoint:
    """
    See C{server_endpoint}.
    """
    return server_endpoint(reactor, description)


def only_from_here(description: str, address: IAddress | None) -> bool:
    """
    Whether no other machine can reach a listener. What listens for a proxy speaks for others, wherever it listens.

    @param address: what it listens on.
    """
    if speaks_for_others(description):
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
