"""
Topics whose routes are remembered, found again by the filters that match them, without looking at all the others.

Each topic is noted under each of its levels, and a filter looks where the fewest are: under the rarest of its levels
that are no wildcards. Most topics are forgotten before anybody subscribes with a wildcard, so a topic is noted under its
levels no earlier than that.
"""

from __future__ import annotations

from typing import Final

from txmqtt.codec.topics import matches

_WILDCARDS: Final = (b"+", b"#")


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

    def clear(self) -> None:
        """
        None is remembered any more.
        """
        self._all = set()
        self._fresh = set()
        self._places = []

    def matching(self, filter: bytes) -> list[bytes]:
        """
        Those that a filter with wildcards matches.
        """
        return [topic for topic in self._candidates(filter.split(b"/")) if matches(filter, topic)]

    def _candidates(self, levels: list[bytes]) -> set[bytes]:
        """
        All that match, and not many others.
        """
        fewest: set[bytes] | None = None
        for place in range(len(levels)):
            level = levels[place]
            if level in _WILDCARDS:
                continue
            if self._fresh:
                self._note()
            those = self._places[place].get(level) if place < len(self._places) else None
            if those is None:
                return set()
            if fewest is None or len(those) < len(fewest):
                fewest = those
        return self._all if fewest is None else fewest

    def _note(self) -> None:
        """
        Put the fresh ones in their places.
        """
        places = self._places
        for topic in self._fresh:
            levels = topic.split(b"/")
            while len(places) < len(levels):
                places.append({})
            for place in range(len(levels)):
                those = places[place].get(levels[place])
                if those is None:
                    places[place][levels[place]] = {topic}
                else:
                    those.add(topic)
        self._fresh = set()
