"""
The life of a client's connection: CONNECT, ready, closed, and why.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any, Self

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from txmqtt.codec.constants import MQTT5, MQTT31
from txmqtt.codec.errors import ConnectionClosed, LocalProtocolError
from txmqtt.codec.packets import Connack, Disconnect
from txmqtt.codec.properties import Properties
from txmqtt.net.arguments import check_callback
from txmqtt.net.ending import Ending
from txmqtt.net.exchange import Exchange
from txmqtt.net.receiving.receivers import Callback
from txmqtt.net.state import ClientState
from txmqtt.net.traffic import Traffic
from txmqtt.session.verbs import Verbs
from txmqtt.session.voice import OPEN

_log = Logger()


class ClientConnection(Traffic):
    """
    One connection to a server.

    @ivar client_id: who we are to the server; the name that it gave us, if we had none.
    @ivar version: of MQTT: 5 for 5.0, 4 for 3.1.1, 3 for 3.1.
    @ivar session_present: the server went on with a session that it had kept.
    @ivar server_properties: what the server said of itself in its CONNACK, 5.0.
    """

    def __init__(self, state: ClientState, clock: IReactorTime, seconds: Callable[[], float] = monotonic) -> None:
        settings = state.settings
        super().__init__(state, clock, seconds)
        self.client_id = state.client_id
        self.version = settings.version
        self.session_present = False
        self.server_properties = Properties()
        self._settings = settings
        self._accepted = False
        self._fresh = False  # the server began the session anew
        self._lost = False
        self._ending = Ending()
        self._exchange: Exchange | None = None
        self._ready: list[Deferred[Any]] = []
        self._closed: list[Deferred[ConnectionClosed]] = []

    def connectionMade(self) -> None:
        """
        Say CONNECT.
        """
        super().connectionMade()
        self._handlers.wake = self._enter
        self._pressure.attach(self)
        settings = self._settings
        keeper = self.state.keeper
        if keeper is not None:
            keeper.wake = self._enter
            self.turn.closing = keeper.flush
        if settings.authentication is None:
            self._say_connect()
        else:
            make, timeout = settings.authentication, settings.timeout
            self._exchange = Exchange(make, self.session, self._enter, self._clock, timeout)
            self._exchange.begin(self._say_connect)
        self.turn.flush()

    def _say_connect(self, method: str | None = None, data: bytes | None = None) -> None:
        settings = self._settings
        packet = settings.connect_packet(self.client_id, method, data)
        if self.state.lasting and self.state.begun and self.version == MQTT5:
            packet.clean_start = False  # it was begun anew when the first of these connections was made
        self.session.connect(packet, self._seconds(), settings.maximum_packet_size)

    @property
    def on_message(self) -> Callback | None:
        """
        Gets the messages that no subscription's callback takes.
        """
        return self._handlers.otherwise

    @on_message.setter
    def on_message(self, callback: Callback | None) -> None:
        check_callback("on_message", callback)
        self._handlers.otherwise = callback

    @property
    def callback_failures(self) -> int:
        """
        How many message callbacks have failed.
        """
        return self._handlers.figures.failed

    @property
    def unclaimed(self) -> int:
        """
        How many messages found neither a callback nor C{on_message}.
        """
        return self._handlers.figures.unclaimed

    # Opening

    def whenReady(self) -> Deferred[Self]:
        """
        Fires with this client when the server has accepted it.
        """
        if self.session.phase == OPEN:
            return succeed(self)
        if self._ending.known:
            return fail(self._ending.refusal())
        ready: Deferred[Any] = Deferred(self._ready.remove)
        self._ready.append(ready)
        return ready

    def accepted(self, session: Verbs, packet: Connack) -> None:
        """
        See C{ClientSink}.
        """
        self._accepted = self.state.begun = True
        self.session_present = packet.session_present
        if packet.properties is not None:
            self.server_properties = packet.properties
            self._named(packet.properties.assigned_client_identifier)
        if not self._fresh:
            self._handlers.offered(self._identifying())
            self._handlers.resumed()
        self._catch_up()
        ready, self._ready = self._ready, []
        for waiter in ready:
            waiter.callback(self)

    def _named(self, assigned: str | None) -> None:
        if assigned and assigned != self.client_id:
            self.client_id = self.state.client_id = assigned
            if self.state.keeper is not None:
                self.state.keeper.named(assigned)

    def forgotten(self, session: Verbs) -> None:
        """
        See C{ClientSink}.
        """
        self._fresh = True
        self._handlers.offered(self._identifying())
        if self.state.keeper is not None:
            self.state.keeper.lost()
        if self.state.lasting:
            self._restore()
        elif self.version != MQTT31:  # 3.1 cannot say
            self._handlers.clear()  # the server has no subscriptions of ours
            if self.state.requests is not None:
                self.state.requests.unsubscribed()

    def _identifying(self) -> bool:
        return self.version == MQTT5 and self.session.offered.subscription_identifier_available != 0

    def _restore(self) -> None:
        """
        Ask again for all that the server had granted.
        """
        raise NotImplementedError

    def _catch_up(self) -> None:
        """
        Ask what nobody has answered yet.
        """
        raise NotImplementedError

    def refused(self, session: Verbs, packet: Connack) -> None:
        """
        See C{ClientSink}.
        """
        self._ending.refused(packet, self.version)

    # Who is who

    def challenged(self, session: Verbs, data: bytes | None) -> None:
        """
        See C{ClientSink}.
        """
        assert self._exchange is not None
        self._exchange.challenged(data)

    def convinced(self, session: Verbs, data: bytes | None) -> None:
        """
        See C{ClientSink}.
        """
        assert self._exchange is not None
        self._exchange.convinced(data)

    def reauthenticate(self) -> Deferred[None]:
        """
        5.0: prove again who we are, with a fresh one of what C{authentication} makes. Whoever asks while that is under
        way waits for the same. All else goes on meanwhile.

        @return: fires when the server is convinced, and trusted. Fails with what the authenticator raised when there
            was nothing to begin with; the connection is as it was then. Fails with C{ConnectionClosed} when it went
            wrong later, or took longer than C{timeout}: that ends the connection.
        """
        if self._exchange is None:
            return fail(LocalProtocolError("reauthenticate without the option authentication"))
        if self.session.phase != OPEN:
            return fail(self._why())
        self._enter()
        return self._exchange.renew()

    # The end

    def whenClosed(self) -> Deferred[ConnectionClosed]:
        """
        Fires when the connection is gone, with the error that says who ended it and why. It never fails.
        """
        if self._lost:
            return succeed(self._why())
        closed: Deferred[ConnectionClosed] = Deferred(self._closed.remove)
        self._closed.append(closed)
        return closed

    def left(self, session: Verbs, goodbye: Disconnect | None) -> None:
        """
        See C{ClientSink}: C{close} or C{connectionLost} says more.
        """

    def close(self, reason: int, message: str, abort: bool) -> None:
        """
        See C{Link}.
        """
        if self._ending.known:
            return
        self._ending.closed(reason, message, self.session.goodbye)
        if message:
            _log.info("{client!r}: {why}", client=self.client_id, why=str(self._ending))
        self._pressure.detach(self)
        super().close(reason, message, abort)
        self._over(written=not abort)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        See C{MQTTProtocol}.
        """
        super().connectionLost(reason)
        self._pressure.detach(self)
        self._lost = True
        if not self._ending.known:
            self._ending.lost(reason, self._accepted, self.version)
            self._over(written=False)
        closed, self._closed = self._closed, []
        for waiter in closed:
            waiter.callback(self._why())

    def _over(self, written: bool) -> None:
        """
        Nobody will be answered any more.

        @param written: what we had to say is with the transport.
        """
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        ready, self._ready = self._ready, []
        if self._exchange is not None:
            self._ending.cause = self._exchange.error
        self._abandon(written)
        if self._exchange is not None:
            self._exchange.lost(self._why)
        for waiter in ready:
            waiter.errback(self._ending.refusal())
        self._handlers.lost(self._why())

    def _abandon(self, written: bool) -> None:
        """
        All that wait for an answer must be told.
        """
        raise NotImplementedError

    def _why(self) -> ConnectionClosed:
        return self._ending.error()
