"""
What C{txmqtt pub} does: connect, publish, wait for what the server says to it, say goodbye.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.stdio import StandardIO
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from txmqtt.cli.exits import FAILED, OK, Ended, refusal
from txmqtt.cli.options.server import Server, dial, hang_up
from txmqtt.cli.pub.command import Wish
from txmqtt.cli.pub.lines import Lines, Tap
from txmqtt.cli.running import Run
from txmqtt.codec.constants import PUBLISH
from txmqtt.codec.errors import ConnectionClosed, Refused
from txmqtt.net.client import MQTTClient


class Publishing:
    """
    One run of the command.
    """

    def __init__(self, reactor: Any, run: Run, server: Server, wish: Wish, payload: bytes) -> None:
        self._reactor = reactor
        self._run = run
        self._server = server
        self._wish = wish
        self._payload = payload
        self._properties = server.properties.of(PUBLISH)
        self._status = OK

    async def job(self) -> int:
        """
        Publish all there is.
        """
        client = await dial(self._reactor, self._server)
        try:
            if self._wish.lines:
                await self._each_line(client)
            else:
                await self._one(client)
        finally:
            await hang_up(client, self._server)
        return self._status

    async def _one(self, client: MQTTClient) -> None:
        wish = self._wish
        for number in range(wish.repeat):
            if number and wish.delay:
                await deferLater(self._reactor, wish.delay)
            await client.publish(wish.topic, self._payload, wish.qos, wish.retain, self._properties)

    async def _each_line(self, client: MQTTClient) -> None:
        """
        Publish lines until there are no more and all that were sent are settled, or the connection ends.
        """
        finished: Deferred[None] = Deferred()
        tap = Tap()
        over = False

        def settled(result: object, size: int) -> None:
            tap.arrived(size)
            if isinstance(result, Failure):
                failed(result)
            if over and not tap.count and not finished.called:
                finished.callback(None)

        def failed(failure: Failure) -> None:
            error = failure.value
            if isinstance(error, ConnectionClosed):
                end(str(error))
                return
            self._run.say(failure.getErrorMessage())
            if not self._status:
                self._status = refusal(error.reason, client.version) if isinstance(error, Refused) else FAILED

        def line(data: bytes) -> None:
            if finished.called:
                return
            tap.sent(len(data))
            publish = client.publish(self._wish.topic, data, self._wish.qos, self._wish.retain, self._properties)
            publish.addBoth(settled, len(data))

        def end(wrong: str | None) -> None:
            nonlocal over
            over = True
            if finished.called:
                return
            if wrong is not None:
                finished.errback(Failure(Ended(FAILED, wrong)))
            elif not tap.count:
                finished.callback(None)

        closed = client.whenClosed()
        closed.addCallbacks(lambda why: end(str(why)), lambda failure: failure.trap(CancelledError))
        reader = StandardIO(Lines(line, end), reactor=self._reactor)
        tap.transport = reader
        try:
            await finished
        finally:
            closed.cancel()
            reader.loseConnection()
