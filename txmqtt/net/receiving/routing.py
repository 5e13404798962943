"""
Who gets a message: by the subscription identifiers that it carries, or else by its topic.

A receiver stands under the filters of its subscription. On 5.0, where the server has subscription identifiers, each
subscription gets one, and a message names the subscriptions that it was sent for: it goes to these and to no others,
whether the server sends one copy for all of them or one for each [MQTT5-3.3.4-4] [MQTT5-3.3.4-5]. A message without
identifiers, or with one that is known under no filter that matches, is for those that have none; if there is nobody
like that, and wherever there are no identifiers, it goes to all whose filter matches, once to each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from txmqtt.broker.filters import Filters
from txmqtt.codec.errors import LocalProtocolError
from txmqtt.codec.topics import split_share
from txmqtt.net.receiving.receivers import Callback, Receiver

#: How many topics a table remembers the receivers of, and how long one may be, bytes.
_REMEMBERED = 4_096
_LENGTH = 256

#: The identifiers that we give: small, because each costs its bytes in every message, and above those that users like;
#: larger ones, up to what there is, only to somebody who has thousands.
_FIRST, _SMALL, _LAST = 100, 16_383, 268_435_455

#: The topic, the callback if calling it is all there is to do, and who else gets the message.
Route = tuple[str, Callback | None, tuple[Receiver, ...]]


class Handler:
    """
    A receiver in its place under one filter.

    @ivar below: the filter without its share.
    @ivar receiver: None: its messages are for whoever gets what nobody else takes.
    @ivar identifier: the subscription identifier; 0 for none.
    @ivar replaced: whose place it took, until the server has answered.
    """

    def __init__(self, filter: bytes, receiver: Receiver | None, identifier: int, replaced: Handler | None) -> None:
        self.filter = filter
        self.below = split_share(filter)[1]
        self.receiver = receiver
        self.identifier = identifier
        self.replaced = replaced
        self.gone = False


class Routing:
    """
    The receivers of one session.

    @ivar identifying: the server of this connection sends subscription identifiers, as far as it said.
    """

    def __init__(self) -> None:
        self.identifying = False
        self._handlers: dict[bytes, Handler] = {}
        self._below: dict[bytes, list[Handler]] = {}  # by the filter without its share
        self._filters = Filters()
        self._taken: dict[int, int] = {}  # identifiers, and under how many filters each stands
        self._last = _FIRST - 1
        self._routes: dict[bytes, Route] = {}
        self._named: dict[tuple[int, ...], dict[bytes, Route]] = {(): self._routes}
        self._remembered = 0

    # Who is there

    def identifier(self, filters: Sequence[bytes]) -> int:
        """
        The identifier for a subscription to these filters: the one that they have already, if they and no others have
        it, so that what is under way with it is not misunderstood; otherwise a new one.
        """
        have = {handler.identifier if handler else 0 for handler in map(self._handlers.get, filters)}
        if len(have) == 1:
            one = have.pop()
            if one and self._taken[one] == len(filters):
                return one
        last = _SMALL if len(self._taken) < _SMALL // 2 else _LAST
        while True:
            self._last = self._last + 1 if self._last < last else _FIRST
            if self._last not in self._taken:
                return self._last

    def put(self, filter: bytes, receiver: Receiver | None, identifier: int = 0) -> Handler:
        """
        From now on this receiver stands under this filter, in the place of another that may have stood there. None
        leaves there whoever stands there, under the new identifier.
        """
        before = self._remove(filter)
        if receiver is None and before is not None:
            receiver = before.receiver
        handler = Handler(filter, receiver, identifier, before)
        self._add(handler)
        return handler

    def get(self, filter: bytes) -> Handler | None:
        """
        Who stands under this very filter.
        """
        return self._handlers.get(filter)

    def confirm(self, handler: Handler) -> None:
        """
        The server granted the subscription: there is no way back to whoever was there before.
        """
        before, handler.replaced = handler.replaced, None
        while before is not None:
            if before.receiver is not handler.receiver:
                words = f"another subscription to {handler.filter.decode()!r} took its place"
                self._deposed(before.receiver, LocalProtocolError(words))
            before = before.replaced

    def withdraw(self, handler: Handler) -> None:
        """
        Take a receiver away, and put back the one whose place it took.
        """
        handler.gone = True
        if self._handlers.get(handler.filter) is not handler:
            return
        self._remove(handler.filter)
        before = handler.replaced
        while before is not None and before.gone:
            before = before.replaced
        if before is not None:
            self._add(before)

    def discard(self, handler: Handler) -> None:
        """
        Take a receiver away for good, unless another has taken its place.
        """
        handler.replaced = None
        self.withdraw(handler)
        self._deposed(handler.receiver, None)

    def clear(self) -> None:
        """
        The session is over, and with it all subscriptions.
        """
        receivers = self.receivers()
        for filter in list(self._handlers):
            self._remove(filter)
        for receiver in receivers:
            receiver.end(None)

    def remove_readers(self) -> list[Receiver]:
        """
        Take away all that somebody reads; they.
        """
        places = [handler for handler in self._handlers.values() if handler.receiver and handler.receiver.reading]
        for handler in places:
            handler.replaced = None
            self.withdraw(handler)
        return _once(places)

    def receivers(self) -> list[Receiver]:
        """
        Everybody who stands anywhere.
        """
        return _once(self._handlers.values())

    def standing(self, receiver: Receiver) -> list[Handler]:
        """
        Where this receiver stands.
        """
        return [handler for handler in self._handlers.values() if handler.receiver is receiver]

    def _deposed(self, receiver: Receiver | None, why: Exception | None) -> None:
        if receiver is not None and receiver.reading and not self.standing(receiver):
            receiver.end(why)

    def _add(self, handler: Handler) -> None:
        self._handlers[handler.filter] = handler
        self._below.setdefault(handler.below, []).append(handler)
        self._filters.add(handler.below)
        if handler.identifier:
            self._taken[handler.identifier] = self._taken.get(handler.identifier, 0) + 1
        self.forget_routes()

    def _remove(self, filter: bytes) -> Handler | None:
        handler = self._handlers.pop(filter, None)
        if handler is not None:
            others = self._below[handler.below]
            others.remove(handler)
            if not others:
                del self._below[handler.below]
                self._filters.discard(handler.below)
            if handler.identifier:
                self._taken[handler.identifier] -= 1
                if not self._taken[handler.identifier]:
                    del self._taken[handler.identifier]
            self.forget_routes()
        return handler

    # Who gets it

    def forget_routes(self) -> None:
        """
        Somebody came or went.
        """
        self._routes.clear()
        self._named.clear()
        self._named[()] = self._routes
        self._remembered = 0

    def find(self, topic: bytes, identifiers: tuple[int, ...]) -> Route:
        """
        The way of a message, remembered for the next like it.
        """
        receivers = self._choose(topic, identifiers)
        callback = receivers[0].callback if len(receivers) == 1 else None
        route = (topic.decode(), callback, tuple(receivers))
        if len(topic) <= _LENGTH:
            if self._remembered >= _REMEMBERED:
                self.forget_routes()
            self._remembered += 1
            self._named.setdefault(identifiers, {})[topic] = route
        return route

    def _choose(self, topic: bytes, identifiers: tuple[int, ...]) -> list[Receiver]:
        matching = [handler for interest in self._filters.match(topic) for handler in self._below[interest.filter]]
        if not self.identifying:
            return _once(matching)
        named = [handler for handler in matching if handler.identifier in identifiers]
        if identifiers and {handler.identifier for handler in named} == set(identifiers):
            return _once(named)
        return _once(named + [handler for handler in matching if not handler.identifier] or matching)


def _once(handlers: Iterable[Handler]) -> list[Receiver]:
    return list(dict.fromkeys(handler.receiver for handler in handlers if handler.receiver is not None))
