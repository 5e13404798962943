"""
Asking another client something and waiting for its response: MQTT 5.0's response topics, the asking side.

All responses come on one topic, which is subscribed to when the first request is made. Each request has correlation
data of its own that nobody can guess; whoever serves it sends them back, and so the response finds who waits for it.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from secrets import token_bytes, token_hex
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred, TimeoutError, fail
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from txmqtt.codec import reasons
from txmqtt.codec.constants import MQTT5, PUBLISH
from txmqtt.codec.errors import LocalProtocolError, RequestFailed
from txmqtt.codec.properties import Properties
from txmqtt.codec.topics import topic_error
from txmqtt.net.arguments import check_properties, payload_bytes, qos_number, topic_bytes
from txmqtt.net.values import Acknowledgement, Message

#: The user property by which a response says that it went wrong, and how.
ERROR = "error"

#: So many requests of one client may wait for their responses at once, unless said otherwise.
MOST_REQUESTS = 1_000

#: How long a response may take unless said otherwise, seconds.
PATIENCE = 10.0

#: The longest name of ours that becomes part of a topic, characters.
_LONGEST_NAME = 200


class Speaker(Protocol):
    """
    A client, as far as one must be for requests: C{MQTTClient} and C{MQTTClientService} are.
    """

    @property
    def client_id(self) -> str: ...

    @property
    def version(self) -> int: ...

    @property
    def server_properties(self) -> Properties: ...

    def publish(
        self,
        topic: str | bytes,
        payload: bytes | bytearray | memoryview = b"",
        qos: int = 0,
        retain: bool = False,
        properties: Properties | None = None,
    ) -> Deferred[Acknowledgement]: ...

    def subscribe(
        self, filter: str | bytes, callback: Callable[[Message], object] | None = None, qos: int = 0
    ) -> Deferred[Acknowledgement]: ...

    def unsubscribe(self, filter: str | bytes) -> Deferred[Acknowledgement]: ...


class _Asked:
    """
    One request that has not been answered.
    """

    def __init__(self, topic: str, send: Callable[[], Deferred[Acknowledgement]], answer: Deferred[Message]) -> None:
        self.topic = topic
        self.send = send
        self.answer = answer
        self.publishing: Deferred[Acknowledgement] | None = None


class Requests:
    """
    What one client has asked.

    @ivar speaker: the client.
    @ivar topic: where the responses come; empty before the first request.
    @ivar late: how many responses nobody waited for, or not any longer.
    @param clock: for the timeouts.
    @param limit: so many requests may wait for their responses at once; one more is refused.
    @param random: makes correlation data of so many bytes.
    """

    def __init__(
        self,
        speaker: Speaker,
        clock: IReactorTime,
        limit: int = MOST_REQUESTS,
        random: Callable[[int], bytes] = token_bytes,
    ) -> None:
        self.speaker = speaker
        self.topic = ""
        self.late = 0
        self._clock = clock
        self._limit = limit
        self._random = random
        self._asked: dict[bytes, _Asked] = {}
        self._subscribed = False
        self._subscribing = False

    def __len__(self) -> int:
        """
        How many wait for a response.
        """
        return len(self._asked)

    def request(
        self,
        topic: str | bytes,
        payload: bytes | bytearray | memoryview = b"",
        timeout: float | None = PATIENCE,
        qos: int = 0,
        properties: Properties | None = None,
    ) -> Deferred[Message]:
        """
        See C{RequestVerbs.request}.
        """
        speaker = self.speaker
        if speaker.version != MQTT5:
            raise ValueError(f"request on protocol level {speaker.version}; MQTT 5.0 has response topics")
        name = topic_bytes(topic)
        data = payload_bytes(payload)
        qos = qos_number(qos)
        _check_timeout(timeout)
        check_properties(properties, PUBLISH)
        for ours in ("response_topic", "correlation_data"):
            if properties is not None and getattr(properties, ours) is not None:
                raise ValueError(f"properties has {ours}; expected none: a request gets its own")
        if len(self._asked) >= self._limit:
            words = f"{self._limit} requests wait for their responses; expected fewer"
            return fail(LocalProtocolError(words, reasons.QUOTA_EXCEEDED))
        key = self._random(16)
        self.topic = self.topic or self._response_topic()
        said = _request_properties(properties, self.topic, key, timeout)

        def cancel(_: Deferred[Message]) -> None:
            self._forget(key)

        answer: Deferred[Message] = Deferred(cancel)
        asked = _Asked(name.decode(), lambda: speaker.publish(name, data, qos, False, said), answer)
        self._asked[key] = asked
        if timeout is not None:
            answer.addTimeout(timeout, self._clock, _too_late(asked.topic))
        if self._subscribed:
            self._send(key, asked)
        elif not self._subscribing:
            self._subscribe()
        return answer

    def abandon(self, why: Callable[[], BaseException]) -> None:
        """
        No response can come any more.

        @param why: makes the error; each who waits gets one of its own.
        """
        everybody, self._asked = self._asked, {}
        for asked in everybody.values():
            if not asked.answer.called:
                asked.answer.errback(why())

    def unsubscribed(self) -> None:
        """
        The server has no subscriptions of ours any more: the next request makes a new one.
        """
        self._subscribed = False

    # The way there

    def _response_topic(self) -> str:
        """
        Ours alone, and the same for as long as the session lives, so that no subscription is left behind: below what
        the server gave us for it, if it did, and with our name in it, for rules that go by names.
        """
        name = self.speaker.client_id
        if not 0 < len(name) <= _LONGEST_NAME or set(name) & set("+#/"):
            name = token_hex(8)
        base = (self.speaker.server_properties.response_information or "").rstrip("/")
        if topic_error(base.encode()) is not None:
            return f"txmqtt/response/{name}"
        return base if name in base.split("/") else f"{base}/{name}"

    def _subscribe(self) -> None:
        self._subscribing = True
        try:
            granted = self.speaker.subscribe(self.topic, self._responded, qos=2)
        except Exception:
            self._not_subscribed(Failure())
            return
        granted.addCallbacks(self._granted, self._not_subscribed)

    def _granted(self, _: object) -> None:
        self._subscribing = False
        self._subscribed = True
        for key, asked in list(self._asked.items()):
            if asked.publishing is None and key in self._asked:
                self._send(key, asked)

    def _not_subscribed(self, failure: Failure) -> None:
        self._subscribing = False
        for key, asked in list(self._asked.items()):
            if asked.publishing is None and self._asked.pop(key, None) is not None:
                asked.answer.errback(failure)

    def _send(self, key: bytes, asked: _Asked) -> None:
        def sent(acknowledgement: Acknowledgement) -> None:
            if acknowledgement.reason == reasons.NO_MATCHING_SUBSCRIBERS:
                words = f"nobody serves {asked.topic!r}"
                self._fail(key, Failure(RequestFailed(words, reasons.NO_MATCHING_SUBSCRIBERS)))

        try:
            publishing = asked.publishing = asked.send()
        except Exception:
            self._fail(key, Failure())
            return
        publishing.addCallbacks(sent, lambda failure: self._fail(key, failure))

    def _fail(self, key: bytes, failure: Failure) -> None:
        asked = self._asked.pop(key, None)
        if asked is not None:
            asked.answer.errback(failure)

    def _forget(self, key: bytes) -> None:
        """
        Nobody waits for it any more: if it has not left, it need not leave.
        """
        asked = self._asked.pop(key, None)
        if asked is not None and asked.publishing is not None:
            asked.publishing.cancel()

    # The way back

    def _responded(self, message: Message) -> None:
        said = message.properties
        asked = self._asked.pop(said.correlation_data or b"", None)
        if asked is None:
            self.late += 1
            return
        for name, value in said.user_properties:
            if name == ERROR:
                words = f"{asked.topic!r}: {value or 'it went wrong'}"
                asked.answer.errback(RequestFailed(words, properties=said))
                return
        asked.answer.callback(message)


def _request_properties(given: Properties | None, topic: str, key: bytes, timeout: float | None) -> Properties:
    given = given or Properties()
    expiry = given.message_expiry_interval
    if expiry is None and timeout is not None:
        expiry = min(ceil(timeout), 0xFFFF_FFFF)
    return Properties(
        response_topic=topic,
        correlation_data=key,
        message_expiry_interval=expiry,
        payload_format_indicator=given.payload_format_indicator,
        content_type=given.content_type,
        user_properties=given.user_properties,
    )


def _check_timeout(timeout: object) -> None:
    if timeout is None:
        return
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise TypeError(f"timeout is {timeout!r}; expected a number of seconds, or None")
    if not 0 < timeout < float("inf"):
        raise ValueError(f"timeout is {timeout}; expected more than 0 seconds, or None for ever")


def _too_late(topic: str) -> Callable[[Any, float], Failure]:
    def too_late(result: Any, timeout: float) -> Failure:
        assert isinstance(result, Failure) and result.check(CancelledError)
        return Failure(TimeoutError(f"no response on {topic!r} within {timeout:g} s"))

    return too_late
