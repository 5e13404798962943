"""
Waiting while a batch grows: under load a commit is put off as long as each turn of the reactor adds to it.

What is published to clients that are connected is acknowledged by them a moment later, and what comes and goes within
one batch is never written. So a batch of which there is much is kept in hand until a turn adds nothing to it, which
means that everybody waits for us, or until it is so old. One of which there is little is let go of at once: nothing is
gained, and somebody is alone with us and waits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from txmqtt.backends.sqlite.batch import Batch

#: A batch of so few operations is not kept.
_FEW: Final = 16
#: One of so many is let go of, however young it is.
_MANY: Final = 20_000


class Lingering:
    """
    Keeps the batch in hand back.
    """

    def __init__(self, reactor: Any, seconds: Callable[[], float], longest: float, let_go: Callable[[], None]) -> None:
        """
        @param longest: how old a batch may become, seconds; 0.0: none is kept back.
        @param let_go: called when it is to be kept no longer.
        """
        self._reactor = reactor
        self._seconds = seconds
        self._longest = longest
        self._let_go = let_go
        self._look: Any = None
        self._seen = 0

    def keeps(self, batch: Batch) -> bool:
        """
        Whether this batch is kept for now.
        """
        operations = batch.operations
        if operations <= _FEW or operations >= _MANY or self._seconds() - batch.since >= self._longest:
            return False
        if self._look is None:
            # The next turn begins with the calls that are due, and then reads: so the one after it has something to
            # compare with.
            self._seen = -1
            self._look = self._reactor.callLater(0, self._compare, batch)
        return True

    def _compare(self, batch: Batch) -> None:
        grows = batch.operations != self._seen
        self._seen = batch.operations
        if grows and self._seconds() - batch.since < self._longest:
            self._look = self._reactor.callLater(0, self._compare, batch)
        else:
            self._look = None
            self._let_go()

    def stop(self) -> None:
        """
        The batch has been let go of.
        """
        look, self._look = self._look, None
        if look is not None and look.active():
            look.cancel()
