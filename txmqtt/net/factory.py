"""
Makes a client for each connection, over any transport, and keeps the session between them.

With C{clean_start=False} the books of what has not been acknowledged, the callbacks and the name outlive a connection:
what was sent and not acknowledged is sent again on the next one, under its packet identifier, as MQTT has it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Unpack

from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from txmqtt.net.client import MQTTClient
from txmqtt.net.settings import Options, settings_of
from txmqtt.net.state import ClientState
from txmqtt.net.steady import steady
from txmqtt.session.voice import CLOSED

_log = Logger()


class MQTTClientFactory(Factory):
    """
    A client for each connection. To stay connected there is C{MQTTClientService}. Twisted's C{ClientService} works with
    this factory too, but C{whenReady} in its C{prepareConnection} is an exception in the log when the connection ends
    there, as it does when the server refuses it: up to Twisted 26.10 its states have no place for that.

    @param reactor: for the alarms of the connections.
    @param seconds: a clock that never jumps, seconds; None for the one that C{steady} finds.
    @ivar client: the latest client, None before the first connection.
    """

    noisy = False

    def __init__(
        self, reactor: IReactorTime, seconds: Callable[[], float] | None = None, **options: Unpack[Options]
    ) -> None:
        self.settings = settings_of(options)
        self.client: MQTTClient | None = None
        self._clock = reactor
        self._seconds = steady(reactor) if seconds is None else seconds
        self._state = ClientState(self.settings)

    def buildProtocol(self, addr: IAddress | None) -> MQTTClient | None:
        """
        See C{IProtocolFactory}. None, which closes the connection, while another one has the session.
        """
        last = self.client
        if last is not None:
            if self.settings.clean_start:
                self._state = ClientState(self.settings)
                self._state.client_id = last.client_id
            elif last.session.phase != CLOSED:
                _log.warn("a second connection for the session of {client!r}: refused", client=last.client_id)
                return None
        self.client = MQTTClient(self._state, self._clock, self._seconds)
        self.client.factory = self
        return self.client
