"""
The client's verbs: publish, subscribe, unsubscribe, ping, disconnect. Each answers with a Deferred.

A Deferred fires when the server has acknowledged, and fails with an error that carries the reason when it refuses
(C{Refused}) or when the connection ends first (C{ConnectionClosed}). Cancelling one sends its waiter home; what is on
its way stays on its way. All verbs may be called from within callbacks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime

from txmqtt.codec import reasons
from txmqtt.codec.constants import PUBLISH, SUBSCRIBE, UNSUBSCRIBE
from txmqtt.codec.errors import LocalProtocolError, Refused
from txmqtt.codec.packets import Publish, Subscription
from txmqtt.codec.properties import Properties
from txmqtt.codec.reasons import ReasonCode
from txmqtt.net.arguments import KnownNames, check_options, check_properties, filter_list, payload_bytes, qos_number
from txmqtt.net.connection import ClientConnection, told
from txmqtt.net.handlers import Callback, Handler, Handlers
from txmqtt.net.settings import Settings
from txmqtt.net.values import DONE, Acknowledgement
from txmqtt.net.waiters import Waiters
from txmqtt.session.client import ClientSession
from txmqtt.session.incoming import Incoming
from txmqtt.session.outgoing import Outbound, Outgoing
from txmqtt.session.tickets import Ticket
from txmqtt.session.verbs import Request, Verbs
from txmqtt.session.voice import OPEN

#: When a turn has published so much, bytes, it is written before the turn ends, and who awaits it lets others go on.
_ENOUGH = 65_536

_NAMES = KnownNames()
_SEEN = _NAMES.seen

_Answer = Deferred[Acknowledgement]


class _Ask:
    """
    A SUBSCRIBE or UNSUBSCRIBE under way, and the callbacks that it is about.
    """

    def __init__(self, kind: int, filters: list[bytes], handlers: list[Handler | None]) -> None:
        self.kind = kind
        self.filters = filters
        self.handlers = handlers


class MQTTClient(ClientConnection):
    """
    One connection to a server, and what can be asked of it. C{connect} and C{MQTTClientFactory} make it.
    """

    def __init__(
        self,
        settings: Settings,
        client_id: str,
        outgoing: Outgoing,
        incoming: Incoming,
        handlers: Handlers,
        clock: IReactorTime,
        seconds: Callable[[], float] = monotonic,
    ) -> None:
        super().__init__(settings, client_id, handlers, clock, seconds)
        self._waiters: Waiters[Acknowledgement] = Waiters()
        self._asks: dict[int, _Ask] = {}
        self.session = ClientSession(
            self.turn,
            self,
            self._not_connected,
            self,
            settings.write_buffer,
            outgoing,
            incoming,
            settings.window,
            settings.timeout,
            settings.ping_timeout or 0.0,
            settings.resend_after,
            settings.topic_aliases,
            settings.receive_limit,
        )

    @staticmethod
    def _not_connected(data: bytes) -> None:
        raise AssertionError("a write before the connection was made")

    # The verbs

    def publish(
        self,
        topic: str | bytes,
        payload: bytes | bytearray | memoryview = b"",
        qos: int = 0,
        retain: bool = False,
        properties: Properties | None = None,
    ) -> _Answer:
        """
        Send a message.

        @return: fires when the server has it: at its PUBACK or PUBCOMP; at QoS 0 when the connection has taken it,
            which it does at once until this turn of the reactor has published much, or the server reads too slowly.
        """
        try:
            name = _SEEN[topic]
        except (KeyError, TypeError):
            name = _NAMES.learn(topic)
        data = payload if type(payload) is bytes else payload_bytes(payload)
        if type(qos) is not int or not 0 <= qos <= 2:
            qos = qos_number(qos)
        if properties is not None:
            check_properties(properties, PUBLISH, self.version)
        session = self.session
        if session.phase != OPEN:
            return fail(self._why())
        if not self._inside:
            self._enter()
        if qos:
            waiters = self._waiters
            ref, answer = waiters.expect(self._cancel)
            try:
                session.publish(name, data, qos, bool(retain), properties, ref)
            except LocalProtocolError as error:
                del waiters.waiting[ref]
                return fail(error)
        else:
            try:
                session.publish(name, data, 0, bool(retain), properties, 0)
            except LocalProtocolError as error:
                return fail(error)
            if not session.paused and session.out_size < _ENOUGH:
                return succeed(DONE)
            answer = Deferred()
            self._unwritten.append(answer)
        if session.out_size >= _ENOUGH:
            session.flush()
        return answer

    def subscribe(
        self,
        filter: str | bytes | Sequence[str | bytes],
        callback: Callback | None = None,
        qos: int = 0,
        *,
        no_local: bool = False,
        retain_as_published: bool = False,
        retain_handling: int = 0,
        identifier: int = 0,
        properties: Properties | None = None,
    ) -> _Answer:
        """
        Ask for all messages that match a filter, or any of several.

        @param callback: called with each C{Message}; what it returns may be a Deferred, or a coroutine, that fires when
            the message is dealt with. It takes the place of another that the same filter had. A message that several
            filters match calls each of their callbacks once. None leaves the messages to C{on_message}.
        @param qos: at most this QoS.
        @param no_local: 5.0: not what this client publishes itself.
        @param retain_as_published: 5.0: the retain flag as it was published.
        @param retain_handling: 5.0: 0 to get retained messages, 1 only if the subscription is new, 2 not.
        @param identifier: 5.0: a number that comes with each message because of this subscription.
        @return: fires when the server has granted it; C{reason} tells at which QoS.
        """
        filters = filter_list(filter, self.version)
        if callback is not None and not callable(callback):
            raise TypeError(f"callback is {callback!r}; expected a callable or None")
        qos = qos_number(qos)
        check_options(filters, no_local, retain_as_published, retain_handling, identifier, self.version)
        check_properties(properties, SUBSCRIBE, self.version)
        if identifier:
            user = properties.user_properties if properties is not None else ()
            properties = Properties(subscription_identifiers=(identifier,), user_properties=user)
        if self.session.phase != OPEN:
            return fail(self._why())
        handlers: list[Handler | None] = [None] * len(filters)
        if callback is not None:  # in its place before SUBSCRIBE leaves: a retained message may overtake the SUBACK
            handlers = [self._handlers.put(each, callback) for each in filters]
        asked = [
            Subscription(each, qos, bool(no_local), bool(retain_as_published), int(retain_handling)) for each in filters
        ]
        ask = _Ask(SUBSCRIBE, filters, handlers)
        return self._ask(ask, lambda ref: self.session.subscribe(asked, properties, ref))

    def unsubscribe(self, filter: str | bytes | Sequence[str | bytes], properties: Properties | None = None) -> _Answer:
        """
        Ask for no more of it.

        @return: fires when the server has agreed; until then messages may come.
        """
        filters = filter_list(filter, self.version)
        check_properties(properties, UNSUBSCRIBE, self.version)
        if self.session.phase != OPEN:
            return fail(self._why())
        ask = _Ask(UNSUBSCRIBE, filters, [self._handlers.get(each) for each in filters])
        return self._ask(ask, lambda ref: self.session.unsubscribe(filters, properties, ref))

    def _ask(self, ask: _Ask, send: Callable[[int], Request]) -> _Answer:
        self._enter()
        ref, answer = self._waiters.expect(self._cancel)
        self._asks[ref] = ask
        try:
            send(ref)
        except LocalProtocolError as error:
            self._waiters.forget(answer)
            self._revert(self._asks.pop(ref))
            return fail(error)
        return answer

    def ping(self) -> _Answer:
        """
        Ask the server for a sign of life.

        @return: fires when it has answered.
        """
        if self.session.phase != OPEN:
            return fail(self._why())
        self._enter()
        ref, answer = self._waiters.expect(self._cancel)
        self.session.ping(ref)
        return answer

    def disconnect(self, reason: int = reasons.SUCCESS, properties: Properties | None = None) -> Deferred[None]:
        """
        Say goodbye and close. What has not been acknowledged by then fails.

        @param reason: 5.0: why; C{DISCONNECT_WITH_WILL} has the server publish the will.
        @param properties: 5.0: C{session_expiry_interval} may be among them.
        @return: fires when the connection is closed.
        """
        if not isinstance(reason, int):
            raise TypeError(f"reason is {reason!r}; expected a reason code")
        if properties is not None and not isinstance(properties, Properties):
            raise TypeError(f"properties is {type(properties).__name__}; expected Properties or None")
        self.turn.now = self._seconds()
        try:
            self.session.disconnect(int(reason), properties)
        except LocalProtocolError as error:
            raise ValueError(str(error)) from None
        return self.whenClosed().addCallback(lambda _: None)

    def _cancel(self, answer: _Answer) -> None:
        ref = self._waiters.forget(answer)
        ask = self._asks.get(ref)
        if ask is None:
            books = self.session.books
            for item in books.waiting or ():
                if item.ref == ref:
                    books.withdraw(item)
                    break
        elif ask.kind == SUBSCRIBE:
            del self._asks[ref]
            self._revert(ask)
            gone = [filter for filter in ask.filters if self._handlers.get(filter) is None]
            if gone and self.session.phase == OPEN:
                self._enter()
                with suppress(LocalProtocolError):
                    self.session.unsubscribe(gone, None, 0)  # nobody waits for it

    def _revert(self, ask: _Ask) -> None:
        """
        A SUBSCRIBE did not work: its callbacks go again.
        """
        if ask.kind == SUBSCRIBE:
            for handler in ask.handlers:
                if handler is not None:
                    self._handlers.withdraw(handler)

    # What the session hears

    def published(self, session: Verbs, packet: Publish) -> Ticket:
        """
        See C{ClientSink}.
        """
        return self._handlers.deliver(packet)

    def settled(self, session: Verbs, item: Outbound, reason: int, properties: Properties | None) -> None:
        """
        See C{ClientSink}.
        """
        answer = self._waiters.waiting.pop(item.ref, None)
        if answer is None:
            return
        if reason == reasons.SUCCESS and properties is None:
            answer.callback(DONE)
        elif reason < reasons.FAILURE:
            answer.callback(Acknowledgement((ReasonCode(reason),), properties))
        else:
            words = f"publish to {item.message.topic.decode()!r} refused: {reasons.name(reason)}{told(properties)}"
            answer.errback(Refused(words, reason))

    def lapsed(self, session: Verbs, item: Outbound, why: str) -> None:
        """
        See C{ClientSink}.
        """
        answer = self._waiters.waiting.pop(item.ref, None)
        if answer is not None:
            answer.errback(LocalProtocolError(f"message on {item.message.topic.decode()!r} not sent: {why}"))

    def answered(self, session: Verbs, request: Request, codes: list[int], properties: Properties | None) -> None:
        """
        See C{ClientSink}.
        """
        ask = self._asks.pop(request.ref, None)
        answer = self._waiters.waiting.pop(request.ref, None)
        if ask is None:
            return
        asked = ask.kind == SUBSCRIBE
        refused = []
        for filter, handler, code in zip(ask.filters, ask.handlers, codes, strict=True):
            if code >= reasons.FAILURE:
                refused.append(f"{filter.decode()!r}: {reasons.name(code)}")
            if handler is not None and asked and code >= reasons.FAILURE:
                self._handlers.withdraw(handler)
            elif handler is not None and asked:
                self._handlers.confirm(handler)
            elif handler is not None and code < reasons.FAILURE:
                self._handlers.discard(handler)
        if answer is None:
            return
        if refused:
            first = next(code for code in codes if code >= reasons.FAILURE)
            words = f"{'subscribe' if asked else 'unsubscribe'} refused: {', '.join(refused)}{told(properties)}"
            answer.errback(Refused(words, first, tuple(codes)))
        else:
            answer.callback(Acknowledgement(tuple([ReasonCode(code) for code in codes]), properties))

    def ponged(self, session: Verbs, ref: int) -> None:
        """
        See C{ClientSink}.
        """
        answer = self._waiters.waiting.pop(ref, None)
        if answer is not None:
            answer.callback(DONE)

    def _abandon(self, written: bool) -> None:
        # Bookkeeping first, strangers' code last.
        books = self.session.books
        for item in list(books.waiting or ()):
            books.withdraw(item)  # it was never sent, and its publish fails now: it must not be sent later
        for item in books.everything():
            item.ref = 0  # it is sent again if the session goes on, but whoever waited for it has been told
        asks, self._asks = self._asks, {}
        for ask in asks.values():
            self._revert(ask)
        unwritten, self._unwritten = self._unwritten, []
        for answer in unwritten:
            if written:
                answer.callback(DONE)
            else:
                answer.errback(self._why())
        self._waiters.abandon(self._why)
