"""
A web server in memory, for checkers that ask one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from treq.testing import RequestTraversalAgent
from twisted.internet.defer import Deferred
from twisted.web.http import Request
from twisted.web.iweb import IAgent
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer


@implementer(IAgent)
class Server:
    """
    An agent whose every request goes to one place.

    @ivar asked: what was asked: method, URI, body.
    @ivar headers: those of the last request.
    @ivar status: what is answered, with C{kind} and C{body}. 0: it does not answer.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, bytes]] = []
        self.headers: dict[str, str] = {}
        self.status = 200
        self.kind = "application/json"
        self.body = b""
        self.pending: list[Request] = []
        self.broken: list[Exception] = []
        self._site = _Site(self._answer)
        self._agent = RequestTraversalAgent(self._site)

    def request(self, method: bytes, uri: bytes, headers: Any = None, bodyProducer: Any = None) -> Deferred[Any]:
        if self.broken:
            raise self.broken.pop()
        asking: Deferred[Any] = self._agent.request(method, uri, headers, bodyProducer)
        return asking

    def flush(self) -> None:
        """
        Move bytes until there are none to move.
        """
        self._agent.flush()

    def hang_up(self) -> None:
        """
        Close the connection of the last request that was not answered.
        """
        connection: Any = self.pending[-1].transport
        connection.loseConnection()

    def _answer(self, request: Request) -> bytes | int:
        content: Any = request.content
        self.asked.append((request.method.decode(), request.uri.decode(), content.read()))
        self.headers = {
            name.decode().lower(): values[0].decode() for name, values in request.requestHeaders.getAllRawHeaders()
        }
        if not self.status:
            self.pending.append(request)
            return NOT_DONE_YET
        request.setResponseCode(self.status)
        request.setHeader(b"content-type", self.kind.encode())
        if self.status in (301, 302, 307):
            request.setHeader(b"location", b"https://elsewhere.example/")
        return self.body


class _Site(Resource):
    isLeaf = True

    def __init__(self, answer: Callable[[Request], bytes | int]) -> None:
        super().__init__()
        self._answer = answer

    def render(self, request: Request) -> bytes | int:
        return self._answer(request)
