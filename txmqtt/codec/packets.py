"""
What the fifteen packet types say, as plain objects that know nothing of bytes.

One set of classes serves all three protocol versions: what a version does not have is at its default there, and
C{properties} is None wherever there are none. Topics, filters and payloads are bytes as they arrived; identifiers, user
names and the strings in properties are str.

Compiled, they cost no more than they must: nothing that is C{acyclic} is looked at by the garbage collector, and what
comes one at a time finds the place of the one before (C{free_list_len}).
"""

from __future__ import annotations

from mypy_extensions import mypyc_attr

from txmqtt.codec.constants import (
    AUTH,
    CONNACK,
    CONNECT,
    DISCONNECT,
    MQTT311,
    NAMES,
    PINGREQ,
    PINGRESP,
    PUBLISH,
    SUBACK,
    SUBSCRIBE,
    UNSUBACK,
    UNSUBSCRIBE,
)
from txmqtt.codec.properties import Properties


@mypyc_attr(acyclic=True)
class Packet:
    """
    What all packets have: a type number.
    """

    def __init__(self, kind: int) -> None:
        self.kind = kind

    def said(self) -> tuple[object, ...]:
        """
        All that the packet says, in the order of the wire: what makes two packets equal.
        """
        return ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Packet) and self.kind == other.kind and self.said() == other.said()

    def __hash__(self) -> int:
        return hash((self.kind, self.said()))

    def __repr__(self) -> str:
        # CONNECT has its own: a password never reaches a log.
        return f"<{NAMES[self.kind]} {self.said()!r}>"


@mypyc_attr(acyclic=True, free_list_len=1)
class Publish(Packet):
    """
    PUBLISH: a message on its way, one hop. A QoS 0 message has C{packet_id} 0.

    @ivar frame: what of its bytes can be sent on as it came, where they say nothing but topic and payload: all of them
        at QoS 0, those before the packet identifier at QoS 1 and 2. None where there is more to say.
    """

    frame: bytes | None = None

    def __init__(
        self,
        topic: bytes,
        payload: bytes,
        qos: int = 0,
        retain: bool = False,
        dup: bool = False,
        packet_id: int = 0,
        properties: Properties | None = None,
    ) -> None:
        self.kind = PUBLISH
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.retain = retain
        self.dup = dup
        self.packet_id = packet_id
        self.properties = properties

    def said(self) -> tuple[object, ...]:
        return (self.topic, self.payload, self.qos, self.retain, self.dup, self.packet_id, self.properties)


@mypyc_attr(acyclic=True, free_list_len=1)
class Ack(Packet):
    """
    PUBACK, PUBREC, PUBREL or PUBCOMP, as C{kind} tells: four types with one shape.
    """

    def __init__(self, kind: int, packet_id: int, reason: int = 0, properties: Properties | None = None) -> None:
        self.kind = kind
        self.packet_id = packet_id
        self.reason = reason
        self.properties = properties

    def said(self) -> tuple[object, ...]:
        return (self.packet_id, self.reason, self.properties)


class Will:
    """
    The message that a server publishes for a client that went without saying goodbye.
    """

    def __init__(
        self,
        topic: bytes,
        payload: bytes,
        qos: int = 0,
        retain: bool = False,
        properties: Properties | None = None,
    ) -> None:
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.retain = retain
        self.properties = properties

    def said(self) -> tuple[object, ...]:
        return (self.topic, self.payload, self.qos, self.retain, self.properties)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Will) and self.said() == other.said()

    def __hash__(self) -> int:
        return hash(self.said())

    def __repr__(self) -> str:
        return f"<will {self.said()!r}>"


class Connect(Packet):
    """
    CONNECT: who wants in, and how it wants to talk.

    @ivar version: the protocol level, 3 (MQTT 3.1), 4 (3.1.1) or 5.
    @ivar clean_start: Clean Session on 3.x, Clean Start on 5.0.
    @ivar keep_alive: seconds; 0 turns it off.
    @ivar bridge: 3.x only, the bit 0x80 of the protocol level with which bridges announce themselves.
    """

    def __init__(
        self,
        client_id: str = "",
        version: int = MQTT311,
        clean_start: bool = True,
        keep_alive: int = 0,
        username: str | None = None,
        password: bytes | None = None,
        will: Will | None = None,
        properties: Properties | None = None,
        bridge: bool = False,
    ) -> None:
        self.kind = CONNECT
        self.client_id = client_id
        self.version = version
        self.clean_start = clean_start
        self.keep_alive = keep_alive
        self.username = username
        self.password = password
        self.will = will
        self.properties = properties
        self.bridge = bridge

    def said(self) -> tuple[object, ...]:
        return (
            self.version,
            self.bridge,
            self.clean_start,
            self.keep_alive,
            self.properties,
            self.client_id,
            self.will,
            self.username,
            self.password,
        )

    def __repr__(self) -> str:
        return f"<CONNECT {self.client_id!r} version {self.version} keep-alive {self.keep_alive} s>"


class Connack(Packet):
    """
    CONNACK: the answer to CONNECT. C{reason} is a return code (0 to 5) on 3.x and a reason code on 5.0.
    """

    def __init__(self, reason: int = 0, session_present: bool = False, properties: Properties | None = None) -> None:
        self.kind = CONNACK
        self.reason = reason
        self.session_present = session_present
        self.properties = properties

    def said(self) -> tuple[object, ...]:
        return (self.session_present, self.reason, self.properties)


class Subscription:
    """
    One filter of a SUBSCRIBE with its options; 3.x knows only C{qos}.

    @ivar retain_handling: 0 sends retained messages at each SUBSCRIBE, 1 only if the subscription is new, 2 never.
    """

    def __init__(
        self,
        filter: bytes,
        qos: int = 0,
        no_local: bool = False,
        retain_as_published: bool = False,
        retain_handling: int = 0,
    ) -> None:
        self.filter = filter
        self.qos = qos
        self.no_local = no_local
        self.retain_as_published = retain_as_published
        self.retain_handling = retain_handling

    def said(self) -> tuple[object, ...]:
        return (self.filter, self.qos, self.no_local, self.retain_as_published, self.retain_handling)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Subscription) and self.said() == other.said()

    def __hash__(self) -> int:
        return hash(self.said())

    def __repr__(self) -> str:
        return f"<subscription {self.said()!r}>"


class Subscribe(Packet):
    """
    SUBSCRIBE: one or more filters, answered by one SUBACK.
    """

    def __init__(
        self, packet_id: int, subscriptions: list[Subscription], properties: Properties | None = None, dup: bool = False
    ) -> None:
        self.kind = SUBSCRIBE
        self.packet_id = packet_id
        self.subscriptions = subscriptions
        self.properties = properties
        self.dup = dup  # 3.1 only

    def said(self) -> tuple[object, ...]:
        return (self.packet_id, self.dup, self.properties, tuple(self.subscriptions))


class Suback(Packet):
    """
    SUBACK: per filter the granted QoS, or why not (0x80 on 3.1.1; 3.1 cannot say no).
    """

    def __init__(self, packet_id: int, reasons: list[int], properties: Properties | None = None) -> None:
        self.kind = SUBACK
        self.packet_id = packet_id
        self.reasons = reasons
        self.properties = properties

    def said(self) -> tuple[object, ...]:
        return (self.packet_id, self.properties, tuple(self.reasons))


class Unsubscribe(Packet):
    """
    UNSUBSCRIBE: one or more filters, answered by one UNSUBACK.
    """

    def __init__(
        self, packet_id: int, filters: list[bytes], properties: Properties | None = None, dup: bool = False
    ) -> None:
        self.kind = UNSUBSCRIBE
        self.packet_id = packet_id
        self.filters = filters
        self.properties = properties
        self.dup = dup  # 3.1 only

    def said(self) -> tuple[object, ...]:
        return (self.packet_id, self.dup, self.properties, tuple(self.filters))


class Unsuback(Packet):
    """
    UNSUBACK: a reason per filter on 5.0, nothing but the packet identifier on 3.x (C{reasons} is empty).
    """

    def __init__(self, packet_id: int, reasons: list[int], properties: Properties | None = None) -> None:
        self.kind = UNSUBACK
        self.packet_id = packet_id
        self.reasons = reasons
        self.properties = properties

    def said(self) -> tuple[object, ...]:
        return (self.packet_id, self.properties, tuple(self.reasons))


class Pingreq(Packet):
    """
    PINGREQ: are you there?
    """

    def __init__(self) -> None:
        self.kind = PINGREQ


class Pingresp(Packet):
    """
    PINGRESP: yes.
    """

    def __init__(self) -> None:
        self.kind = PINGRESP


class Disconnect(Packet):
    """
    DISCONNECT: goodbye, on 5.0 with a reason and from either side.
    """

    def __init__(self, reason: int = 0, properties: Properties | None = None) -> None:
        self.kind = DISCONNECT
        self.reason = reason
        self.properties = properties

    def said(self) -> tuple[object, ...]:
        return (self.reason, self.properties)


class Auth(Packet):
    """
    AUTH: a step of enhanced authentication, 5.0 only.
    """

    def __init__(self, reason: int = 0, properties: Properties | None = None) -> None:
        self.kind = AUTH
        self.reason = reason
        self.properties = properties

    def said(self) -> tuple[object, ...]:
        return (self.reason, self.properties)
