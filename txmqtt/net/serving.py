"""
Answering what other clients ask: MQTT 5.0's response topics, the serving side.

A handler gets each request, and what it returns goes to the request's response topic with its correlation data, at the
QoS at which the request came. A request without a response topic calls the handler too: it wants something done and
nothing said.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger

from txmqtt.codec.constants import MQTT5, PUBLISH
from txmqtt.codec.errors import MQTTError, RequestFailed
from txmqtt.codec.properties import Properties
from txmqtt.codec.topics import filter_error, matches, topic_error
from txmqtt.net.arguments import check_callback, check_properties
from txmqtt.net.requests import ERROR, Speaker
from txmqtt.net.values import Acknowledgement, Message

_log = Logger()

#: What a handler may return: the response's payload, or payload and properties; None: an empty payload.
Reply = bytes | tuple[bytes, Properties] | None

#: What serves.
Server = Callable[[Message], Reply | Deferred[Any] | Coroutine[Deferred[Any], Any, Any]]

#: So many requests a service works on at once, unless said otherwise. Those of QoS 1 and 2 are not acknowledged before
#: they are answered, so this is less than what a server may have under way to us (100): a handler that asks somebody
#: else in turn still gets its response.
MOST_RUNNING = 50

#: What the other side is told when a handler fails: what went wrong inside is none of its business.
_FAILED = "the request failed"
_BUSY = "too many requests at once"

#: The longest words in an error that the other side is told, characters.
_LONGEST_WORDS = 1_000


class Service:
    """
    One thing that is served.

    @ivar filter: what it is subscribed to.
    @ivar running: how many requests it is working on.
    @ivar served: how many it has dealt with, well or not.
    @ivar failures: how many of those failed because of the handler: it raised, or returned no reply.
    @ivar refused: how many were not begun, because too many were running.
    @ivar unanswered: how many responses could not be sent: their topic is not allowed, or the server did not take them.
    """

    def __init__(
        self, speaker: Speaker, filter: str, handler: Server, limit: int = MOST_RUNNING, respond_to: str | None = None
    ) -> None:
        self.filter = filter
        self.running = 0
        self.served = 0
        self.failures = 0
        self.refused = 0
        self.unanswered = 0
        self._speaker = speaker
        self._handler = handler
        self._limit = limit
        self._respond_to = respond_to.encode() if respond_to is not None else None

    def stop(self) -> Deferred[Acknowledgement]:
        """
        Serve no more. What is being worked on is answered.

        @return: fires when the server has agreed.
        """
        return self._speaker.unsubscribe(self.filter)

    def asked(self, message: Message) -> Deferred[None]:
        """
        A request has come.

        @return: fires when it is dealt with and the response is with the server; it never fails.
        """
        if self.running >= self._limit:
            self.refused += 1
            return Deferred.fromCoroutine(self._respond(message, b"", _error(_BUSY)))
        return Deferred.fromCoroutine(self._serve(message))

    async def _serve(self, message: Message) -> None:
        self.running += 1
        try:
            try:
                payload, properties = _reply(await maybeDeferred(self._handler, message))
            except RequestFailed as error:
                payload, properties = b"", _error(str(error))
            except Exception:
                self.failures += 1
                _log.failure("the handler of a request on {topic!r} failed", topic=message.topic)
                payload, properties = b"", _error(_FAILED)
            await self._respond(message, payload, properties)
        finally:
            self.running -= 1
            self.served += 1

    async def _respond(self, message: Message, payload: bytes, properties: Properties) -> None:
        request = message.properties
        topic = request.response_topic
        if topic is None:
            return
        if not self._may_respond(topic.encode()):
            self.unanswered += 1
            _log.warn(
                "a request on {topic!r} wants its response on {to!r}, which is not allowed",
                topic=message.topic,
                to=topic[:200],
            )
            return
        properties.correlation_data = request.correlation_data
        try:
            await self._speaker.publish(topic, payload, message.qos, False, properties)
        except (MQTTError, ValueError) as error:
            self.unanswered += 1
            _log.warn("a request on {topic!r} was not answered: {why}", topic=message.topic, why=str(error))

    def _may_respond(self, topic: bytes) -> bool:
        """
        The other side says where we publish, and we may be allowed more than it: nothing is sent to the server's own
        topics, and where a filter was given only to what matches it.
        """
        if topic_error(topic) is not None or topic.startswith(b"$"):
            return False
        return self._respond_to is None or matches(self._respond_to, topic)


def serve(
    speaker: Speaker,
    topic: str,
    handler: Server,
    qos: int = 0,
    share: str | None = None,
    respond_to: str | None = None,
    limit: int = MOST_RUNNING,
) -> Deferred[Service]:
    """
    See C{RequestVerbs.serve}.
    """
    if speaker.version != MQTT5:
        raise ValueError(f"serve on protocol level {speaker.version}; MQTT 5.0 has response topics")
    if not isinstance(topic, str):
        raise TypeError(f"topic is {type(topic).__name__}; expected str")
    if not callable(handler):
        raise TypeError(f"handler is {handler!r}; expected a callable")
    check_callback("handler", handler)
    if share is not None and not isinstance(share, str):
        raise TypeError(f"share is {type(share).__name__}; expected str or None")
    if respond_to is not None:
        if not isinstance(respond_to, str):
            raise TypeError(f"respond_to is {type(respond_to).__name__}; expected str or None")
        wrong = filter_error(respond_to.encode(), False)
        if wrong is not None:
            raise ValueError(f"respond_to {respond_to[:80]!r}: {wrong}")
    if isinstance(limit, bool) or not isinstance(limit, int):
        raise TypeError(f"limit is {limit!r}; expected a number")
    if limit < 1:
        raise ValueError(f"limit is {limit}; expected 1 or more")
    filter = f"$share/{share}/{topic}" if share is not None else topic
    service = Service(speaker, filter, handler, limit, respond_to)
    return speaker.subscribe(filter, service.asked, qos).addCallback(lambda _: service)


def _reply(result: object) -> tuple[bytes, Properties]:
    """
    What a handler returned, with properties of its own that nobody else holds.

    @raise TypeError: it is no reply.
    @raise ValueError: its properties can't be those of a response.
    """
    if result is None:
        return b"", Properties()
    if isinstance(result, bytes):
        return result, Properties()
    if not isinstance(result, tuple) or len(result) != 2:
        raise TypeError(f"the handler returned {type(result).__name__}; expected bytes, or bytes and Properties")
    payload, given = result
    if not isinstance(payload, bytes) or not isinstance(given, Properties):
        types = f"{type(payload).__name__} and {type(given).__name__}"
        raise TypeError(f"the handler returned {types}; expected bytes and Properties")
    check_properties(given, PUBLISH)
    for name in ("response_topic", "correlation_data"):
        if getattr(given, name) is not None:
            raise ValueError(f"the response has {name}; expected none: it gets what the request says")
    return payload, Properties(
        message_expiry_interval=given.message_expiry_interval,
        payload_format_indicator=given.payload_format_indicator,
        content_type=given.content_type,
        user_properties=given.user_properties,
    )


def _error(words: str) -> Properties:
    return Properties(user_properties=((ERROR, words[:_LONGEST_WORDS]),))
