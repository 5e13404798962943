"""
The verbs that ask for messages: subscribe, messages and unsubscribe, whoever says them: one connection, or a service
that has one after another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Unpack

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime

from txmqtt.codec.constants import MQTT5, SUBSCRIBE, UNSUBSCRIBE
from txmqtt.codec.packets import Subscription
from txmqtt.codec.properties import Properties
from txmqtt.net.arguments import check_callback, check_known, check_options, check_properties, filter_list, qos_number
from txmqtt.net.receiving.figures import Figures
from txmqtt.net.receiving.inbox import Inbox
from txmqtt.net.receiving.line import Line
from txmqtt.net.receiving.receivers import Callback, Plain, Receiver
from txmqtt.net.receiving.stream import Messages
from txmqtt.net.receiving.terms import Acknowledge, HandlingOptions, OnError, Policy, Terms
from txmqtt.net.state import Answer, Ask, ClientState


class Asking:
    """
    Whoever can ask.

    @ivar version: of MQTT: 5 for 5.0, 4 for 3.1.1, 3 for 3.1.
    """

    version: int
    state: ClientState
    _clock: IReactorTime

    @property
    def figures(self) -> Figures:
        """
        What became of the messages that came, in numbers.
        """
        return self.state.handlers.figures

    def ask(self, ask: Ask) -> Answer:
        """
        Have it asked, now or as soon as possible.

        @return: fires when the server has answered.
        """
        raise NotImplementedError

    def _cannot(self) -> Answer | None:
        """
        Why nothing can be asked now, as what is to be returned; None when it can.
        """
        raise NotImplementedError

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
        **terms: Unpack[HandlingOptions],
    ) -> Answer:
        """
        Ask for all messages that match a filter, or any of several.

        @param callback: called with each C{Message}; what it returns may be a Deferred, or a coroutine, that fires when
            the message is dealt with. It takes the place of another that the same filter had. A message that several
            filters match calls each of their callbacks once. None leaves the messages to C{on_message}.
        @param qos: at most this QoS.
        @param no_local: 5.0: not what this client publishes itself.
        @param retain_as_published: 5.0: the retain flag as it was published.
        @param retain_handling: 5.0: 0 to get retained messages, 1 only if the subscription is new, 2 not.
        @param identifier: 5.0: a number that comes with each message because of this subscription. A subscription with
            a callback gets one anyway, from 100 up: give it one of your own if you want to know it.
        @param terms: how many at once, for how long, and what a failure means: see C{Terms}.
        @return: fires when the server has granted it; C{reason} tells at which QoS.
        """
        check_callback("callback", callback)
        check_known(terms, Terms)
        how = Terms(**terms)
        if callback is None and terms:
            raise ValueError(f"{', '.join(terms)} without a callback; expected one to get messages on these terms")
        want = self._wanting(filter, qos, no_local, retain_as_published, retain_handling, identifier, properties)
        handlers = self.state.handlers
        if callback is None:
            return want(None)
        if how.plain:
            return want(Plain(callback, handlers))
        return want(Line(callback, how, self.version, handlers, self._clock))

    def messages(
        self,
        filter: str | bytes | Sequence[str | bytes],
        qos: int = 0,
        *,
        limit: int = 100,
        policy: Policy = "pause",
        acknowledge: Acknowledge = "returned",
        on_error: OnError = "acknowledge",
        keep: bool = False,
        no_local: bool = False,
        retain_as_published: bool = False,
        retain_handling: int = 0,
        identifier: int = 0,
        properties: Properties | None = None,
    ) -> Messages:
        """
        Ask for messages, to read them one after another::

            async with client.messages("alarms/#", qos=1) as messages:
                async for message in messages:
                    ...

        @param limit: how many QoS 0 messages may wait to be read. QoS 1 and 2 wait unacknowledged, and the Receive
            Maximum limits them.
        @param policy: what happens to QoS 0 when so many wait: C{"pause"}: nothing is read from the server for a while,
            unless an answer of it is awaited; C{"drop_oldest"} or C{"drop_newest"}.
        @param acknowledge: when a QoS 1 or 2 message is acknowledged: C{"returned"}, when the next is asked for, which
            says that this one is dealt with; C{"received"}, when it is read; C{"manual"}, when its C{acknowledge()} is
            called.
        @param on_error: what is said of a message when C{async with} is left because of an error: see C{Terms}.
        @param keep: the subscription stays when the messages are closed, and what is not read is not acknowledged, so
            that it comes again on the next connection: for a session that goes on. Otherwise closing unsubscribes, and
            what is not read is thrown away.
        """
        terms = Terms(limit=limit, policy=policy, acknowledge=acknowledge, on_error=on_error)
        want = self._wanting(filter, qos, no_local, retain_as_published, retain_handling, identifier, properties)
        inbox = Inbox(terms, self.version, self.state.handlers, self._clock, bool(keep))
        return Messages(inbox, want, self._unwant, bool(keep))

    def _wanting(
        self,
        filter: str | bytes | Sequence[str | bytes],
        qos: int,
        no_local: bool,
        retain_as_published: bool,
        retain_handling: int,
        identifier: int,
        properties: Properties | None,
    ) -> Callable[[Receiver | None], Answer]:
        """
        A SUBSCRIBE that lacks only whom it is for.
        """
        filters = filter_list(filter, self.version)
        qos = qos_number(qos)
        check_options(filters, no_local, retain_as_published, retain_handling, identifier, self.version)
        check_properties(properties, SUBSCRIBE, self.version)
        if identifier:
            user = properties.user_properties if properties is not None else ()
            properties = Properties(subscription_identifiers=(identifier,), user_properties=user)
        asked = [
            Subscription(each, qos, bool(no_local), bool(retain_as_published), int(retain_handling)) for each in filters
        ]

        def want(receiver: Receiver | None) -> Answer:
            if (cannot := self._cannot()) is not None:
                return cannot
            number = identifier or self._identifier(filters, receiver)
            # In its place before SUBSCRIBE leaves: a retained message may overtake the SUBACK.
            handlers = [self.state.handlers.put(each, receiver, number) for each in filters]
            return self.ask(Ask(SUBSCRIBE, filters, list(handlers), properties, asked, number))

        return want

    def _identifier(self, filters: list[bytes], receiver: Receiver | None) -> int:
        handlers = self.state.handlers
        standing = [handler for handler in map(handlers.get, filters) if handler and handler.receiver is not None]
        if self.version < MQTT5 or (receiver is None and not standing):
            return 0
        return handlers.identifier(filters)

    def _unwant(self, receiver: Receiver) -> Answer | Deferred[None]:
        """
        Take back what a receiver has.
        """
        filters = [handler.filter for handler in self.state.handlers.standing(receiver)]
        if not filters:
            return succeed(None)
        return self.unsubscribe(list(filters))

    def unsubscribe(self, filter: str | bytes | Sequence[str | bytes], properties: Properties | None = None) -> Answer:
        """
        Ask for no more of it.

        @return: fires when the server has agreed; until then messages may come.
        """
        filters = filter_list(filter, self.version)
        check_properties(properties, UNSUBSCRIBE, self.version)
        if (cannot := self._cannot()) is not None:
            return cannot
        handlers = self.state.handlers
        return self.ask(Ask(UNSUBSCRIBE, filters, [handlers.get(each) for each in filters], properties))
