"""
A message that the application acknowledges itself, when it sees fit.
"""

from __future__ import annotations

from collections.abc import Callable

from txmqtt.net.receiving.terms import check_verdict
from txmqtt.net.values import Message
from txmqtt.session.tickets import WITHHELD


class ByHand(Message):
    """
    A message with C{acknowledge="manual"}.

    @param decide: told the verdict; answers whether it counted.
    """

    __slots__ = ("_decide",)

    def __init__(self, message: Message, decide: Callable[[int], bool]) -> None:
        super().__init__(message.topic, message.payload, message.qos, message.retain, message.dup, message._properties)
        self._decide = decide

    def acknowledge(self, reason: int = 0) -> bool:
        """
        See C{Message}.
        """
        return self._decide(check_verdict("reason", reason))

    def withhold(self) -> bool:
        """
        See C{Message}.
        """
        return self._decide(WITHHELD)
