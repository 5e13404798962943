"""
Every reason code, and what causes it: when our broker says it, what our client makes of it, and where the code does.

A test looks whether the places are those where the code is named, so that who names one at a new place comes by here.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Cause(NamedTuple):
    """
    Of one reason code. What stands in double backquotes is code.

    @ivar broker: when our broker says it; begins with the packets that it says it in.
    @ivar client: when our client's user meets it, and as what; and when the client says it.
    @ivar places: the files that name it, with blanks between; not those that only translate it, and none for success,
        which is everywhere.
    """

    broker: str
    client: str
    places: str


CAUSES: Final = {
    "SUCCESS": Cause(
        "CONNACK, PUBACK, PUBREC, PUBREL, PUBCOMP, UNSUBACK, AUTH: it worked. In SUBACK, granted QoS 0.",
        "The Deferred fires. ``disconnect()`` says it in DISCONNECT, so that the will is not published.",
        "",
    ),
    "GRANTED_QOS_1": Cause(
        "SUBACK: messages come at QoS 1 at most. That is what was asked for, or less where ``max_qos`` or who "
        "may do what says so.",
        "``reason`` of what ``subscribe`` fires with. On 3.x also of a publish at QoS 2 that a server without "
        "QoS 2 acknowledged as QoS 1.",
        "session/sending",
    ),
    "GRANTED_QOS_2": Cause(
        "SUBACK: messages come at the QoS at which they were published.",
        "``reason`` of what ``subscribe`` fires with.",
        "",
    ),
    "DISCONNECT_WITH_WILL": Cause(
        "Never. A client that says it has its will published.",
        "``disconnect()`` says it when it is given as its reason.",
        "",
    ),
    "NO_MATCHING_SUBSCRIBERS": Cause(
        "PUBACK, PUBREC: nobody subscribes to this topic, and nothing had to be kept.",
        "The Deferred of ``publish`` fires with it. A request that is answered so fails with ``RequestFailed``: "
        "nobody serves it.",
        "net/requests session/tickets",
    ),
    "NO_SUBSCRIPTION_EXISTED": Cause(
        "UNSUBACK: there was no such subscription.",
        "The Deferred of ``unsubscribe`` fires all the same; ``reasons`` has it.",
        "broker/subscriptions",
    ),
    "CONTINUE_AUTHENTICATION": Cause(
        "AUTH: the next step of an exchange, such as SCRAM's.",
        "The ``authentication`` is asked for its next answer, which is sent with this reason.",
        "session/client_proof session/proof",
    ),
    "RE_AUTHENTICATE": Cause(
        "Never. A client says it to prove itself anew.",
        "``reauthenticate()`` says it, and so does an ``authentication`` before what it has expires.",
        "session/client_proof session/proof",
    ),
    "UNSPECIFIED_ERROR": Cause(
        "CONNACK: an error of the broker's own, which its log has. SUBACK on 3.1.1: any refusal. UNSUBACK: it "
        "could not be stored. Any packet: what was decided, by a plugin for example, can't be said in this one.",
        "``ConnectionClosed`` whenever nobody gave a reason: the connection broke, TLS or a proxy failed, "
        "CONNACK did not come in ``timeout``. ``LocalProtocolError``: a publish expired before it could be "
        "sent. In DISCONNECT: an end whose reason a client may not say.",
        "broker/dealing broker/holdings broker/owed net/connect net/ending net/exchange net/server net/state "
        "service/client/connecting service/client/outbox session/client session/client_proof session/server "
        "session/threshold session/verbs session/voice",
    ),
    "MALFORMED_PACKET": Cause(
        "DISCONNECT, or CONNACK before a client is in: bytes that are no MQTT, such as a bad length, bad flags, "
        "bad UTF-8, a field that is cut off.",
        "``ConnectionClosed``: the server sent such bytes. It is told so in DISCONNECT.",
        "codec/fields codec/topics net/server",
    ),
    "PROTOCOL_ERROR": Cause(
        "DISCONNECT, or CONNACK: a packet that may not come now, such as a second CONNECT; a property that is "
        "there twice, or does not belong there; an alias that was never set.",
        "``ConnectionClosed``: the server did so, or is none, but speaks HTTP or TLS. It is told so in "
        "DISCONNECT. ``RemoteProtocolError`` and ``LocalProtocolError`` have this reason unless another is "
        "named.",
        "codec/property_table net/server net/traffic session/aliases session/conversation",
    ),
    "IMPLEMENTATION_SPECIFIC_ERROR": Cause(
        "CONNACK, PUBACK, PUBREC, SUBACK: a plugin raised an exception; the log has it. PUBACK, PUBREC: this "
        "one can't be written, though the store works. UNSUBACK: the filter was beyond "
        "``max_filters_per_packet``, and is still subscribed to.",
        "``LocalProtocolError``: a service's store is closed, or can't keep this one. A callback may refuse a "
        "message with it (``on_error``).",
        "backends/client/store backends/memory backends/sqlite/backend backends/sqlite/journal broker/core "
        "broker/crowding broker/dealing broker/owed broker/stats broker/subscriptions net/plugins",
    ),
    "UNSUPPORTED_PROTOCOL_VERSION": Cause(
        "CONNACK: a version that is not among the ``versions`` of the listener, or that nobody knows.",
        "``Refused``, which names the version to try. ``MQTTClientService`` gives up.",
        "broker/terms net/ending service/client/retry",
    ),
    "CLIENT_IDENTIFIER_NOT_VALID": Cause(
        'CONNACK: longer than ``max_client_id_bytes``; it belongs to another user (``other_user = "refuse"``); '
        "or it is empty, on 3.1, or on 3.1.1 for a session that is to last.",
        "``Refused``. ``MQTTClientService`` gives up.",
        "broker/arrival broker/holdings broker/terms service/client/retry",
    ),
    "BAD_USER_NAME_OR_PASSWORD": Cause(
        "CONNACK: a wrong name or password, or a token that is not good; a name longer than ``max_user_name_bytes``.",
        "``Refused``. ``MQTTClientService`` gives up, unless ``credentials`` or an ``authentication`` is asked "
        "anew each time.",
        "broker/terms net/server service/client/retry",
    ),
    "NOT_AUTHORIZED": Cause(
        "CONNACK: nobody may come in here without a name; the will may not be published; an exchange such as "
        "SCRAM's failed. PUBACK, PUBREC, SUBACK: no right to this topic or filter. DISCONNECT: proving it anew "
        "failed or took too long; a reload has taken the user away. 3.x is disconnected for a publish with "
        '``refused_publish = "disconnect"``.',
        "``Refused``. ``MQTTClientService`` gives up if it was in CONNACK or DISCONNECT. ``ConnectionClosed``: "
        "the server could not prove that it knows the password (SCRAM), or asks for more than there is.",
        "broker/arrival broker/core broker/dealing broker/fanout broker/publishing broker/stats "
        "broker/subscriptions net/access/rules net/access/scram_client net/authenticator net/proving net/server "
        "service/client/retry service/reloading session/proof session/server",
    ),
    "SERVER_UNAVAILABLE": Cause(
        "CONNACK: who it is could not be found out, because the service that knows does not answer or a checker "
        "raised; the session can't be stored now; another connection took the session over meanwhile; or a "
        "reason that CONNACK can't give, such as shutting down.",
        "``Refused``. ``MQTTClientService`` tries again.",
        "backends/sqlite/backend backends/sqlite/opening broker/arrival net/proving net/server session/threshold",
    ),
    "SERVER_BUSY": Cause(
        "CONNACK: it was not in after ``connect_timeout``; too many logins wait (``max_delayed_logins``, or "
        "those of the checker). Who is pushed out by ``max_half_open`` is closed without a word.",
        "``Refused``. ``MQTTClientService`` tries again.",
        "net/door net/entry session/threshold",
    ),
    "BANNED": Cause(
        'CONNACK: the address is banned, with ``ban_answer = "say"``; with ``close`` it is closed without a word.',
        "``Refused``. ``MQTTClientService`` gives up.",
        "net/entry service/client/retry",
    ),
    "SERVER_SHUTTING_DOWN": Cause(
        'DISCONNECT: the broker stops, and names no other server (``redirect = "never"``).',
        "``ConnectionClosed``. ``MQTTClientService`` connects again.",
        "broker/terms",
    ),
    "BAD_AUTHENTICATION_METHOD": Cause(
        "CONNACK: the listener has no such method; the log names those that it has.",
        "``Refused``. ``MQTTClientService`` gives up.",
        "net/proving service/client/retry",
    ),
    "KEEP_ALIVE_TIMEOUT": Cause(
        "DISCONNECT: nothing was heard for one and a half times the keep-alive.",
        "``ConnectionClosed``: a ping was not answered in ``ping_timeout``. The server is told 0x80, because a "
        "client may not say this.",
        "session/client session/threshold",
    ),
    "SESSION_TAKEN_OVER": Cause(
        "DISCONNECT: another connection has come with the same client identifier.",
        "``ConnectionClosed``. ``MQTTClientService`` connects again, each time later, lest two throw out each "
        "other for ever.",
        "broker/holdings net/server",
    ),
    "TOPIC_FILTER_INVALID": Cause(
        "SUBACK: deeper than ``max_topic_levels``, longer than ``max_topic_bytes``, or a broken ``$share``. "
        "DISCONNECT: no filter at all, such as ``a/#/b``.",
        "``Refused``. A filter that is none is a ``ValueError`` before anything is sent.",
        "broker/subscriptions codec/bodies codec/checks net/server",
    ),
    "TOPIC_NAME_INVALID": Cause(
        "PUBACK, PUBREC: deeper than ``max_topic_levels`` or longer than ``max_topic_bytes``. CONNACK: so is "
        "that of the will. DISCONNECT: no topic at all, such as one with a wildcard.",
        "``Refused``. A topic that is none is a ``ValueError`` before anything is sent. ``ConnectionClosed``: "
        "the server published to one.",
        "broker/arrival broker/publishing codec/bodies codec/checks codec/topics net/server "
        "service/client/retry session/server",
    ),
    "PACKET_IDENTIFIER_IN_USE": Cause(
        "Never: a message that is repeated under its identifier joins the first.",
        "``Refused``, from servers that say it. A callback may refuse a message with it (``on_error``).",
        "",
    ),
    "PACKET_IDENTIFIER_NOT_FOUND": Cause(
        "PUBREL, PUBCOMP: there is no QoS 2 message with this identifier, because the session was lost or the "
        "packet is a repeat. Nothing else happens.",
        "PUBREL, PUBCOMP: likewise. It ends what was under way; no Deferred fails because of it.",
        "session/receiving session/sending",
    ),
    "RECEIVE_MAXIMUM_EXCEEDED": Cause(
        "DISCONNECT: more unfinished QoS 1 and 2 messages than ``receive_maximum``.",
        "``ConnectionClosed``: the server sent more than ``receive_maximum``. It is told so in DISCONNECT.",
        "net/server session/receiving",
    ),
    "TOPIC_ALIAS_INVALID": Cause(
        "DISCONNECT: an alias of 0, or above ``topic_alias_maximum``.",
        "``ConnectionClosed``: the server used such an alias. It is told so in DISCONNECT.",
        "codec/property_table net/server session/aliases",
    ),
    "PACKET_TOO_LARGE": Cause(
        "DISCONNECT, or CONNACK: a packet above ``max_packet_size``, before a client is in above "
        "``opening_bytes``; or our answer is larger than this client takes. A message that is too large for a "
        "receiver is dropped for that one and counted.",
        "``LocalProtocolError``: the packet is larger than this server takes, and was not sent. "
        "``ConnectionClosed``: the server sent more than ``maximum_packet_size``.",
        "broker/core codec/decode codec/fields net/server session/sending session/server session/verbs session/voice",
    ),
    "MESSAGE_RATE_TOO_HIGH": Cause(
        "Never: who publishes too fast is read more slowly (``publish_rate``, ``byte_rate``).",
        "``ConnectionClosed``, from servers that say it.",
        "",
    ),
    "QUOTA_EXCEEDED": Cause(
        "CONNACK: ``max_connections`` or another limit of them, ``max_sessions``, memory is short, a will above "
        "``max_will_payload``. PUBACK, PUBREC: no receiver had room in its queue, no room to retain it, or the "
        "store can't keep anything. SUBACK: ``max_subscriptions``, ``max_filters_per_packet``, or the store. "
        'DISCONNECT: it does not read, or does not take what it is owed (``queue_full = "disconnect"``).',
        "``Refused``. ``LocalProtocolError``: so many wait already (``max_queued_messages``, "
        "``max_queued_bytes``, ``write_buffer``, requests), or all 65,535 packet identifiers are in use. "
        "``ConnectionClosed``: too many messages were not acknowledged, and come again.",
        "backends/sqlite/journal broker/arrival broker/crowding broker/fanout broker/owed broker/patience "
        "broker/registry broker/shapes broker/stats broker/subscriptions broker/terms net/entry net/requests "
        "service/client/outbox session/receiving session/server session/tickets session/verbs session/voice",
    ),
    "ADMINISTRATIVE_ACTION": Cause(
        "Never by itself; a plugin may.",
        "``ConnectionClosed``, from servers that say it. ``txmqtt sub`` ends.",
        "",
    ),
    "PAYLOAD_FORMAT_INVALID": Cause(
        "PUBACK, PUBREC, and CONNACK about a will: it says that it is UTF-8 and is not; only with "
        "``check_payload_format``.",
        "``Refused``. A callback may refuse a message with it (``on_error``).",
        "broker/features broker/publishing service/client/retry session/server",
    ),
    "RETAIN_NOT_SUPPORTED": Cause(
        "DISCONNECT: a PUBLISH to be retained, with ``retain_available = false``; CONNACK: such a will.",
        "``LocalProtocolError``: the server said so in CONNACK; nothing was sent. ``downgrade=True`` sends it "
        "without the flag. ``Refused``: about the will, and ``MQTTClientService`` gives up.",
        "broker/features broker/shapes net/server service/client/retry session/verbs",
    ),
    "QOS_NOT_SUPPORTED": Cause(
        "DISCONNECT: a PUBLISH above ``max_qos``; CONNACK: such a will.",
        "``LocalProtocolError``: the server said so in CONNACK; nothing was sent. ``downgrade=True`` sends it "
        "as the server takes it. ``Refused``: about the will, and ``MQTTClientService`` gives up.",
        "broker/features net/server service/client/retry session/verbs",
    ),
    "USE_ANOTHER_SERVER": Cause(
        "CONNACK, DISCONNECT: go to ``server_reference`` for a while, as ``redirect`` says.",
        "``Refused`` or ``ConnectionClosed`` with ``server_reference``. ``MQTTClientService`` goes there for "
        "one attempt with ``follow_redirects=True``.",
        "broker/terms service/client/servers session/threshold",
    ),
    "SERVER_MOVED": Cause(
        'CONNACK, DISCONNECT: go to ``server_reference`` for good, with ``redirect = "moved"``.',
        "``Refused`` or ``ConnectionClosed`` with ``server_reference``. ``MQTTClientService`` goes there from "
        "then on with ``follow_redirects=True``.",
        "broker/terms service/client/servers session/threshold",
    ),
    "SHARED_SUBSCRIPTIONS_NOT_SUPPORTED": Cause(
        "DISCONNECT: a shared subscription, with ``shared_available = false``.",
        "``LocalProtocolError``: the server said so in CONNACK; nothing was sent.",
        "broker/features net/server session/verbs",
    ),
    "CONNECTION_RATE_EXCEEDED": Cause(
        "CONNACK: ``max_connection_rate``, or that of one address; or its client identifier is fought for "
        "(``max_takeovers``).",
        "``Refused``. ``MQTTClientService`` tries again.",
        "net/entry",
    ),
    "MAXIMUM_CONNECT_TIME": Cause(
        "DISCONNECT: what let it in, such as a token, has expired, and it has not proved itself anew.",
        "``ConnectionClosed``. ``MQTTClientService`` connects again.",
        "net/proving",
    ),
    "SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED": Cause(
        "DISCONNECT: a subscription identifier, with ``subscription_identifiers_available = false``.",
        "``LocalProtocolError``: the server said so in CONNACK; nothing was sent.",
        "broker/features net/server session/verbs",
    ),
    "WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED": Cause(
        "DISCONNECT: a filter with a wildcard, with ``wildcard_available = false``.",
        "``LocalProtocolError``: the server said so in CONNACK; nothing was sent.",
        "broker/features net/server session/verbs",
    ),
}
