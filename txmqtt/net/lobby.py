"""
Before the door: connections that are not through what comes before MQTT, a WebSocket handshake or a proxy's header.

They are counted with all others that have not been let in, and go like them when there are too many.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IAddress

from txmqtt.net.door import Door
from txmqtt.net.origins import origin


class Caller:
    """
    One such connection.

    @ivar origin: where it comes from, as far as that is known: a proxy that has not told yet counts as itself.
    """

    def __init__(self, factory: Any, peer: IAddress | None, abort: Callable[[], object]) -> None:
        """
        @param factory: what makes the protocol above. Beneath a broker's own, or another of this kind, it is counted;
            anything else has no door.
        @param abort: closes the connection.
        """
        self.origin = origin(peer)
        self._abort = abort
        self._door: Door | None = None
        broker = behind(factory)
        if broker is not None:
            self._door = broker.door
            broker.door.arrived(self, broker.terms.policy)

    def shut_out(self, reason: int, message: str) -> None:
        """
        See C{txmqtt.net.door.Guest}: it has said nothing that could be answered.
        """
        self.over()
        self._abort()

    def over(self) -> None:
        """
        It is through, or gone.
        """
        door, self._door = self._door, None
        if door is not None:
            door.passed(self)


def behind(factory: Any) -> Any:
    """
    The broker's own factory above another; None where there is none.
    """
    while factory is not None and not isinstance(getattr(factory, "door", None), Door):
        factory = getattr(factory, "inner", None) or getattr(factory, "wrapped", None)
    return factory
