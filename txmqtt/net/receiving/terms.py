"""
On which terms somebody gets messages: how many at once, for how long, and what a failure means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypedDict

from txmqtt.codec import reasons
from txmqtt.codec.constants import MQTT5, PUBACK
from txmqtt.session.tickets import WITHHELD

Acknowledge = Literal["returned", "received", "manual"]
Policy = Literal["pause", "drop_oldest", "drop_newest"]
OnError = Literal["acknowledge", "withhold"] | int

_ACKNOWLEDGE: Final = ("returned", "received", "manual")
_POLICIES: Final = ("pause", "drop_oldest", "drop_newest")


class HandlingOptions(TypedDict, total=False):
    """
    The keywords; C{Terms} says what they mean and what they are when they are not given.
    """

    acknowledge: Acknowledge
    concurrency: int | None
    limit: int
    policy: Policy
    timeout: float | None
    on_error: OnError


@dataclass(frozen=True, kw_only=True)
class Terms:
    """
    The options.

    @ivar acknowledge: when a QoS 1 or 2 message is acknowledged: C{"returned"}, when the callback has returned and the
        Deferred or coroutine that it returned, if any, is done; C{"received"}, as soon as the callback is called;
        C{"manual"}, when C{message.acknowledge()} is called.
    @ivar concurrency: how many messages may be in the hands of the callback at once; the others wait. None: any number.
    @ivar limit: how many QoS 0 messages may wait. QoS 1 and 2 wait unacknowledged, and the Receive Maximum limits them.
    @ivar policy: what happens to QoS 0 when so many wait: C{"drop_oldest"}, C{"drop_newest"}, or C{"pause"}: nothing is
        read from the server for a while.
    @ivar timeout: how long one message may take from the call on, seconds; then it has failed, and its Deferred is
        cancelled. None: for ever.
    @ivar on_error: what is said of a message whose callback failed: C{"acknowledge"}: it is acknowledged all the same;
        C{"withhold"}: it is not, and comes again on the next connection; a reason code from 0x80 up, with which it is
        refused for good; 3.x cannot say one, and there it is withheld.
    """

    acknowledge: Acknowledge = "returned"
    concurrency: int | None = None
    limit: int = 1_000
    policy: Policy = "drop_oldest"
    timeout: float | None = None
    on_error: OnError = "acknowledge"

    def __post_init__(self) -> None:
        if self.acknowledge not in _ACKNOWLEDGE:
            raise ValueError(f"acknowledge is {self.acknowledge!r}; expected one of {_ACKNOWLEDGE}")
        if self.policy not in _POLICIES:
            raise ValueError(f"policy is {self.policy!r}; expected one of {_POLICIES}")
        if self.concurrency is not None:
            _check_count("concurrency", self.concurrency)
        _check_count("limit", self.limit)
        if self.timeout is not None:
            check_seconds("timeout", self.timeout)
        if self.on_error not in ("acknowledge", "withhold"):
            check_verdict("on_error", self.on_error, "'acknowledge', 'withhold' or ")
            if not self.on_error:
                raise ValueError("on_error is 0; expected 'acknowledge', 'withhold' or a reason code from 0x80 up")

    @property
    def plain(self) -> bool:
        """
        All that these terms ask for is that a callback be called.
        """
        asked = (self.acknowledge, self.concurrency, self.timeout, self.on_error)
        return asked == ("returned", None, None, "acknowledge")

    def verdict(self, version: int) -> int:
        """
        What a failure comes to in this version of MQTT.
        """
        if self.on_error == "acknowledge":
            return reasons.SUCCESS
        return WITHHELD if self.on_error == "withhold" else sayable(int(self.on_error), version)


def sayable(reason: int, version: int) -> int:
    """
    A verdict as this version can give it: 3.x cannot refuse a message, but it can leave it unacknowledged.
    """
    return WITHHELD if reason and version < MQTT5 else reason


def check_verdict(name: str, reason: object, others: str = "0 or ") -> int:
    """
    A reason code for the acknowledgement of a message, 0 or from 0x80 up.
    """
    if isinstance(reason, bool) or not isinstance(reason, int):
        raise TypeError(f"{name} is {reason!r}; expected {others}a reason code from 0x80 up")
    if reason and (reason < reasons.FAILURE or not reasons.legal(PUBACK, reason)):
        raise ValueError(
            f"{name} is 0x{int(reason):02X}; expected {others}one of 0x80, 0x83, 0x87, 0x90, 0x91, 0x97 and 0x99"
        )
    return int(reason)


def check_seconds(name: str, given: object) -> None:
    """
    A time to wait, seconds.
    """
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise TypeError(f"{name} is {given!r}; expected seconds or None")
    if not 0 < given < float("inf"):
        raise ValueError(f"{name} is {given!r}; expected more than 0 seconds, or None for ever")


def _check_count(name: str, given: object) -> None:
    if isinstance(given, bool) or not isinstance(given, int):
        raise TypeError(f"{name} is {given!r}; expected a number")
    if not 1 <= given <= 1_000_000:
        raise ValueError(f"{name} is {given}; expected 1 to 1000000")
