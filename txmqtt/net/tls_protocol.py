"""
One connection behind TLS.

Twisted's own collects small writes until the next turn of the reactor. Ours come collected already, one for each turn,
so they are encrypted at once; and where nothing waits before them they go to the socket at once, as those of a plain
connection do.
"""

from __future__ import annotations

from collections.abc import Callable

from OpenSSL.SSL import WantReadError
from twisted.internet.interfaces import ITransport
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol

from txmqtt.net.direct import writer

#: So much of what is encrypted is taken at once, bytes: a record and its overhead fit.
_CHUNK = 2**15


class TLSProtocol(TLSMemoryBIOProtocol):
    """
    See the module.
    """

    _send: Callable[[bytes], None]

    def makeConnection(self, transport: ITransport) -> None:
        """
        See C{IProtocol}.
        """
        self._send = writer(transport)  # type: ignore[arg-type] # Twisted promises less than every transport has
        super().makeConnection(transport)  # type: ignore[no-untyped-call] # Twisted's

    def _flushSendBIO(self) -> None:
        """
        Twisted calls this whenever OpenSSL may have something to say.
        """
        try:
            encrypted = self._tlsConnection.bio_read(_CHUNK)
        except WantReadError:
            return
        self._send(encrypted)


class TLSFactory(TLSMemoryBIOFactory):
    """
    Puts TLS before the connections of a listener.
    """

    protocol = TLSProtocol
