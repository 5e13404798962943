"""
What the broker has counted since it started, and how it tells the world under C{$SYS/broker}.

The topics are named as mosquitto names them, where it has the figure; those of its bridges are not there.
"""

from __future__ import annotations

from typing import Final

from txmqtt.broker.averages import Averages
from txmqtt.broker.histogram import Histogram
from txmqtt.broker.hooks import Hooks
from txmqtt.codec import reasons
from txmqtt.session.turn import Turn

#: The counters that outlive the process where something does.
_TOTALS: Final = (
    "connections_total",
    "connections_refused",
    "sockets",
    "sessions_expired",
    "taken_over",
    "publish_received",
    "publish_sent",
    "publish_bytes_sent",
    "dropped_full",
    "dropped_slow",
    "dropped_expired",
    "dropped_denied",
    "dropped_ended",
    "dropped_hook",
    "dropped_retained",
    "dropped_memory",
    "half_open_closed",
    "rate_exceeded",
    "banned",
    "banned_refused",
    "logins_failed",
    "logins_delayed",
    "flapping",
    "refused_publishes",
    "protocol_errors",
    "plugin_errors",
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
    "inbound_bytes",
    "outbound_bytes",
    "throttled",
)


class Stats:
    """
    Counters only: who counts adds one, nobody computes.

    @ivar sockets: connections that were opened, whatever was said over them.
    @ivar hooks: who wants to hear of what is dropped.
    @ivar publish_sent: copies at QoS 0; C{Turn.publishes_sent} has the others. Likewise C{publish_bytes_sent}, the
        bytes of their payloads, and C{Turn.outbound_bytes}.
    @ivar heap_current: the memory of the process, bytes, and C{heap_maximum} the most that it was; filled by who can
        look at the process, 0 where nobody does.
    @ivar logins: how long each login took, until its answer was known.
    @ivar lateness: how much later than planned the second's work was begun: what a busy reactor adds to everything.
    @ivar dropped_full: QoS 1 and 2 messages that found a receiver's queue full.
    @ivar dropped_slow: QoS 0 messages for a receiver that does not read fast enough, and any for one that takes no
        packet so large.
    @ivar dropped_expired: messages whose time was over before they could be sent.
    @ivar dropped_denied: messages that their receiver had the right to when they were kept for it, and has no more.
    @ivar dropped_ended: messages that ended with the session or group they were for.
    @ivar dropped_hook: copies that a plugin did not let leave.
    @ivar dropped_retained: messages that could not be retained for want of room.
    @ivar plugin_errors: exceptions of plugins.
    @ivar dropped_memory: QoS 0 messages that were not sent to anybody because memory was short.
    @ivar half_open: connections that have not been let in yet.
    @ivar half_open_closed: those that were closed to make room for others.
    @ivar rate_exceeded: CONNECTs that were refused because they came too fast.
    @ivar banned: how often an address was banned.
    @ivar banned_refused: connections that were refused because their address was.
    @ivar logins_failed: wrong user names and passwords.
    @ivar logins_delayed: logins whose answer was kept waiting.
    @ivar flapping: CONNECTs that were refused because their client identifier is fought for.
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
        self.sockets = 0
        self.sessions = 0
        self.sessions_expired = 0
        self.taken_over = 0
        self.subscriptions = 0
        self.shared_subscriptions = 0
        self.publish_received = 0
        self.publish_sent = 0
        self.publish_bytes_sent = 0
        self.dropped_full = 0
        self.dropped_slow = 0
        self.dropped_expired = 0
        self.dropped_denied = 0
        self.dropped_ended = 0
        self.dropped_hook = 0
        self.dropped_retained = 0
        self.dropped_memory = 0
        self.half_open = 0
        self.half_open_closed = 0
        self.rate_exceeded = 0
        self.banned = 0
        self.banned_refused = 0
        self.logins_failed = 0
        self.logins_delayed = 0
        self.flapping = 0
        self.refused_publishes = 0
        self.protocol_errors = 0
        self.plugin_errors = 0
        self.routes_forgotten = 0
        self.retained = 0
        self.retained_bytes = 0
        self.queued = 0
        self.queued_bytes = 0
        self.wills_sent = 0
        self.heap_current = 0
        self.heap_maximum = 0
        self.logins = Histogram()
        self.lateness = Histogram()
        self._load = Averages()
        self._told: dict[str, str] = {}
        self.hooks: Hooks | None = None
        self.held = 0
        self.held_refused = 0
        self.overruns = 0

    def slow(self, client_id: str, topic: bytes, reason: int = reasons.QUOTA_EXCEEDED) -> None:
        """
        A message is dropped for a receiver that does not read fast enough, or takes no packet so large.
        """
        self.dropped_slow += 1
        if self.hooks is not None:
            self.hooks.dropped(client_id, topic, reason, 1)

    def drop(self, count: int, reason: int, client_id: str = "", topic: bytes = b"") -> None:
        """
        Messages that somebody was owed are gone; the reasons are those of C{Hall.dropped}.

        @param client_id: whom they were for, where that is one.
        @param topic: likewise.
        """
        if self.hooks is not None:
            self.hooks.dropped(client_id, topic, reason, count)
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
        kept = self.dropped_full + self.dropped_expired + self.dropped_denied + self.dropped_ended
        return kept + self.dropped_slow + self.dropped_hook + self.dropped_memory

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
        Every figure with its topic below C{$SYS/broker/}. The load is looked at with each call.

        @param uptime: seconds.
        """
        self._load.update(turn.now, self._busy(turn))
        parked = str(max(0, self.sessions - self.connections))
        kept = str(self.retained + self.queued)
        return [
            ("version", f"txmqtt version {version}"),
            ("uptime", f"{int(uptime)} seconds"),
            ("clients/total", str(self.sessions)),
            ("clients/connected", str(self.connections)),
            ("clients/active", str(self.connections)),  # the old names of what stands before and after
            ("clients/inactive", parked),
            ("clients/disconnected", parked),
            ("clients/maximum", str(self.connections_max)),
            ("clients/expired", str(self.sessions_expired)),
            ("sockets/total", str(self.sockets)),
            ("connections/total", str(self.connections_total)),
            ("connections/refused", str(self.connections_refused)),
            ("connections/taken over", str(self.taken_over)),
            ("connections/protocol errors", str(self.protocol_errors)),
            ("plugins/errors", str(self.plugin_errors)),
            ("bytes/received", str(turn.bytes_received)),
            ("bytes/sent", str(turn.bytes_sent)),
            ("messages/received", str(turn.packets_received)),
            ("messages/sent", str(turn.packets_sent)),
            ("messages/stored", kept),  # the old name of store/messages/count
            ("publish/messages/received", str(self.publish_received)),
            ("publish/messages/sent", str(self.publish_sent + turn.publishes_sent)),
            ("publish/bytes/received", str(turn.inbound_bytes)),
            ("publish/bytes/sent", str(self.publish_bytes_sent + turn.outbound_bytes)),
            ("publish/messages/dropped", str(self.dropped)),
            ("publish/messages/dropped/queue full", str(self.dropped_full)),
            ("publish/messages/dropped/slow", str(self.dropped_slow)),
            ("publish/messages/dropped/expired", str(self.dropped_expired)),
            ("publish/messages/dropped/denied", str(self.dropped_denied)),
            ("publish/messages/dropped/session ended", str(self.dropped_ended)),
            ("publish/messages/dropped/plugin", str(self.dropped_hook)),
            ("publish/messages/dropped/not retained", str(self.dropped_retained)),
            ("publish/messages/dropped/memory", str(self.dropped_memory)),
            ("connections/half open", str(self.half_open)),
            ("connections/half open closed", str(self.half_open_closed)),
            ("connections/rate exceeded", str(self.rate_exceeded)),
            ("connections/banned", str(self.banned_refused)),
            ("connections/flapping", str(self.flapping)),
            ("bans", str(self.banned)),
            ("logins/failed", str(self.logins_failed)),
            ("logins/delayed", str(self.logins_delayed)),
            ("publish/messages/refused", str(self.refused_publishes)),
            ("store/messages/count", kept),
            ("store/messages/bytes", str(self.retained_bytes + self.queued_bytes)),
            ("retained messages/count", str(self.retained)),
            ("subscriptions/count", str(self.subscriptions)),
            ("shared_subscriptions/count", str(self.shared_subscriptions)),
            ("wills/sent", str(self.wills_sent)),
            ("routes/forgotten", str(self.routes_forgotten)),
            *self._heap(),
            *self._load.topics(),
            ("publish/messages/held", str(self.held)),
            ("publish/messages/held/refused", str(self.held_refused)),
            ("connections/overrun", str(self.overruns)),
            ("publish/messages/throttled", str(turn.throttled)),
        ]

    def _busy(self, turn: Turn) -> dict[str, int]:
        """
        What the load is the load of.
        """
        return {
            "messages/received": turn.packets_received,
            "messages/sent": turn.packets_sent,
            "publish/dropped": self.dropped,
            "publish/received": self.publish_received,
            "publish/sent": self.publish_sent + turn.publishes_sent,
            "bytes/received": turn.bytes_received,
            "bytes/sent": turn.bytes_sent,
            "sockets": self.sockets,
            "connections": self.connections_total + self.connections_refused,
        }

    def _heap(self) -> list[tuple[str, str]]:
        figures = (("heap/current", self.heap_current), ("heap/maximum", self.heap_maximum))
        return [(topic, str(size)) for topic, size in figures if size]

    def news(self, topics: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """
        Those of these topics that have changed since they were last asked about: nobody is told again what is so still,
        and who comes later is told what is retained.
        """
        told = self._told
        changed = [(topic, value) for topic, value in topics if told.get(topic) != value]
        told.update(changed)
        return changed
