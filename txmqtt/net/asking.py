"""
The verbs that ask for messages: subscribe and unsubscribe, whoever says them: one connection, or a service that has one
after another.
"""

from __future__ import annotations

from collections.abc import Sequence

from txmqtt.codec.constants import SUBSCRIBE, UNSUBSCRIBE
from txmqtt.codec.packets import Subscription
from txmqtt.codec.properties import Properties
from txmqtt.net.arguments import check_options, check_properties, filter_list, qos_number
from txmqtt.net.handlers import Callback, Handler
from txmqtt.net.state import Answer, Ask, ClientState


class Asking:
    """
    Whoever can ask.

    @ivar version: of MQTT: 5 for 5.0, 4 for 3.1.1, 3 for 3.1.
    """

    version: int
    state: ClientState

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
        if (cannot := self._cannot()) is not None:
            return cannot
        handlers: list[Handler | None] = [None] * len(filters)
        if callback is not None:  # in its place before SUBSCRIBE leaves: a retained message may overtake the SUBACK
            handlers = [self.state.handlers.put(each, callback) for each in filters]
        asked = [
            Subscription(each, qos, bool(no_local), bool(retain_as_published), int(retain_handling)) for each in filters
        ]
        return self.ask(Ask(SUBSCRIBE, filters, handlers, properties, asked, identifier))

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
