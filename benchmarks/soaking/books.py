"""
What the broker must have counted, by what was done to it.
"""

from __future__ import annotations

from collections import Counter
from urllib.request import urlopen

#: Counters, by what C{/metrics} calls them and what we do: they are compared by how much they have grown.
COUNTERS = {
    "published": "txmqtt_publish_received_total",
    "sent at QoS 0": 'txmqtt_publish_sent_total{qos="0"}',
    "sent at QoS 1 and 2": 'txmqtt_publish_sent_total{qos="1,2"}',
    "wills": "txmqtt_wills_sent_total",
    "dropped, queue full": 'txmqtt_messages_dropped_total{reason="queue_full"}',
    "dropped, expired": 'txmqtt_messages_dropped_total{reason="expired"}',
    "dropped, session ended": 'txmqtt_messages_dropped_total{reason="session_ended"}',
    "dropped, slow": 'txmqtt_messages_dropped_total{reason="slow"}',
    "dropped, denied": 'txmqtt_messages_dropped_total{reason="denied"}',
    "dropped, memory": 'txmqtt_messages_dropped_total{reason="memory"}',
    "sessions expired": "txmqtt_sessions_expired_total",
    "taken over": "txmqtt_sessions_taken_over_total",
}
#: What is so at the moment.
GAUGES = {
    "connections": "txmqtt_connections",
    "sessions": "txmqtt_sessions",
    "subscriptions": "txmqtt_subscriptions",
    "shared subscriptions": "txmqtt_shared_subscriptions",
    "queued": "txmqtt_queued_messages",
    "retained": "txmqtt_retained_messages",
}

Figures = dict[str, float]


def read(port: int) -> Figures:
    """
    What the broker has counted, by its names for it.
    """
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as page:
        return parse(page.read().decode())


def parse(text: str) -> Figures:
    """
    The text format of Prometheus.
    """
    found: Figures = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            found[name] = float(value)
    return found


class Books:
    """
    Our side of the account.

    @ivar counted: since C{begin}, by the names above; of gauges, what should be so now.
    @ivar lost: messages that never came, in words, and whatever else a client saw that should not be.
    """

    def __init__(self) -> None:
        self.counted: Counter[str] = Counter()
        self.lost: list[str] = []
        self.delivered = 0
        self.repeats = 0
        self._base: Figures = {}

    def begin(self, figures: Figures) -> None:
        """
        Count from here.
        """
        self._base = figures
        for name in COUNTERS:
            self.counted[name] = 0

    def sent(self, qos: int, count: int = 1) -> None:
        self.counted["sent at QoS 1 and 2" if qos else "sent at QoS 0"] += count

    def faults(self, figures: Figures) -> list[str]:
        """
        Where the broker has counted something else.
        """
        faults = []
        for name, metric in COUNTERS.items():
            counted = figures.get(metric, 0.0) - self._base.get(metric, 0.0)
            if counted != self.counted[name]:
                faults.append(f"{name}: the broker counted {counted:,.0f}, we {self.counted[name]:,}")
        for name, metric in GAUGES.items():
            if figures.get(metric, 0.0) != self.counted[name]:
                faults.append(f"{name}: the broker says {figures.get(metric, 0.0):,.0f}, we {self.counted[name]:,}")
        return faults
