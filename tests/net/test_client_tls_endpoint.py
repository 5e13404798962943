"""
A connection behind TLS is one only when the server has proven who it is.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.ssl import Certificate, optionsForClientTLS
from zope.interface.verify import verifyObject

from tests.net.support_client_tls import ClientTLSTestCase, Meeting, Server
from tests.net.support_endpoints import Dialled
from tests.net.support_tls import authority, certificates_pem, server
from txmqtt.codec.errors import TLSFailure
from txmqtt.net.client_contexts import ClientContexts
from txmqtt.net.client_tls import TLS
from txmqtt.net.client_tls_endpoint import TLSClientEndpoint

CA = certificates_pem(authority())


class EndpointTests(ClientTLSTestCase):
    def alone(self) -> Meeting:
        """
        A client whose server is played by the test.
        """
        return Meeting(ClientContexts(TLS(ca=CA), "broker.example"))

    def test_life(self) -> None:
        """
        What is above hears of the connection when TLS stands, then what is said, and the end in Twisted's words.
        """
        meeting = self.meet(Server(server("broker.example")), TLS(ca=CA))
        above: Any = self.successResultOf(meeting.waiting)
        meeting.server.write(b"hello")
        meeting.carry()
        meeting.server.loseConnection()
        meeting.carry()
        self.assertEqual(above.heard, ["made", b"hello", "lost"])
        above.reason.trap(ConnectionDone)

    def test_cut_off(self) -> None:
        """
        A connection that is cut off later is no matter of TLS.
        """
        meeting = self.meet(Server(server("broker.example")), TLS(ca=CA))
        above: Any = self.successResultOf(meeting.waiting)
        meeting.inner.lose(ConnectionLost())
        above.reason.trap(ConnectionLost)

    def test_no_tls_there(self) -> None:
        """
        A server that does not speak TLS answers something else, or hangs up.
        """
        for said in (b"\x20\x02\x00\x00", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xe0\x01\x81", b"SSH-2.0-OpenSSH\r\n"):
            with self.subTest(said=said):
                meeting = self.alone()
                meeting.client.dataReceived(said)
                meeting.inner.lose()
                error = self.failureResultOf(meeting.waiting, TLSFailure).value
                self.assertEqual(error.kind, "plain")
                self.assertRegex(str(error), "does not speak TLS there")
        for how in (ConnectionDone(), ConnectionLost()):
            meeting = self.alone()
            meeting.inner.lose(how)
            error = self.failureResultOf(meeting.waiting, TLSFailure).value
            self.assertEqual(error.kind, "plain")
            self.assertRegex(str(error), "hung up during the handshake of TLS: perhaps it does not speak TLS there")

    def test_cancelled(self) -> None:
        """
        Cancelling in the middle of the handshake aborts the connection.
        """
        meeting = self.alone()
        meeting.waiting.cancel()
        self.assertIn("abort", meeting.inner.wire.asked)
        meeting.inner.lose()
        self.failureResultOf(meeting.waiting)

    def test_twisted_options(self) -> None:
        """
        What C{optionsForClientTLS} returns serves as well, and is as strict.
        """
        trust = Certificate.loadPEM(CA)
        there = server("broker.example")
        self.successResultOf(Meeting(optionsForClientTLS("broker.example", trust), Server(there)).waiting)
        for name, kind in (("other.example", "name"), ("broker.example", "trust")):
            options = optionsForClientTLS(name, trust if kind == "name" else None)
            error = self.failureResultOf(Meeting(options, Server(there)).waiting, TLSFailure).value
            self.assertEqual(error.kind, kind)

    def test_interface(self) -> None:
        """
        It is an endpoint like any other.
        """
        endpoint = TLSClientEndpoint(None, Dialled(), ClientContexts(TLS(ca=CA), "a"))
        self.assertTrue(verifyObject(IStreamClientEndpoint, endpoint))
