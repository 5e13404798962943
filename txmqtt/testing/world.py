"""
A broker, any number of clients and the time, all in memory: what an application is tested in.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import replace
from os import PathLike
from typing import Any, Self, TypeVar, Unpack

from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.python.failure import Failure

from txmqtt.broker.policy import DEFAULTS, Policy
from txmqtt.codec.properties import Properties
from txmqtt.codec.reasons import ReasonCode
from txmqtt.net.client import MQTTClient
from txmqtt.net.connect import connect
from txmqtt.net.plugins import BrokerPlugin
from txmqtt.net.settings import Options
from txmqtt.net.values import Message
from txmqtt.service.broker import BrokerService
from txmqtt.service.client import MQTTClientService, Retry
from txmqtt.testing.clock import WorldClock
from txmqtt.testing.connection import Connection
from txmqtt.testing.errors import LoggedErrors
from txmqtt.testing.network import HERE
from txmqtt.testing.people import portal_for

T = TypeVar("T")

PORT = 1883

#: What the time is for the world when the clock says 0, seconds: a day in 2027, and no round number.
_EPOCH = 1_800_000_000.0
#: More memory than there is: whether the machine is short of it is none of a test's business.
_ANY_MEMORY = 1 << 62
#: When a service tries again is known beforehand.
_RETRY = Retry(jitter=0.0)


class MQTTWorld:
    """
    The broker listens from the start on C{url}; whatever else is in here is made with C{clock} as its reactor.

    @ivar clock: the time, and the reactor for the application under test.
    @ivar url: where the broker is, for C{connect} and the like. Any other name of a host will do, and so will an
        endpoint string.
    @ivar broker: it, as C{makeBroker} makes it; another after C{restart}.
    """

    url = f"mqtt://localhost:{PORT}"

    def __init__(
        self,
        *,
        policy: Policy = DEFAULTS,
        users: Mapping[str, str] | None = None,
        anonymous: bool | None = None,
        realm: IRealm | None = None,
        portal: Portal | None = None,
        plugins: Iterable[BrokerPlugin] = (),
    ) -> None:
        """
        @param policy: the limits of the broker.
        @param users: names and passwords of those who may come in. They are compared as they are: nothing is hashed,
            and no thread is needed.
        @param anonymous: whether they may come in who give no name. None: if there are no C{users}.
        @param realm: what who is in may do; None: everything.
        @param portal: who may come in and what they may do, in place of the three above.
        @param plugins: of the broker.
        """
        if portal is None:
            portal = portal_for(users, anonymous, realm)
        elif users is not None or anonymous is not None or realm is not None:
            raise ValueError("portal is given, and users, anonymous or realm too; expected one or the other")
        self.clock = WorldClock()
        self._network = self.clock.network
        self._portal = portal
        self._policy = policy if policy.max_memory else replace(policy, max_memory=_ANY_MEMORY)
        self._plugins = list(plugins)
        self._errors = LoggedErrors()
        self._services: list[MQTTClientService] = []
        self._closed = False
        self._errors.start()
        self.broker = self._new_broker()
        self._start()

    # Time

    def advance(self, seconds: float) -> None:
        """
        Let time pass. All that is due in it happens, each at its moment: bytes arrive, keep-alives end, wills are
        published, messages and sessions expire, clients connect again.
        """
        self.clock.advance(seconds)

    def flush(self) -> None:
        """
        Let everything happen that takes no time: bytes arrive, and what they make others say arrives too.
        """
        self.clock.advance(0)

    def run(self, what: Deferred[T] | Coroutine[Deferred[Any], Any, T], within: float = 0.0) -> T:
        """
        Wait for a Deferred or a coroutine.

        @param within: how much time may pass until then, seconds. No more passes than is needed.
        @return: what it comes to; what it fails with is raised.
        @raise AssertionError: it has come to nothing by then. It is cancelled.
        """
        deferred = what if isinstance(what, Deferred) else Deferred.fromCoroutine(what)
        results: list[T | Failure] = []
        deferred.addBoth(results.append)
        clock = self.clock
        end = clock.seconds() + within
        self.flush()
        while not results and clock.next_call <= end:
            clock.advance(clock.next_call - clock.seconds())
        if not results:
            clock.advance(end - clock.seconds())
            deferred.cancel()
            raise AssertionError(f"nothing came of it within {within:g} s: {what!r}")
        (result,) = results
        if isinstance(result, Failure):
            result.raiseException()
        return result

    # Clients

    def endpoint(self, source: str = HERE) -> IStreamClientEndpoint:
        """
        The way to the broker.

        @param source: the address that whoever takes it seems to come from.
        """
        endpoint: IStreamClientEndpoint = TCP4ClientEndpoint(self.clock, HERE, PORT, bindAddress=(source, 0))
        return endpoint

    def connect(self, **options: Unpack[Options]) -> Deferred[MQTTClient]:
        """
        Connect a client, as C{txmqtt.connect} does.
        """
        return connect(self.clock, self.endpoint(), **options)

    def client(self, **options: Unpack[Options]) -> MQTTClient:
        """
        A client that the broker has accepted: another party for the application to deal with.

        @raise Refused: it has not.
        """
        return self.run(self.connect(**options))

    def service(
        self, *, retry: Retry = _RETRY, store: str | PathLike[str] | None = None, **options: Unpack[Options]
    ) -> MQTTClientService:
        """
        A client that connects again and again. It is started, and stopped when the world is closed.

        @param retry: as with C{MQTTClientService}, but nothing is left to chance: after 1, 2, 4 seconds and so on.
        @param store: a file, which is written to in the test's own thread.
        """
        service = MQTTClientService(self.endpoint(), reactor=self.clock, retry=retry, store=store, **options)
        self._services.append(service)
        service.startService()
        self.flush()
        return service

    def watch(self, filter: str, qos: int = 2, **options: Unpack[Options]) -> list[Message]:
        """
        What is published from now on, what is retained included.

        @param options: for the client that subscribes.
        @return: a list that grows.
        """
        seen: list[Message] = []
        self.run(self.client(**options).subscribe(filter, seen.append, qos))
        return seen

    def publish(
        self, topic: str, payload: bytes = b"", qos: int = 0, retain: bool = False, properties: Properties | None = None
    ) -> ReasonCode:
        """
        Publish a message in the name of nobody, and let it arrive.
        """
        return self.run(self.broker.publish(topic, payload, qos, retain, properties))

    # Connections

    @property
    def connections(self) -> list[Connection]:
        """
        All that were made, those that are over included, the oldest first.
        """
        return list(self._network.connections)

    def connection(self, of: MQTTClient | str) -> Connection:
        """
        The latest connection of a client.

        @param of: it, or its identifier.
        @raise LookupError: it has had none.
        """
        client_id = of if isinstance(of, str) else of.client_id
        for connection in reversed(self._network.connections):
            if connection.client_id == client_id:
                return connection
        raise LookupError(f"{client_id!r} has not connected")

    # What befalls the broker

    def refuse(self, silently: bool = False) -> None:
        """
        From now on nobody can connect; whoever is connected stays.

        @param silently: an attempt is not refused but never answered, and ends when its time is over.
        """
        self._network.silent = silently
        self._network.refusing = not silently

    def down(self, silently: bool = False) -> None:
        """
        The broker can't be reached: all connections are lost, and nobody can connect. The broker itself goes on.

        @param silently: nobody is told: connections are stalled, and attempts are not answered.
        """
        self.refuse(silently)
        for connection in self._network.connections:
            if silently:
                connection.stall()
            else:
                connection.cut()

    def up(self) -> None:
        """
        The broker can be reached again, also through connections that were stalled.
        """
        self._network.silent = self._network.refusing = False
        for connection in self._network.connections:
            connection.resume()

    def restart(self, *, sessions: bool = True, goodbye: bool = True) -> None:
        """
        The broker stops and starts again.

        @param sessions: it still knows sessions, queues and retained messages, as with a store.
        @param goodbye: clients are told that it stops; otherwise they lose their connections, as when it is killed.
        """
        if not goodbye:
            self._cut_all()
        self._stop()
        if not sessions:
            self.broker = self._new_broker()
        self._start()

    def _new_broker(self) -> BrokerService:
        clock = self.clock
        listen = [f"tcp:{PORT}:interface={HERE}"]
        return BrokerService(
            clock, listen, self._portal, self._policy, clock.seconds, self._world_time, plugins=self._plugins
        )

    def _world_time(self) -> float:
        return _EPOCH + self.clock.seconds()

    def _start(self) -> None:
        self.broker.startService()
        self.flush()

    def _stop(self) -> None:
        stopped = self.broker.stopService()
        self.flush()
        self._cut_all()  # who does not hear that it is to go
        assert stopped.called, "the broker does not stop"

    def _cut_all(self) -> None:
        for connection in self._network.connections:
            connection.cut()

    # The end

    def flush_errors(self, *kinds: type[BaseException]) -> list[Failure]:
        """
        Errors that were logged since this was last asked: callbacks that failed, Deferreds that nobody looked after.

        @param kinds: only those; none for all.
        @return: they; and they are not held against the test any more, should C{check} be asked.
        """
        return self._errors.flush(*kinds)

    def check(self) -> None:
        """
        Complain of errors that were logged and not flushed. The fixture of pytest asks this when a test is over; the
        runner of Twisted does so by itself.

        @raise AssertionError: there are some; the message has their tracebacks.
        """
        failures = self._errors.flush()
        if failures:
            traces = "\n".join(failure.getTraceback() for failure in failures)
            raise AssertionError(f"{len(failures)} errors were logged, flush_errors() if they are expected:\n{traces}")

    def close(self) -> None:
        """
        The end of everything: the broker stops, and nothing of this world waits on its clock. What still does is the
        application's: C{clock.getDelayedCalls} has it.
        """
        if not self._closed:
            self._closed = True
            self.refuse()
            for service in self._services:
                service.stopService()
            self._stop()
            self._errors.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
