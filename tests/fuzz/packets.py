"""
Packets by chance from a small world, so that they have to do with each other: few names, few topics, few identifiers.

One in many is from a larger one. All are legal by themselves; what becomes of that is the fuzzer's business.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Final

from txmqtt.codec import encode, reasons
from txmqtt.codec.constants import (
    AUTH,
    CONNACK,
    CONNECT,
    DISCONNECT,
    PUBACK,
    PUBCOMP,
    PUBLISH,
    PUBREC,
    PUBREL,
    SUBACK,
    SUBSCRIBE,
    UNSUBACK,
    UNSUBSCRIBE,
)
from txmqtt.codec.packets import (
    Ack,
    Auth,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Publish,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
    Will,
)
from txmqtt.codec.properties import WILL_PROPERTIES, Properties
from txmqtt.codec.property_table import BINARY, PAIR, STRING, TABLE, VARINT, Law

NAMES: Final = ("a", "b", "", "a rather long identifier of a client", "\u00e9")
USERS: Final = (None, None, "ann", "bob", "")
TOPICS: Final = (b"a", b"a/b", b"a/b/c", b"b", b"/", b"$x/a", b"a//b", "\u00e9/\U0001f600".encode(), b"r/1")
FILTERS: Final = (
    *(b"#", b"+", b"a/#", b"+/b", b"a/+", b"a", b"a/b", b"/+", b"+/+/#", b"$x/#", b"$SYS/#", b"b"),
    *(b"$share/g/a/#", b"$share/g/#", b"$share/h/+", b"$share/g/a/b"),
)
_WORDS: Final = ("", "a", "text/plain", "r/1", "\u00e9", "SCRAM-SHA-256", "x" * 60)
_NUMBERS: Final = (0, 1, 2, 3, 10, 20, 127, 128, 255, 256, 1000, 65_535, 65_536, 0xFFFFFFFF)
_SIZES: Final = (0, 1, 2, 5, 20, 100, 127, 128, 300, 2000)


def _number(chance: Random, low: int, high: int) -> int:
    number = chance.choice(_NUMBERS)
    return number if low <= number <= high else chance.randint(low, min(high, low + 20))


def _value(chance: Random, law: Law, kind: int) -> Any:
    if law.wire == PAIR:
        return tuple((chance.choice(_WORDS), chance.choice(_WORDS)) for _ in range(chance.randint(1, 3)))
    if law.wire == VARINT:
        most = 2 if kind == PUBLISH else 1
        return tuple(_number(chance, law.low, law.high) for _ in range(chance.randint(1, most)))
    if law.wire == STRING:
        return chance.choice(TOPICS).decode() if "topic" in law.name else chance.choice(_WORDS)
    if law.wire == BINARY:
        return bytes(chance.choice(_SIZES[:6]))
    return _number(chance, law.low, law.high)


def properties(chance: Random, kind: int, version: int) -> Properties | None:
    """
    Some that a packet type may have; often none.
    """
    if version != 5 or chance.random() < 0.4:
        return None
    legal = [law for law in TABLE if law.kinds >> kind & 1]
    chosen = chance.sample(legal, min(len(legal), chance.choice((1, 1, 2, 3))))
    values = {law.name: _value(chance, law, kind) for law in chosen}
    if "authentication_method" not in values:
        values.pop("authentication_data", None)
    return Properties(**values) if values else None


def _payload(chance: Random) -> bytes:
    return chance.choice((b"x", b"\xff", b"hello ")) * chance.choice(_SIZES)


def _packet_id(chance: Random) -> int:
    return chance.randint(1, 5) if chance.random() < 0.9 else chance.choice((100, 256, 65_535))


def _code(chance: Random, kind: int, version: int) -> int:
    if chance.random() < 0.6 and reasons.legal(kind, 0, version):
        return 0
    return chance.choice([code for code in range(256) if reasons.legal(kind, code, version)])


def connect(chance: Random, version: int) -> Connect:
    will = None
    if chance.random() < 0.4:
        will = Will(
            chance.choice(TOPICS),
            _payload(chance),
            chance.randint(0, 2),
            chance.random() < 0.5,
            properties(chance, WILL_PROPERTIES, version),
        )
    clean = chance.random() < 0.4
    name = chance.choice(NAMES)
    if not name and (version == 3 or (version == 4 and not clean)):
        name = "a"
    user = chance.choice(USERS)
    password = None if user is None and version != 5 else chance.choice((None, b"", b"secret", b"wrong"))
    found = properties(chance, CONNECT, version)
    if version == 5 and not clean:
        found = found or Properties()
        found.session_expiry_interval = chance.choice((0, 1, 10, 60, 0xFFFFFFFF))
    keep_alive = chance.choice((0, 0, 1, 10, 60, 65_535))
    return Connect(name, version, clean, keep_alive, user, password, will, found)


def publish(chance: Random, version: int) -> Publish:
    qos = chance.randint(0, 2)
    found = properties(chance, PUBLISH, version)
    topic = chance.choice(TOPICS)
    if found is not None and found.topic_alias is not None and chance.random() < 0.5:
        topic = b""
    dup = qos > 0 and chance.random() < 0.2
    packet_id = _packet_id(chance) if qos else 0
    return Publish(topic, _payload(chance), qos, chance.random() < 0.3, dup, packet_id, found)


def _ack(chance: Random, version: int) -> Ack:
    kind = chance.choice((PUBACK, PUBREC, PUBREL, PUBCOMP))
    return Ack(kind, _packet_id(chance), _code(chance, kind, version), properties(chance, kind, version))


def subscribe(chance: Random, version: int) -> Subscribe:
    wanted = []
    for _ in range(chance.choice((1, 1, 2, 3))):
        filter = chance.choice(FILTERS)
        options = (False, False, 0)
        if version == 5:
            no_local = chance.random() < 0.3 and not filter.startswith(b"$share")
            options = (no_local, chance.random() < 0.3, chance.randint(0, 2))
        wanted.append(Subscription(filter, chance.randint(0, 2), *options))
    return Subscribe(_packet_id(chance), wanted, properties(chance, SUBSCRIBE, version))


def _unsubscribe(chance: Random, version: int) -> Unsubscribe:
    filters = [chance.choice(FILTERS) for _ in range(chance.choice((1, 1, 2)))]
    return Unsubscribe(_packet_id(chance), filters, properties(chance, UNSUBSCRIBE, version))


def _disconnect(chance: Random, version: int) -> Disconnect:
    return Disconnect(_code(chance, DISCONNECT, version), properties(chance, DISCONNECT, version))


def _auth(chance: Random, version: int) -> Packet:
    if version != 5:
        return Pingreq()
    method = chance.choice(("SCRAM-SHA-256", "a"))
    data = chance.choice((None, b"n,,n=ann,r=abc", b"c=biws,r=abc,p=AAAA"))
    return Auth(_code(chance, AUTH, 5), Properties(authentication_method=method, authentication_data=data))


def _connack(chance: Random, version: int) -> Connack:
    code = _code(chance, CONNACK, version)
    present = code == 0 and version != 3 and chance.random() < 0.5
    return Connack(code, present, properties(chance, CONNACK, version))


def _suback(chance: Random, version: int) -> Packet:
    if chance.random() < 0.5:
        codes = [_code(chance, SUBACK, version) for _ in range(chance.randint(1, 3))]
        return Suback(_packet_id(chance), codes, properties(chance, SUBACK, version))
    codes = [_code(chance, UNSUBACK, 5) for _ in range(chance.randint(1, 3))] if version == 5 else []
    return Unsuback(_packet_id(chance), codes, properties(chance, UNSUBACK, version))


def _ping(chance: Random, version: int) -> Packet:
    return Pingreq()


def _pong(chance: Random, version: int) -> Packet:
    return Pingresp()


Make = Callable[[Random, int], Packet]

#: What clients say, and what servers say; what comes more often stands more often.
CLIENTS: Final[tuple[Make, ...]] = (
    *(publish, publish, publish, subscribe, subscribe, _ack, _ack),
    *(connect, _unsubscribe, _disconnect, _auth, _ping),
)
SERVERS: Final[tuple[Make, ...]] = (
    *(publish, publish, publish, _ack, _ack, _ack, _suback, _suback),
    *(_connack, _disconnect, _auth, _pong),
)


def frame(chance: Random, version: int, makers: tuple[Make, ...]) -> bytes:
    """
    The bytes of a packet.
    """
    return encode.packet(chance.choice(makers)(chance, version), version)
