"""
Requests and their responses through real brokers: mosquitto, and our own.
"""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from tests.end_to_end.support import mosquitto, our_broker
from txmqtt import Message, connect
from txmqtt.codec.errors import RequestFailed

reactor: Any = _reactor


class RequestTests(TestCase):
    timeout = 60

    async def _test(self, port: int) -> None:
        url = f"mqtt://127.0.0.1:{port}"
        server, client = await connect(reactor, url), await connect(reactor, url)

        async def double(message: Message) -> bytes:
            return message.payload * 2

        service = await server.serve("requests/double", double, 2, respond_to="txmqtt/response/#")
        asked = [client.request("requests/double", b"%d" % number, qos=number % 3) for number in range(30)]
        responses: list[Message] = await gatherResults(asked)
        self.assertEqual([each.payload for each in responses], [b"%d" % number * 2 for number in range(30)])
        self.assertEqual([each.qos for each in responses], [number % 3 for number in range(30)])
        await service.stop()
        with self.assertRaisesRegex(RequestFailed, "nobody serves 'requests/double'"):
            await client.request("requests/double", qos=1)
        await server.disconnect()
        await client.disconnect()

    def test_mosquitto(self) -> Deferred[None]:
        """
        Each response comes to whom it is for, at the QoS of its request; what nobody serves is said at once.
        """
        return Deferred.fromCoroutine(self._test(mosquitto().port))

    def test_ours(self) -> Deferred[None]:
        """
        The same through our broker.
        """
        return Deferred.fromCoroutine(self._test(our_broker().port))
