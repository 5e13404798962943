"""
The headers that an application wants in the request for a WebSocket.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.net.support_endpoints import Dialled, Hearers
from txmqtt.net.handshake import WebSocketSettings
from txmqtt.net.websocket_headers import HeadersEndpoint, checked


class HeadersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()

    def request(self, headers: Any) -> bytes:
        """
        What the server hears.
        """
        inner = Dialled()
        endpoint = HeadersEndpoint(self.clock, inner, "broker:8083", WebSocketSettings(path="/a?b=c"), headers)
        self.assertTrue(verifyObject(IStreamClientEndpoint, endpoint))
        self.waiting = endpoint.connect(Hearers())
        if inner.factory is None:
            return b""
        inner.succeed()
        said = inner.said()
        inner.lose()
        self.failureResultOf(self.waiting)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        return said

    def test_given(self) -> None:
        """
        They stand in the request, with the path and the host.
        """
        said = self.request({"Authorization": "Bearer x y", "X-Empty": ""})
        self.assertTrue(said.startswith(b"GET /a?b=c HTTP/1.1\r\nHost: broker:8083\r\n"), said)
        self.assertIn(b"\r\nAuthorization: Bearer x y\r\n", said)
        self.assertIn(b"\r\nX-Empty: \r\n", said)
        self.assertIn(b"HTTP/1.1\r\n", self.request(None))

    def test_asked_for(self) -> None:
        """
        What is callable is asked at each connection, and may take its time.
        """
        numbers = iter("12345")

        async def coroutine() -> dict[str, str]:
            return {"X-Token": next(numbers)}

        for ask in (
            lambda: {"X-Token": next(numbers)},
            lambda: succeed({"X-Token": next(numbers)}),
            coroutine,
        ):
            self.request(ask)
        self.assertIn(b"X-Token: 4\r\n", self.request(lambda: {"X-Token": next(numbers)}))
        never: Deferred[dict[str, str]] = Deferred()
        self.request(lambda: never)
        self.waiting.cancel()
        self.failureResultOf(self.waiting)

    def test_fails(self) -> None:
        """
        When it fails, or says what HTTP does not allow, there is no connection.
        """
        self.request(lambda: {"Host": "x"})
        self.failureResultOf(self.waiting, ValueError)
        self.request(lambda: 1 // 0)
        self.failureResultOf(self.waiting, ZeroDivisionError)

    def test_wrong(self) -> None:
        """
        What HTTP does not allow, or the handshake says itself, is refused; values may be secrets and do not show.
        """
        table: list[tuple[Any, type[Exception], str]] = [
            ([("a", "b")], TypeError, "headers is list; expected a mapping of str to str"),
            ({"a": 1}, TypeError, "headers has str to int"),
            ({b"a": "b"}, TypeError, "headers has bytes to str"),
            ({"a b": "secret"}, ValueError, "the name 'a b'"),
            ({"": "secret"}, ValueError, "the name ''"),
            ({"a:": "secret"}, ValueError, "the name 'a:'"),
            ({"a": "secret\r\nb: c"}, ValueError, "a value for a that HTTP does not allow"),
            ({"a": " secret"}, ValueError, "a value for a"),
            ({"a": "secr\xe9t"}, ValueError, "a value for a"),
            ({"HOST": "secret"}, ValueError, "headers has HOST; expected none that the handshake"),
            ({"Connection": "secret"}, ValueError, "headers has Connection"),
            ({"Sec-WebSocket-Protocol": "secret"}, ValueError, "headers has Sec-WebSocket-Protocol"),
        ]
        for headers, error, words in table:
            with self.subTest(headers=headers):
                with self.assertRaisesRegex(error, words) as caught:
                    checked(headers)
                self.assertNotIn("secret", str(caught.exception))
