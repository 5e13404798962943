"""
What a client's session consists of besides its connection: the books, the callbacks, the name, and who waits for what.

A state outlives connections. One that is I{lasting} belongs to somebody who will connect again: what was published or
asked and has not been answered waits for the next connection; it does not fail.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from txmqtt.codec import reasons
from txmqtt.codec.constants import SUBSCRIBE, UNSUBSCRIBE
from txmqtt.codec.errors import LocalProtocolError, MQTTError
from txmqtt.codec.packets import Subscription
from txmqtt.codec.properties import Properties
from txmqtt.net.receiving.handlers import Handlers
from txmqtt.net.receiving.routing import Handler
from txmqtt.net.requests import Requests
from txmqtt.net.settings import Settings
from txmqtt.net.values import Acknowledgement
from txmqtt.net.waiters import Waiters
from txmqtt.net.writable import Writable
from txmqtt.session.incoming import Incoming
from txmqtt.session.keeping import Keeper, Wish
from txmqtt.session.outgoing import Outbound, Outgoing
from txmqtt.session.tickets import Caller, Ticket
from txmqtt.session.voice import OPEN

if TYPE_CHECKING:
    from txmqtt.net.client import MQTTClient

_log = Logger()

Answer = Deferred[Acknowledgement]

#: So many filters go into one SUBSCRIBE when all are asked for again: some servers take no more of them, or no packet
#: that is much larger.
_FILTERS = 50


class Ask:
    """
    A SUBSCRIBE or UNSUBSCRIBE that has not been answered, and the callbacks that it is about.

    @ivar subscriptions: of a SUBSCRIBE; C{identifier}: the number that comes with what is sent because of it, where the
        server has such numbers.
    """

    def __init__(
        self,
        kind: int,
        filters: list[bytes],
        handlers: list[Handler | None],
        properties: Properties | None,
        subscriptions: list[Subscription] | None = None,
        identifier: int = 0,
    ) -> None:
        self.kind = kind
        self.filters = filters
        self.handlers = handlers
        self.properties = properties
        self.subscriptions = subscriptions or []
        self.identifier = identifier

    def said(self, identifying: bool) -> Properties | None:
        """
        The properties to ask it with.

        @param identifying: the server has subscription identifiers, and may be given ours.
        """
        given = self.properties
        if not self.identifier or not identifying or (given is not None and given.subscription_identifiers):
            return given
        user = given.user_properties if given is not None else ()
        return Properties(subscription_identifiers=(self.identifier,), user_properties=user)


class ClientState:
    """
    One session, seen from the client.

    @ivar settings: of the next connection.
    @ivar client_id: the name that the session goes by.
    @ivar lasting: somebody connects again and again for it.
    @ivar begun: a server has accepted it before.
    @ivar client: the latest connection.
    @ivar waiters: who waits for a publish, or for the answer to an C{Ask}, by number.
    @ivar asks: what was asked, by number, in the order asked.
    @ivar wishes: the subscriptions that the server granted, as long as somebody is there to ask for them again.
    @ivar keeper: keeps all that on disk.
    @ivar requests: what was asked of other clients, once there was any of it.
    @ivar writable: who has more to publish.
    @ivar keys: what the application calls its publishes, by number; only those that are kept.
    @ivar ended: is told how one of these ended, with its key, a reason code, and words if it failed.
    """

    def __init__(self, settings: Settings, lasting: bool = False, keeper: Keeper | None = None) -> None:
        self.settings = settings
        self.client_id = settings.first_client_id()
        self.lasting = lasting
        self.begun = False
        self.client: MQTTClient | None = None
        self.outgoing = Outgoing(settings.window, settings.max_queued_messages, settings.max_queued_bytes)
        self.incoming = Incoming()
        self.handlers = Handlers(settings.on_message, lasting)
        self.waiters: Waiters[Acknowledgement] = Waiters()
        self.asks: dict[int, Ask] = {}
        self.wishes: dict[bytes, Wish] = {}
        self.keeper = keeper
        self.writable = Writable()
        self.keys: dict[int, str] = {}
        self.ended: Callable[[Outbound, str, int, str], object] | None = None
        self.requests: Requests | None = None

    # Asking

    def expect(self, ask: Ask) -> tuple[int, Answer]:
        """
        Somebody waits for the answer to this.
        """
        ref, answer = self.waiters.expect(self.cancel)
        self.asks[ref] = ask
        return ref, answer

    def cancel(self, answer: Answer) -> None:
        """
        Whoever waited for this goes home: a publish that has not left is taken back, a subscription given up.
        """
        ref = self.waiters.forget(answer)
        ask = self.asks.get(ref)
        if ask is None:
            for item in self.outgoing.waiting or ():
                if item.ref == ref:
                    self.outgoing.withdraw(item)
                    self.forget(item, reasons.UNSPECIFIED_ERROR, "it was cancelled")
                    break
        elif ask.kind == SUBSCRIBE:
            del self.asks[ref]
            self.revert(ask)
            gone = [filter for filter in ask.filters if self.handlers.get(filter) is None]
            client = self.client
            if gone and client is not None and client.session.phase == OPEN:
                with suppress(LocalProtocolError):
                    client.say(Ask(UNSUBSCRIBE, gone, [], None), 0)  # nobody waits for it

    def revert(self, ask: Ask) -> None:
        """
        A SUBSCRIBE did not work: its callbacks go again.
        """
        if ask.kind == SUBSCRIBE:
            for handler in ask.handlers:
                if handler is not None:
                    self.handlers.withdraw(handler)

    def answered(self, ask: Ask, codes: list[int]) -> None:
        """
        The server has answered: put the callbacks and the wishes in order.
        """
        granted: list[Wish] = []
        gone: list[bytes] = []
        for at, code in enumerate(codes):
            filter = ask.filters[at]
            handler = ask.handlers[at]
            if ask.kind != SUBSCRIBE:
                if code < reasons.FAILURE:
                    gone.append(filter)
                    if handler is not None:
                        self.handlers.discard(handler)
            elif code < reasons.FAILURE:
                granted.append(Wish(ask.subscriptions[at], ask.identifier))
                if handler is not None:
                    self.handlers.confirm(handler)
            elif handler is not None:
                self.handlers.withdraw(handler)
        if self.lasting:
            self._wish(granted, gone)

    def _wish(self, granted: list[Wish], gone: list[bytes]) -> None:
        for wish in granted:
            self.wishes[wish.subscription.filter] = wish
        for filter in gone:
            self.wishes.pop(filter, None)
        if self.keeper is not None:
            if granted:
                self.keeper.wished(granted)
            if gone:
                self.keeper.unwished(gone)

    # Keeping

    def keep(self, item: Outbound) -> Ticket:
        """
        A publish goes on record, unless it has.
        """
        assert self.keeper is not None
        return self.keeper.queued(item, self.keys.get(item.ref, ""))

    def handled(self, packet_id: int, ticket: Ticket) -> Ticket:
        """
        A QoS 2 message has come, and C{ticket} says when the application has dealt with it: that goes on record before
        anybody is told.
        """
        keeper = self.keeper
        assert keeper is not None
        if ticket.done:
            return ticket if ticket.failed else keeper.received(packet_id)
        kept = Ticket()

        def on_record(reason: int) -> None:
            if reason >= reasons.FAILURE:
                kept.settle(reason)
                return
            recorded = keeper.received(packet_id)
            if recorded.done:
                kept.settle(recorded.reason)
            else:
                recorded.wait(Caller(kept.settle))

        ticket.wait(Caller(on_record))
        return kept

    def forget(self, item: Outbound, reason: int, words: str = "") -> None:
        """
        A publish is done with, well or not.
        """
        if not item.home or self.keeper is None:
            return
        self.keeper.settled(item, reason, words)
        key = self.keys.pop(item.ref, None)
        if key is not None and self.ended is not None:
            self.ended(item, key, reason, words)

    # The end

    def abandon(self, why: Callable[[], MQTTError]) -> None:
        """
        Nobody connects again: all who wait are told. What was sent stays in the books, should the session go on.

        @param why: makes the error.
        """
        # Bookkeeping first, strangers' code last.
        outgoing = self.outgoing
        for item in list(outgoing.waiting or ()):
            outgoing.withdraw(item)  # it was never sent, and its publish fails now: it must not be sent later
        for item in outgoing.everything():
            item.ref = 0  # it is sent again if the session goes on, but whoever waited for it has been told
        asks, self.asks = self.asks, {}
        for ask in asks.values():
            self.revert(ask)
        self.waiters.abandon(why)
        self.writable.abandon(why)
        if self.lasting:  # otherwise each connection ends what was read over it
            self.handlers.end(why())
        if self.requests is not None:
            self.requests.abandon(why)


def restoring(wishes: list[Wish], pending: set[bytes]) -> list[Ask]:
    """
    What to ask a server that has forgotten us: all that is wished for and not about to be asked anyway; what has the
    same identifier in one packet, which can have only one.
    """
    together: dict[int, list[Subscription]] = {}
    for wish in wishes:
        if wish.subscription.filter not in pending:
            together.setdefault(wish.identifier, []).append(wish.subscription)
    asks = []
    for identifier, subscriptions in together.items():
        for start in range(0, len(subscriptions), _FILTERS):
            some = subscriptions[start : start + _FILTERS]
            filters = [each.filter for each in some]
            asks.append(Ask(SUBSCRIBE, filters, [None] * len(some), None, some, identifier))
    return asks
