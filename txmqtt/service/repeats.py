"""
The same line again and again: the first ones are written, the others counted.

Two events are the same when the same place of the program says them, whatever their fields are: whoever fills a log
does so with a thousand names.
"""

from __future__ import annotations

from typing import Final

from twisted.logger import LogEvent

MINUTE: Final = 60.0

#: Kinds of events that are told apart; the format of an event is the program's, but that of others may not be constant.
KINDS: Final = 1_000


class _Kind:
    """
    One kind of events within its minute.
    """

    def __init__(self, first: LogEvent, now: float) -> None:
        self.first = first
        self.ends = now + MINUTE
        self.count = 0


class Repeats:
    """
    Counts events of each kind. Nothing here reads a clock.
    """

    def __init__(self, limit: int) -> None:
        """
        @param limit: so many of one kind are admitted a minute; 0: all.
        """
        self._limit = limit
        self._kinds: dict[tuple[object, object], _Kind] = {}
        self._next = 0.0  # when the first minute ends

    def admits(self, event: LogEvent, now: float) -> bool:
        """
        Whether an event is to be written.
        """
        if not self._limit:
            return True
        key = (event.get("log_namespace"), event.get("log_format"))
        kind = self._kinds.get(key)
        if kind is None:
            if len(self._kinds) >= KINDS:
                return True
            kind = self._kinds[key] = _Kind(event, now)
            if len(self._kinds) == 1:
                self._next = kind.ends
        kind.count += 1
        return kind.count <= self._limit

    def over(self, now: float, wall: float) -> list[LogEvent]:
        """
        What is to be said of minutes that have ended.

        @param wall: the time of what is said.
        """
        if not self._kinds or now < self._next:
            return []
        said = []
        for key, kind in list(self._kinds.items()):
            if kind.ends <= now:
                del self._kinds[key]
                if kind.count > self._limit:
                    said.append(_more(kind, kind.count - self._limit, wall))
        self._next = min((kind.ends for kind in self._kinds.values()), default=0.0)
        return said


def _more(kind: _Kind, count: int, wall: float) -> LogEvent:
    first = kind.first
    return {
        "log_format": "... {count} more like this in the last minute: {like}",
        "log_level": first.get("log_level"),
        "log_namespace": first.get("log_namespace"),
        "log_system": first.get("log_system"),
        "log_time": wall,
        "count": count,
        "like": str(first.get("log_format")),
    }
