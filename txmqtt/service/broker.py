"""
The broker as a service: it opens its listeners, keeps the time, and lets everybody go when it stops.

C{makeBroker} builds the same service for a program as C{twistd mqtt-broker} builds from its options.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable
from os import PathLike
from time import monotonic
from time import time as wall_time
from typing import Any

from twisted.application.service import Service
from twisted.cred.portal import Portal
from twisted.internet.defer import CancelledError, Deferred, fail, gatherResults, succeed
from twisted.internet.interfaces import IAddress, IStreamServerEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure

from txmqtt._build import __version__, compiled
from txmqtt.backends.memory import MemoryBackend
from txmqtt.backends.sqlite import files
from txmqtt.backends.sqlite.backend import SqliteBackend
from txmqtt.backends.sqlite.worker import ThreadWorker, Worker
from txmqtt.broker.core import Broker
from txmqtt.broker.policy import DEFAULTS, Policy
from txmqtt.broker.revival import recover
from txmqtt.broker.shapes import UNAVAILABLE
from txmqtt.broker.stats import Stats
from txmqtt.codec.errors import Refused
from txmqtt.codec.properties import Properties
from txmqtt.codec.reasons import ReasonCode
from txmqtt.net.door import Door
from txmqtt.net.options import IReloadable
from txmqtt.net.plugins import BrokerPlugin, Plugins, start_all, stop_all
from txmqtt.net.server import MQTTServerProtocol
from txmqtt.service.config import DEFAULT_LISTEN
from txmqtt.service.heartbeat import BANS, Heartbeat
from txmqtt.service.listener import Place
from txmqtt.service.listeners import Listeners
from txmqtt.service.publisher import Publisher
from txmqtt.session.turn import Turn

_log = Logger()

_GOODBYE = "the broker is shutting down"


def makeBroker(
    listen: Iterable[str | IStreamServerEndpoint | Place] = (DEFAULT_LISTEN,),
    portal: Portal | None = None,
    policy: Policy = DEFAULTS,
    reactor: Any = None,
    store: str | PathLike[str] | None = None,
    durability: str = "full",
    plugins: Iterable[BrokerPlugin] = (),
) -> BrokerService:
    """
    A broker for a program of your own. Start it with C{startService}, or give it a parent that you start.

    @param listen: endpoint strings or endpoints; or C{Place}, for one whose clients get terms of their own.
    @param portal: who may come in, an avatar being an C{IMQTTUser}. Without one, a listener that only this machine can
        reach lets everybody in, and any other nobody.
    @param reactor: the global one, unless you have another.
    @param store: the file in which sessions and messages are kept; without one they are kept in memory.
    @param durability: what a crash of the machine may undo: C{full} nothing that was acknowledged, C{normal} the last
        seconds, C{off} everything. A crash of the program undoes nothing.
    @param plugins: see what passes, and may refuse or change it; they are asked in this order.
    @raise ValueError: what is to be listened on is no endpoint string, or there is no such durability.
    """
    if reactor is None:
        from twisted.internet import reactor
    return BrokerService(reactor, listen, portal, policy, store=store, durability=durability, plugins=plugins)


class BrokerService(Service):
    """
    One broker and its listeners.

    @ivar broker: the broker itself.
    @ivar stats: what it counts.
    @ivar door: how many may come, from where and how fast, and who is banned.
    @ivar beats: called once a second, with seconds of a clock that never jumps, as long as the broker is not stuck.
    """

    def __init__(
        self,
        reactor: Any,
        listen: Iterable[str | IStreamServerEndpoint | Place],
        portal: Portal | None,
        policy: Policy,
        seconds: Callable[[], float] = monotonic,
        wall: Callable[[], float] = wall_time,
        store: str | PathLike[str] | None = None,
        durability: str = "full",
        workers: Callable[[str], Worker] = ThreadWorker,
        connect: files.Connect = files.connect,
        plugins: Iterable[BrokerPlugin] = (),
    ) -> None:
        """
        @param reactor: opens the listeners, and is the clock of every alarm.
        @param seconds: a clock that never jumps.
        @param wall: what time it is for the world.
        @param workers: makes what the store's writing and reading run on.
        @param connect: opens its file.
        @param plugins: see what passes, in this order.
        @raise ValueError: the topics of a plugin are no filters.
        """
        self.policy = policy
        self._reactor = reactor
        self._seconds = seconds
        self._wall = wall
        self._store = os.path.abspath(store) if store is not None else None
        self._durability = durability
        self._disk = workers, connect
        self._places = [each if isinstance(each, Place) else Place(each, portal) for each in listen]
        self.beats: list[Callable[[float], object]] = []
        self._plugins = list(plugins)
        self._build()
        self._begun = False
        self._open = False
        self._trouble: BaseException | None = None
        self._waiting: list[Deferred[list[IAddress]]] = []

    def _build(self) -> None:
        """
        A broker that has not begun.
        """
        self.stats = Stats()
        self._turn = Turn()
        self._backend: MemoryBackend | SqliteBackend
        if self._store is None:
            self._backend = MemoryBackend(self.policy, self.stats, self._turn)
        else:
            self._backend = SqliteBackend(
                self.policy,
                self.stats,
                self._turn,
                self._store,
                self._reactor,
                self._durability,
                self._seconds,
                *self._disk,
            )
        self.broker = Broker(self.policy, self._turn, self.stats, self._backend)
        self._publisher = Publisher(self.broker, self._reactor, self._seconds)
        self.door = Door(self.stats, self._seconds, self._wall)
        self._heart = Heartbeat(self.broker, self._backend, self.door, self._seconds, self._wall, self.beats)
        plugins = Plugins(self._plugins, self.broker) if self._plugins else None
        self.broker.hook(plugins)
        self._listeners = Listeners(self._places, self.broker, self._reactor, self._seconds, self.door, plugins)
        self._used = self._back = False

    # Start

    def privilegedStartService(self) -> None:
        """
        See C{IService}: the listeners are opened here, where ports below 1024 still may be.

        @raise CannotListen: one can't be opened. None of the others stays open.
        """
        Service.privilegedStartService(self)
        if self._used and self._store is not None:
            self._build()  # it comes back from what is in the store, as another process would
        self._used = self._begun = True
        self._trouble = None
        self.broker.closing = False
        self._heart.tell_time()
        self._listeners.open().addCallbacks(self._opened, self._failed)
        if self._trouble is not None:
            raise self._trouble

    def startService(self) -> None:
        """
        See C{IService}: nobody is accepted before this returns, and by then all is back that the store has.

        @raise CannotListen: as C{privilegedStartService}.
        @raise StoreError: the store can't be used.
        """
        if not self._begun:
            self.privilegedStartService()
        self._bring_back()
        self._back = True
        self._ready()
        Service.startService(self)
        start_all(self._plugins, self)
        self._heart.start(self._reactor)

    def _bring_back(self) -> None:
        backend = self._backend
        if isinstance(backend, MemoryBackend):
            _log.info("sessions and messages are kept in memory: nothing survives a restart")
            return
        started = self._seconds()
        # A hundred thousand sessions are some million objects that all stay: collecting while they are made doubles the
        # time, and looking at them again and again later would stop the broker for a third of a second each time.
        gc.disable()
        try:
            backend.start()
            sessions = recover(self.broker)
            backend.recovered_all()
            self.door.restore(backend.noted(BANS))
        except Exception as error:
            backend.abandon()
            self._failed(Failure(error))
            raise
        finally:
            gc.enable()
        gc.freeze()
        _log.info(
            "sessions and messages are kept in {path} (durability {durability}): {sessions} sessions, {queued} queued "
            "and {retained} retained messages are back after {seconds:.1f} s",
            path=self._store,
            durability=self._durability,
            sessions=sessions,
            queued=self.stats.queued,
            retained=self.stats.retained,
            seconds=self._seconds() - started,
        )

    def _opened(self, _: object) -> None:
        self._open = True
        self._announce()
        self._ready()

    def _ready(self) -> None:
        if not (self._open and self._back):
            return
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.callback(self.addresses)

    def _failed(self, failure: Failure) -> None:
        if not self._begun:
            return  # stopped before it was open
        trouble = failure.value
        assert trouble is not None
        self._trouble = trouble
        self._begun = self._open = False
        _log.critical("{trouble}", trouble=str(trouble))
        self._listeners.close()
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.errback(trouble)

    def _announce(self) -> None:
        """
        What the log says first: what runs here, where, who may come in, and what is kept.
        """
        _log.info(
            "txmqtt {version}, MQTT 3.1, 3.1.1 and 5.0, floors 0 to 2 {build}",
            version=__version__,
            build="compiled" if compiled else "interpreted",
        )
        self._listeners.announce()

    @property
    def addresses(self) -> list[IAddress]:
        """
        What it listens on, in the order in which it was asked to.
        """
        return self._listeners.addresses

    def whenReady(self) -> Deferred[list[IAddress]]:
        """
        Fires with C{addresses} when every listener is open and all is back that the store has; fails with
        C{CannotListen} or C{StoreError} when one can't be.
        """
        if self._open and self._back:
            return succeed(self.addresses)
        if self._trouble is not None:
            return fail(self._trouble)
        waiter: Deferred[list[IAddress]] = Deferred(self._waiting_no_more)
        self._waiting.append(waiter)
        return waiter

    def _waiting_no_more(self, waiter: Deferred[list[IAddress]]) -> None:
        self._waiting.remove(waiter)

    # Use

    def publish(
        self, topic: str, payload: bytes = b"", qos: int = 0, retain: bool = False, properties: Properties | None = None
    ) -> Deferred[ReasonCode]:
        """
        Publish from the program that the broker runs in.

        @return: fires with the reason code when all is kept that must be; fails with C{Refused} when nobody whom the
            message was for had room, or it can't be stored.
        @raise ValueError: no client could publish this either.
        """
        if self._store is not None and not self._back:
            return fail(Refused("not published: the store is not open", UNAVAILABLE.reason))
        return self._publisher.publish(topic, payload, qos, retain, properties)

    async def change(self, places: Iterable[Place], policy: Policy) -> None:
        """
        From now on these are the limits, and where clients come in. Whoever is connected stays, and is asked anew what
        he may do.

        @raise CannotListen: a new listener can't be opened. Then nothing has changed.
        """
        wanted = list(places)
        await self._listeners.change(wanted)
        self._places = wanted
        self.policy = policy
        self.broker.change_policy(policy)
        self.broker.rights_changed()

    @property
    def everybody(self) -> list[MQTTServerProtocol]:
        """
        Every connection, those included that have not said who they are.
        """
        return self._listeners.everybody

    @property
    def reloadables(self) -> list[IReloadable]:
        """
        Those of the listeners that have certificates.
        """
        return self._listeners.reloadables

    def reload(self) -> list[str]:
        """
        Read all certificates again.

        @return: what could not be used, in words.
        """
        return self._listeners.reload()

    # Stop

    def stopService(self) -> Deferred[None]:
        """
        See C{IService}: accept nobody any more, let everybody go, and fire when the last connection is closed. A peer
        that does not read our last words is cut off after C{policy.close_timeout}.
        """
        Service.stopService(self)
        self._heart.stop()
        self._open = self._begun = False
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.errback(CancelledError("the broker was stopped before it listened"))
        if guests := self._listeners.guests:
            _log.info("the broker stops; {guests} connections are closed", guests=guests)
        over = self._listeners.close()
        self._heart.tell_time()
        self.broker.shut(_GOODBYE)
        over += self._listeners.shut(_GOODBYE)
        self._turn.flush()
        gone = gatherResults(over, consumeErrors=True)
        backend = self._backend
        if isinstance(backend, SqliteBackend) and self._back:
            self._heart.note()
            gone.addCallback(lambda _: backend.stop())
        self._back = False
        gone.addCallback(lambda _: stop_all(self._plugins))
        return gone.addCallback(lambda _: _log.info("the broker has stopped"))
