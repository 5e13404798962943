"""
C{MQTTClientService}: a client that is there for as long as it runs, whatever becomes of its connections.

It connects, and connects again; what is published meanwhile waits; what was subscribed to is subscribed to again when
the server has lost it, and only then. With a store, what it promised survives the program too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike, fspath
from typing import Any, Unpack

from twisted.internet.defer import Deferred, fail

from txmqtt.backends.sqlite.worker import ThreadWorker
from txmqtt.codec.constants import MQTT5, PUBLISH
from txmqtt.codec.errors import ConnectionClosed, MQTTError
from txmqtt.codec.properties import Properties
from txmqtt.net.addresses import Address, TLSOption, endpoint_for
from txmqtt.net.arguments import check_callback, check_properties, payload_bytes, qos_number, topic_bytes
from txmqtt.net.asking import Asking
from txmqtt.net.receiving.receivers import Callback
from txmqtt.net.request_verbs import RequestVerbs
from txmqtt.net.requests import Requests
from txmqtt.net.settings import Options, settings_of
from txmqtt.net.state import Answer, Ask
from txmqtt.net.steady import steady
from txmqtt.net.thread_check import check_thread
from txmqtt.net.websocket_headers import HeadersOption
from txmqtt.service.client.lifecycle import Lifecycle, Plan, Store
from txmqtt.service.client.outbox import POLICIES, REFUSE
from txmqtt.service.client.phases import Phase
from txmqtt.service.client.retry import Retry
from txmqtt.service.client.servers import Server, Servers, is_web
from txmqtt.session.outgoing import Outbound

#: How long a server keeps the session of a client that is to begin anew with each start of its program, seconds: long
#: enough for a network that comes and goes.
_SESSION = 300


class MQTTClientService(Lifecycle, Asking, RequestVerbs):
    """
    A client of one server, or of several in turn. Start it, make it a child of an application, or both.

    The verbs may be used at any time. A publish that finds no connection waits for the next, within
    C{max_queued_messages} and C{max_queued_bytes}.

    @ivar version: of MQTT: 5 for 5.0, 4 for 3.1.1, 3 for 3.1.
    """

    def __init__(
        self,
        servers: Server | Sequence[Server],
        *,
        reactor: Any = None,
        tls: TLSOption | Callable[[], object] | None = None,
        proxy: str | None = None,
        headers: HeadersOption | None = None,
        seconds: Callable[[], float] | None = None,
        store: str | PathLike[str] | Store | None = None,
        retry: Retry | None = None,
        credentials: Callable[[], object] | None = None,
        queue_full: str = REFUSE,
        max_waiting: int = 10_000,
        follow_redirects: bool = False,
        **options: Unpack[Options],
    ) -> None:
        """
        @param servers: a URL, the description of an endpoint, or an endpoint; or several of them.
        @param reactor: Twisted's, unless given.
        @param tls: how to speak TLS where a URL asks for it: C{TLS}, or a callable that gives one, or a Deferred of
            one, before each attempt. The files that it names are read again when they have changed.
        @param proxy: see C{connect}; likewise C{headers}, which are for those of the servers that speak WebSocket.
        @param seconds: a clock that never jumps, seconds; None: the system's, or that of a C{Clock}.
        @param store: the file that keeps what is promised: publishes that are not acknowledged, QoS 2 messages that are
            not finished, subscriptions. One file is one session.
        @param retry: when to try again.
        @param credentials: is called before each attempt and gives user name and password as a tuple, or a Deferred of
            one.
        @param queue_full: what becomes of a publish that finds no room in the queue: C{"refuse"} fails it, C{"wait"}
            has it wait for room, C{"drop_oldest"} fails the one that has waited longest instead.
        @param max_waiting: with C{"wait"}: how many may do so.
        @param follow_redirects: go where a server says that we should go.
        @param options: see C{Settings}. With C{clean_start}, the default, the session begins anew when the program
            starts, and on 5.0 goes on after a lost connection, for C{session_expiry} seconds. Unless that is given it
            is 300, and the session ends with C{stopService}.
        """
        if queue_full not in POLICIES:
            raise ValueError(f"queue_full is {queue_full!r}; expected one of {', '.join(POLICIES)}")
        if credentials is not None and not callable(credentials):
            raise TypeError(f"credentials is {credentials!r}; expected a callable or None")
        if retry is not None and not isinstance(retry, Retry):
            raise TypeError(f"retry is {retry!r}; expected Retry or None")
        if not isinstance(follow_redirects, bool):
            raise TypeError(f"follow_redirects is {follow_redirects!r}; expected True or False")
        if isinstance(max_waiting, bool) or not isinstance(max_waiting, int):
            raise TypeError(f"max_waiting is {max_waiting!r}; expected a number")
        if max_waiting < 0:
            raise ValueError(f"max_waiting is {max_waiting}; expected at least 0")
        if store is not None and not isinstance(store, str | PathLike) and not hasattr(store, "open"):
            raise TypeError(f"store is {type(store).__name__}; expected the name of a file or None")
        if reactor is None:
            from twisted.internet import reactor as installed

            reactor = installed
        if seconds is None:
            seconds = steady(reactor)
        if store is not None:
            options.setdefault("clean_start", False)
        forgets = False
        if options.get("clean_start", True) and options.get("version", MQTT5) == MQTT5:
            forgets = "session_expiry" not in options
            options.setdefault("session_expiry", _SESSION)
        settings = settings_of(options)
        if store is not None and settings.clean_start:
            raise ValueError("clean_start is True; expected False with a store, which keeps a session")
        self.version = settings.version
        self._clock = reactor

        known = Servers(servers, follow_redirects, tls is not None)
        web = any(is_web(each) for each in known.all())

        def reach(server: Server, tls: TLSOption | None) -> Address:
            said = headers if is_web(server) or not web else None  # they are for one of the others
            return endpoint_for(reactor, server, tls=tls, proxy=proxy, headers=said)

        plan = Plan(
            reactor,
            seconds,
            settings,
            known,
            reach,
            tls,
            retry or Retry(),
            credentials,
            self._opened_later(store, reactor, seconds),
            queue_full,
            max_waiting,
            forgets,
        )
        for each in plan.servers.all():
            reach(each, None if callable(tls) else tls)  # what is wrong with it is said now
        super().__init__(plan)

    @staticmethod
    def _opened_later(store: Any, reactor: Any, seconds: Callable[[], float]) -> Store | None:
        if not isinstance(store, str | PathLike):
            found: Store | None = store
            return found
        from txmqtt.backends.client import ClientStore  # most do without

        workers: Any = getattr(reactor, "make_worker", ThreadWorker)  # a test's reactor has no threads
        made: Store = ClientStore(fspath(store), reactor, seconds=seconds, workers=workers)
        return made

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.client_id!r}: {self.phase.value}>"

    @property
    def client_id(self) -> str:
        """
        Who we are to the server; the name that it gave us, if we had none.
        """
        return self.state.client_id

    @property
    def server_properties(self) -> Properties:
        """
        What the server said of itself when it accepted us, 5.0.
        """
        client = self.state.client
        return client.server_properties if client is not None else Properties()

    @property
    def on_message(self) -> Callback | None:
        """
        Gets the messages that no subscription's callback takes.
        """
        return self.state.handlers.otherwise

    @on_message.setter
    def on_message(self, callback: Callback | None) -> None:
        check_callback("on_message", callback)
        self.state.handlers.otherwise = callback

    @property
    def requests(self) -> Requests:
        """
        See C{RequestVerbs}.
        """
        if self.state.requests is None:
            self.state.requests = Requests(self, self._plan.reactor)
        return self.state.requests

    def whenIdle(self) -> Deferred[None]:
        """
        Fires when nothing is left to be sent or acknowledged.
        """
        if self.phase is Phase.GIVEN_UP:
            return fail(self._why())
        return self.outbox.idle()

    # The verbs

    def publish(
        self,
        topic: str | bytes,
        payload: bytes | bytearray | memoryview = b"",
        qos: int = 0,
        retain: bool = False,
        properties: Properties | None = None,
        *,
        key: str = "",
        lifetime: float | None = None,
    ) -> Answer:
        """
        Send a message, now or when there is a connection.

        @param key: your name for it: with a store, C{outcome} finds it by that when the program has been started again.
        @param lifetime: how long it may wait to be sent, seconds; then it fails.
        @return: fires when the server has it: at its PUBACK or PUBCOMP; at QoS 0 when a connection has taken it.
        """
        client = self.client
        if client is not None and not key and lifetime is None and self.outbox.plain:
            return client.publish(topic, payload, qos, retain, properties)
        item = self._made(topic, payload, qos, retain, properties, key, lifetime)
        return self.outbox.publish(item, key) if self.phase is not Phase.GIVEN_UP else fail(self._why())

    def post(
        self,
        topic: str | bytes,
        payload: bytes | bytearray | memoryview = b"",
        qos: int = 1,
        retain: bool = False,
        properties: Properties | None = None,
        *,
        key: str = "",
        lifetime: float | None = None,
    ) -> Deferred[None]:
        """
        With a store: put a message into it, to be sent as soon as can be. See C{publish}.

        @return: fires when it is on disk: from then on it reaches the server, whatever becomes of this program.
            C{outcome} tells how it went if it has a key.
        @raise ValueError: there is no store, or QoS is 0, which is not kept.
        """
        if self.state.keeper is None:
            raise ValueError("post without a store; expected the option store, or publish")
        if qos_number(qos) == 0:
            raise ValueError("post at QoS 0; expected QoS 1 or 2")
        item = self._made(topic, payload, qos, retain, properties, key, lifetime)
        return self.outbox.post(item, key) if self.phase is not Phase.GIVEN_UP else fail(self._why())

    def _made(
        self,
        topic: str | bytes,
        payload: bytes | bytearray | memoryview,
        qos: int,
        retain: bool,
        properties: Properties | None,
        key: str,
        lifetime: float | None,
    ) -> Outbound:
        """
        What is to be published, when all of it has been judged.
        """
        name = topic_bytes(topic)
        data = payload_bytes(payload)
        qos = qos_number(qos)
        check_properties(properties, PUBLISH, self.version)
        self.outcomes.check(key, qos)
        if lifetime is not None and (isinstance(lifetime, bool) or not isinstance(lifetime, int | float)):
            raise TypeError(f"lifetime is {lifetime!r}; expected a number of seconds or None")
        if lifetime is not None and lifetime <= 0:
            raise ValueError(f"lifetime is {lifetime}; expected more than 0 seconds")
        return self.outbox.make(name, data, qos, bool(retain), properties, lifetime)

    def when_writable(self) -> Deferred[None]:
        """
        For those who have a great many messages to publish: wait for this before each, and no more are in memory than
        are on their way.

        @return: fires when a message that is published now would leave at once.
        """
        if self.phase is Phase.GIVEN_UP:
            return fail(self._why())
        client = self.client
        return self.state.writable.ask(client.session if client is not None else None)

    def outcome(self, key: str) -> Answer:
        """
        How a publish ended, or will end, that was given this key, perhaps by an earlier life of the program.

        Asked before the store has been read, as from before the start, it waits for that.

        @return: fires as the Deferred of that publish would have; what failed without a word of the server, because it
            expired, for example, is C{Refused} here. Fails with C{KeyError} when there is none in the store.
        @raise KeyError: there is none, or it was told before.
        """
        return self.outcomes.find(key) if self.phase is not Phase.GIVEN_UP else fail(self._why())

    def ping(self) -> Answer:
        """
        Ask the server for a sign of life, as C{MQTTClient.ping} does. Fails when there is no connection.
        """
        client = self.client
        return client.ping() if client is not None else fail(self._unconnected())

    def reauthenticate(self) -> Deferred[None]:
        """
        5.0: prove again who we are, as C{MQTTClient.reauthenticate} does. Whoever is not connected fails: it is proven
        anyway when there is a connection.
        """
        client = self.client
        return client.reauthenticate() if client is not None else fail(self._unconnected())

    def _unconnected(self) -> MQTTError:
        return self._why() if self.phase is Phase.GIVEN_UP else ConnectionClosed("not connected")

    def ask(self, ask: Ask) -> Answer:
        """
        See C{Asking}.
        """
        client = self.client
        if client is not None:
            return client.ask(ask)
        check_thread("a client")
        return self.state.expect(ask)[1]

    def _cannot(self) -> Answer | None:
        return fail(self._why()) if self.phase is Phase.GIVEN_UP else None
