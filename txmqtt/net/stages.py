"""
A connection that is prepared before it is anybody's: by a proxy, by TLS, by both in turn.

Each preparation is a stage: a protocol that speaks first, and then hands its transport over to the protocol that it was
all for. Whoever connects hears of a connection only when its stage is done, so what goes wrong before is a connection
that failed, and the protocol above is never made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast
from typing import Protocol as Shape

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import NoProtocol
from twisted.internet.interfaces import IAddress, IProtocol, IProtocolFactory
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from txmqtt.net.direct import PLAIN, Transport

#: How an endpoint connects.
Dial = Callable[[IProtocolFactory], Deferred[IProtocol]]


class Preparing(Shape):
    """
    A protocol that prepares a connection; somebody may stop waiting for it.

    @ivar undone: what it is that is not done then.
    """

    undone: str

    def forget(self) -> None: ...


class Stage(Protocol):
    """
    Prepares one connection.

    @ivar undone: see C{Preparing}.
    """

    undone = ""
    transport: Transport  # type: ignore[assignment] # Twisted promises less than every transport of a stream has

    def __init__(self, factory: IProtocolFactory, waiting: Deferred[IProtocol]) -> None:
        """
        @param factory: makes the protocol above.
        @param waiting: fires with it.
        """
        self._factory = factory
        self._waiting: Deferred[IProtocol] | None = waiting
        self._above: IProtocol | None = None

    @property
    def over(self) -> bool:
        """
        Nothing more is to be prepared: it is done, or it failed.
        """
        return self._waiting is None

    def hand_over(self, rest: bytes) -> None:
        """
        All is prepared.

        @param rest: what has been heard since.
        """
        transport = self.transport
        above = self._factory.buildProtocol(transport.getPeer())
        if above is None:
            self.give_up(NoProtocol())
            return
        self._above = above
        self.dataReceived = above.dataReceived  # type: ignore[method-assign] # what comes from now on passes by us
        try:
            above.makeConnection(transport)  # type: ignore[arg-type] # a Transport is an ITransport
        except Exception as error:
            self._above = None
            self.give_up(error)
            return
        if type(transport) in PLAIN:
            cast(Any, transport).protocol = above  # not even by us
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(above)
        if rest:
            above.dataReceived(rest)

    def give_up(self, error: Exception) -> None:
        """
        There will be no connection.
        """
        waiting, self._waiting = self._waiting, None
        self.transport.abortConnection()
        if waiting is not None:
            waiting.errback(Failure(error))

    def forget(self) -> None:
        """
        See C{Preparing}.
        """
        if self._waiting is not None:
            self._waiting = None
            self.transport.abortConnection()

    def why(self, reason: Failure) -> Failure:
        """
        What to say of a connection that was lost, once prepared or before.
        """
        return reason

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        See C{IProtocol}.
        """
        if self._above is not None:
            self._above.connectionLost(self.why(reason))
            return
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            waiting.errback(self.why(reason))


class _OneFactory(Factory):
    """
    For one connection of an endpoint.
    """

    noisy = False

    def __init__(self, wanted: IProtocolFactory, make: Callable[[], Any]) -> None:
        self._make = make
        self.doStart = wanted.doStart  # type: ignore[method-assign]
        self.doStop = wanted.doStop  # type: ignore[method-assign]

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """
        See C{IProtocolFactory}.
        """
        return self._make()


def dial(
    below: Dial, wanted: IProtocolFactory, make: Callable[[Deferred[IProtocol]], Preparing]
) -> Deferred[IProtocol]:
    """
    Connect, and prepare the connection. Cancelling gives up, whatever stage it is at.

    @param below: connects.
    @param wanted: makes the protocol above.
    @param make: makes what prepares the connection, given what it is to fire.
    """
    made: list[Preparing] = []

    def cancel(_: Deferred[IProtocol]) -> None:
        connecting.cancel()  # what is beneath knows better what is not done
        for each in made:
            each.forget()
            if not waiting.called:
                waiting.errback(Failure(CancelledError(each.undone)))

    waiting: Deferred[IProtocol] = Deferred(cancel)

    def build() -> Preparing:
        made.append(make(waiting))
        return made[-1]

    connecting = below(_OneFactory(wanted, build))
    connecting.addErrback(lambda why: None if waiting.called else waiting.errback(why))
    return waiting
