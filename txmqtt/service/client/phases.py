"""
What a client that connects again is at, for everybody to see.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from twisted.logger import Logger

_log = Logger()


class Phase(Enum):
    """
    What a C{MQTTClientService} is at.
    """

    STOPPED = "stopped"
    OPENING = "opening"  # its store is being read
    CONNECTING = "connecting"
    CONNECTED = "connected"
    WAITING = "waiting"  # to connect again
    STOPPING = "stopping"
    GIVEN_UP = "given up"  # a server said what trying again does not change


#: Is called with the new phase, and with the error that led to it, if one did.
Observer = Callable[[Phase, Exception | None], object]


class Phases:
    """
    The phase, and who wants to hear when it changes.

    @ivar now: the phase.
    @ivar error: what went wrong last; None once it has gone well again.
    """

    def __init__(self) -> None:
        self.now = Phase.STOPPED
        self.error: Exception | None = None
        self._observers: list[Observer] = []

    def observe(self, observer: Observer) -> Callable[[], None]:
        """
        Tell somebody from now on.

        @return: call it to end that.
        """
        if not callable(observer):
            raise TypeError(f"observer is {observer!r}; expected a callable")
        self._observers.append(observer)

        def stop() -> None:
            if observer in self._observers:
                self._observers.remove(observer)

        return stop

    def become(self, phase: Phase, error: Exception | None = None) -> None:
        """
        This is what it is at now.
        """
        if phase is self.now:
            return
        self.now = phase
        if error is not None or phase is Phase.CONNECTED:
            self.error = error
        for observer in list(self._observers):
            try:
                observer(phase, error)
            except Exception:
                _log.failure("an observer of a client's phase failed")
