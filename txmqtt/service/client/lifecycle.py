"""
The life of a client that connects again: started, connected, waiting, stopped, or given up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, Self

from twisted.application.internet import ClientService
from twisted.application.service import Service
from twisted.internet.defer import Deferred, fail, maybeDeferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from txmqtt.codec.errors import ConnectionClosed, MQTTError
from txmqtt.codec.properties import Properties
from txmqtt.net.addresses import Address, TLSOption
from txmqtt.net.client import MQTTClient
from txmqtt.net.settings import Settings
from txmqtt.net.state import ClientState
from txmqtt.net.thread_check import check_thread
from txmqtt.service.client.connecting import Attempts, nothing
from txmqtt.service.client.outbox import Outbox
from txmqtt.service.client.outcomes import Outcomes
from txmqtt.service.client.phases import Observer, Phase, Phases
from txmqtt.service.client.retry import Retry
from txmqtt.service.client.servers import Server, Servers
from txmqtt.session.keeping import Keeper, Recollection
from txmqtt.session.voice import OPEN

_log = Logger()


class Store(Keeper, Protocol):
    """
    A keeper that is opened and closed.
    """

    def open(self) -> Deferred[Recollection]:
        """
        Read what there is.
        """

    def close(self) -> Deferred[None]:
        """
        Write what there is to write, and let go of the file.
        """


class Plan:
    """
    What a client's life depends on.

    @ivar reactor: Twisted's, or a test's; C{seconds}: a clock that never jumps.
    @ivar servers: where it connects; C{reach} makes an address of one.
    @ivar tls: what TLS needs, or what gives that for each attempt.
    @ivar credentials: gives user name and password for each attempt.
    @ivar queue_full: what becomes of a publish that finds no room; C{max_waiting} may wait for it.
    @ivar forgets: the session is of no use when the client is stopped: the server may forget it.
    """

    def __init__(
        self,
        reactor: Any,
        seconds: Callable[[], float],
        settings: Settings,
        servers: Servers,
        reach: Callable[[Server, TLSOption | None], Address],
        tls: object,
        retry: Retry,
        credentials: Callable[[], object] | None,
        store: Store | None,
        queue_full: str,
        max_waiting: int,
        forgets: bool,
    ) -> None:
        self.reactor = reactor
        self.seconds = seconds
        self.settings = settings
        self.servers = servers
        self.reach = reach
        self.tls = tls
        self.retry = retry
        self.credentials = credentials
        self.store = store
        self.queue_full = queue_full
        self.max_waiting = max_waiting
        self.forgets = forgets


class Lifecycle(Service):
    """
    Everything of C{MQTTClientService} that is about when, and nothing that is about what.

    @ivar state: the session.
    @ivar outbox: what waits to be sent; C{outcomes}: what became of publishes that have a name.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._phases = Phases()
        self._failures = 0
        self._accepted_at = 0.0
        self._ready: list[Deferred[Any]] = []
        self._closed: list[Deferred[Exception | None]] = []
        self._connections: ClientService | None = None
        self._ending = False  # it has not ended yet
        self._begin(None)

    def _begin(self, before: ClientState | None) -> None:
        state = ClientState(self._plan.settings, True, self._plan.store)
        if before is not None:  # it is started again
            state.client_id = before.client_id
            state.handlers = before.handlers
            state.wishes = before.wishes
        self.state = state
        self.outcomes = Outcomes(state)
        self.outbox = Outbox(state, self._plan.reactor, self._plan.queue_full, self._plan.max_waiting)

    # What it is at

    @property
    def phase(self) -> Phase:
        """
        What it is at.
        """
        return self._phases.now

    @property
    def error(self) -> Exception | None:
        """
        What went wrong last; None while all is well.
        """
        return self._phases.error

    def observe(self, observer: Observer) -> Callable[[], None]:
        """
        Have a function called with each new C{phase}, and with the error that led to it or None.

        @return: call it to end that.
        """
        return self._phases.observe(observer)

    @property
    def client(self) -> MQTTClient | None:
        """
        The connection, while a server has accepted us.
        """
        client = self.state.client
        return client if client is not None and client.session.phase == OPEN else None

    def whenReady(self) -> Deferred[Self]:
        """
        Fires with this service as soon as a server has accepted it, at once if one has; fails when it is stopped, or
        gives up, before.
        """
        if self.client is not None:
            return succeed(self)
        if self.phase is Phase.GIVEN_UP:
            return fail(self._why())
        ready: Deferred[Self] = Deferred(self._ready.remove)
        self._ready.append(ready)
        return ready

    def whenClosed(self) -> Deferred[Exception | None]:
        """
        Fires when it has stopped, with None, or has given up, with the reason. It never fails.
        """
        if self.phase in (Phase.STOPPED, Phase.GIVEN_UP):
            return succeed(self.error if self.phase is Phase.GIVEN_UP else None)
        closed: Deferred[Exception | None] = Deferred(self._closed.remove)
        self._closed.append(closed)
        return closed

    # Its life

    def startService(self) -> None:
        """
        See C{IService}: connect, and stay connected. While it is stopping it first comes to its end, and what is asked
        until then fails.
        """
        check_thread("a client")
        if self.running:
            return
        super().startService()  # type: ignore[no-untyped-call]
        if not self._ending:
            self._go()

    def _go(self) -> None:
        if self._plan.store is None:
            self._connect()
            return
        self._phases.become(Phase.OPENING)
        opening = maybeDeferred(self._plan.store.open)
        opening.addCallback(self._recalled)
        opening.addErrback(self._unopened)

    def _recalled(self, found: Recollection) -> None:
        if self._ending:
            return
        self.outcomes.recall(found)
        self.outbox.recalled()
        self._connect()
        self.outcomes.recalled()

    def _unopened(self, failure: Failure) -> None:
        if self._ending:
            return  # that is why
        _log.error("the client's store cannot be used: {error}", error=failure.getErrorMessage())
        error = failure.value if isinstance(failure.value, Exception) else MQTTError(failure.getErrorMessage())
        self._ending = True
        super().stopService()  # type: ignore[no-untyped-call]
        self._over(Phase.GIVEN_UP, error)

    def _connect(self) -> None:
        attempts = Attempts(
            self._plan.reactor,
            self._plan.seconds,
            self._plan.servers,
            self._plan.settings,
            lambda: self.state,
            self._plan.reach,
            self._plan.tls,
            self._plan.credentials,
            self._goodbye,
        )
        self._failures = 0
        self._phases.become(Phase.CONNECTING)
        self._connections = ClientService(attempts, nothing(), self._delay, self._plan.reactor, None)
        attempts.watch(self._attempting, self._accepted, self._failed, self._lost)
        self._connections.startService()

    def _attempting(self) -> None:
        self._phases.become(Phase.CONNECTING)

    def _accepted(self, client: MQTTClient) -> None:
        if self.client is not client or not self.running or self._ending:
            return  # it was lost again in the same turn
        self._accepted_at = self._plan.seconds()
        self._phases.become(Phase.CONNECTED)
        ready, self._ready = self._ready, []
        for waiter in ready:
            waiter.callback(self)

    def _failed(self, error: Exception) -> bool:
        self._failures += 1
        return self._judge(error)

    def _lost(self, why: ConnectionClosed) -> bool:
        lasted = self._plan.seconds() - self._accepted_at >= self._plan.retry.stable
        self._failures = 0 if lasted else self._failures + 1
        return self._judge(why)

    def _judge(self, error: Exception) -> bool:
        """
        @return: whether that was the last attempt.
        """
        if not self.running or self._ending:
            return False
        self._plan.servers.failed(error)
        plan = self._plan
        renewed = plan.credentials is not None or getattr(plan.settings.authentication, "renews", False)
        if plan.retry.final(error, renewed):
            _log.error("{client!r} gives up: {error}", client=self.state.client_id, error=error)
            # on the next turn, because it is ClientService that told us
            self._plan.reactor.callLater(0, self._give_up, self._connections, error)
            return True
        _log.info("{client!r} will connect again: {error}", client=self.state.client_id, error=error)
        self._phases.become(Phase.WAITING, error)
        return False

    def _delay(self, attempt: int) -> float:
        """
        How long to wait, seconds; not at all while there is another server that has not been tried.
        """
        servers = self._plan.servers
        return self._plan.retry.delay(-(-self._failures // len(servers))) if servers.round else 0.0

    def _give_up(self, connections: ClientService | None, error: Exception) -> None:
        if self._connections is connections:  # otherwise it has been stopped, and may have been started again
            self._end().addCallback(lambda _: self._over(Phase.GIVEN_UP, error))

    def stopService(self) -> Deferred[None]:
        """
        See C{IService}: say goodbye. What has not been acknowledged fails; what is in a store stays there.

        @return: fires when the connection is closed and the store is written.
        """
        check_thread("a client")
        if self._ending:
            if self.running:  # it had been started meanwhile
                super().stopService()  # type: ignore[no-untyped-call]
            return self.whenClosed().addCallback(lambda _: None)
        if not self.running:
            return succeed(None)
        self._phases.become(Phase.STOPPING)
        return self._end().addCallback(lambda _: self._over(Phase.STOPPED, None))

    def _end(self) -> Deferred[None]:
        self._ending = True
        super().stopService()  # type: ignore[no-untyped-call]
        connections, self._connections = self._connections, None
        ending = connections.stopService() if connections is not None else succeed(None)
        return ending.addCallback(self._close_store)

    def _close_store(self, _: object) -> Deferred[None]:
        return self._plan.store.close() if self._plan.store is not None else succeed(None)

    def _goodbye(self, client: MQTTClient) -> None:
        client.disconnect(properties=Properties(session_expiry_interval=0) if self._plan.forgets else None)

    def _over(self, phase: Phase, error: Exception | None) -> None:
        self._phases.become(phase, error)
        before, outcomes = self.state, self.outcomes
        self.outbox.close(self._why)
        ready, self._ready = self._ready, []
        self._begin(before)
        before.abandon(self._why)
        outcomes.close(self._why)
        for waiter in ready:
            waiter.errback(self._why())
        closed, self._closed = self._closed, []
        for each in closed:
            each.callback(error)
        self._ending = False
        if self.running:  # somebody has started it again
            self._go()

    def _why(self) -> MQTTError:
        error = self._phases.error
        if self.phase is Phase.GIVEN_UP and error is not None:
            return error if isinstance(error, MQTTError) else ConnectionClosed(str(error), remote=True)
        kept = "; what was published is kept, and will be sent when it is started again" if self._plan.store else ""
        return ConnectionClosed(f"the service was stopped{kept}")
