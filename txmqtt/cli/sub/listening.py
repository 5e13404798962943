"""
What C{txmqtt sub} does: subscribe, print, and go on when the connection is lost, until it is enough.
"""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.python.failure import Failure

from txmqtt.cli.exits import FAILED, OK, TIMED_OUT, Ended, refusal
from txmqtt.cli.formats.command import Lines
from txmqtt.cli.lasting import Lasting
from txmqtt.cli.options.server import Server
from txmqtt.cli.output import Output
from txmqtt.cli.running import Run
from txmqtt.cli.sub.command import Wish
from txmqtt.cli.sub.identifiers import Identifiers
from txmqtt.codec import reasons
from txmqtt.codec.constants import PUBLISH, SUBSCRIBE, UNSUBSCRIBE
from txmqtt.codec.errors import Refused
from txmqtt.codec.topics import matches
from txmqtt.net.values import Message
from txmqtt.service.client import MQTTClientService


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
        self._out = Output(reactor, self._closed)
        self._removals: list[Deferred[Any]] = []
        self._link = Lasting(reactor, run, server, self._connected, self._fail, on_message=self._message)
        self._identifiers = Identifiers(self._link.service.state.handlers)

    async def job(self) -> int:
        """
        Listen until it is enough.
        """
        self._link.start()
        self._out.watch(self._reactor)
        try:
            return await self._enough
        finally:
            if self._removals:
                await DeferredList(self._removals, consumeErrors=True)
            self._out.flush()
            await self._link.leave()

    def _closed(self, why: OSError | None) -> None:
        """
        Nothing can be printed any more.
        """
        if why is None:
            self._end(OK)
        else:
            self._fail(Ended(FAILED, f"standard output: {why.strerror}"))

    def _end(self, status: int) -> None:
        if not self._enough.called:
            self._enough.callback(status)

    def _fail(self, error: Exception | Failure) -> None:
        if not self._enough.called:
            self._enough.errback(error)

    def _connected(self) -> None:
        """
        For the first time; from then on the service has our subscriptions restored.
        """
        if self._wish.timeout is not None:
            self._reactor.callLater(self._wish.timeout, lambda: self._fail(Ended(TIMED_OUT, "time is up")))
        asking = Deferred.fromCoroutine(self._ask(self._link.service))
        asking.addErrback(self._not_asked)

    def _not_asked(self, failure: Failure) -> None:
        self._fail(failure)

    async def _ask(self, client: MQTTClientService) -> None:
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
                self._out.write(self._lines.line(message, self._identifiers.latest))
            except ValueError as error:
                self._run.say(str(error))
        if self._judge.over:  # not before this message has been acknowledged, at the end of the turn
            self._reactor.callLater(0, self._end, OK)
        return None

    def _remove(self, message: Message) -> None:
        said = self._server.properties.of(PUBLISH)
        removal = self._link.service.publish(message.topic, b"", 1, True, said)
        removal.addErrback(lambda failure: self._run.say(f"{message.topic}: {failure.getErrorMessage()}"))
        self._removals.append(removal)
