"""
What the broker has counted since it started, and how it tells the world under C{$SYS/broker}.

The topics are named as mosquitto names them, where it has the figure.
"""

from __future__ import annotations

from typing import Final

from txmqtt.codec import reasons
from txmqtt.session.turn import Turn

#: The counters that outlive the process where something does.
_TOTALS: Final = (
    "connections_total",
    "connections_refused",
    "sessions_expired",
    "taken_over",
    "publish_received",
    "publish_sent",
    "dropped_full",
    "dropped_slow",
    "dropped_expired",
    "dropped_denied",
    "dropped_ended",
    "dropped_retained",
    "refused_publishes",
    "protocol_errors",
    "wills_sent",
    "held",
    "held_refused",
    "overruns",
)
_TOTALS_OF_TURNS: Final = (
    "bytes_received",
    "bytes_sent",
    "packets_received",
    "packets_sent",
    "publishes_sent",
    "throttled",
)


class Stats:
    """
    Counters only: who counts adds one, nobody computes.

    @ivar publish_sent: copies at QoS 0; C{Turn.publishes_sent} has the others.
    @ivar dropped_full: QoS 1 and 2 messages that found a receiver's queue full.
    @ivar dropped_slow: QoS 0 messages for a receiver that does not read fast enough, and any for one that takes no
        packet so large.
    @ivar dropped_expired: messages whose time was over before they could be sent.
    @ivar dropped_denied: messages that their receiver had the right to when they were kept for it, and has no more.
    @ivar dropped_ended: messages that ended with the session or group they were for.
    @ivar dropped_retained: messages that could not be retained for want of room.
    @ivar held: messages whose acknowledgement had to wait until every receiver had room.
    @ivar held_refused: those of them, and those that found too many waiting, for which there was none in time.
    @ivar overruns: receivers that were let go because their queue was full.
    @ivar refused_publishes: messages that their publisher had no right to send.
    """

    def __init__(self) -> None:
        self.connections = 0
        self.connections_max = 0
        self.connections_total = 0
        self.connections_refused = 0
        self.sessions = 0
        self.sessions_expired = 0
        self.taken_over = 0
        self.subscriptions = 0
        self.shared_subscriptions = 0
        self.publish_received = 0
        self.publish_sent = 0
        self.dropped_full = 0
        self.dropped_slow = 0
        self.dropped_expired = 0
        self.dropped_denied = 0
        self.dropped_ended = 0
        self.dropped_retained = 0
        self.refused_publishes = 0
        self.protocol_errors = 0
        self.routes_forgotten = 0
        self.retained = 0
        self.retained_bytes = 0
        self.queued = 0
        self.queued_bytes = 0
        self.wills_sent = 0
        self.held = 0
        self.held_refused = 0
        self.overruns = 0

    def drop(self, count: int, reason: int) -> None:
        """
        Messages that somebody was owed are gone; the reasons are those of C{Hall.dropped}.
        """
        if reason == reasons.QUOTA_EXCEEDED:
            self.dropped_full += count
        elif reason == reasons.IMPLEMENTATION_SPECIFIC_ERROR:
            self.dropped_expired += count
        elif reason == reasons.NOT_AUTHORIZED:
            self.dropped_denied += count
        else:
            self.dropped_ended += count

    @property
    def dropped(self) -> int:
        """
        Messages that did not reach a receiver they were for, whatever the reason.
        """
        return self.dropped_full + self.dropped_slow + self.dropped_expired + self.dropped_denied + self.dropped_ended

    def totals(self, turn: Turn) -> dict[str, int]:
        """
        What counts on from one life of the broker to the next.
        """
        here = {name: getattr(self, name) for name in _TOTALS}
        there = {name: getattr(turn, name) for name in _TOTALS_OF_TURNS}
        return here | there

    def resume(self, turn: Turn, totals: dict[str, int]) -> None:
        """
        Count on from what an earlier life had counted; names that are not known are passed over.
        """
        for name in _TOTALS:
            setattr(self, name, getattr(self, name) + totals.get(name, 0))
        for name in _TOTALS_OF_TURNS:
            setattr(turn, name, getattr(turn, name) + totals.get(name, 0))

    def topics(self, turn: Turn, uptime: float, version: str) -> list[tuple[str, str]]:
        """
        Every figure with its topic below C{$SYS/broker/}.

        @param uptime: seconds.
        """
        parked = self.sessions - self.connections
        return [
            ("version", f"txmqtt version {version}"),
            ("uptime", f"{int(uptime)} seconds"),
            ("clients/total", str(self.sessions)),
            ("clients/connected", str(self.connections)),
            ("clients/disconnected", str(max(0, parked))),
            ("clients/maximum", str(self.connections_max)),
            ("clients/expired", str(self.sessions_expired)),
            ("connections/total", str(self.connections_total)),
            ("connections/refused", str(self.connections_refused)),
            ("connections/taken over", str(self.taken_over)),
            ("connections/protocol errors", str(self.protocol_errors)),
            ("bytes/received", str(turn.bytes_received)),
            ("bytes/sent", str(turn.bytes_sent)),
            ("messages/received", str(turn.packets_received)),
            ("messages/sent", str(turn.packets_sent)),
            ("publish/messages/received", str(self.publish_received)),
            ("publish/messages/sent", str(self.publish_sent + turn.publishes_sent)),
            ("publish/messages/dropped", str(self.dropped)),
            ("publish/messages/dropped/queue full", str(self.dropped_full)),
            ("publish/messages/dropped/slow", str(self.dropped_slow)),
            ("publish/messages/dropped/expired", str(self.dropped_expired)),
            ("publish/messages/dropped/denied", str(self.dropped_denied)),
            ("publish/messages/dropped/session ended", str(self.dropped_ended)),
            ("publish/messages/dropped/not retained", str(self.dropped_retained)),
            ("publish/messages/refused", str(self.refused_publishes)),
            ("store/messages/count", str(self.retained + self.queued)),
            ("store/messages/bytes", str(self.retained_bytes + self.queued_bytes)),
            ("retained messages/count", str(self.retained)),
            ("subscriptions/count", str(self.subscriptions)),
            ("shared_subscriptions/count", str(self.shared_subscriptions)),
            ("wills/sent", str(self.wills_sent)),
            ("routes/forgotten", str(self.routes_forgotten)),
            ("publish/messages/held", str(self.held)),
            ("publish/messages/held/refused", str(self.held_refused)),
            ("connections/overrun", str(self.overruns)),
            ("publish/messages/throttled", str(turn.throttled)),
        ]
