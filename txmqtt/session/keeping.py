"""
What a client promises, kept where a crash of the program does not reach: the shape of a store for clients.

A keeper is told each step of a session's books, in the order in which they happen, and answers with a ticket where a
promise has to wait until the step is on disk. It knows nothing of connections: what it gives back at the next start of
the program is what the books said when it ended.

  - A publish is C{queued} when the application has handed it over.
  - C{sending} tells the packet identifier under which it leaves for the first time. At QoS 2 it leaves when that is on
    disk, so that a program that comes back sends it under the same identifier and not as another message.
  - C{released} tells that its PUBREC came; the PUBREL leaves when that is on disk, for its PUBLISH must never be sent
    again [MQTT5-4.3.3-6] [MQTT311-4.3.3-1].
  - C{settled} tells that the server has answered for good. Nobody waits: a crash before it is on disk makes a QoS 1
    message come again, and a PUBREL that is answered as before.
  - C{received} tells the identifier of a QoS 2 message that the application has dealt with; its PUBREC leaves when that
    is on disk. C{finished} tells that its PUBREL came; the PUBCOMP leaves when that is on disk.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from txmqtt.codec.packets import Subscription
from txmqtt.session.message import Message
from txmqtt.session.outgoing import Outbound
from txmqtt.session.tickets import Ticket


class Promise:
    """
    A publish of a former life that has not been answered for good.

    @ivar message: what was published.
    @ivar home: the number under which the keeper has it.
    @ivar packet_id: under which it left; 0: it has not left, as far as is on disk.
    @ivar released: its PUBREC came.
    @ivar key: the application's name for it; empty: it gave none.
    @ivar until: the application gives up waiting for it to leave at this time, seconds of the wall clock; 0.0: never.
    """

    def __init__(
        self,
        message: Message,
        qos: int,
        home: int,
        packet_id: int = 0,
        released: bool = False,
        key: str = "",
        until: float = 0.0,
    ) -> None:
        self.message = message
        self.qos = qos
        self.home = home
        self.packet_id = packet_id
        self.released = released
        self.key = key
        self.until = until


class Outcome:
    """
    How a publish that had a key ended.

    @ivar reason: the reason code of its last acknowledgement, or why it was never sent.
    @ivar words: what there is to say about it when it failed; empty when it went well.
    """

    def __init__(self, key: str, reason: int, words: str = "") -> None:
        self.key = key
        self.reason = reason
        self.words = words


class Wish:
    """
    A subscription that the application wants to have for as long as the session lives.

    @ivar identifier: 5.0: the number that comes with what is sent because of it; 0: none.
    """

    def __init__(self, subscription: Subscription, identifier: int = 0) -> None:
        self.subscription = subscription
        self.identifier = identifier


class Recollection:
    """
    What a keeper has of the session's former lives.

    @ivar client_id: the name that the session goes by; empty: none is known.
    @ivar promises: what must still be sent or answered: first what was released, in the order of the PUBRECs; then what
        left, in the order of first sending; then what has not left, in the order in which it was queued.
    @ivar received: the identifiers of QoS 2 messages that have been dealt with and not been finished.
    @ivar wishes: the subscriptions.
    @ivar outcomes: of publishes with a key that ended, and that the application has not asked about.
    """

    def __init__(self) -> None:
        self.client_id = ""
        self.promises: list[Promise] = []
        self.received: list[int] = []
        self.wishes: list[Wish] = []
        self.outcomes: list[Outcome] = []


class Keeper(Protocol):
    """
    What a client asks of its store. Tickets are settled in the reactor's thread; one that fails (0x80 and above) says
    that the step is not on disk and never will be.

    @ivar wake: called just before tickets are settled: whoever has the connection now has something to say.
    """

    wake: Callable[[], object]

    def flush(self) -> None:
        """
        A turn of the reactor is over: what it has changed may be written.
        """

    def recall(self) -> Recollection:
        """
        What there is, once the store is open.
        """

    def named(self, client_id: str) -> None:
        """
        The session goes by this name.
        """

    def queued(self, item: Outbound, key: str) -> Ticket:
        """
        A publish was accepted. Its C{home} is set at once; said again, it answers for the first time.
        """

    def sending(self, item: Outbound) -> Ticket:
        """
        It is about to leave for the first time, under C{item.packet_id}.
        """

    def released(self, item: Outbound) -> Ticket:
        """
        Its PUBREC came.
        """

    def settled(self, item: Outbound, reason: int, words: str) -> None:
        """
        It is done with: answered for good, refused, expired, dropped or withdrawn. One that has a key leaves its
        C{Outcome}, until C{told}.
        """

    def told(self, key: str) -> None:
        """
        The application knows how it ended.
        """

    def received(self, packet_id: int) -> Ticket:
        """
        A QoS 2 message has been dealt with.
        """

    def finished(self, packet_id: int) -> Ticket:
        """
        Its PUBREL came: the identifier means a new message from now on.
        """

    def wished(self, wishes: list[Wish]) -> Ticket:
        """
        The application wants these subscriptions; each takes the place of another with the same filter.
        """

    def unwished(self, filters: list[bytes]) -> Ticket:
        """
        It wants these no more.
        """

    def lost(self) -> None:
        """
        The server has no session of ours: packet identifiers, and what was received under them, mean nothing any more.
        What was released has been taken over by the server and is settled by its owner; all else that left is as if it
        had not.
        """
