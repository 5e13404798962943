"""
One turn of the reactor: the time it is, and who has something to write at its end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mypy_extensions import mypyc_attr

if TYPE_CHECKING:
    from txmqtt.session.voice import Voice


@mypyc_attr(allow_interpreted_subclasses=True)
class Later:
    """
    Something that is done when the turn ends, because it must not be done in the middle of something else.
    """

    def go_on(self) -> None:
        """
        Do it.
        """
        raise NotImplementedError


class Turn:
    """
    What one turn of the reactor shares: the time, and who has something to write at its end.

    @ivar now: seconds of a clock that never jumps: for the deadlines of connections.
    @ivar skew: what to add to C{now} for wall time: for all that is stored or told to others.
    @ivar bytes_received: in all since the start; likewise C{bytes_sent}, C{packets_received}, C{packets_sent}.
    @ivar publishes_sent: messages sent at QoS 1 and 2, repeats not counted; C{outbound_bytes}: the bytes of their
        payloads.
    @ivar inbound_bytes: the bytes of the payloads of all messages that peers have sent, repeats included.
    @ivar throttled: how often somebody who published too fast was not read for a while.
    @ivar later: done at the end of the turn, before all that follows.
    @ivar closing: called at the end of the turn, before the writes: a store begins to write what the turn has changed.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.skew = 0.0
        self.bytes_received = 0
        self.bytes_sent = 0
        self.packets_received = 0
        self.packets_sent = 0
        self.publishes_sent = 0
        self.outbound_bytes = 0
        self.inbound_bytes = 0
        self.throttled = 0
        self.touched: list[Voice] = []
        self.later: list[Later] = []
        self.closing: Callable[[], object] | None = None

    @property
    def wall(self) -> float:
        """
        Wall time, seconds.
        """
        return self.now + self.skew

    def flush(self) -> None:
        """
        One write for each conversation that has something to say. Every entry from the reactor ends here.
        """
        while self.later:
            later, self.later = self.later, []
            for each in later:
                each.go_on()
        if self.closing is not None:
            self.closing()
        touched = self.touched
        at = 0
        while at < len(touched):  # a flush may touch others
            touched[at].flush()
            at += 1
        touched.clear()
