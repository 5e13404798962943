"""
What the broker counts, under the names by which monitoring knows it: one row for each figure.

The names follow the habits of Prometheus: counters end in C{_total}, and a unit stands in the name.
"""

from __future__ import annotations

from typing import NamedTuple

COUNTER = "counter"
GAUGE = "gauge"
HISTOGRAM = "histogram"


class Row(NamedTuple):
    """
    One figure.

    @ivar source: an attribute, or a topic of the backend below C{$SYS/broker/}.
    @ivar metric: its name; rows that share one differ in their label.
    @ivar label: name and value, where the metric has a label.
    """

    source: str
    metric: str
    kind: str
    words: str
    label: tuple[str, str] | None = None


_DROPPED = "Messages that did not reach a receiver they were for, by reason."
_SENT = "Copies of messages sent to clients, repeats not counted."
_SENT_BYTES = "Bytes of the payloads of copies sent to clients, repeats not counted."

#: The attributes of C{Stats}.
OF_STATS = (
    Row("connections", "txmqtt_connections", GAUGE, "Clients connected now."),
    Row("connections_max", "txmqtt_connections_maximum", GAUGE, "The most clients connected at one time."),
    Row("connections_total", "txmqtt_connections_accepted_total", COUNTER, "Clients that were let in."),
    Row("connections_refused", "txmqtt_connections_refused_total", COUNTER, "Connections that were not let in."),
    Row("sockets", "txmqtt_sockets_opened_total", COUNTER, "Connections opened, whatever was said over them."),
    Row("half_open", "txmqtt_connections_half_open", GAUGE, "Connections that have not been let in yet."),
    Row(
        "half_open_closed",
        "txmqtt_connections_half_open_closed_total",
        COUNTER,
        "Connections closed before they were let in, to make room.",
    ),
    Row(
        "rate_exceeded",
        "txmqtt_connections_rate_exceeded_total",
        COUNTER,
        "Clients refused because they came too fast.",
    ),
    Row("banned", "txmqtt_bans_total", COUNTER, "How often an address was banned."),
    Row(
        "banned_refused",
        "txmqtt_connections_banned_total",
        COUNTER,
        "Connections refused because their address was banned.",
    ),
    Row("logins_failed", "txmqtt_logins_failed_total", COUNTER, "Wrong user names and passwords."),
    Row("logins_delayed", "txmqtt_logins_delayed_total", COUNTER, "Logins that had to wait because others had failed."),
    Row(
        "flapping",
        "txmqtt_connections_flapping_total",
        COUNTER,
        "Clients refused because others fight for their identifier.",
    ),
    Row("plugin_errors", "txmqtt_plugin_errors_total", COUNTER, "Exceptions of plugins."),
    Row("protocol_errors", "txmqtt_protocol_errors_total", COUNTER, "Clients cut off because they broke a rule."),
    Row("sessions", "txmqtt_sessions", GAUGE, "Sessions, connected or parked."),
    Row("sessions_expired", "txmqtt_sessions_expired_total", COUNTER, "Parked sessions whose time was over."),
    Row("taken_over", "txmqtt_sessions_taken_over_total", COUNTER, "Sessions taken over by another connection."),
    Row("subscriptions", "txmqtt_subscriptions", GAUGE, "Subscriptions in force, shared ones included."),
    Row("shared_subscriptions", "txmqtt_shared_subscriptions", GAUGE, "Shared subscriptions in force."),
    Row("publish_received", "txmqtt_publish_received_total", COUNTER, "Messages that clients published."),
    Row("publish_sent", "txmqtt_publish_sent_total", COUNTER, _SENT, ("qos", "0")),
    Row("publish_bytes_sent", "txmqtt_publish_sent_payload_bytes_total", COUNTER, _SENT_BYTES, ("qos", "0")),
    Row("refused_publishes", "txmqtt_publish_refused_total", COUNTER, "Messages their publisher had no right to send."),
    Row("dropped_full", "txmqtt_messages_dropped_total", COUNTER, _DROPPED, ("reason", "queue_full")),
    Row("dropped_slow", "txmqtt_messages_dropped_total", COUNTER, _DROPPED, ("reason", "slow")),
    Row("dropped_expired", "txmqtt_messages_dropped_total", COUNTER, _DROPPED, ("reason", "expired")),
    Row("dropped_denied", "txmqtt_messages_dropped_total", COUNTER, _DROPPED, ("reason", "denied")),
    Row("dropped_memory", "txmqtt_messages_dropped_total", COUNTER, _DROPPED, ("reason", "memory")),
    Row("dropped_hook", "txmqtt_messages_dropped_total", COUNTER, _DROPPED, ("reason", "plugin")),
    Row("dropped_ended", "txmqtt_messages_dropped_total", COUNTER, _DROPPED, ("reason", "session_ended")),
    # Not among the dropped: whoever listened then had the message.
    Row(
        "held",
        "txmqtt_publish_held_total",
        COUNTER,
        "Messages acknowledged only when all had room.",
    ),
    Row(
        "held_refused",
        "txmqtt_publish_held_refused_total",
        COUNTER,
        "Those of them that found no room in time.",
    ),
    Row("overruns", "txmqtt_receivers_overrun_total", COUNTER, "Receivers let go because their queue was full."),
    Row("dropped_retained", "txmqtt_messages_not_retained_total", COUNTER, "Messages not retained for want of room."),
    Row("retained", "txmqtt_retained_messages", GAUGE, "Retained messages."),
    Row("retained_bytes", "txmqtt_retained_bytes", GAUGE, "What retained messages take up."),
    Row("queued", "txmqtt_queued_messages", GAUGE, "Messages owed to sessions and groups that last."),
    Row("queued_bytes", "txmqtt_queued_bytes", GAUGE, "What queued messages take up."),
    Row("wills_sent", "txmqtt_wills_sent_total", COUNTER, "Wills that were published."),
    Row("routes_forgotten", "txmqtt_routes_forgotten_total", COUNTER, "Routes forgotten because there were too many."),
    Row("heap_current", "txmqtt_memory_bytes", GAUGE, "Memory of the process that is in RAM."),
    Row("heap_maximum", "txmqtt_memory_maximum_bytes", GAUGE, "The most memory of the process that was in RAM."),
    Row("logins", "txmqtt_login_duration_seconds", HISTOGRAM, "How long it took to know whether a client may come in."),
    Row("lateness", "txmqtt_reactor_lateness_seconds", HISTOGRAM, "How late what is due every second was begun."),
)

#: The attributes of C{Turn}.
OF_TURN = (
    Row("bytes_received", "txmqtt_received_bytes_total", COUNTER, "Bytes received from clients."),
    Row("bytes_sent", "txmqtt_sent_bytes_total", COUNTER, "Bytes sent to clients."),
    Row("packets_received", "txmqtt_packets_received_total", COUNTER, "MQTT packets received, of every type."),
    Row("packets_sent", "txmqtt_packets_sent_total", COUNTER, "MQTT packets sent, of every type."),
    Row("publishes_sent", "txmqtt_publish_sent_total", COUNTER, _SENT, ("qos", "1,2")),
    Row("throttled", "txmqtt_publish_throttled_total", COUNTER, "How often a fast publisher had to wait."),
    Row("inbound_bytes", "txmqtt_publish_received_payload_bytes_total", COUNTER, "Bytes of the payloads published."),
    Row("outbound_bytes", "txmqtt_publish_sent_payload_bytes_total", COUNTER, _SENT_BYTES, ("qos", "1,2")),
)

#: What the store says of itself in words, and how fast it is.
OF_STORE = (
    Row("store/commits/count", "txmqtt_store_commits_total", COUNTER, "Transactions of the store."),
    Row("store/commits/failed", "txmqtt_store_commit_failures_total", COUNTER, "Transactions that failed."),
    Row("store/commits/latency", "txmqtt_store_commit_last_seconds", GAUGE, "How long the last transaction took."),
    Row(
        "store/commits/latency/maximum",
        "txmqtt_store_commit_maximum_seconds",
        GAUGE,
        "How long the longest transaction took.",
    ),
    Row("store/commits/rows", "txmqtt_store_commit_last_rows", GAUGE, "Rows of the last transaction."),
    Row("store/commits/rows/maximum", "txmqtt_store_commit_maximum_rows", GAUGE, "Rows of the largest transaction."),
    Row("store/rows", "txmqtt_store_rows_written_total", COUNTER, "Rows written or deleted."),
    Row("store/checkpoints/count", "txmqtt_store_checkpoints_total", COUNTER, "Times that the log was brought in."),
    Row(
        "store/checkpoints/failing",
        "txmqtt_store_checkpoints_failing",
        GAUGE,
        "Tries to bring the log in that have failed since the last that did not.",
    ),
    Row("store/oldest uncommitted", "txmqtt_store_behind_seconds", GAUGE, "How far the disk is behind."),
    Row("store/bytes", "txmqtt_store_file_bytes", GAUGE, "The file of the store."),
    Row("store/log/bytes", "txmqtt_store_log_bytes", GAUGE, "The write-ahead log of the store."),
)

#: The attributes of the store's C{Figures} that are not said in words.
OF_JOURNAL = (
    Row("latencies", "txmqtt_store_commit_duration_seconds", HISTOGRAM, "How long each transaction took."),
    Row(
        "waits",
        "txmqtt_store_wait_duration_seconds",
        HISTOGRAM,
        "From the first change of a transaction until those who wait for it are told.",
    ),
)

#: What is said of the program and of its process besides: name, kind, words.
BUILD = "txmqtt_build_info"
BUILD_WORDS = "What runs here: version, Python, and whether floors 0 to 2 are compiled."
READY = "txmqtt_ready"
READY_WORDS = "1 while new clients are let in and the store works, otherwise 0."
