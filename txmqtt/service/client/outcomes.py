"""
Publishes that have a name: how they ended is found by it, also by a later life of the program.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, fail, succeed

from txmqtt.codec import reasons
from txmqtt.codec.errors import MQTTError, Refused
from txmqtt.codec.reasons import ReasonCode
from txmqtt.net.state import Answer, ClientState
from txmqtt.net.values import Acknowledgement
from txmqtt.session.keeping import Outcome, Recollection
from txmqtt.session.outgoing import Outbound


class Outcomes:
    """
    The named publishes of one session.
    """

    def __init__(self, state: ClientState) -> None:
        self._state = state
        self._ended: dict[str, Outcome] = {}
        self._asked: dict[str, list[Answer]] = {}
        self._read = state.keeper is None  # what former lives left is known
        state.ended = self._told

    def recall(self, found: Recollection) -> None:
        """
        Take up what an earlier life of the program had promised.

        @raise MQTTError: the store is of another session.
        """
        state = self._state
        wanted = state.settings.client_id
        if wanted and found.client_id and wanted != found.client_id:
            raise MQTTError(f"the store is of the client {found.client_id!r}, not of {wanted!r}")
        state.client_id = found.client_id or state.client_id
        if state.client_id and state.keeper is not None:
            state.keeper.named(state.client_id)
        queued = list(state.outgoing.waiting or ())  # since the service was made
        for item in queued:
            state.outgoing.withdraw(item)
        for promise in found.promises:
            message = promise.message
            item = Outbound(message, promise.qos, message.retain, (), state.waiters.number())
            item.home = promise.home
            item.released = promise.released
            item.until = promise.until
            if promise.key:
                state.keys[item.ref] = promise.key
            if promise.packet_id:
                state.outgoing.resume(item, promise.packet_id)
            else:
                state.outgoing.recall(item)
        known = {promise.key for promise in found.promises} | {outcome.key for outcome in found.outcomes}
        for item in queued:
            key = state.keys.get(item.ref)
            if key is not None and key in known:  # it could not be known when the publish was accepted
                del state.keys[item.ref]
                answer = state.waiters.waiting.pop(item.ref, None)
                if answer is not None:
                    answer.errback(ValueError(f"key is {key!r}, which another publish has"))
            else:
                state.outgoing.recall(item)
        for packet_id in found.received:
            state.incoming.resume(packet_id)
        for wish in found.wishes:
            filter = wish.subscription.filter
            state.wishes.setdefault(filter, wish)
            if state.handlers.get(filter) is None:  # its identifier is taken, and stays that of this filter
                state.handlers.put(filter, None, wish.identifier)
        for outcome in found.outcomes:
            self._ended[outcome.key] = outcome

    def recalled(self) -> None:
        """
        Whoever asked before the store was read is told now what is known.
        """
        self._read = True
        for key in list(self._asked):
            if key in self._ended:
                outcome = self._ended.pop(key)
                self._forget(key)
                for answer in self._asked.pop(key):
                    _answer(outcome).chainDeferred(answer)
            elif key not in self._state.keys.values():
                for answer in self._asked.pop(key):
                    answer.errback(KeyError(key))

    def close(self, why: Callable[[], MQTTError]) -> None:
        """
        Nobody will connect again.

        @param why: makes the error for those who wait.
        """
        while self._asked:
            for answer in self._asked.popitem()[1]:
                answer.errback(why())

    def check(self, key: str, qos: int) -> None:
        """
        Whether a publish may be called this.

        @raise ValueError: another one is.
        """
        if not isinstance(key, str):
            raise TypeError(f"key is {type(key).__name__}; expected str")
        if not key:
            return
        if self._state.keeper is None:
            raise ValueError(f"key is {key!r}; expected none: the service has no store")
        if qos == 0:
            raise ValueError(f"key is {key!r} at QoS 0; expected QoS 1 or 2: nobody acknowledges QoS 0")
        if key in self._ended or key in self._state.keys.values():
            raise ValueError(f"key is {key!r}, which another publish has; outcome() tells how it ends")

    def find(self, key: str) -> Answer:
        """
        Wait for the end of one.

        @return: fails with C{KeyError} when there turns out to be none, once the store has been read.
        @raise KeyError: there is none.
        """
        ended = self._ended.pop(key, None)
        if ended is not None:
            self._forget(key)
            return _answer(ended)
        if self._read and key not in self._state.keys.values():
            raise KeyError(key)
        answer: Answer = Deferred(lambda gone: self._asked[key].remove(gone))
        self._asked.setdefault(key, []).append(answer)
        return answer

    def _told(self, item: Outbound, key: str, reason: int, words: str) -> None:
        outcome = Outcome(key, reason, words)
        asked = self._asked.pop(key, [])
        if asked or item.ref in self._state.waiters.waiting:
            self._forget(key)
        else:
            self._ended[key] = outcome
        for answer in asked:
            _answer(outcome).chainDeferred(answer)

    def _forget(self, key: str) -> None:
        if self._state.keeper is not None:
            self._state.keeper.told(key)


def _answer(outcome: Outcome) -> Answer:
    if outcome.words or outcome.reason >= reasons.FAILURE:
        return fail(Refused(outcome.words or reasons.name(outcome.reason), outcome.reason))
    return succeed(Acknowledgement((ReasonCode(outcome.reason),)))
