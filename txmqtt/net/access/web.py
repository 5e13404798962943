"""
One question to a web server, one answer, both bounded: for checkers that ask somewhere else.

It follows no redirects, keeps no cookies and unpacks nothing: each of them would let the server, or somebody between,
decide where passwords go, mix one user's login with another's, or make a small answer large.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from OpenSSL import SSL
from OpenSSL.crypto import Error as CertificateError
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectError, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IConsumer, IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.ssl import Certificate, CertificateOptions, trustRootFromCertificates
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from twisted.web.client import (
    Agent,
    BrowserLikePolicyForHTTPS,
    HTTPConnectionPool,
    ResponseDone,
    ResponseFailed,
    ResponseNeverReceived,
)
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IPolicyForHTTPS
from zope.interface import implementer

#: An idle connection is kept for less time than servers keep theirs, seconds: five is usual.
_IDLE = 4.0

#: What the machine calls itself.
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class CannotFetch(Exception):
    """
    There was no answer that can be used. Says why without the question, which may hold a password.
    """


class Answer(NamedTuple):
    """
    @ivar status: such as 200.
    @ivar kind: its content type, in small letters and without parameters.
    @ivar body: all of it.
    """

    status: int
    kind: str
    body: bytes


def url_error(url: str, plain: bool = False) -> str:
    """
    Why nobody should be asked there; nothing when it is all right.

    @param plain: that everybody between can read it does not matter.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "expected a URL, such as https://example.com/login"
    if parts.scheme not in ("https", "http") or not host or not url.isascii() or not url.isprintable() or " " in url:
        return "expected a URL, such as https://example.com/login"
    if parts.username is not None or parts.password is not None:
        return "a user name or a password has no place in a URL"
    if parts.fragment:
        return "a URL to ask has no fragment (#)"
    if parts.scheme == "http" and not plain and not is_loopback(url):
        return "expected https, because whoever is between could answer instead; http is for this machine only"
    return ""


def is_loopback(url: str) -> bool:
    """
    Does it stay on this machine?
    """
    return urlsplit(url).hostname in _LOOPBACK


class Web:
    """
    Where questions are asked, over a pool of connections.
    """

    def __init__(
        self,
        reactor: Any,
        timeout: float,
        most: int,
        connections: int = 2,
        authorities: bytes | None = None,
        verify: bool = True,
        agent: Any = None,
    ) -> None:
        """
        @param reactor: the global one, unless you have another.
        @param timeout: from question to answer, seconds.
        @param most: an answer may have so many bytes.
        @param connections: so many are kept to use again.
        @param authorities: who signs certificates, PEM; None: whom the machine trusts.
        @param verify: look at the certificate at all.
        @param agent: an C{IAgent} to ask, for tests.
        @raise ValueError: there is no certificate among the authorities.
        """
        self._reactor = reactor
        self._timeout = timeout
        self._most = most
        self._connections = connections
        self._agent = agent
        self._pool: HTTPConnectionPool | None = None
        self._policy: object = _Anybody()
        if verify:
            trusted = None if authorities is None else trustRootFromCertificates(certificates(authorities))
            self._policy = BrowserLikePolicyForHTTPS(trusted)

    def ask(self, method: str, url: str, headers: Headers, body: bytes | None = None) -> Deferred[Answer]:
        """
        Ask.

        @return: the answer, whatever its status; fails with L{CannotFetch}.
        """
        if self._reactor is None:
            from twisted.internet import reactor

            self._reactor = reactor
        if self._agent is None:
            self._pool = HTTPConnectionPool(self._reactor)
            self._pool.maxPersistentPerHost = self._connections
            self._pool.cachedConnectionTimeout = _IDLE  # type: ignore[assignment]  # seconds, for callLater
            self._agent = Agent(self._reactor, self._policy, self._timeout, pool=self._pool)
        asking = Deferred.fromCoroutine(self._ask(method.encode(), url.encode(), headers, body))
        return asking.addTimeout(self._timeout, self._reactor, self._too_slow).addErrback(_told)

    def stop(self) -> Deferred[None] | None:
        """
        Close the connections that nobody uses just now.
        """
        pool, self._pool = self._pool, None
        if pool is None:
            return None
        self._agent = None
        closing: Deferred[None] = pool.closeCachedConnections()
        return closing

    async def _ask(self, method: bytes, url: bytes, headers: Headers, body: bytes | None) -> Answer:
        agent = IAgent(self._agent)
        try:
            response = await agent.request(method, url, headers, _Whole(body) if body is not None else None)
        except ResponseNeverReceived as error:
            if not all(each.check(ConnectionDone, ConnectionLost) for each in error.reasons):
                raise
            # A connection from the pool that the server was just closing; the next from there may be another such.
            if self._pool is not None:
                agent = IAgent(Agent(self._reactor, self._policy, self._timeout))
            response = await agent.request(method, url, headers, _Whole(body) if body is not None else None)
        kinds = response.headers.getRawHeaders(b"content-type", [b""])
        kind = kinds[0].partition(b";")[0].strip().lower().decode("latin-1")
        reading = _Reading(self._most)
        response.deliverBody(reading)
        return Answer(response.code, kind, await reading.done)

    def _too_slow(self, result: Any, timeout: float) -> Any:
        if isinstance(result, Failure):
            raise CannotFetch(f"no answer within {timeout:g} s")
        return result


def _told(failure: Failure) -> Any:
    """
    What went wrong, in words that do not repeat the question.
    """
    error = failure.value
    if isinstance(error, CannotFetch):
        return failure
    if isinstance(error, ConnectError):
        raise CannotFetch(str(error))
    if isinstance(error, ResponseFailed):
        inner = ", ".join(_named(each.value) for each in error.reasons)
        raise CannotFetch(f"no whole answer: {inner}")
    raise CannotFetch(_named(error))


def _named(error: BaseException | None) -> str:
    if isinstance(error, SSL.Error) and error.args and error.args[0]:
        return f"TLS: {error.args[0][0][-1]}"
    if isinstance(error, CannotFetch):
        return str(error)
    return type(error).__name__


class _Reading(Protocol):
    """
    Collects an answer, and hangs up when it is too long.
    """

    def __init__(self, most: int) -> None:
        self.done: Deferred[bytes] = Deferred(lambda _: self._hang_up())
        self._most = most
        self._size = 0
        self._parts: list[bytes] = []
        self._over = False

    def dataReceived(self, data: bytes) -> None:
        if self._over:
            return
        self._size += len(data)
        if self._size > self._most:
            self._over = True
            self._hang_up()
            self.done.errback(CannotFetch(f"an answer of more than {self._most:,} bytes"))
            return
        self._parts.append(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._over or self.done.called:
            return
        self._over = True
        # An answer whose end is only that of the connection may be cut short; cut to nothing, it could mean anything.
        if reason.check(ResponseDone) or (reason.check(PotentialDataLoss) and self._parts):
            self.done.callback(b"".join(self._parts))
        elif reason.check(PotentialDataLoss):
            self.done.errback(CannotFetch("an empty answer without Content-Length"))
        else:
            self.done.errback(reason)

    def _hang_up(self) -> None:
        transport: Any = self.transport
        # What we are given only knows how to ask the server to hang up, which by TLS may take as long as it likes. The
        # connection itself does not ask.
        connection = getattr(transport, "_producer", None) or transport
        if connection is not None:
            getattr(connection, "abortConnection", connection.loseConnection)()


@implementer(IBodyProducer)
class _Whole:
    """
    A question's body, said at once.
    """

    def __init__(self, data: bytes) -> None:
        self.length = len(data)
        self._data = data

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        consumer.write(self._data)
        return succeed(None)

    def stopProducing(self) -> None:
        """
        All is said.
        """

    def pauseProducing(self) -> None:
        """
        All is said.
        """

    def resumeProducing(self) -> None:
        """
        All is said.
        """


@implementer(IPolicyForHTTPS)
class _Anybody:
    """
    Does not look at certificates.
    """

    def creatorForNetloc(self, hostname: bytes, port: int) -> IOpenSSLClientConnectionCreator:
        return _Blind(hostname)


@implementer(IOpenSSLClientConnectionCreator)
class _Blind:
    def __init__(self, hostname: bytes) -> None:
        self._hostname = hostname
        self._context = CertificateOptions(verify=False).getContext()

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        connection = SSL.Connection(self._context, None)
        if not isIPAddress(self._hostname.decode()) and not isIPv6Address(self._hostname.decode()):
            connection.set_tlsext_host_name(self._hostname)  # an address is no server name
        return connection


_PEM = re.compile(b"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def certificates(pem: bytes) -> list[Certificate]:
    try:
        found = [Certificate.loadPEM(each) for each in _PEM.findall(pem)]
    except (SSL.Error, CertificateError):
        raise ValueError("a damaged certificate") from None
    if not found:
        raise ValueError("no certificate; expected PEM")
    return found
