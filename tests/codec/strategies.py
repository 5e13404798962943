"""
Packets by chance: everything that a version can say, for hypothesis.
"""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from txmqtt.codec import reasons
from txmqtt.codec.constants import (
    AUTH,
    CONNACK,
    CONNECT,
    DISCONNECT,
    MQTT5,
    MQTT31,
    PUBACK,
    PUBCOMP,
    PUBLISH,
    PUBREC,
    PUBREL,
    SUBACK,
    SUBSCRIBE,
    UNSUBACK,
    UNSUBSCRIBE,
)
from txmqtt.codec.packets import (
    Ack,
    Auth,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Publish,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
    Will,
)
from txmqtt.codec.properties import WILL_PROPERTIES, Properties
from txmqtt.codec.property_table import BINARY, PAIR, RESPONSE_TOPIC, STRING, TABLE, VARINT, Law

#: The same examples in every run, and few: a finding is not worth a slow or a moody suite.
brief = settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

versions = st.sampled_from([3, 4, 5])
text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
binary = st.binary(max_size=8)
payloads = st.one_of(st.binary(max_size=40), st.integers(100, 20_000).map(lambda size: b"p" * size))
packet_ids = st.integers(1, 65_535)
qualities = st.integers(0, 2)

_level = st.text(st.characters(exclude_characters="\0+#/", exclude_categories=["Cs"]), max_size=4)
topics = st.lists(_level, min_size=1, max_size=4).map("/".join).filter(bool).map(str.encode)
_plain_filters = (
    st.tuples(st.lists(st.one_of(_level, st.just("+")), min_size=1, max_size=4), st.booleans())
    .map(lambda both: "/".join([*both[0], "#"] if both[1] else both[0]))
    .filter(bool)
)
# A level of "$share" by chance would make a share of an ordinary filter.
filters = _plain_filters.filter(lambda found: not found.startswith("$share")).map(str.encode)
_share_names = st.text(st.characters(exclude_characters="\0+#/", exclude_categories=["Cs"]), min_size=1, max_size=4)
shared_filters = st.tuples(_share_names, _plain_filters).map(lambda both: f"$share/{both[0]}/{both[1]}".encode())


def _values(law: Law, kind: int) -> st.SearchStrategy[Any]:
    if law.wire == PAIR:
        return st.lists(st.tuples(text, text), min_size=1, max_size=3).map(tuple)
    if law.wire == VARINT:
        most = 3 if kind == PUBLISH else 1
        return st.lists(st.integers(law.low, law.high), min_size=1, max_size=most).map(tuple)
    if law.identifier == RESPONSE_TOPIC:
        return topics.map(bytes.decode)
    if law.wire == STRING:
        return text
    if law.wire == BINARY:
        return binary
    return st.integers(law.low, law.high)


def _properties(values: dict[str, Any]) -> Properties | None:
    if "authentication_method" not in values:
        values.pop("authentication_data", None)
    return Properties(**values) if values else None


def properties(kind: int, version: int = MQTT5) -> st.SearchStrategy[Properties | None]:
    """
    Properties of a packet type; None before 5.0.
    """
    if version != MQTT5:
        return st.none()
    legal = {law.name: _values(law, kind) for law in TABLE if law.kinds >> kind & 1}
    return st.one_of(st.none(), st.fixed_dictionaries({}, optional=legal).map(_properties))


def _codes(kind: int, version: int) -> st.SearchStrategy[int]:
    return st.sampled_from([code for code in range(256) if reasons.legal(kind, code, version)])


@st.composite
def connects(draw: st.DrawFn, version: int) -> Connect:
    will = None
    if draw(st.booleans()):
        will = Will(
            draw(topics), draw(binary), draw(qualities), draw(st.booleans()), draw(properties(WILL_PROPERTIES, version))
        )
    clean_start = draw(st.booleans())
    username = draw(st.one_of(st.none(), text))
    password = draw(st.one_of(st.none(), binary)) if version == MQTT5 or username is not None else None
    client_id = draw(text if version == MQTT5 else text.filter(bool))
    bridge = version != MQTT5 and draw(st.booleans())
    return Connect(
        client_id,
        version,
        clean_start,
        draw(st.integers(0, 65_535)),
        username,
        password,
        will,
        draw(properties(CONNECT, version)),
        bridge,
    )


@st.composite
def publishes(draw: st.DrawFn, version: int) -> Publish:
    qos = draw(qualities)
    found = draw(properties(PUBLISH, version))
    aliased = found is not None and found.topic_alias is not None
    return Publish(
        b"" if aliased and draw(st.booleans()) else draw(topics),
        draw(payloads),
        qos,
        draw(st.booleans()),
        qos > 0 and draw(st.booleans()),
        draw(packet_ids) if qos else 0,
        found,
    )


@st.composite
def acks(draw: st.DrawFn, version: int) -> Ack:
    kind = draw(st.sampled_from([PUBACK, PUBREC, PUBREL, PUBCOMP]))
    return Ack(kind, draw(packet_ids), draw(_codes(kind, version)), draw(properties(kind, version)))


@st.composite
def connacks(draw: st.DrawFn, version: int) -> Connack:
    reason = draw(_codes(CONNACK, version))
    present = reason == 0 and version != MQTT31 and draw(st.booleans())
    return Connack(reason, present, draw(properties(CONNACK, version)))


@st.composite
def subscriptions(draw: st.DrawFn, version: int) -> Subscription:
    if version != MQTT5:
        return Subscription(draw(filters), draw(qualities))
    shared = draw(st.booleans())
    return Subscription(
        draw(shared_filters if shared else filters),
        draw(qualities),
        not shared and draw(st.booleans()),
        draw(st.booleans()),
        draw(st.integers(0, 2)),
    )


@st.composite
def others(draw: st.DrawFn, version: int) -> Packet:
    kind = draw(st.sampled_from([SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, 12, 13, DISCONNECT, AUTH]))
    packet_id = draw(packet_ids)
    dup = version == MQTT31 and draw(st.booleans())
    if kind == SUBSCRIBE:
        wanted = draw(st.lists(subscriptions(version), min_size=1, max_size=3))
        return Subscribe(packet_id, wanted, draw(properties(kind, version)), dup)
    if kind == UNSUBSCRIBE:
        return Unsubscribe(
            packet_id, draw(st.lists(filters, min_size=1, max_size=3)), draw(properties(kind, version)), dup
        )
    if kind == SUBACK or (kind == UNSUBACK and version == MQTT5):
        codes = draw(st.lists(_codes(kind, version), min_size=1, max_size=4))
        return (Suback if kind == SUBACK else Unsuback)(packet_id, codes, draw(properties(kind, version)))
    if kind == UNSUBACK:
        return Unsuback(packet_id, [])
    if kind == AUTH and version == MQTT5:
        found = draw(properties(kind)) or Properties()
        found.authentication_method = draw(text)
        return Auth(draw(_codes(kind, version)), found)
    if kind == DISCONNECT:
        return Disconnect(draw(_codes(kind, version)), draw(properties(kind, version)))
    return Pingreq() if draw(st.booleans()) else Pingresp()


def packets(version: int) -> st.SearchStrategy[Packet]:
    """
    Any packet that a version can say.
    """
    return st.one_of(publishes(version), connects(version), acks(version), connacks(version), others(version))


versioned_packets = versions.flatmap(lambda version: st.tuples(st.just(version), packets(version)))
