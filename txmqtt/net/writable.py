"""
Who has a great many messages to publish, and waits until there is room for more of them, or until all are done with.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, succeed

from txmqtt.session.client import ClientSession
from txmqtt.session.outgoing import Outgoing
from txmqtt.session.voice import OPEN


class Writable:
    """
    Those who wait, for one session.

    @ivar waiting: how many. Whoever makes room looks here before it calls C{tell}.
    """

    def __init__(self) -> None:
        self._room: list[Deferred[None]] = []
        self._idle: list[Deferred[None]] = []

    @property
    def waiting(self) -> int:
        return len(self._room) + len(self._idle)

    def ask(self, session: ClientSession | None) -> Deferred[None]:
        """
        Wait for room.

        @param session: the connection, if there is one.
        """
        if not self._room and session is not None and _has_room(session):
            return succeed(None)
        return _add(self._room)

    def idle(self, books: Outgoing) -> Deferred[None]:
        """
        Wait until nothing waits, and nothing is on its way.
        """
        return succeed(None) if _is_idle(books) else _add(self._idle)

    def tell(self, session: ClientSession) -> None:
        """
        There may be room now: one after another is told, for each may take it.
        """
        while self._room and _has_room(session):
            self._room.pop(0).callback(None)
        while self._idle and _is_idle(session.books):
            self._idle.pop(0).callback(None)

    def abandon(self, why: Callable[[], Exception]) -> None:
        """
        It will not come to that.
        """
        for waiting in (self._room, self._idle):
            while waiting:
                waiting.pop(0).errback(why())


def _add(waiting: list[Deferred[None]]) -> Deferred[None]:
    waiter: Deferred[None] = Deferred(waiting.remove)
    waiting.append(waiter)
    return waiter


def _has_room(session: ClientSession) -> bool:
    books = session.books
    return session.phase == OPEN and books.idle and books.flying < books.window and not session.blocked


def _is_idle(books: Outgoing) -> bool:
    return books.idle and not len(books.ids)
