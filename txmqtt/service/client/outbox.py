"""
Publishes that wait: for a connection, for room in the queue, or until their time is over.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater

from txmqtt.codec import reasons
from txmqtt.codec.errors import LocalProtocolError, MQTTError
from txmqtt.codec.properties import Properties
from txmqtt.net.state import Answer, ClientState
from txmqtt.net.thread_check import check_thread
from txmqtt.session.message import Message, travelling
from txmqtt.session.outgoing import REFUSED, Outbound
from txmqtt.session.tickets import Caller
from txmqtt.session.voice import OPEN

#: What may happen to a publish for which the queue has no room.
REFUSE, WAIT, DROP_OLDEST = "refuse", "wait", "drop_oldest"
POLICIES = (REFUSE, WAIT, DROP_OLDEST)

#: How often the queue is searched for what has waited too long, seconds.
_SWEEP = 1.0


class Outbox:
    """
    The way out of one session, with and without a connection.

    @ivar dropped: how many publishes made room for newer ones.
    @ivar refused: how many found no room.
    @ivar expired: how many waited longer than they were to wait.
    @ivar keeping: there is a store, and it is open.
    """

    def __init__(self, state: ClientState, clock: IReactorTime, policy: str, line: int) -> None:
        """
        @param policy: for a full queue, one of C{POLICIES}.
        @param line: how many may wait for room in the queue; one more is refused.
        """
        self.dropped = self.refused = self.expired = 0
        self.keeping = False
        self._state = state
        self._clock = clock
        self._policy = policy
        self._limit = line
        self._line: deque[Outbound] = deque()
        self._recorded: dict[int, Deferred[None]] = {}
        self._watching = False
        self._alarm: IDelayedCall | None = None
        self._flushing: IDelayedCall | None = None

    def __len__(self) -> int:
        outgoing = self._state.outgoing
        return len(outgoing.ids) + len(outgoing.waiting or ()) + len(self._line)

    @property
    def plain(self) -> bool:
        """
        Nothing waits: whoever has a connection may publish there and then.
        """
        return self._state.outgoing.idle and not self._line

    def idle(self) -> Deferred[None]:
        """
        Wait until nothing waits, for its turn or for room, and nothing is on its way.
        """
        return Deferred.fromCoroutine(self._idle())

    async def _idle(self) -> None:
        await self._state.writable.idle(self._state.outgoing)
        while self._line:  # who waits for room gets it in the next turn
            await deferLater(self._clock, 0)
            await self._state.writable.idle(self._state.outgoing)

    def make(
        self,
        topic: bytes,
        payload: bytes,
        qos: int,
        retain: bool,
        properties: Properties | None,
        lifetime: float | None,
    ) -> Outbound:
        """
        A message that is about to wait. All arguments have been judged.
        """
        check_thread("a client")
        now = self._clock.seconds()
        expires_at = 0.0
        if properties is not None:
            if properties.message_expiry_interval is not None:
                expires_at = now + max(properties.message_expiry_interval, 1e-6)
            properties = travelling(properties)
        item = Outbound(Message(topic, payload, qos, retain, properties, expires_at), qos, retain)
        if lifetime is not None:
            item.until = now + lifetime
        return item

    def publish(self, item: Outbound, key: str) -> Answer:
        """
        Have it sent as soon as can be.

        @return: fires when the server has it.
        """
        item.ref, answer = self._state.waiters.expect(self._cancel)
        try:
            self._offer(item, key)
        except LocalProtocolError as error:
            self._state.waiters.forget(answer)
            return fail(error)
        return answer

    def post(self, item: Outbound, key: str) -> Deferred[None]:
        """
        The same.

        @return: fires when it is on disk.
        """
        item.ref = self._state.waiters.number()
        recorded = self._recorded[item.ref] = Deferred()
        try:
            self._offer(item, key)
        except LocalProtocolError as error:
            del self._recorded[item.ref]
            return fail(error)
        return recorded

    def _offer(self, item: Outbound, key: str) -> None:
        if key:
            self._state.keys[item.ref] = key
        try:
            self._admit(item)
        except LocalProtocolError:
            self._state.keys.pop(item.ref, None)
            raise

    def _admit(self, item: Outbound) -> None:
        if item.until or item.message.expires_at:
            self._arm()
        if self._line or not self._room(item):
            if self._policy == WAIT and len(self._line) < self._limit and self._fits(item):
                self._line.append(item)
                self._watch()
                return
            dropped = self._make_room(item) if self._policy == DROP_OLDEST and self._fits(item) else []
            try:
                if not self._room(item):
                    self.refused += 1
                    raise LocalProtocolError("the queue of outgoing messages is full", reasons.QUOTA_EXCEEDED)
                self._post(item)
            finally:  # whoever is told may publish again, and finds the books in order
                for oldest in dropped:
                    self._end(oldest, reasons.QUOTA_EXCEEDED, "newer messages took its place in a full queue")
            return
        self._post(item)

    def _fits(self, item: Outbound) -> bool:
        """
        There would be room in an empty queue. Whatever does not fit would wait for nothing.
        """
        outgoing = self._state.outgoing
        return outgoing.limit_messages > 0 and item.message.size <= outgoing.limit_bytes

    def _room(self, item: Outbound) -> bool:
        client = self._state.client
        blocked = client is None or client.session.phase != OPEN or client.session.blocked
        return self._state.outgoing.room(item.message.size, blocked)

    def _make_room(self, item: Outbound) -> list[Outbound]:
        """
        What has waited longest goes, until there is room.

        @return: it.
        """
        outgoing = self._state.outgoing
        dropped: list[Outbound] = []
        while outgoing.waiting is not None and not self._room(item):
            oldest = outgoing.waiting[0]
            outgoing.withdraw(oldest)
            dropped.append(oldest)
        self.dropped += len(dropped)
        return dropped

    def _post(self, item: Outbound) -> None:
        state = self._state
        client = state.client
        if client is not None and client.session.phase == OPEN:
            client.offer(item)
        elif state.outgoing.admit(item, True) == REFUSED:
            raise LocalProtocolError("the queue of outgoing messages is full", reasons.QUOTA_EXCEEDED)
        if self.keeping and item.qos:
            self._record(item)

    # The store

    def recalled(self) -> None:
        """
        The store is open, and what it had is in the queue, before what has been published since.
        """
        self.keeping = self._state.keeper is not None
        for item in list(self._state.outgoing.waiting or ()):
            if self.keeping and item.qos and not item.home:
                self._record(item)
        self._arm()

    def _record(self, item: Outbound) -> None:
        ticket = self._state.keep(item)  # once more, if it is about to leave and went on record because of that
        if ticket.done:
            self._decided(item, ticket.reason)
        else:
            ticket.wait(Caller(lambda reason: self._decided(item, reason)))
        if self._flushing is None:
            self._flushing = self._clock.callLater(0, self._flush)

    def _decided(self, item: Outbound, reason: int) -> None:
        """
        It is on disk, or never will be; what has not left is not sent then.
        """
        failed = reason >= reasons.FAILURE
        if failed and self._state.outgoing.withdraw(item):
            self._end(item, reason, "it could not be stored")
            if self._line:
                self._clock.callLater(0, self._vacated)
        recorded = self._recorded.pop(item.ref, None)
        if recorded is not None:
            if failed:
                words = f"message on {item.message.topic.decode()!r} could not be stored"
                recorded.errback(LocalProtocolError(words, reason))
            else:
                recorded.callback(None)

    def _flush(self) -> None:
        self._flushing = None
        keeper = self._state.keeper
        if keeper is not None:
            keeper.flush()

    # Room

    def _watch(self) -> None:
        if self._line and not self._watching:
            self._watching = True
            self._state.outgoing.vacant().wait(Caller(lambda _: self._clock.callLater(0, self._vacated)))

    def _vacated(self) -> None:
        self._watching = False
        while self._line and self._room(self._line[0]):
            item = self._line.popleft()
            try:
                self._post(item)
            except LocalProtocolError as error:
                self._end(item, error.reason, str(error))
        self._watch()

    def _cancel(self, answer: Answer) -> None:
        for item in self._line:
            if self._state.waiters.waiting.get(item.ref) is answer:
                self._line.remove(item)
                self._state.keys.pop(item.ref, None)
                break
        self._state.cancel(answer)
        if not self._state.outgoing.waiting:
            self._vacated()

    # Time

    def _arm(self) -> None:
        if self._alarm is None:
            self._alarm = self._clock.callLater(_SWEEP, self._sweep)

    def _sweep(self) -> None:
        """
        Whoever waited too long is told, also while there is no connection.
        """
        self._alarm = None
        now = self._clock.seconds()
        outgoing = self._state.outgoing
        timed = 0
        expired: list[Outbound] = []
        for item in [*(outgoing.waiting or ()), *self._line]:
            if 0.0 < item.until <= now or (item.message.expired(now) and not item.sent):
                if not outgoing.withdraw(item):
                    self._line.remove(item)
                expired.append(item)
            elif item.until or item.message.expires_at:
                timed += 1
        if timed:
            self._arm()
        self.expired += len(expired)
        for item in expired:  # after the books: whoever is told may cancel another of them
            self._end(item, reasons.UNSPECIFIED_ERROR, "it expired before it could be sent")
        self._vacated()

    def _end(self, item: Outbound, reason: int, why: str) -> None:
        words = f"message on {item.message.topic.decode()!r} not sent: {why}"
        self._state.forget(item, reason, words)
        recorded = self._recorded.pop(item.ref, None)
        if recorded is not None:  # before it came to that
            recorded.errback(LocalProtocolError(words, reason))
        answer = self._state.waiters.waiting.pop(item.ref, None)
        if answer is not None:
            answer.errback(LocalProtocolError(words, reason))

    def close(self, why: Callable[[], MQTTError]) -> None:
        """
        Nobody will connect again.

        @param why: makes the error for those who wait for the disk.
        """
        for call in (self._alarm, self._flushing):
            if call is not None:
                call.cancel()
        self._alarm = self._flushing = None
        self._line.clear()
        while self._recorded:
            self._recorded.popitem()[1].errback(why())
