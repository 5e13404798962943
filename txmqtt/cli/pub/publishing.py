"""
What C{txmqtt pub} does: connect, publish, wait for what the server says to it, say goodbye.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.stdio import StandardIO
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from txmqtt.cli.exits import FAILED, OK, Ended, refusal
from txmqtt.cli.options.server import Server, dial, hang_up
from txmqtt.cli.pub.command import Wish
from txmqtt.cli.pub.lines import Lines, Tap
from txmqtt.cli.running import Run
from txmqtt.codec.constants import PUBLISH
from txmqtt.codec.errors import Refused
from txmqtt.codec.properties import Properties
from txmqtt.net.client import MQTTClient

if TYPE_CHECKING:
    from txmqtt.service.client import MQTTClientService


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

    async def job(self) -> int:
        """
        Publish all there is.
        """
        if self._wish.lines:
            return await self._each_line()
        client = await dial(self._reactor, self._server)
        try:
            await self._one(client)
        finally:
            await hang_up(client, self._server)
        return OK

    async def _one(self, client: MQTTClient) -> None:
        wish = self._wish
        for number in range(wish.repeat):
            if number and wish.delay:
                await deferLater(self._reactor, wish.delay)
            await client.publish(wish.topic, self._payload, wish.qos, wish.retain, self._properties)

    async def _each_line(self) -> int:
        """
        Publish lines until there are no more and all that were sent are settled.
        """
        from txmqtt.cli.lasting import Lasting  # a single message does without

        finished: Deferred[int] = Deferred()

        def failed(error: Exception) -> None:
            if not finished.called:
                finished.errback(error)

        link = Lasting(self._reactor, self._run, self._server, lambda: None, failed)
        stream = Stream(self._run, link.service, self._wish, self._properties, finished)
        link.start()
        reader = StandardIO(Lines(stream.line, stream.end), reactor=self._reactor)
        stream.tap.transport = reader
        try:
            return await finished
        finally:
            reader.loseConnection()
            await link.leave()


class Stream:
    """
    Lines on their way to the server.

    @ivar tap: stops standard input while there are many of them.
    @param finished: fires with the exit status when the last is settled.
    """

    def __init__(
        self,
        run: Run,
        service: MQTTClientService,
        wish: Wish,
        properties: Properties | None,
        finished: Deferred[int],
    ) -> None:
        self._run = run
        self._service = service
        self._wish = wish
        self._properties = properties
        self._finished = finished
        self._over = False
        self._status = OK
        self.tap = Tap()

    def line(self, data: bytes) -> None:
        """
        One more.
        """
        if self._finished.called:
            return
        wish = self._wish
        self.tap.sent(len(data))
        publish = self._service.publish(wish.topic, data, wish.qos, wish.retain, self._properties)
        publish.addErrback(self._failed)
        publish.addCallback(self._settled, len(data))

    def end(self, wrong: str | None) -> None:
        """
        There are no more.
        """
        self._over = True
        if wrong is not None and not self._finished.called:
            self._finished.errback(Ended(FAILED, wrong))
        self._look()

    def _failed(self, failure: Failure) -> None:
        if self._finished.called:  # it is over anyway, and has been said
            return
        self._run.say(failure.getErrorMessage())
        if not self._status:
            error = failure.value
            self._status = refusal(error.reason, self._service.version) if isinstance(error, Refused) else FAILED

    def _settled(self, _: object, size: int) -> None:
        self.tap.arrived(size)
        self._look()

    def _look(self) -> None:
        if self._over and not self.tap.count and not self._finished.called:
            self._finished.callback(self._status)
