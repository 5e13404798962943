"""
Twisted's epoll reactor, with less to do for each read of an MQTT connection.

Twisted gives each event a log context, so that whatever is logged meanwhile says from which connection it comes. Ours
say that themselves. To make and drop the context costs several times what a broker does with one message, so an MQTT
connection is read without it: two fifths of the instructions of a broker whose clients send one message at a time.
Everything else is Twisted's, and for every other connection the context is there.

C{twistd mqtt-broker} runs on it where there is epoll, unless C{--reactor} says otherwise. A program of your own can
C{install} it, first of all.
"""

from __future__ import annotations

import select
import sys
from typing import Any, Final

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.main import installReactor
from twisted.logger import Logger
from twisted.python import log

from txmqtt.net.direct import PLAIN
from txmqtt.net.protocol import MQTTProtocol
from txmqtt.net.proxied import ProxiedProtocol
from txmqtt.net.tls_protocol import TLSProtocol
from txmqtt.net.websocket import WebSocket

_log = Logger()

#: Who needs no context: what of ours is next to a socket.
_OURS: Final = (MQTTProtocol, TLSProtocol, WebSocket, ProxiedProtocol)

_READABLE: Final = select.EPOLLIN


class MQTTReactor(EPollReactor):
    """
    See L{twisted.internet.epollreactor.EPollReactor}.
    """

    def doPoll(self, timeout: float | None) -> None:
        """
        Wait for events, C{timeout} seconds at most, None: for ever; and act on them.
        """
        selectables = self._selectables
        for fd, event in self._poller.poll(-1 if timeout is None else timeout, len(selectables)):
            selectable: Any = selectables.get(fd)
            if event == _READABLE and type(selectable) in PLAIN and isinstance(selectable.protocol, _OURS):
                self._read(selectable)
            elif selectable is not None:  # otherwise one of the others has closed it
                log.callWithLogger(selectable, self._doReadOrWrite, selectable, fd, event)

    doIteration = doPoll

    def _read(self, connection: Any) -> None:
        why: BaseException | None
        try:
            why = connection.doRead()
        except BaseException as error:  # as Twisted has it: a broken protocol loses its connection, and nobody else's
            _log.failure("while reading {connection}", connection=connection)
            why = error
        if why:
            self._disconnectSelectable(connection, why, True)  # type: ignore[no-untyped-call]


def install() -> None:
    """
    Make this the reactor of the process.

    @raise twisted.internet.error.ReactorAlreadyInstalledError: it has one already.
    """
    installReactor(MQTTReactor())  # type: ignore[no-untyped-call]


def prefer() -> None:
    """
    Make this the reactor of the process, unless it has one already.
    """
    if "twisted.internet.reactor" not in sys.modules:
        install()
