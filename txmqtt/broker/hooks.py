"""
What those who run inside the broker want to see, refuse or change of what passes through it.

They are asked only for the topics that they are interested in, which is settled when a route is made: all other
messages cost nothing more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from txmqtt.codec.packets import Publish, Subscription
from txmqtt.session.message import Message

if TYPE_CHECKING:
    from txmqtt.broker.registry import Member

#: What somebody wants of a topic: to be asked about messages that clients publish, and about copies that leave.
INWARD: Final = 1
OUTWARD: Final = 2


class Hooks(Protocol):
    """
    All of them together, as the broker sees them. None of these verbs raises.

    @ivar subscribes: somebody wants to be asked about subscriptions.
    @ivar delivers: somebody wants to be asked about copies that leave, of some topics.
    @ivar drops: somebody wants to hear of what is dropped.
    """

    subscribes: bool
    delivers: bool
    drops: bool

    def interest(self, topic: bytes) -> int:
        """
        C{INWARD}, C{OUTWARD}, both or 0. Asked once for each route.
        """

    def publishing(self, member: Member, packet: Publish) -> int:
        """
        A client may publish this, and does. The packet may be changed: topic, payload, retain flag and properties.

        @return: 0, or from 0x80 up why it is refused.
        """

    def subscribing(self, member: Member, asked: Subscription) -> int:
        """
        A client may subscribe to this, and does. The options may be changed, the filter may not.

        @return: 0, or from 0x80 up why it is refused.
        """

    def delivering(self, member: Member, message: Message) -> Message | None:
        """
        A copy is about to leave: the message itself, another in its place, or None: it does not leave.
        """

    def dropped(self, client_id: str, topic: bytes, reason: int, count: int) -> None:
        """
        Messages did not reach a receiver.

        @param client_id: whom they were for, empty where that is a group or more than one.
        @param topic: empty where they are more than one.
        @param reason: a reason code that says why.
        """
