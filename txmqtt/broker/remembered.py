"""
Topics whose routes are remembered, found again by the filters that match them, without looking at all the others.

Each topic is noted under each of its levels, and a filter looks where the fewest are: under the rarest of its levels
that are no wildcards. Most topics are forgotten before anybody subscribes with a wildcard, so a topic is noted there no
earlier than that, and with each filter only some more of them: who subscribes first need not wait for all.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Final

from txmqtt.codec.topics import matches

_WILDCARDS: Final = (b"+", b"#")

#: With each filter so many are noted under their levels: a millisecond or so.
_SOME: Final = 1_000


class Remembered:
    """
    The topics that one table of routes remembers.
    """

    def __init__(self) -> None:
        self._all: set[bytes] = set()
        self._fresh: set[bytes] = set()  # those of them that have not been noted under their levels
        self._places: list[dict[bytes, set[bytes]]] = []  # for each place in a topic, by the level there

    def __len__(self) -> int:
        return len(self._all)

    def add(self, topic: bytes) -> None:
        """
        This topic is remembered from now on.
        """
        self._all.add(topic)
        self._fresh.add(topic)

    def discard(self, topic: bytes) -> None:
        """
        It is not any more.
        """
        self._all.discard(topic)
        if topic in self._fresh:
            self._fresh.discard(topic)
            return
        places = self._places
        levels = topic.split(b"/")
        for place in range(len(levels)):
            those = places[place][levels[place]]
            those.discard(topic)
            if not those:
                del places[place][levels[place]]

    def keep(self, topics: Iterable[bytes]) -> None:
        """
        These are remembered, and no others.
        """
        self._all = set(topics)
        self._fresh = set(self._all)
        self._places = []

    def matching(self, filter: bytes) -> list[bytes]:
        """
        Those that a filter with wildcards matches.
        """
        candidates = self._candidates(filter.split(b"/"))
        if filter == b"#":
            return [topic for topic in candidates if not topic.startswith(b"$")]  # [MQTT5-4.7.2-1]
        if b"+" in filter:
            return [topic for topic in candidates if matches(filter, topic)]
        beginning = filter[:-1]  # "a/#" is about "a" too
        return [topic for topic in candidates if topic.startswith(beginning) or topic == beginning[:-1]]

    def _candidates(self, levels: list[bytes]) -> set[bytes]:
        """
        All that match, and not many others.
        """
        plain = [place for place in range(len(levels)) if levels[place] not in _WILDCARDS]
        if not plain:
            return self._all
        if self._fresh:
            self._note()
        places = self._places
        fewest: set[bytes] | None = None
        for place in plain:
            those = places[place].get(levels[place]) if place < len(places) else None
            if those is None:
                return self._fresh
            if fewest is None or len(those) < len(fewest):
                fewest = those
        assert fewest is not None
        return fewest | self._fresh if self._fresh else fewest

    def _note(self) -> None:
        """
        Put some of the fresh ones in their places.
        """
        places = self._places
        for topic in list(islice(self._fresh, _SOME)):
            self._fresh.discard(topic)
            levels = topic.split(b"/")
            while len(places) < len(levels):
                places.append({})
            for place in range(len(levels)):
                those = places[place].get(levels[place])
                if those is None:
                    places[place][levels[place]] = {topic}
                else:
                    those.add(topic)
