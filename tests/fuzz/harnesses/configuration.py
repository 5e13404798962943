"""
A configuration file: it is read, or each mistake in it is told with its place. What it asks for is made, or cannot be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from twisted.internet.testing import MemoryReactorClock

from tests.fuzz.harness import Harness
from txmqtt.service.assembly import Assembly
from txmqtt.service.configuration.file import ConfigurationError, load
from txmqtt.service.configuration.kinds import KINDS
from txmqtt.service.configuration.sample import sample
from txmqtt.service.configuration.schema import settings_of
from txmqtt.service.configuration.settings import Settings

#: In memory, where the system has that.
_FOLDER: Final = TemporaryDirectory(prefix="txmqtt-fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None)


def _check(error: ConfigurationError, path: str, lines: int) -> None:
    told = str(error)
    assert told.startswith(path), f"{told!r} does not say where"
    for place in re.findall(rf"^{re.escape(path)}:(\d+):", told, re.MULTILINE):
        assert 1 <= int(place) <= lines, f"{told!r}: there are {lines} lines"


def configuration(data: bytes) -> None:
    """
    See C{Harness.one_input}.
    """
    path = Path(_FOLDER.name) / "broker.toml"
    path.write_bytes(data)
    lines = len(data.decode(errors="replace").splitlines()) + 1
    try:
        found = load(path)
        assembly = Assembly(found.settings, MemoryReactorClock())
        assembly.stop()
        if assembly.faults:
            raise found.error(assembly.faults)
    except ConfigurationError as error:
        _check(error, str(path), lines)


def _seeds() -> Iterator[bytes]:
    whole = sample(Settings)
    said = re.sub(r"^#: ", "", whole, flags=re.MULTILINE)
    for text in (whole, said):
        rows = [row for row in text.splitlines() if row and not row.startswith("#")]
        tables = re.split(r"^(?=\[)", "\n".join(rows) + "\n", flags=re.MULTILINE)
        for number, table in enumerate(tables):
            yield table.encode()
            if number % 7 == 0:
                yield "".join(tables[number : number + 3]).encode()
    yield b'listener = [{endpoint = "tcp:1883", limits = {max_packet_size = 100}}]\n'
    yield b'[[listener]]\nendpoint = "ws:tcp:8083:path=/mqtt"\n[[listener]]\nendpoint = "unix:/tmp/x"\n'
    yield b'[[authentication]]\ntype = "cred"\nchecker = "memory:ann:secret"\n'
    yield b'[acl]\n[[acl.rule]]\nallow = true\ntopics = ["a/%u/#"]\nusers = ["ann"]\n'


def _names(group: type, seen: set[type]) -> Iterator[str]:
    if group not in seen:
        seen.add(group)
        for setting in settings_of(group):
            yield from filter(None, (setting.name, *setting.choices))
            if isinstance(setting.group, type):
                yield from _names(setting.group, seen)


def _tokens() -> Iterator[bytes]:
    seen: set[type] = set()
    names = set(_names(Settings, seen)) | {name for kind in KINDS.values() for name in _names(kind, seen)}
    for name in sorted(names | set(KINDS)):
        yield name.encode()
    yield from (b"[[listener]]\n", b'endpoint = "', b'"""', b"'''", b"= true\n", b"= 1e400\n", b"= nan\n", b"= -0\n")
    yield from (b"= 1979-05-27T07:32:00Z\n", b"= 0xff\n", b"\\u0000", b"\\", b"[[", b"]]", b"{", b"}", b"\xef\xbb\xbf")
    yield from (b"tcp:1883", b"tls:8883:certificate=", b"ws:", b"haproxy:", b"systemd:domain=INET:index=0", b"unix:")


HARNESS: Final = Harness(
    "configuration",
    "a configuration file is read, or each mistake in it is told with its place",
    configuration,
    _seeds,
    _tokens,
    longest=1500,
)
