"""
Our client's side of TLS against a server in memory.
"""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IOpenSSLServerConnectionCreator, IProtocol
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tests.net.support import Wire
from tests.net.support_endpoints import Dialled, Hearers
from tests.net.support_tls import Files, Pair
from tests.service.support import scratch
from txmqtt.net.client_contexts import ClientContexts
from txmqtt.net.client_tls import TLS
from txmqtt.net.client_tls_endpoint import TLSClientEndpoint
from txmqtt.net.tls_protocol import TLSFactory


@implementer(IOpenSSLServerConnectionCreator)
class Server:
    """
    The server's side: what it shows, and what it asks for.

    @ivar context: to be changed by the test.
    @ivar asked: what names it was asked for.
    @ivar offered: what protocols it was offered.
    """

    def __init__(self, shows: Pair, *chain: Pair) -> None:
        self.asked: list[bytes | None] = []
        self.offered: list[bytes] = []
        self.context = SSL.Context(SSL.TLS_METHOD)
        self.context.use_certificate(shows[1])
        self.context.use_privatekey(shows[0])
        for each in chain:
            self.context.add_extra_chain_cert(each[1])
        self.context.set_tlsext_servername_callback(lambda connection: self.asked.append(connection.get_servername()))
        self.context.set_alpn_select_callback(self._choose)

    def _choose(self, connection: SSL.Connection, offered: list[bytes]) -> bytes:
        self.offered = offered
        return offered[0]

    def ask_for_certificates(self, good: bool) -> None:
        """
        Clients must show one.

        @param good: whether theirs are accepted.
        """
        mode = SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT
        self.context.set_verify(mode, lambda *_: good)

    def serverConnectionForTLS(self, tlsProtocol: object) -> SSL.Connection:
        """
        See C{IOpenSSLServerConnectionCreator}.
        """
        return SSL.Connection(self.context, None)


class Meeting:
    """
    A client that connects with a server, as far as they come.

    @ivar inner: where the client's bytes go.
    @ivar waiting: fires with what the client has connected.
    """

    def __init__(self, creator: Any, server: Server | None = None) -> None:
        self.clock = Clock()
        self.inner = Dialled()
        endpoint = TLSClientEndpoint(self.clock, self.inner, creator)
        self.waiting: Deferred[IProtocol] = endpoint.connect(Hearers())
        self.client = self.inner.succeed()
        self.lost = False
        if server is not None:
            self.wire = Wire()
            self.server: Any = TLSFactory(server, False, Hearers(), self.clock).buildProtocol(None)
            self.server.makeConnection(self.wire)
            self.carry()

    def carry(self) -> None:
        """
        Carry bytes between the two until there are none left; who closes has closed afterwards.
        """
        self.clock.advance(0)
        while True:
            said = self.inner.said()
            if said:
                self.server.dataReceived(said)
            heard = bytes(self.wire.value())
            self.wire.clear()
            if heard and not self.lost:
                self.client.dataReceived(heard)
            self.clock.advance(0)
            if not said and not heard:
                break
        closing = ("lose", "abort")
        if not self.lost and any(asked in closing for asked in self.inner.wire.asked + self.wire.asked):
            self.lost = True
            self.inner.lose()


class ClientTLSTestCase(SynchronousTestCase):
    """
    @ivar files: where files of the test are.
    """

    def setUp(self) -> None:
        self.files = Files(str(scratch(self)))

    def meet(self, server: Server, tls: TLS, name: str = "broker.example") -> Meeting:
        """
        Our client connects with a server that it calls by this name.
        """
        return Meeting(IOpenSSLClientConnectionCreator(ClientContexts(tls, name)), server)
