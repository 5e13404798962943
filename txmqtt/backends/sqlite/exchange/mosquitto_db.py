"""
Mosquitto's own database, C{mosquitto.db}: versions 5 (1.6) and 6 (1.6.9 to 2.1).

It begins with a magic, a checksum that is always 0 and the version. Then come chunks: kind and length, four bytes each,
and a C structure as it lay in memory, followed by what it gives the lengths of. Numbers of 8 bytes are in the order of
the machine that wrote it, which all machines that run mosquitto today have in common (little-endian), and the others
in that of the network. Structures end where the machine likes them to end, so their strings begin where the length of
the chunk says.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Final

from txmqtt.backends.sqlite.errors import StoreContentWrong
from txmqtt.backends.sqlite.exchange.mosquitto import Belongings, Item
from txmqtt.codec import properties
from txmqtt.codec.constants import PUBLISH
from txmqtt.codec.errors import MQTTError
from txmqtt.codec.properties import Properties
from txmqtt.session.message import Message, travelling

MAGIC: Final = b"\x00\xb5\x00mosquitto db"
VERSIONS: Final = (5, 6)

_START: Final = len(MAGIC) + 8
_CONFIG, _MESSAGE, _ITEM, _RETAINED, _SUBSCRIPTION, _CLIENT = range(1, 7)
_NUMBER: Final = 8  # bytes of the number of a message


class _Chunk:
    """
    One chunk: its structure, and then its strings.
    """

    def __init__(self, data: bytes, at: int, kind: int, length: int) -> None:
        self.at = at
        self.end = at + length
        self._data = data
        self._place = at
        self.where = f"byte {at - 8}, chunk of kind {kind}"

    def wrong(self, what: str) -> StoreContentWrong:
        return StoreContentWrong(f"{self.where}: {what}")

    def fixed(self, little: str, big: str, padding: int = 0) -> tuple[int, ...]:
        """
        A structure: first its numbers of 8 bytes, then the others.
        """
        found: tuple[int, ...] = ()
        for layout in (Struct("<" + little), Struct(">" + big)):
            if self._place + layout.size > self.end:
                raise self.wrong(f"it has {self.end - self.at} bytes; expected more")
            found += layout.unpack_from(self._data, self._place)
            self._place += layout.size
        self._place += padding
        return found

    def rest(self) -> int:
        return self.end - self._place

    def skip(self, count: int) -> None:
        self._place += count

    def take(self, size: int, what: str) -> bytes:
        if self._place + size > self.end:
            raise self.wrong(f"{what} is {size} bytes; {max(0, self.rest())} are left")
        self._place += size
        return self._data[self._place - size : self._place]

    def text(self, size: int, what: str) -> str:
        raw = self.take(size, what)
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            raise self.wrong(f"{what} is not UTF-8 at byte {error.start} ({error.reason})") from None

    def properties(self) -> Properties | None:
        if not self.rest():
            return None
        try:
            found, end = properties.decode(self._data, self._place, self.end, PUBLISH)
        except MQTTError as error:
            raise self.wrong(str(error)) from None
        if end != self.end:
            raise self.wrong(f"{self.end - end} bytes after its properties; expected none")
        return found


def gather(data: bytes, belongings: Belongings) -> None:
    """
    Read a whole database.

    @raise StoreContentWrong: where it is not what it should be.
    """
    if len(data) < _START:
        raise StoreContentWrong(f"byte {len(data)}: the end; expected {_START} bytes of header")
    belongings.version = version = int.from_bytes(data[_START - 4 : _START], "big")
    if version not in VERSIONS:
        raise StoreContentWrong(
            f"byte {_START - 4}: version {version} of mosquitto's database; expected 5 or 6 (let a mosquitto from 1.6 "
            "on load and save it)"
        )
    at = _START
    users = _Users()
    while at < len(data):
        if at + 8 > len(data):
            raise StoreContentWrong(f"byte {at}: {len(data) - at} bytes; expected 8, kind and length of a chunk")
        kind, length = int.from_bytes(data[at : at + 4], "big"), int.from_bytes(data[at + 4 : at + 8], "big")
        if length > len(data) - at - 8:
            raise StoreContentWrong(
                f"byte {at}, chunk of kind {kind}: it has {length} bytes, of which {len(data) - at - 8} are there"
            )
        chunk = _Chunk(data, at + 8, kind, length)
        if kind == _CLIENT:
            _client(chunk, belongings, version, users)
        elif reader := _READERS.get(kind):
            reader(chunk, belongings)
        else:
            belongings.left_out[f"chunks of the unknown kind {kind}"] += 1
        at = chunk.end
    if users.ghosts:
        belongings.left_out["user names that mosquitto wrote for clients without one"] += users.ghosts


def _config(chunk: _Chunk, belongings: Belongings) -> None:
    _, _, size = chunk.fixed("Q", "BB")
    if size != _NUMBER:
        raise chunk.wrong(f"numbers of messages have {size} bytes; expected {_NUMBER}")


def _message(chunk: _Chunk, belongings: Belongings) -> None:
    number, expires, size, _, source, user, topic, _, qos, retain = chunk.fixed("Qq", "IHHHHHBB")
    publisher = chunk.text(source, "client identifier of the publisher")
    chunk.take(user, "user name of the publisher")
    name = chunk.take(topic, "topic")
    payload = chunk.take(size, "payload")
    said = travelling(chunk.properties())
    message = Message(name, payload, qos, bool(retain), said, float(max(0, expires)), publisher)
    belongings.message(number, message, chunk.where)


def _item(chunk: _Chunk, belongings: Belongings) -> None:
    number, packet_id, size, qos, state, flags, direction = chunk.fixed("Q", "HHBBBB")
    client_id = chunk.text(size, "client identifier")
    said = chunk.properties()
    identifiers = said.subscription_identifiers if said is not None else ()
    identifier = identifiers[0] if identifiers else 0
    item = Item(client_id, number, qos, bool(flags >> 4), state, packet_id, identifier, chunk.where)
    belongings.item(item, direction == 0)


def _retained(chunk: _Chunk, belongings: Belongings) -> None:
    (number,) = chunk.fixed("Q", "")
    belongings.retain(number, chunk.where)


def _subscription(chunk: _Chunk, belongings: Belongings) -> None:
    identifier, size, topic, qos, options = chunk.fixed("", "IHHBB", padding=2)
    client_id = chunk.text(size, "client identifier")
    belongings.subscription(client_id, chunk.take(topic, "filter"), qos, options, identifier, chunk.where)


class _Users:
    """
    Whose a session is, in spite of what mosquitto up to 2.0 writes for clients without a user name: the length of the
    name of the last client that had one, the bytes of that length changed round, and then in turns the one and the
    other, followed by that name and by whatever lay in memory behind it.

    @ivar ghosts: so many names were none.
    """

    def __init__(self) -> None:
        self.ghosts = 0
        self._haunted = 0  # the length that may yet come again without meaning anything
        self._name = b""

    def find(self, name: bytes) -> bytes | None:
        """
        What a client is called; None when it has no name.
        """
        size = len(name)
        if not size:
            return None
        turned = (size & 0xFF) << 8 | size >> 8
        if 0 in name:
            self._haunted, self._name = turned, name[:turned].partition(b"\0")[0]
            self.ghosts += 1
            return None
        if self._haunted == size and self._name == name:
            self.ghosts += 1
            return None
        self._haunted = 0
        return name


def _client(chunk: _Chunk, belongings: Belongings, version: int, users: _Users) -> None:
    if version == 5:
        expires, interval, _, size = chunk.fixed("q", "IHH")
        user = 0
    else:
        expires, interval, _, size, _, user = chunk.fixed("q", "IHHHH")
    padding = chunk.rest() - size - user
    if padding not in (0, 4):
        raise chunk.wrong(f"{chunk.rest()} bytes for a client identifier of {size} and a user name of {user} bytes")
    chunk.skip(padding)
    client_id = chunk.text(size, "client identifier")
    name = users.find(chunk.take(user, "user name"))
    try:
        known = name.decode() if name is not None else None
    except UnicodeDecodeError as error:
        raise chunk.wrong(f"user name is not UTF-8 at byte {error.start} ({error.reason})") from None
    belongings.session(client_id, known, interval, expires, chunk.where)


_READERS: Final[dict[int, Callable[[_Chunk, Belongings], None]]] = {
    _CONFIG: _config,
    _MESSAGE: _message,
    _ITEM: _item,
    _RETAINED: _retained,
    _SUBSCRIPTION: _subscription,
}
