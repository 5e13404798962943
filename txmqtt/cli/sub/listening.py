"""
What C{txmqtt sub} does: subscribe, print, and go on when the connection is lost, until it is enough.
"""

from __future__ import annotations

from contextlib import suppress
from random import Random
from typing import Any, Final

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from txmqtt.cli.exits import OK, TIMED_OUT, Ended, refusal
from txmqtt.cli.formats.command import Lines
from txmqtt.cli.options.server import Server, dial, hang_up
from txmqtt.cli.output import Output
from txmqtt.cli.running import Run
from txmqtt.cli.sub.command import Wish
from txmqtt.codec import reasons
from txmqtt.codec.constants import PUBLISH, SUBSCRIBE, UNSUBSCRIBE
from txmqtt.codec.errors import MQTTError, Refused
from txmqtt.codec.topics import matches
from txmqtt.net.client import MQTTClient
from txmqtt.net.values import Message

#: Between attempts to connect again, seconds: the first, and the longest.
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 30.0

#: Why a server ends a connection that would only be ended again.
_FOR_GOOD: Final = (
    reasons.SESSION_TAKEN_OVER,
    reasons.NOT_AUTHORIZED,
    reasons.BANNED,
    reasons.ADMINISTRATIVE_ACTION,
    reasons.USE_ANOTHER_SERVER,
    reasons.SERVER_MOVED,
)


class Judge:
    """
    Which messages are printed, and after which it is enough.
    """

    def __init__(self, wish: Wish, random: Random | None = None) -> None:
        self._wish = wish
        self._filters = [each.encode("utf-8", "surrogateescape") for each in wish.filter_out]
        self._random = random or Random()
        self._left = wish.count
        self.over = False

    def wanted(self, message: Message) -> bool:
        """
        Whether it has to do with us at all.
        """
        return not self._filters or not any(matches(each, message.topic.encode()) for each in self._filters)

    def prints(self, message: Message) -> bool:
        """
        Whether to print it; C{over} says whether it was the last.
        """
        wish = self._wish
        if wish.retained_only and not message.retain:
            self.over = True
            return False
        if message.retain and wish.no_retain:
            return False
        if wish.random_filter < 100 and self._random.uniform(0, 100) >= wish.random_filter:
            return False
        if self._left is not None:
            self._left -= 1
            self.over = self._left <= 0
        return True


class Listening:
    """
    One run of the command.
    """

    def __init__(
        self, reactor: Any, run: Run, server: Server, topics: tuple[str, ...], wish: Wish, lines: Lines
    ) -> None:
        self._reactor = reactor
        self._run = run
        self._server = server
        self._topics = topics
        self._wish = wish
        self._lines = lines
        self._judge = Judge(wish)
        self._enough: Deferred[int] = Deferred()
        self._out = Output(reactor, lambda: self._end(OK))
        self._client: MQTTClient | None = None
        self._removals: list[Deferred[Any]] = []

    async def job(self) -> int:
        """
        Listen until it is enough.
        """
        keeping = Deferred.fromCoroutine(self._keep())
        keeping.addErrback(lambda failure: None if self._enough.called else self._enough.errback(failure))
        try:
            return await self._enough
        finally:
            await self._leave(keeping)

    async def _leave(self, keeping: Deferred[None]) -> None:
        if self._removals:
            with suppress(MQTTError):
                await gatherResults(self._removals, consumeErrors=True)
        keeping.cancel()
        self._out.flush()
        if self._client is not None:
            await hang_up(self._client, self._server)

    def _end(self, status: int) -> None:
        if not self._enough.called:
            self._enough.callback(status)

    async def _keep(self) -> None:
        """
        Keep a connection, with our subscriptions on it.
        """
        self._client = client = await dial(self._reactor, self._server, on_message=self._message)
        if self._wish.timeout is not None:
            self._reactor.callLater(self._wish.timeout, self._late)
        while True:
            await self._ask(client)
            why = await client.whenClosed()
            if why.reason in _FOR_GOOD:
                raise Ended(why.reason, str(why))
            self._run.say(f"{why}; connecting again")
            self._client = client = await self._again()

    async def _again(self) -> MQTTClient:
        pause = _FIRST_PAUSE
        while True:
            await deferLater(self._reactor, pause)
            try:
                return await dial(self._reactor, self._server, on_message=self._message)
            except (MQTTError, OSError) as error:
                self._run.say(f"{error}; trying again")
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _ask(self, client: MQTTClient) -> None:
        """
        Subscribe and unsubscribe.
        """
        wish = self._wish
        said = self._server.properties
        if self._topics:
            properties = said.of(SUBSCRIBE)
            numbers = properties.subscription_identifiers if properties is not None else ()
            try:
                await client.subscribe(
                    list(self._topics),
                    None,
                    wish.qos,
                    no_local=wish.no_local,
                    retain_as_published=wish.retain_as_published,
                    retain_handling=wish.retain_handling,
                    identifier=numbers[0] if numbers else 0,
                    properties=properties,
                )
            except Refused as error:
                if all(code >= reasons.FAILURE for code in error.reasons):
                    raise Ended(refusal(error.reason, client.version), str(error)) from None
                self._run.say(str(error))  # of the others there may be messages
        if wish.unsubscribe:
            await client.unsubscribe(list(wish.unsubscribe), said.of(UNSUBSCRIBE))
        if wish.exit_after_sub or not self._topics:
            self._end(OK)

    def _message(self, message: Message) -> object:
        if self._judge.over:
            return Deferred()  # never acknowledged: whoever has the session next gets it
        if not self._judge.wanted(message):
            return None
        if self._wish.remove_retained and message.retain and message.payload:
            self._remove(message)
        if self._judge.prints(message):
            try:
                self._out.write(self._lines.line(message))
            except ValueError as error:
                self._run.say(str(error))
        if self._judge.over:
            self._end(OK)
        return None

    def _remove(self, message: Message) -> None:
        assert self._client is not None
        said = self._server.properties.of(PUBLISH)
        removal = self._client.publish(message.topic, b"", 1, True, said)
        removal.addErrback(lambda failure: self._run.say(f"{message.topic}: {failure.getErrorMessage()}"))
        self._removals.append(removal)

    def _late(self) -> None:
        if not self._enough.called:
            self._enough.errback(Ended(TIMED_OUT, "time is up"))
