"""
So many logins are looked into at once, so many wait, and none waits for longer than its client would.

Whoever comes when all places are taken is told so at once. Whoever has waited too long is told so when his turn comes,
and costs nothing more: a queue that still works for clients that have given up never gets to those that have not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail, maybeDeferred
from twisted.internet.interfaces import IReactorTime

from txmqtt.codec.reasons import SERVER_BUSY
from txmqtt.net.auth import LoginUndecided

T = TypeVar("T")


class Turnstile:
    """
    Lets work begin when there is room for it, in the order in which it came.

    @ivar turned_away: how many were told that it is busy.
    """

    def __init__(self, clock: IReactorTime, at_once: int, waiting: int, patience: float) -> None:
        """
        @param at_once: so much is done at the same time.
        @param waiting: so much may wait besides.
        @param patience: what has waited longer is not done any more, seconds.
        """
        self.turned_away = 0
        self._clock = clock
        self._room = at_once
        self._places = waiting
        self._patience = patience
        self._queue: deque[tuple[float, Deferred[None]]] = deque()

    def pass_through(self, work: Callable[[], Deferred[T]]) -> Deferred[T]:
        """
        Do this when it is its turn.

        @return: what it results in; fails with L{LoginUndecided} when it was not begun.
        """
        if self._room:
            self._room -= 1
            return self._begun(work)
        if len(self._queue) >= self._places:
            return fail(self._busy("too many logins wait already"))
        turn: Deferred[None] = Deferred(self._withdraw)
        self._queue.append((self._clock.seconds() + self._patience, turn))
        return turn.addCallback(lambda _: self._begun(work))

    def dismiss(self) -> None:
        """
        Whatever has not begun never will.
        """
        waiting, self._queue = self._queue, deque()
        for _, turn in waiting:
            turn.errback(self._busy("the broker is shutting down"))

    def _busy(self, why: str) -> LoginUndecided:
        self.turned_away += 1
        return LoginUndecided(why, SERVER_BUSY)

    def _withdraw(self, turn: Deferred[None]) -> None:
        """
        Somebody cancelled what has not begun.
        """
        self._queue = deque(entry for entry in self._queue if entry[1] is not turn)

    def _begun(self, work: Callable[[], Deferred[T]]) -> Deferred[T]:
        return maybeDeferred(work).addBoth(self._ended)

    def _ended(self, result: Any) -> Any:
        late = []
        while self._queue:
            due, turn = self._queue.popleft()
            if self._clock.seconds() <= due:
                turn.callback(None)  # it takes over the room of the one that ended
                break
            late.append(turn)
        else:
            self._room += 1
        for turn in late:
            turn.errback(self._busy(f"the login had to wait for more than {self._patience:g} s"))
        return result
