"""
What one client may do, worked out from the rules that concern it: its names are filled in, and topics are found in a
tree, so that an answer costs the levels of a topic and not the number of rules.

A name that could forge a filter is not filled in. Somebody who calls himself C{+} or C{a/b} would otherwise choose what
C{home/%u} means. To him a rule that allows grants nothing, and a rule that denies denies all that it could have meant:
everything from the level of the placeholder on. So it is with an identifier that the broker is yet to assign.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final
from unicodedata import category

from twisted.logger import Logger

from txmqtt.broker.filters import Filters, Interest
from txmqtt.broker.routes import reserved
from txmqtt.codec.topics import overlap

if TYPE_CHECKING:
    from txmqtt.net.access.rules import Rule

_log = Logger()

#: What can be allowed or denied.
ACTIONS: Final = ("publish", "subscribe", "receive")
PUBLISH: Final = 0
SUBSCRIBE: Final = 1
RECEIVE: Final = 2

#: What stands for the user name, and for the client identifier.
USER_NAME: Final = "%u"
CLIENT_ID: Final = "%c"

#: So much of a name that a client gave itself is shown, characters.
_SHOWN: Final = 64


class Answers:
    """
    What one client may do.
    """

    def __init__(self, rules: Sequence[Rule], default: bool, name: str | None, client_id: str) -> None:
        """
        @param rules: those that concern it, in their order.
        @param default: whether what none of them speaks of is allowed.
        """
        self._default = default
        self._allow = [rule.allow for rule in rules]
        self._none = len(rules)  # after the last
        self._tree = Filters()
        self._first: dict[bytes, list[int]] = {}  # by filter, the first rule about each action
        self._partly: list[tuple[int, bytes]] = []
        names = _Names(name, client_id)
        for place, rule in enumerate(rules):
            about = [number for number, action in enumerate(ACTIONS) if action in rule.actions]
            for topic in rule.topics:
                filter = names.fill(topic, rule.allow)
                if filter is None:
                    continue
                self._tree.add(filter)
                first = self._first.setdefault(filter, [self._none] * len(ACTIONS))
                for action in about:
                    first[action] = min(first[action], place)
                if rule.partly and rule.allow and SUBSCRIBE in about:
                    self._partly.append((place, filter))

    def about_topic(self, action: int, topic: bytes) -> bool:
        """
        Whether it may publish, or receive, messages with a topic.
        """
        return self._verdict(self._earliest(action, self._tree.match(topic)), topic)

    def about_filter(self, filter: bytes) -> bool:
        """
        Whether it may subscribe to a filter, without its share.
        """
        earliest = self._earliest(SUBSCRIBE, self._covering(filter))
        for place, other in self._partly:
            if place >= earliest:
                break
            if overlap(other, filter):
                return True
        return self._verdict(earliest, filter)

    def _covering(self, filter: bytes) -> list[Interest]:
        """
        The filters that match every topic that this one matches. Its wildcards are looked up as if they were levels of
        a topic: a C{+} is met by a C{+}, and what ends in C{#} only by what ends in C{#}.
        """
        if not filter.endswith(b"#"):
            return self._tree.match(filter)
        # No topic is empty, so "#" matches the same as "+/#", and "/#" the same as "/+/#".
        above = {b"#": b"+", b"/#": b"/+"}.get(filter, filter[:-2])
        return [each for each in self._tree.match(above) if each.filter.endswith(b"#")]

    def _earliest(self, action: int, found: list[Interest]) -> int:
        earliest = self._none
        for interest in found:
            earliest = min(earliest, self._first[interest.filter][action])
        return earliest

    def _verdict(self, place: int, topic: bytes) -> bool:
        if place < self._none:
            return self._allow[place]
        return self._default and not reserved(topic)


class _Names:
    """
    What the placeholders stand for.
    """

    def __init__(self, name: str | None, client_id: str) -> None:
        self._values = {USER_NAME: name or "", CLIENT_ID: client_id}
        self._forging = {placeholder for placeholder, value in self._values.items() if forging(value)}
        self._unfit = self._forging | {placeholder for placeholder, value in self._values.items() if not value}
        self._nameless = name is None
        self._told = False

    def fill(self, topic: str, allow: bool) -> bytes | None:
        """
        A filter with the names of the client filled in; None if it says nothing about it.

        @param allow: it is to be allowed something.
        """
        used = [placeholder for placeholder in self._values if placeholder in topic]
        if not used:
            return topic.encode()
        if USER_NAME in used and self._nameless:
            return None
        if self._unfit.intersection(used):
            self._tell(topic)
            return None if allow else self._all_of(topic)
        filled = self._put_in(topic)
        if allow and filled.startswith("$") and not topic.startswith("$"):
            return None  # a user called "$SYS" owns nothing there
        return filled.encode()

    def _put_in(self, topic: str) -> str:
        """
        All at once: what was put in may look like a placeholder, and is none.
        """
        parts = topic.split(USER_NAME)
        return self._values[USER_NAME].join(part.replace(CLIENT_ID, self._values[CLIENT_ID]) for part in parts)

    def _all_of(self, topic: str) -> bytes:
        """
        Everything that a filter could have meant.
        """
        kept: list[str] = []
        for level in topic.split("/"):
            if any(placeholder in level for placeholder in self._unfit):
                kept.append("#")
                break
            kept.append(level)
        return self._put_in("/".join(kept)).encode()

    def _tell(self, topic: str) -> None:
        if self._told or not self._forging:
            return
        self._told = True
        _log.warn(
            "client {client!r}, user {user!r}: a name does not fit into the topic {topic!r} of a rule: such rules "
            "grant nothing, and deny all that they could have meant",
            client=_shown(self._values[CLIENT_ID]),
            user=_shown(self._values[USER_NAME]),
            topic=topic,
        )


def forging(name: str) -> bool:
    """
    Whether a name has characters with which it would be more than a part of one level of a filter.
    """
    return any(character in "+#/" or category(character) == "Cc" for character in name)


def _shown(name: str) -> str:
    return name if len(name) <= _SHOWN else f"{name[:_SHOWN]}..."
