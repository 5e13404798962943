"""
When to ping and when to give up, as arithmetic on seconds.

Nothing here reads a clock: every method is told what time it is.
"""

from __future__ import annotations


class Keepalive:
    """
    The client's half of the keep-alive promise [MQTT5-3.1.2-20] [MQTT311-3.1.2-23].

    @param interval: keep-alive, seconds; 0 turns it off.
    @param patience: how long a PINGRESP may take, seconds; 0 for as long as it likes.
    """

    def __init__(self, interval: float, patience: float, now: float) -> None:
        self._early = interval * 0.75  # the PINGREQ must arrive within the interval, not leave at its end
        self._patience = patience
        self._last_sent = now
        self._answer_due = 0.0  # 0.0: no PINGREQ is outstanding

    def sent(self, now: float) -> None:
        """
        Something was written: the server has heard of us.
        """
        self._last_sent = now

    def pinged(self, now: float) -> None:
        """
        A PINGREQ was written.
        """
        self._last_sent = now
        if self._patience and not self._answer_due:
            self._answer_due = now + self._patience

    def ponged(self, now: float, outstanding: bool) -> None:
        """
        A PINGRESP came.

        @param outstanding: it was not the last that is expected.
        """
        self._answer_due = now + self._patience if outstanding and self._patience else 0.0

    def ping_due(self, now: float) -> bool:
        """
        Nothing has been sent for so long that a PINGREQ must leave now.
        """
        return self._early > 0.0 and not self._answer_due and self._last_sent + self._early <= now

    def deadline(self) -> float:
        """
        When to look again, seconds; 0.0 for never.
        """
        if self._answer_due:
            return self._answer_due
        return self._last_sent + self._early if self._early > 0.0 else 0.0

    def expired(self, now: float) -> bool:
        """
        The PINGRESP did not come in time: the connection is dead.
        """
        return 0.0 < self._answer_due <= now


def server_patience(keep_alive: int) -> float:
    """
    How long a server waits for the next packet, seconds: half as long again as the client promised, 0.0 for ever
    [MQTT5-3.1.2-22] [MQTT311-3.1.2-24].
    """
    return keep_alive * 1.5
