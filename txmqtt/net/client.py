"""
The client's verbs: publish, subscribe, unsubscribe, ping, disconnect. Each answers with a Deferred.

A Deferred fires when the server has acknowledged, and fails with an error that carries the reason when it refuses
(C{Refused}) or when the connection ends first (C{ConnectionClosed}). Cancelling one sends its waiter home; what is on
its way stays on its way. All verbs may be called from within callbacks.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from txmqtt.codec import reasons
from txmqtt.codec.constants import MQTT5, PUBLISH, SUBSCRIBE
from txmqtt.codec.errors import LocalProtocolError, Refused
from txmqtt.codec.packets import Publish
from txmqtt.codec.properties import Properties
from txmqtt.codec.reasons import ReasonCode
from txmqtt.net.arguments import KnownNames, check_properties, payload_bytes, qos_number
from txmqtt.net.asking import Asking
from txmqtt.net.connection import ClientConnection
from txmqtt.net.ending import told
from txmqtt.net.request_verbs import RequestVerbs
from txmqtt.net.requests import Requests
from txmqtt.net.state import Answer, Ask, ClientState, restoring
from txmqtt.net.values import DONE, Acknowledgement
from txmqtt.net.waiters import Waiters
from txmqtt.session.client import ClientSession
from txmqtt.session.outgoing import Outbound
from txmqtt.session.tickets import DONE as DECIDED
from txmqtt.session.tickets import Ticket
from txmqtt.session.verbs import Request, Verbs
from txmqtt.session.voice import OPEN

#: When a turn has published so much, bytes, it is written before the turn ends, and who awaits it lets others go on.
_ENOUGH = 65_536

#: 3.x: when so many messages have been withheld the connection ends, so that they come again: a server that has as
#: many under way sends no more, and it does not say how many that is.
_WITHHELD = 10

_log = Logger()

_NAMES = KnownNames()
_SEEN = _NAMES.seen


class MQTTClient(ClientConnection, Asking, RequestVerbs):
    """
    One connection to a server, and what can be asked of it. C{connect} and C{MQTTClientFactory} make it.
    """

    def __init__(self, state: ClientState, clock: IReactorTime, seconds: Callable[[], float] = monotonic) -> None:
        settings = state.settings
        super().__init__(state, clock, seconds)
        self._waiting = state.waiters.waiting
        self._expect = state.waiters.expect
        self._cancel = state.cancel
        self._pings: Waiters[Acknowledgement] = Waiters()
        self._asked: set[int] = set()  # what was left from before, and has been asked again
        self.session = session = ClientSession(
            self.turn,
            self,
            self._not_connected,
            self,
            settings.write_buffer,
            state.outgoing,
            state.incoming,
            settings.window,
            settings.timeout,
            settings.ping_timeout or 0.0,
            settings.resend_after,
            settings.topic_aliases,
            settings.receive_limit,
        )
        session.lasting = state.lasting
        session.kept = state.keeper is not None
        session.downgrade = settings.downgrade
        if settings.version < MQTT5:  # the server's window is not known, and these take places in it
            session.withheld_limit = min(_WITHHELD, settings.receive_limit)
        state.client = self

    @staticmethod
    def _not_connected(data: bytes) -> None:
        raise AssertionError("a write before the connection was made")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.client_id!r}>"

    # The verbs

    def publish(
        self,
        topic: str | bytes,
        payload: bytes | bytearray | memoryview = b"",
        qos: int = 0,
        retain: bool = False,
        properties: Properties | None = None,
    ) -> Answer:
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
        if not self._inside and self._flushing is None:  # otherwise this turn knows of us already
            self._enter()
        if retain is not False:
            retain = bool(retain)
        if qos:
            ref, answer = self._expect(self._cancel)
            try:
                item = session.publish(name, data, qos, retain, properties, ref)
            except LocalProtocolError as error:
                del self._waiting[ref]
                return fail(error)
            if session.kept and item is not None and not item.home:  # it waits, so it has not gone on record
                self.state.keep(item)
        else:
            ref = 0
            if session.lasting and not session.books.idle:  # it has to wait with all that was published before it
                ref, answer = self._expect(self._cancel)
            try:
                session.publish(name, data, 0, retain, properties, ref)
            except LocalProtocolError as error:
                self._waiting.pop(ref, None)
                return fail(error)
            if ref:
                return answer
            if not session.paused and session.out_size < _ENOUGH:
                return succeed(DONE)
            answer = Deferred()
            self._unwritten.append(answer)
        if session.out_size >= _ENOUGH:
            session.flush()
        return answer

    def when_writable(self) -> Deferred[None]:
        """
        For those who have a great many messages to publish: wait for this before each, and no more are in memory than
        are on their way.

        @return: fires when a message that is published now would leave at once.
        """
        if self.session.phase != OPEN:
            return fail(self._why())
        return self.state.writable.ask(self.session)

    def ask(self, ask: Ask) -> Answer:
        """
        See C{Asking}.
        """
        self._enter()
        state = self.state
        ref, answer = state.expect(ask)
        try:
            self.say(ask, ref)
        except LocalProtocolError as error:
            state.waiters.forget(answer)
            state.revert(state.asks.pop(ref))
            return fail(error)
        return answer

    def say(self, ask: Ask, ref: int) -> None:
        """
        Ask it.

        @raise LocalProtocolError: this server cannot be asked that.
        """
        self._enter()
        if ask.kind == SUBSCRIBE:
            self.session.subscribe(ask.subscriptions, ask.said(self._handlers.identifying), ref)
        else:
            self.session.unsubscribe(ask.filters, ask.properties, ref)

    def _restore(self) -> None:
        state = self.state
        pending = {filter for ask in state.asks.values() if ask.kind == SUBSCRIBE for filter in ask.filters}
        for ask in restoring(list(state.wishes.values()), pending):
            state.asks[state.waiters.number()] = ask
        self._catch_up()

    def _catch_up(self) -> None:
        asks = self.state.asks
        for ref, ask in list(asks.items()):
            if ref in self._asked or ref not in asks:
                continue
            self._asked.add(ref)
            try:
                self.say(ask, ref)
            except LocalProtocolError as error:
                del asks[ref]
                self.state.revert(ask)
                answer = self.state.waiters.waiting.pop(ref, None)
                if answer is not None:
                    answer.errback(error)
                else:
                    _log.warn("{client!r}: cannot subscribe again: {error}", client=self.client_id, error=error)

    def _cannot(self) -> Answer | None:
        return None if self.session.phase == OPEN else fail(self._why())

    def offer(self, item: Outbound) -> None:
        """
        Send a message that has been made, or queue it. Who waits for it is in the state's books.

        @raise LocalProtocolError: the server does not take it, or the queue is full.
        """
        self._enter()
        self.session.offer(item)

    @property
    def requests(self) -> Requests:
        """
        See C{RequestVerbs}.
        """
        state = self.state
        if state.requests is None:
            state.requests = Requests(self, self._clock)
        elif not state.lasting:
            state.requests.speaker = self  # an earlier connection was
        return state.requests

    def ping(self) -> Answer:
        """
        Ask the server for a sign of life.

        @return: fires when it has answered.
        """
        if self.session.phase != OPEN:
            return fail(self._why())
        self._enter()
        ref, answer = self._pings.expect(self._never_mind)
        try:
            self.session.ping(ref)
        except LocalProtocolError as error:
            self._pings.forget(answer)
            return fail(error)
        return answer

    def _never_mind(self, answer: Answer) -> None:
        self._pings.forget(answer)

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

    # What the session hears

    def published(self, session: Verbs, packet: Publish) -> Ticket:
        """
        See C{ClientSink}.
        """
        ticket = self._handlers.deliver(packet)
        if packet.qos == 2 and session.kept:
            return self.state.handled(packet.packet_id, ticket)
        return ticket

    def sending(self, session: Verbs, item: Outbound) -> Ticket:
        """
        See C{ClientSink}.
        """
        keeper = self.state.keeper
        assert keeper is not None
        if not item.home:
            kept = self.state.keep(item)
            if kept.failed and item.qos == 2:
                return kept  # what is not on record could be published twice
        return keeper.sending(item)

    def released(self, session: Verbs, item: Outbound) -> Ticket:
        """
        See C{ClientSink}.
        """
        keeper = self.state.keeper
        return keeper.released(item) if keeper is not None and item.home else DECIDED

    def releasing(self, session: Verbs, packet_id: int) -> Ticket:
        """
        See C{ClientSink}.
        """
        keeper = self.state.keeper
        return keeper.finished(packet_id) if keeper is not None else DECIDED

    def settled(self, session: Verbs, item: Outbound, reason: int, properties: Properties | None) -> None:
        """
        See C{ClientSink}.
        """
        if item.home:
            self.state.forget(item, reason, "" if reason < reasons.FAILURE else _refusal(item, reason, properties))
        answer = self._waiting.pop(item.ref, None)
        if answer is None:
            return
        if not reason and properties is None:
            answer.callback(DONE)
        elif reason < reasons.FAILURE:
            answer.callback(Acknowledgement((ReasonCode(reason),), properties))
        else:
            answer.errback(Refused(_refusal(item, reason, properties), reason, properties=properties))

    def lapsed(self, session: Verbs, item: Outbound, reason: int, why: str) -> None:
        """
        See C{ClientSink}.
        """
        words = f"message on {item.message.topic.decode()!r} not sent: {why}"
        self.state.forget(item, reason, words)
        answer = self.state.waiters.waiting.pop(item.ref, None)
        if answer is not None:
            answer.errback(LocalProtocolError(words, reason))

    def answered(self, session: Verbs, request: Request, codes: list[int], properties: Properties | None) -> None:
        """
        See C{ClientSink}.
        """
        state = self.state
        ask = state.asks.pop(request.ref, None)
        answer = state.waiters.waiting.pop(request.ref, None)
        if ask is None:
            return
        state.answered(ask, codes)
        refused = [
            f"{filter.decode()!r}: {reasons.name(code)}"
            for filter, code in zip(ask.filters, codes, strict=True)
            if code >= reasons.FAILURE
        ]
        verb = "subscribe" if ask.kind == SUBSCRIBE else "unsubscribe"
        words = f"{verb} refused: {', '.join(refused)}{told(properties)}" if refused else ""
        if answer is None:
            if words:
                _log.warn("{client!r}: {words}", client=self.client_id, words=words)
        elif words:
            first = next(code for code in codes if code >= reasons.FAILURE)
            answer.errback(Refused(words, first, tuple(codes), properties))
        else:
            answer.callback(Acknowledgement(tuple([ReasonCode(code) for code in codes]), properties))

    def ponged(self, session: Verbs, ref: int) -> None:
        """
        See C{ClientSink}.
        """
        answer = self._pings.waiting.pop(ref, None)
        if answer is not None:
            answer.callback(DONE)

    def _abandon(self, written: bool) -> None:
        unwritten, self._unwritten = self._unwritten, []
        if not self.state.lasting:
            self.state.abandon(self._why)
        for answer in unwritten:
            if written:
                answer.callback(DONE)
            else:
                answer.errback(self._why())
        self._pings.abandon(self._why)


def _refusal(item: Outbound, reason: int, properties: Properties | None) -> str:
    return f"publish to {item.message.topic.decode()!r} refused: {reasons.name(reason)}{told(properties)}"
