"""
The time of a world in memory, which passes only when a test says so; and the reactor of all that lives in it.

It is a C{Clock} of Twisted's that goes from one timer to the next instead of jumping over them, so that what a timer
sets off, further timers and bytes on their way included, happens at its own moment and in order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf
from typing import Any

from twisted.internet.base import DelayedCall
from twisted.internet.interfaces import (
    IConnector,
    IHostnameResolver,
    IListeningPort,
    IReactorPluggableNameResolver,
    IReactorTCP,
    IReactorTime,
    IReactorUNIX,
)
from twisted.internet.task import Clock
from zope.interface import implementer

from txmqtt.testing.names import EverythingIsHere
from txmqtt.testing.network import MemoryNetwork
from txmqtt.testing.worker import PromptWorker


def _time(call: DelayedCall) -> float:
    return call.getTime()


@implementer(IReactorTime, IReactorTCP, IReactorUNIX, IReactorPluggableNameResolver)
class WorldClock(Clock):
    """
    @cvar endless: so many calls without time passing are taken for a loop without end.
    @ivar network: what is listened on, and who is connected.
    @ivar nameResolver: see C{IReactorPluggableNameResolver}. Every name is that of this machine.
    """

    endless = 1_000_000

    def __init__(self) -> None:
        super().__init__()
        self.network = MemoryNetwork(self)
        self.nameResolver: IHostnameResolver = EverythingIsHere()
        self._running = False
        self._from_threads: deque[tuple[Callable[..., object], tuple[object, ...], dict[str, object]]] = deque()

    # Time

    def advance(self, amount: float) -> None:
        """
        Let time pass, and everything happen that is due by then, each at its time.

        @param amount: seconds; 0 for what is due now. Within what is called here, 0 does nothing, because it is being
            done.
        @raise RuntimeError: time is made to pass by what is called here; or calls follow each other without end and
            no time passes.
        """
        if amount < 0:
            raise ValueError(f"time does not go back: expected seconds from 0, not {amount!r}")
        if self._running:
            if amount:
                raise RuntimeError("time can't be advanced by what happens while it is being advanced")
            return
        self._running = True
        try:
            end = self.rightNow + amount
            while (due := self.next_call) <= end:
                self.rightNow = max(self.rightNow, due)
                self._run()
            self.rightNow = end
        finally:
            self._running = False

    def _run(self) -> None:
        """
        All that is due now, and whatever it adds to that.
        """
        for _ in range(self.endless):
            if self.next_call > self.rightNow:
                return
            call = self.calls.pop(0)
            call.called = 1
            call.func(*call.args, **call.kw)
        raise RuntimeError(f"calls follow each other without end at {self.rightNow:g} s, such as {call.func!r}")

    @property
    def next_call(self) -> float:
        """
        When something is due next, seconds of this clock; infinite when nothing is.
        """
        while self._from_threads:
            call, args, kwargs = self._from_threads.popleft()
            self.callLater(0, call, *args, **kwargs)
        calls = self.calls
        if not calls:
            return inf
        calls.sort(key=_time)  # those that were put off stand where they stood
        return calls[0].getTime()

    # The reactor

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> IListeningPort:
        """
        See C{IReactorTCP}.
        """
        return self.network.listen(port, factory)

    def connectTCP(
        self,
        host: str,
        port: int,
        factory: Any,
        timeout: float = 30.0,
        bindAddress: tuple[str, int] | None = None,
    ) -> IConnector:
        """
        See C{IReactorTCP}. Every host is this one.

        @param bindAddress: where it seems to come from.
        """
        return self.network.connect(port, factory, timeout, bindAddress[0] if bindAddress else "")

    def listenUNIX(
        self, address: str, factory: Any, backlog: int = 50, mode: int = 0o666, wantPID: bool = False
    ) -> IListeningPort:
        """
        See C{IReactorUNIX}. No file is made.
        """
        return self.network.listen(address, factory)

    def connectUNIX(self, address: str, factory: Any, timeout: float = 30, checkPID: bool = False) -> IConnector:
        """
        See C{IReactorUNIX}.
        """
        return self.network.connect(address, factory, timeout, "")

    def installNameResolver(self, resolver: IHostnameResolver) -> IHostnameResolver:
        """
        See C{IReactorPluggableNameResolver}.
        """
        before, self.nameResolver = self.nameResolver, resolver
        return before

    def make_worker(self, name: str) -> PromptWorker:
        """
        What a store does its work with: C{MQTTClientService} asks a reactor that has this.
        """
        return PromptWorker()

    def callFromThread(self, callable: Callable[..., object], *args: object, **kwargs: object) -> None:
        """
        See C{IReactorFromThreads}: it is called when the test next lets something happen.
        """
        self._from_threads.append((callable, args, kwargs))
