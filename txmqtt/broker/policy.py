"""
Every limit of the broker, in one frozen object.

A limit has a default, a rule for when it is reached, and a counter in C{stats}. Sizes are bytes, times are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

_KIB = 1024
_MIB = 1024 * 1024
_DAY = 24 * 3600


@dataclass(frozen=True)
class Policy:
    """
    What this broker allows.

    @ivar max_connections: connections at a time; the next is refused with 0x97 (3.x: 3, server unavailable).
    @ivar max_sessions: sessions at a time, parked ones included; the next new one is refused with 0x97 (3.x: 3).
    @ivar connect_timeout: from the first byte until CONNACK; then the connection is closed.
    @ivar opening_bytes: what a client may say before CONNACK; a larger CONNECT ends the connection, what follows it is
        not read until then.
    @ivar close_timeout: how long a peer may take to read our last words; then the connection is aborted.
    @ivar max_packet_size: of what clients send, announced on 5.0; a larger packet ends the connection with 0x95.
    @ivar max_topic_levels: of topics and filters; a deeper one is refused with 0x90 or 0x8F (3.x: acknowledged and
        dropped, SUBACK 0x80).
    @ivar max_subscriptions: of one session; the next is refused with 0x97 (3.1.1: 0x80).
    @ivar max_subscription_bytes: memory that the filters of one session may take; what finds no room is refused
        likewise.
    @ivar max_inflight: QoS 1 and 2 messages under way to one 3.x client; the rest queue.
    @ivar max_inflight_5: QoS 1 and 2 messages under way to one 5.0 client, whose own Receive Maximum may make it less.
    @ivar receive_maximum: what we announce to clients of 5.0; more ends the connection with 0x93.
    @ivar max_queued_messages: QoS 1 and 2 messages that wait for one session or shared group; a new one that finds no
        room is dropped and counted, and its 5.0 publisher is answered 0x97 when no receiver could take it.
    @ivar max_queued_bytes: memory that those which wait for one session or shared group may take.
    @ivar queue_page: of one queue that is on disk, so many messages are in memory while its receiver is connected;
        none while it is away.
    @ivar queue_page_bytes: memory that those of one queue may take.
    @ivar write_buffer: what may wait in memory for a client that reads slowly; QoS 0 beyond it is dropped and counted,
        QoS 1 and 2 wait in their queue, and a client that lets twice as much of anything else pile up is let go.
    @ivar max_session_expiry: 5.0 clients that ask for more are told; 3.x clients that keep their session get this.
    @ivar will_grace: after a restart, the least time that a client whose connection the restart broke has to return
        before its will is published.
    @ivar max_keep_alive: 5.0 clients that ask for more, or for none, are told; 65535 lets all be.
    @ivar topic_alias_maximum: topic aliases that a 5.0 client may use, announced.
    @ivar max_topic_aliases: topic aliases that we use towards a 5.0 client that allows as many.
    @ivar max_retained_messages: in the store; a message to a new topic that finds no room is refused with 0x97, and
        counted; at QoS 0 and on 3.x it can't be refused and is sent to those who listen.
    @ivar max_retained_bytes: memory that all retained messages may take.
    @ivar retained_page: retained messages sent in one turn to one new subscription, a few milliseconds' work; the rest
        as the client reads.
    @ivar max_routes: topics whose receivers are remembered; those not in use are forgotten, and found anew when needed.
    @ivar resend_interval: 3.x only: how long a QoS 1 or 2 packet may be unanswered before it is sent again; 0 for
        never.
    @ivar store_delay: how far the disk may lag behind before new QoS 1 and 2 messages are refused with 0x97 (3.x: the
        connection is closed, so that they are sent again).
    @ivar store_operations: changes that may wait for the disk; then likewise, and new sessions and subscriptions are
        refused too.
    @ivar store_bytes: memory that messages may take which wait for the disk; then likewise.
    @ivar sys_interval: between two publications of the counters under C{$SYS/broker}; 0 for never.
    @ivar publish_rate: messages a second that one client may publish; one that publishes faster is not read until the
        next may pass, at most 5 s at a time, and loses nothing; 0 for any number, since most brokers serve their own.
    @ivar publish_burst: so many at once, before the rate counts; 0 for those of one second.
    @ivar byte_rate: bytes a second of the messages that one client publishes; likewise.
    @ivar byte_burst: so many at once; 0 for those of one second. A larger message passes alone, and the next waits for
        what it took.
    @ivar max_topic_bytes: of topics and filters; a longer one is refused like one that is too deep. By default what the
        standard allows.
    @ivar max_filters_per_packet: of one SUBSCRIBE or UNSUBSCRIBE; the others in it are refused with 0x97 (3.1.1:
        0x80), those of an UNSUBSCRIBE with 0x83 (3.x, which can't be told: all count). A packet of
        many thousands would keep all others waiting.
    @ivar max_retained_payload: a message with more is not retained, as when there is no room. By default as much as a
        packet may have.
    @ivar max_will_payload: of the will of a CONNECT, which is refused with 0x97 otherwise (3.x: 3). By default what the
        standard allows.
    @ivar max_message_expiry: how long a message may wait or be retained, seconds; an interval that is longer or absent
        is made this, on 3.x too; 0 for any, since most who keep messages mean to.
    @ivar shared_strategy: which member of a shared subscription is asked first: C{round_robin}, each in turn;
        C{random}; C{sticky}, the same as long as it can; C{least_queued}, the one that has least to do;
        C{hash_client_id}, the same for each publisher. Whoever has no room is passed over. In turn is what most expect.
    @ivar refused_publish: what a 3.x client gets whose message it has no right to send: C{drop}, acknowledged and
        counted, or C{disconnect}. 5.0 is told 0x87. The default is what 3.1.1 names first; the other is loud.
    @ivar queue_full: what becomes of a QoS 1 or 2 message that finds the queue of a receiver full: C{refuse}, dropped
        and counted, and its 5.0 publisher is answered 0x97 when no receiver could take it; C{drop_oldest}, the oldest
        that waits makes room; C{drop_newest}, dropped and counted, and its publisher is told of success; C{hold}, what
        a publisher of this listener sends is acknowledged when every receiver has room; C{disconnect}, the receiver is
        let go with 0x97. The default loses nothing unsaid on 5.0, and nobody waits for a slow receiver.
    @ivar hold_limit: with C{hold}, messages of one publisher that may wait; the next is answered 0x97 (3.x: the
        connection is closed). As many as the Receive Maximum that we announce by default.
    @ivar hold_seconds: with C{hold}, how long one may wait; then it goes to those who have room, and if nobody has it
        is answered likewise. Shorter than the time after which clients give up.
    @ivar max_total_queued_messages: QoS 1 and 2 messages in all queues together, those under way to sessions that last
        included; a new one finds no room then, whatever its own queue has. So many rows are a few GiB on disk.
    @ivar max_total_queued_bytes: memory, or with a store space on disk, that they may take: half of what a small
        server has.
    """

    max_connections: int = 100_000
    max_sessions: int = 1_000_000
    connect_timeout: float = 10.0
    opening_bytes: int = 64 * _KIB
    close_timeout: float = 5.0
    max_packet_size: int = 2 * _MIB
    max_topic_levels: int = 200
    max_subscriptions: int = 100_000
    max_subscription_bytes: int = 256 * _MIB
    max_inflight: int = 20
    max_inflight_5: int = 100
    receive_maximum: int = 100
    max_queued_messages: int = 1_000
    max_queued_bytes: int = 16 * _MIB
    queue_page: int = 256
    queue_page_bytes: int = 256 * _KIB
    write_buffer: int = _MIB
    max_session_expiry: int = 14 * _DAY
    will_grace: float = 30.0
    max_keep_alive: int = 65_535
    topic_alias_maximum: int = 32
    max_topic_aliases: int = 16
    max_retained_messages: int = 1_000_000
    max_retained_bytes: int = 1024 * _MIB
    retained_page: int = 250
    max_routes: int = 16_384
    resend_interval: float = 20.0
    store_delay: float = 2.0
    store_operations: int = 100_000
    store_bytes: int = 64 * _MIB
    sys_interval: float = 10.0
    publish_rate: float = 0.0
    publish_burst: int = 0
    byte_rate: float = 0.0
    byte_burst: int = 0
    max_topic_bytes: int = 65_535
    max_filters_per_packet: int = 1_000
    max_retained_payload: int = 2 * _MIB
    max_will_payload: int = 65_535
    max_message_expiry: int = 0
    shared_strategy: str = "round_robin"
    refused_publish: str = "drop"
    queue_full: str = "refuse"
    hold_limit: int = 100
    hold_seconds: float = 10.0
    max_total_queued_messages: int = 10_000_000
    max_total_queued_bytes: int = 4 * 1024 * _MIB


DEFAULTS = Policy()
