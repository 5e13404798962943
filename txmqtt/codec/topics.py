"""
Topics and filters: what is well formed, and what matches what.

Both are bytes, compared as they arrived: nothing is normalised [MQTT5-4.7.3-4] [MQTT311-4.7.3-4].
"""

from typing import Final

from txmqtt.codec import reasons
from txmqtt.codec.errors import RemoteProtocolError
from txmqtt.codec.fields import MAX_STRING, utf8_error

#: What the filter of a shared subscription begins with.
SHARE: Final = b"$share/"

# Numbers, because to look for a number in bytes costs a fifth of looking for bytes.
_HASH: Final = 0x23
_PLUS: Final = 0x2B
_SLASH: Final = 0x2F

#: How many topics C{KnownTopics} remembers, and how long one may be, bytes.
KNOWN: Final = 16_384
KNOWN_LENGTH: Final = 256


def topic_error(topic: bytes) -> str | None:
    """
    What is wrong with a topic name, in words, or None.
    """
    return _string_error(topic, "topic") or _name_error(topic)


def _string_error(raw: bytes, what: str) -> str | None:
    # [MQTT5-4.7.3-2] [MQTT5-4.7.3-3] [MQTT311-4.7.3-2] [MQTT311-4.7.3-3]
    if len(raw) > MAX_STRING:
        return f"{what} is {len(raw)} bytes; {MAX_STRING} at most"
    wrong = utf8_error(raw)
    return None if wrong is None else f"{what}: {wrong}"


def _name_error(topic: bytes) -> str | None:
    if not topic:
        return "topic is empty"  # [MQTT5-4.7.3-1] [MQTT311-4.7.3-1]
    # [MQTT5-3.3.2-2] [MQTT5-4.7.0-1] [MQTT311-3.3.2-2] [MQTT311-4.7.1-1]
    if _HASH in topic:
        return f"topic has the wildcard '#' at byte {topic.index(_HASH)}"
    if _PLUS in topic:
        return f"topic has the wildcard '+' at byte {topic.index(_PLUS)}"
    return None


def filter_error(filter: bytes, shared: bool = True) -> str | None:
    """
    What is wrong with a topic filter, in words, or None.

    @param shared: whether C{$share/} has its meaning of 5.0. To the letter of 3.x it is a level like any other.
    """
    return _string_error(filter, "filter") or filter_syntax_error(filter, shared)


def filter_syntax_error(filter: bytes, shared: bool) -> str | None:
    """
    The part of C{filter_error} that takes a well-formed string for granted.
    """
    if not filter:
        return "filter is empty"  # [MQTT5-4.7.3-1] [MQTT311-4.7.3-1]
    if shared and filter.startswith(SHARE):
        name, slash, rest = filter[7:].partition(b"/")
        if not name:
            return "share name is empty"  # [MQTT5-4.8.2-1]
        if _PLUS in name or _HASH in name:
            return "share name has a wildcard"  # [MQTT5-4.8.2-2]
        if not slash or not rest:
            return "share name without a filter after it"  # [MQTT5-4.8.2-2]
        filter = rest
    elif shared and filter == b"$share":
        return "share name is missing"
    if _HASH in filter:
        # [MQTT5-4.7.1-1] [MQTT311-4.7.1-2]
        place = filter.index(_HASH)
        if place != len(filter) - 1:
            return f"filter goes on after '#' at byte {place}"
        if place and filter[place - 1] != _SLASH:
            return f"'#' at byte {place} does not fill its level"
    if _PLUS in filter and filter != b"+":
        # [MQTT5-4.7.1-2] [MQTT311-4.7.1-3]
        for level in filter.split(b"/"):
            if len(level) > 1 and _PLUS in level:
                return f"'+' does not fill its level ({level[:40].decode('utf-8', 'replace')!r})"
    return None


def split_share(filter: bytes) -> tuple[bytes, bytes]:
    """
    The share name, empty for an ordinary subscription, and the filter under it. The filter has been found valid.
    """
    if not filter.startswith(SHARE):
        return b"", filter
    name, _, rest = filter[7:].partition(b"/")
    return name, rest


def levels(topic: bytes) -> int:
    """
    How many levels a topic or filter has.
    """
    return topic.count(b"/") + 1


def matches(filter: bytes, topic: bytes) -> bool:
    """
    Whether a valid filter, without its share, matches a valid topic: one walk along both.
    """
    if topic[:1] == b"$" and filter[:1] in (b"+", b"#"):
        return False  # [MQTT5-4.7.2-1] [MQTT311-4.7.2-1]
    if _PLUS not in filter and _HASH not in filter:
        return filter == topic
    wanted = filter.split(b"/")
    found = topic.split(b"/")
    count = len(found)
    for place in range(len(wanted)):
        level = wanted[place]
        if level == b"#":
            return True
        if level != b"+" and level != found[place]:
            return False
        if place == count - 1:
            rest = wanted[place + 1 :]
            return not rest or rest == [b"#"]  # "sport/#" matches "sport" too
    return False


def overlap(filter: bytes, other: bytes) -> bool:
    """
    Whether there is a topic that two valid filters, without their shares, both match.
    """
    # [MQTT5-4.7.2-1] [MQTT311-4.7.2-1]
    if (filter[:1] == b"$" and other[:1] in (b"+", b"#")) or (other[:1] == b"$" and filter[:1] in (b"+", b"#")):
        return False
    one = filter.split(b"/")
    two = other.split(b"/")
    shorter = min(len(one), len(two))
    for place in range(shorter):
        level = one[place]
        against = two[place]
        if level == b"#" or against == b"#":
            return True
        if level != against and level != b"+" and against != b"+":
            return False
    rest = one[shorter:] or two[shorter:]
    # "sport/#" matches "sport" too; but "/#" and "+" have only the empty topic in common, and there is none.
    return not rest or (rest[0] == b"#" and (shorter > 1 or b"" not in (one[0], two[0])))


class KnownTopics:
    """
    Topics that have been found valid, so that each is judged once and kept once.

    Forgets everything when full: those in use are back within one message each.

    @ivar seen: the topics, each under itself. The decoder's hot path looks here before it calls C{check}.
    """

    def __init__(self, size: int = KNOWN, length: int = KNOWN_LENGTH) -> None:
        self.seen: Final[dict[bytes, bytes]] = {}
        self._size = size
        self._length = length

    def check(self, topic: bytes) -> bytes:
        """
        The same object for equal bytes every time, with its hash computed; or an error for what is no topic.
        """
        known = self.seen.get(topic)
        if known is not None:
            return known
        wrong = _string_error(topic, "topic")
        if wrong is not None:
            raise RemoteProtocolError(wrong, reasons.MALFORMED_PACKET)
        wrong = _name_error(topic)
        if wrong is not None:
            raise RemoteProtocolError(wrong, reasons.TOPIC_NAME_INVALID)
        if len(topic) <= self._length:
            if len(self.seen) >= self._size:
                self.seen.clear()
            self.seen[topic] = topic
        return topic


#: What decoders share unless told otherwise.
KNOWN_TOPICS: Final = KnownTopics()
