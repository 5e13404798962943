"""
What a store holds, said without rows and numbers: what an export writes, what an import reads, whoever wrote it.

Sessions and groups are named by what they are, not by the numbers that a file gives them, and what waits comes in the
order in which it was owed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from txmqtt.codec.packets import Subscription, Will
from txmqtt.session.message import Message

#: The mount point and client identifier of a session.
SessionName = tuple[str, str]
#: The mount point, share name and filter of a shared group.
ShareName = tuple[str, bytes, bytes]


@dataclass(kw_only=True)
class Record:
    """
    Any of them.

    @ivar where: the place it was read at, for whoever has to mend it: C{line 7}, C{byte 1204}.
    """

    where: str = ""


@dataclass
class SessionRecord(Record):
    """
    A session with all that is its own but for its queue.

    @ivar durable: it outlives its connection; one that does not is here only because of its will.
    @ivar parked_at: since when it is parked, wall time; 0.0: its client was connected.
    @ivar subscriptions: each with its identifier, 0 for none.
    @ivar will_due: when the will is to be published, wall time; 0.0: its client had not gone without a word.
    @ivar inbound: the packet identifiers of QoS 2 messages that it sent and has not released.
    """

    mount: str
    client_id: str
    user: str | None = None
    durable: bool = True
    expiry: int = 0
    parked_at: float = 0.0
    subscriptions: list[tuple[Subscription, int]] = field(default_factory=list)
    will: Will | None = None
    will_due: float = 0.0
    inbound: list[int] = field(default_factory=list)

    @property
    def name(self) -> SessionName:
        """
        What no two sessions have in common.
        """
        return (self.mount, self.client_id)


@dataclass
class ShareRecord(Record):
    """
    A shared group that is owed messages, or was.
    """

    mount: str
    share: bytes
    filter: bytes

    @property
    def name(self) -> ShareName:
        """
        What no two groups have in common.
        """
        return (self.mount, self.share, self.filter)


@dataclass
class MessageRecord(Record):
    """
    A message that several are owed. It comes before the first of them.

    @ivar number: counts them, from 1.
    """

    number: int
    message: Message


@dataclass
class Flight:
    """
    How far something is that has been sent.

    @ivar released: its PUBREC came.
    @ivar place: counts what is under way, in the order in which it was sent or released last.
    """

    packet_id: int
    released: bool
    place: int


@dataclass
class OwedRecord(Record):
    """
    One place in a queue: the next of those for its holder.

    @ivar message: the message itself, or the number of a C{MessageRecord}.
    """

    holder: SessionName | ShareName
    qos: int
    message: Message | int
    retain: bool = False
    identifiers: tuple[int, ...] = ()
    flight: Flight | None = None


@dataclass
class RetainedRecord(Record):
    """
    The retained message of a topic.
    """

    mount: str
    message: Message


@dataclass
class TotalsRecord(Record):
    """
    What the broker has counted over all its lives.
    """

    values: dict[str, int]
