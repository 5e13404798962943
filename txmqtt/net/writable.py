"""
Who has a great many messages to publish, and waits until there is room for more of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.defer import Deferred, succeed

from txmqtt.session.client import ClientSession
from txmqtt.session.voice import OPEN


class Writable:
    """
    Those who wait, for one session.

    @ivar waiting: they, oldest first. Whoever makes room looks here before it calls C{tell}.
    """

    def __init__(self) -> None:
        self.waiting: deque[Deferred[None]] = deque()

    def ask(self, session: ClientSession | None) -> Deferred[None]:
        """
        Wait for room.

        @param session: the connection, if there is one.
        """
        if not self.waiting and session is not None and _room(session):
            return succeed(None)
        waiter: Deferred[None] = Deferred(self.waiting.remove)
        self.waiting.append(waiter)
        return waiter

    def tell(self, session: ClientSession) -> None:
        """
        There may be room now: one after another is told, for each may take it.
        """
        while self.waiting and _room(session):
            self.waiting.popleft().callback(None)

    def abandon(self, why: Callable[[], Exception]) -> None:
        """
        There will be none.
        """
        while self.waiting:
            self.waiting.popleft().errback(why())


def _room(session: ClientSession) -> bool:
    books = session.books
    return session.phase == OPEN and books.idle and books.flying < books.window and not session.blocked
