"""
A client for other threads than the reactor's.

A client, like all of Twisted, lives in the thread of the reactor, and says so when it is called from another. What is
here may be called from any other thread: it hands each verb to the reactor and waits for what becomes of it.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import get_ident
from typing import Any, ParamSpec, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python import threadable
from twisted.python.failure import Failure

from txmqtt.net.asking import Asking
from txmqtt.net.values import Acknowledgement, Message

_P = ParamSpec("_P")
_T = TypeVar("_T")


class FromThread:
    """
    The verbs of one client, to be called from any thread but the reactor's.

    Each waits until the client has done it, and returns or raises what its Deferred comes to. Callbacks of
    subscriptions are called in the reactor's thread; one that takes long may return C{deferToThread(work, message)}.
    """

    def __init__(self, client: Any, reactor: IReactorFromThreads | None = None) -> None:
        """
        @param client: a C{MQTTClient} or a C{MQTTClientService}.
        @param reactor: Twisted's, unless given.
        """
        if not isinstance(client, Asking):
            raise TypeError(f"client is {type(client).__name__}; expected a client")
        if reactor is None:
            from twisted.internet import reactor as installed

            reactor = IReactorFromThreads(installed)
        self._client: Any = client
        self._reactor = reactor

    def submit(self, verb: Callable[_P, Deferred[_T]], *args: _P.args, **options: _P.kwargs) -> Future[_T]:
        """
        Have any verb of the client called in the reactor's thread, and go on meanwhile::

            future = threads.submit(client.publish, "t", b"payload", qos=1)

        @return: becomes what the Deferred of the verb comes to. Cancelling it cancels that.
        """
        future: Future[_T] = Future()

        def start() -> None:
            if not future.set_running_or_notify_cancel():
                return
            maybeDeferred(verb, *args, **options).addCallbacks(future.set_result, failed)

        def failed(failure: Failure) -> None:
            future.set_exception(failure.value)

        self._reactor.callFromThread(start)
        return future

    def call(
        self, patience: float | None, verb: Callable[_P, Deferred[_T]], /, *args: _P.args, **options: _P.kwargs
    ) -> _T:
        """
        The same, and wait for it.

        @param patience: how long at most, seconds; None: for ever. What was asked is not taken back.
        @raise RuntimeError: this is the reactor's thread, which must never wait.
        @raise TimeoutError: it took longer.
        """
        if threadable.ioThread == get_ident():
            raise RuntimeError("FromThread was called in the reactor's thread, which must not wait; expected await")
        return self.submit(verb, *args, **options).result(patience)

    def publish(
        self,
        topic: str | bytes,
        payload: bytes | bytearray | memoryview = b"",
        qos: int = 0,
        retain: bool = False,
        *,
        timeout: float | None = None,
        **options: Any,
    ) -> Acknowledgement:
        """
        See C{publish} of the client, and C{call}.
        """
        done: Acknowledgement = self.call(timeout, self._client.publish, topic, payload, qos, retain, **options)
        return done

    def subscribe(
        self,
        filter: Any,
        callback: Callable[[Message], object] | None = None,
        qos: int = 0,
        *,
        timeout: float | None = None,
        **options: Any,
    ) -> Acknowledgement:
        """
        See C{subscribe} of the client, and C{call}.
        """
        done: Acknowledgement = self.call(timeout, self._client.subscribe, filter, callback, qos, **options)
        return done

    def unsubscribe(self, filter: Any, *, timeout: float | None = None) -> Acknowledgement:
        """
        See C{unsubscribe} of the client, and C{call}.
        """
        done: Acknowledgement = self.call(timeout, self._client.unsubscribe, filter)
        return done

    def request(
        self, topic: str | bytes, payload: bytes = b"", *, timeout: float | None = 10.0, **options: Any
    ) -> Message:
        """
        See C{request} of the client, which gives up after C{timeout}.
        """
        response: Message = self.call(None, self._client.request, topic, payload, timeout=timeout, **options)
        return response
