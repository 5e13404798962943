"""
Every limit of the broker, in one frozen object.

A limit has a default, a rule for when it is reached, and a counter in C{stats}. Sizes are bytes, times are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_KIB: Final = 1024
_MIB: Final = 1024 * 1024
_DAY: Final = 24 * 3600


@dataclass(frozen=True)
class Policy:
    """
    What this broker allows.

    @ivar max_connections: connections at a time; the next is refused with 0x97 (3.x: 3, server unavailable).
    @ivar max_sessions: sessions at a time, parked ones included; the next new one is refused with 0x97 (3.x: 3).
    @ivar other_user: what happens when a client asks for a client identifier of which another user has a session:
        C{refuse} it with 0x85 (3.x: 2), or C{discard} that session, for users who change their names. In neither case
        does anybody get what is another's.
    @ivar connect_timeout: from the first byte until CONNACK; then the connection is closed.
    @ivar opening_bytes: what a client may say before CONNACK; a larger CONNECT ends the connection, what follows it is
        not read until then.
    @ivar close_timeout: how long a peer may take to read our last words; then the connection is aborted.
    @ivar max_half_open: connections at a time that have not been let in, whether they have said CONNECT or not; beyond
        it the oldest of the address with the most of them is closed without a word, so that a flood pushes out itself.
        5000: what arrives within a second after a restart, at some kilobytes each.
    @ivar max_connections_per_address: let in at a time from one address (of IPv6: from one /64 network); the next is
        refused with 0x97 (3.x: 3) unless it takes the place of one of them. 0 for no limit, because a whole site may
        be behind one address.
    @ivar max_connections_per_user: let in at a time under one user name; the next is refused likewise. 0 for no limit,
        because devices often share a name.
    @ivar max_connection_rate: CONNECTs a second, in the long run; what comes faster than C{connection_burst} allows is
        refused with 0x9F (3.x: 3). 0 for no limit, because it hits the good as well as the bad.
    @ivar connection_burst: CONNECTs that may come at once where C{max_connection_rate} is a limit.
    @ivar max_connection_rate_per_address: CONNECTs a second from one address, likewise. 0 for no limit, because a whole
        site may be behind one address.
    @ivar connection_burst_per_address: CONNECTs that may come at once from one address where
        C{max_connection_rate_per_address} is a limit.
    @ivar trusted_addresses: addresses and networks, blanks between them, that no limit for one address applies to,
        which are not slowed after failed logins and not banned. By default this machine, where proxies and tunnels
        end.
    @ivar login_delay: how long a login waits for its answer after a failed one from the same address or under the same
        user name, doubled by each failure more, up to half of C{connect_timeout}; 0 for no delay. Half a second is not
        noticed by who mistyped, and slows down who guesses.
    @ivar max_delayed_logins: logins that wait so at a time; the next one that should is refused with 0x89 (3.x: 3), so
        that guessing costs the broker little memory.
    @ivar ban_failures: failed logins from one address before it is banned; 0 for never. 100: more than a device with an
        old password makes of them, since it is slowed.
    @ivar ban_window: so long it takes until that many failed logins are forgotten, one by one.
    @ivar ban_time: how long an address is banned.
    @ivar ban_answer: what connections from a banned address get: C{close}, which costs the least, closes them at once
        without a word; C{say} answers their CONNECT with 0x8A (3.x: 5).
    @ivar max_takeovers: how often one client identifier may be taken over from a connection that is open, before two
        clients are believed to fight for it; whoever wants it then is refused with 0x9F (3.x: 3) for
        C{takeover_pause}, and the log names both. 0 for no limit. 10: more than a bad network makes of them.
    @ivar takeover_window: so long it takes until that many are forgotten, one by one.
    @ivar takeover_pause: how long whoever has the client identifier then keeps it.
    @ivar max_client_id_bytes: of a client identifier; a longer one is refused with 0x85 (3.x: 2). It is kept with the
        session, in memory and in the store.
    @ivar max_user_name_bytes: of a user name; a longer one is refused with 0x86 (3.x: 4) before anybody is asked.
    @ivar max_will_payload: of a will, bytes; a larger one is refused with 0x97 (3.x: 3). It is kept as long as the
        session. 65535: as large as MQTT allows, where C{opening_bytes} does.
    @ivar min_keep_alive: 5.0 clients that ask for less are told; 3.x clients, which can't be told, keep theirs. 0 lets
        all be.
    @ivar max_memory: resident memory of the process beyond which new connections are refused with 0x97 (3.x: 3) and
        messages of QoS 0 that are not retained are dropped and counted, until it is below nineteen twentieths of it
        again. 0 for nine tenths of what the machine or its control group has.
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
    @ivar max_qos: the highest QoS that clients may publish with, 0, 1 or 2, announced on 5.0; a PUBLISH beyond it ends
        the connection with 0x9B, a will beyond it is refused with 0x9B (3.x: both are closed), and subscriptions are
        granted no more. 2 by default, because less is a wish of few.
    @ivar retain_available: messages may be retained; otherwise 5.0 is told so, a PUBLISH that is to be retained ends
        the connection with 0x9A, such a will is refused with 0x9A (3.x: both are closed), and new subscriptions are
        sent nothing that others have retained.
    @ivar wildcard_available: filters may have wildcards; otherwise 5.0 is told so, and one that has ends the connection
        with 0xA2 (3.x: SUBACK 0x80).
    @ivar shared_available: subscriptions may be shared; otherwise 5.0 is told so, and one that is ends the connection
        with 0x9E (3.x: SUBACK 0x80).
    @ivar subscription_identifiers_available: subscriptions may have identifiers; otherwise 5.0 is told so, and one that
        has ends the connection with 0xA1.
    @ivar check_payload_format: a 5.0 payload that says it is UTF-8 is looked at, and if it is not, it is refused with
        0x99, dropped and counted at QoS 0; off by default, because it costs time for every such message.
    @ivar response_information: what a 5.0 client that asks for it is told to begin its response topics with; C{%c}
        stands for its client identifier, C{%u} for its user name. Empty, as by default: nobody is told anything,
        because only rules that fit make it useful.
    @ivar redirect: who is sent to another server: C{never} anybody; C{full}: who finds C{max_connections} or
        C{max_sessions} reached (0x9C); C{always} everybody, for a while (0x9C); C{moved} everybody, for good (0x9D).
        But for C{never}, so are those who are connected at shutdown. 3.x: 3, server unavailable.
    @ivar server_reference: the other servers, host and port each, separated by spaces; told to 5.0 clients that are
        redirected. Empty: they are told to go, not where.
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
    other_user: str = "refuse"
    connect_timeout: float = 10.0
    opening_bytes: int = 64 * _KIB
    close_timeout: float = 5.0
    max_half_open: int = 5_000
    max_connections_per_address: int = 0
    max_connections_per_user: int = 0
    max_connection_rate: float = 0.0
    connection_burst: int = 1_000
    max_connection_rate_per_address: float = 0.0
    connection_burst_per_address: int = 100
    trusted_addresses: str = "127.0.0.0/8 ::1"
    login_delay: float = 0.5
    max_delayed_logins: int = 1_000
    ban_failures: int = 100
    ban_window: float = 300.0
    ban_time: float = 300.0
    ban_answer: str = "close"
    max_takeovers: int = 10
    takeover_window: float = 60.0
    takeover_pause: float = 30.0
    max_client_id_bytes: int = 1_024
    max_user_name_bytes: int = 1_024
    max_will_payload: int = 65_535
    min_keep_alive: int = 0
    max_memory: int = 0
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
    max_qos: int = 2
    retain_available: bool = True
    wildcard_available: bool = True
    shared_available: bool = True
    subscription_identifiers_available: bool = True
    check_payload_format: bool = False
    response_information: str = ""
    redirect: str = "never"
    server_reference: str = ""
    sys_interval: float = 10.0
    publish_rate: float = 0.0
    publish_burst: int = 0
    byte_rate: float = 0.0
    byte_burst: int = 0
    max_topic_bytes: int = 65_535
    max_filters_per_packet: int = 1_000
    max_retained_payload: int = 2 * _MIB
    max_message_expiry: int = 0
    shared_strategy: str = "round_robin"
    refused_publish: str = "drop"
    queue_full: str = "refuse"
    hold_limit: int = 100
    hold_seconds: float = 10.0
    max_total_queued_messages: int = 10_000_000
    max_total_queued_bytes: int = 4 * 1024 * _MIB


DEFAULTS: Final = Policy()
