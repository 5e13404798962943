"""
All addresses where clients are let in: opened together, changed without anybody who is connected noticing, closed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.internet.interfaces import IAddress
from twisted.python.failure import Failure

from txmqtt.broker.core import Broker
from txmqtt.codec.errors import MQTTError
from txmqtt.net.door import Door
from txmqtt.net.options import IReloadable
from txmqtt.net.plugins import Plugins
from txmqtt.net.server import MQTTServerProtocol
from txmqtt.net.server_factory import BrokerFactory
from txmqtt.service.listener import Listener, Place


class Listeners:
    """
    The listeners of one broker.
    """

    def __init__(
        self,
        places: Iterable[Place],
        broker: Broker,
        reactor: Any,
        seconds: Callable[[], float],
        door: Door | None = None,
        plugins: Plugins | None = None,
    ) -> None:
        """
        @param door: that they all share.
        @param plugins: asked about everybody who comes in.
        @raise ValueError: an endpoint string is none.
        """
        self._plugins = plugins
        self._broker = broker
        self._reactor = reactor
        self._seconds = seconds
        self._door = Door(broker.stats, seconds) if door is None else door
        self._open = [self._made(place) for place in places]
        self._left: list[Listener] = []  # closed, and some of those who came in there are still here

    def _made(self, place: Place) -> Listener:
        listener = Listener(place, self._broker, self._reactor, self._seconds, self._door)
        listener.factory.plugins = self._plugins
        return listener

    @property
    def addresses(self) -> list[IAddress]:
        """
        What is listened on, in the order in which it was asked for.
        """
        return [each.address for each in self._open if each.address is not None]

    @property
    def factories(self) -> list[BrokerFactory]:
        """
        Those of everybody who is connected.
        """
        self._left = [each for each in self._left if each.factory.guests]
        return [each.factory for each in self._open + self._left]

    @property
    def everybody(self) -> list[MQTTServerProtocol]:
        """
        Every connection.
        """
        return [guest for factory in self.factories for guest in factory.guests]

    @property
    def guests(self) -> int:
        """
        How many connections there are.
        """
        return sum(len(factory.guests) for factory in self.factories)

    def open(self) -> Deferred[None]:
        """
        Begin to listen everywhere; fails with C{CannotListen}, and then nothing stays open.
        """
        return _open(self._open)

    def announce(self) -> None:
        """
        Tell the log where, and who may come in.
        """
        for each in self._open:
            each.announce()

    def close(self) -> list[Deferred[None]]:
        """
        Accept nobody any more.
        """
        return [each.close() for each in self._open]

    def shut(self, message: str) -> list[Deferred[None]]:
        """
        Let go of everybody who has not been let in yet; the broker has let go of the others.

        @return: fire when the last connection of each listener is closed.
        """
        for factory in self.factories:
            factory.shut(message)
        return [factory.whenEmpty() for factory in self.factories]

    @property
    def reloadables(self) -> list[IReloadable]:
        """
        The endpoints that have certificates.
        """
        endpoints = [each.endpoint for each in self._open]
        return [IReloadable(each) for each in endpoints if IReloadable.providedBy(each)]

    def reload(self) -> list[str]:
        """
        Read all certificates again.

        @return: what could not be used, in words.
        """
        wrong = []
        for each in self.reloadables:
            try:
                each.reload()
            except ValueError as error:
                wrong.append(str(error))
        return wrong

    async def change(self, places: Sequence[Place]) -> None:
        """
        Listen there from now on, on the terms that are said there. Where it was listened before the socket stays open,
        and whoever is connected stays, also where it is listened no more.

        @raise CannotListen: a new listener can't be opened. Then nothing has changed.
        @raise ValueError: an endpoint string is none. Likewise.
        """
        before = {each.place.key: each for each in self._open}
        after = [before.pop(place.key) if place.key in before else self._made(place) for place in places]
        new = [each for each in after if each not in self._open]
        gone = list(before.values())
        await gatherResults([each.close() for each in gone])  # a new one may want the address of an old one
        try:
            await _open(new)
        except MQTTError:
            await _open(gone)
            raise
        for each, place in zip(after, places, strict=True):
            each.adopt(place)
        self._open = after
        self._left += gone
        for each in new:
            each.announce()


def _open(listeners: Sequence[Listener]) -> Deferred[None]:
    """
    Open all of them, or leave none open.
    """

    def failed(failure: Failure) -> Failure:
        for each in listeners:
            each.close()
        error = failure.value
        assert isinstance(error, FirstError)
        return error.subFailure

    opening = gatherResults([each.open() for each in listeners], consumeErrors=True)
    return opening.addCallbacks(lambda _: None, failed)
