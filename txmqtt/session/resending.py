"""
QoS 1 and 2 on the way out: what is sent again, on the same connection and on the next.
"""

from __future__ import annotations

from txmqtt.codec import reasons
from txmqtt.session.outgoing import Outbound
from txmqtt.session.sending import Sending
from txmqtt.session.tickets import DONE
from txmqtt.session.voice import NEVER, OPEN


class Resending(Sending):
    """
    The sender's half once more, for what stays unanswered.
    """

    _resend_from = 0.0  # when the peer last began to read again: what it was sent before may only just reach it

    def _resend_deadline(self) -> float:
        if not self.resend_interval or self.outgoing is None or self.paused:
            return NEVER
        oldest = NEVER
        for item in self._watched():
            if item.sent_at < oldest:
                oldest = item.sent_at
        return max(oldest, self._resend_from) + self.resend_interval

    def _resend(self, now: float) -> None:
        """
        On 3.x, what has been unanswered for too long goes again: PUBRELs in the order of their PUBRECs, then PUBLISHes
        in the order of their first sending [MQTT311-4.6.0-1] [MQTT311-4.6.0-4]. 5.0 forbids it on a live connection
        [MQTT5-4.4.0-1], so the interval is always 0 there.
        """
        interval = self.resend_interval
        if self._resend_from + interval > now:
            return
        for item in self._watched():
            if item.sent_at + interval > now:
                continue
            if item.released:
                self._let_pubrel(item.packet_id, reasons.SUCCESS)
            elif self.phase == OPEN:
                self._transmit(item)

    def _watched(self) -> list[Outbound]:
        """
        What is with the peer, in the order in which it would go again: not what waits at a gate or for its window.
        """
        outgoing = self.outgoing
        assert outgoing is not None
        gate = self._pubrels
        found = [item for item in outgoing.released() if gate is None or not gate.holds(item.packet_id)]
        found.extend(item for item in outgoing.unanswered() if item.counted and not item.released)
        return found

    def resume(self) -> None:
        self._resend_from = self.turn.now
        super().resume()
        self.nearer(self._resend_deadline())


def repeat_releases(conversation: Sending, released: list[Outbound]) -> None:
    """
    Begin a resumed conversation: the PUBRELs go again at once, then what was published, then what waits.
    """
    for item in released:
        conversation._pubrel_when(conversation._received(item) if conversation.kept else DONE, item)
    conversation.pump()
