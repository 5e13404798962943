"""
The verbs of asking and answering, for whoever has the verbs of a client: request, serve, serves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from txmqtt.codec.properties import Properties
from txmqtt.net.requests import PATIENCE, Requests
from txmqtt.net.serving import MOST_RUNNING, Server, Service, serve
from txmqtt.net.values import Message

_log = Logger()

_Handler = TypeVar("_Handler", bound=Server)


class RequestVerbs:
    """
    To be inherited from.
    """

    @property
    def requests(self) -> Requests:
        """
        What has been asked, with its counters.
        """
        raise NotImplementedError

    def request(
        self,
        topic: str | bytes,
        payload: bytes | bytearray | memoryview = b"",
        timeout: float | None = PATIENCE,
        qos: int = 0,
        properties: Properties | None = None,
    ) -> Deferred[Message]:
        """
        5.0: ask whoever serves this topic, and wait for the response.

        @param timeout: how long the response may take, seconds; None: for ever. The request expires with it, unless
            C{properties} has a C{message_expiry_interval}.
        @param qos: of the request, and, as far as our own services go, of the response.
        @param properties: of the request, without C{response_topic} and C{correlation_data}.
        @return: fires with the response. Fails with C{TimeoutError} of C{twisted.internet.defer} when there is none in
            time, and with C{RequestFailed} when the server says that nobody serves it, which it can at QoS 1 and 2, or
            when the response says that it went wrong. Cancelling gives up waiting.
        """
        return self.requests.request(topic, payload, timeout, qos, properties)

    def serve(
        self,
        topic: str,
        handler: Server,
        qos: int = 0,
        *,
        share: str | None = None,
        respond_to: str | None = None,
        limit: int = MOST_RUNNING,
    ) -> Deferred[Service]:
        """
        5.0: answer what others ask on this topic.

        @param topic: a topic, or a filter.
        @param handler: called with each request, a C{Message}. It returns the response, C{bytes}, or C{bytes} and
            C{Properties}; or a Deferred or coroutine of these. What it raises is logged and counted, and the other side
            is told that it failed; of C{RequestFailed} it is told the words too. A request of QoS 1 or 2 is
            acknowledged when it has been answered.
        @param qos: at most this QoS, for requests; each response has that of its request.
        @param share: the name of a group, of which one member gets each request; None: all who serve get all.
        @param respond_to: a filter: responses go to topics that match it and to no other. Who asks says where the
            response goes, and may not be allowed there itself; None: anywhere but to topics that begin with C{$}.
        @param limit: so many requests are worked on at once; the other side of one more is told so.
        @return: fires with the C{Service} when the server has granted the subscription; its C{stop} ends it.
        """
        return serve(self.requests.speaker, topic, handler, qos, share, respond_to, limit)

    def serves(
        self,
        topic: str,
        qos: int = 0,
        *,
        share: str | None = None,
        respond_to: str | None = None,
        limit: int = MOST_RUNNING,
    ) -> Callable[[_Handler], _Handler]:
        """
        5.0: C{serve} as a decorator. That the server does not grant the subscription is logged.
        """

        def decorate(handler: _Handler) -> _Handler:
            serving = self.serve(topic, handler, qos, share=share, respond_to=respond_to, limit=limit)
            serving.addErrback(lambda failure: _log.failure("{topic!r} is not served", failure, topic=topic))
            return handler

        return decorate
