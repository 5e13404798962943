"""
C{-D PACKET NAME VALUE}: the properties of MQTT 5.0, by the names that the standard gives them.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, Final, NamedTuple

import click

from txmqtt.cli.options.settings import SEPARATOR
from txmqtt.codec.constants import CONNECT, DISCONNECT, PUBLISH, SUBSCRIBE, UNSUBSCRIBE
from txmqtt.codec.errors import LocalProtocolError
from txmqtt.codec.properties import WILL_PROPERTIES, Properties, encode
from txmqtt.codec.property_table import BINARY, PAIR, STRING, TABLE, VARINT, Law

#: The packets that a command may say properties for, and how they are called on the command line.
PACKETS: Final = {
    "CONNECT": CONNECT,
    "PUBLISH": PUBLISH,
    "SUBSCRIBE": SUBSCRIBE,
    "UNSUBSCRIBE": UNSUBSCRIBE,
    "DISCONNECT": DISCONNECT,
    "WILL": WILL_PROPERTIES,
}

#: Packets that mosquitto's commands take too; what is in ours the client says by itself.
_NOT_OURS: Final = ("PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "AUTH")


def _word(law: Law) -> str:
    if law.wire == PAIR:
        return "user-property"
    return "subscription-identifier" if law.wire == VARINT else law.name.replace("_", "-")


_LAWS: Final = {_word(law): law for law in TABLE}


class Given(NamedTuple):
    """
    What C{-D} said, by packet; a packet of which nothing was said is not there.
    """

    packets: dict[int, Properties]

    def of(self, kind: int) -> Properties | None:
        """
        The properties of one packet.
        """
        return self.packets.get(kind)


def read(values: Iterable[str], allowed: tuple[str, ...]) -> Given:
    """
    @param values: each the words of one C{-D}.
    @param allowed: the packets that this command sends.
    @raise click.BadParameter: one of them can't be.
    """
    said: dict[int, dict[str, Any]] = {}
    for value in values:
        words = value.split(SEPARATOR)
        shown = " ".join(words if words[1:2] != ["authentication-data"] else [*words[:2], "..."])
        packet, law = _subject(words, shown, allowed)
        kind = PACKETS[packet]
        names = said.setdefault(kind, {})
        if law.wire == PAIR:
            if len(words) != 4:
                raise _wrong(shown, "expected a name and a value")
            names.setdefault(law.name, []).append((words[2], words[3]))
            continue
        if len(words) != 3:
            raise _wrong(shown, "expected one value")
        if law.name in names:
            raise _wrong(shown, f"{words[1]} is said twice; expected once")
        names[law.name] = _value(words[2], law, shown)
        try:
            encode(Properties(**{law.name: names[law.name]}), kind)
        except LocalProtocolError as error:
            if law.name != "authentication_data":  # needs its method, which may come later
                raise _wrong(shown, str(error)) from None
    return Given({kind: _made(names) for kind, names in said.items()})


def _subject(words: list[str], shown: str, allowed: tuple[str, ...]) -> tuple[str, Law]:
    packet = words[0].upper()
    if packet in _NOT_OURS:
        raise _wrong(shown, f"the client says what is in {packet} by itself")
    if packet not in allowed:
        raise _wrong(shown, f"{words[0]!r}; expected {' or '.join(allowed)}")
    if len(words) < 2:
        raise _wrong(shown, "expected PACKET NAME VALUE")
    law = _LAWS.get(words[1])
    if law is None:
        near = get_close_matches(words[1], _LAWS, 1)
        raise _wrong(shown, f"no property {words[1]!r}" + (f"; did you mean {near[0]}?" if near else ""))
    if not law.kinds >> PACKETS[packet] & 1:
        fits = [each for each in allowed if law.kinds >> PACKETS[each] & 1]
        where = f"; {' and '.join(fits)} may have it" if fits else ""
        raise _wrong(shown, f"{packet} has no {words[1]}{where}")
    return packet, law


def _value(word: str, law: Law, shown: str) -> object:
    if law.wire == STRING:
        return word
    if law.wire == BINARY:
        return word.encode("utf-8", "surrogateescape")
    if not word.isascii() or not word.isdigit():
        raise _wrong(shown, f"{word!r}; expected a number from {law.low} to {law.high}")
    return (int(word),) if law.wire == VARINT else int(word)


def _made(names: dict[str, Any]) -> Properties:
    pairs = names.pop("user_properties", ())
    return Properties(user_properties=tuple(pairs), **names)


def _wrong(shown: str, why: str) -> click.BadParameter:
    return click.BadParameter(f"-D {shown}: {why}", param_hint="-D")


def merged(first: Properties | None, second: Properties | None) -> Properties | None:
    """
    Both; where they differ it is the first.
    """
    if first is None or second is None:
        return first or second
    both: dict[str, Any] = {}
    for law in TABLE:
        value = getattr(first, law.name)
        both[law.name] = value if value not in (None, ()) else getattr(second, law.name)
    return Properties(**both)
