"""
What MQTT has and one listener may not offer: how 5.0 is told of it, and what becomes of those who ask all the same.

5.0 calls it a protocol error to use what the CONNACK said is not there, so the connection ends, with a reason for each.
"""

from __future__ import annotations

from typing import Final

from txmqtt.broker.policy import Policy
from txmqtt.codec import reasons
from txmqtt.codec.errors import RemoteProtocolError
from txmqtt.codec.packets import Subscribe, Will
from txmqtt.codec.properties import Properties
from txmqtt.codec.topics import split_share

#: So much of a filter is shown, bytes.
_SHOWN: Final = 64

_MISSING: Final = {
    reasons.SHARED_SUBSCRIPTIONS_NOT_SUPPORTED: "subscriptions can't be shared here",
    reasons.WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED: "there are no wildcards here",
}


def announce(policy: Policy, announced: Properties) -> None:
    """
    Put into the properties of a CONNACK what is not offered here [MQTT5-3.2.2-9].
    """
    if policy.max_qos < 2:
        announced.maximum_qos = policy.max_qos
    if not policy.retain_available:
        announced.retain_available = 0
    if not policy.wildcard_available:
        announced.wildcard_subscription_available = 0
    if not policy.subscription_identifiers_available:
        announced.subscription_identifier_available = 0
    if not policy.shared_available:
        announced.shared_subscription_available = 0


def publish_beyond(policy: Policy, qos: int, retain: bool) -> RemoteProtocolError:
    """
    The error for a PUBLISH that is not possible here.
    """
    if qos > policy.max_qos:
        return RemoteProtocolError(
            f"PUBLISH of QoS {qos}, at most {policy.max_qos} is possible here", reasons.QOS_NOT_SUPPORTED
        )
    return RemoteProtocolError("PUBLISH to be retained, nothing is retained here", reasons.RETAIN_NOT_SUPPORTED)


def will_refusal(policy: Policy, will: Will) -> int:
    """
    Why a will is not possible here, as a reason code; 0 when it is.
    """
    if will.qos > policy.max_qos:
        return reasons.QOS_NOT_SUPPORTED  # [MQTT5-3.2.2-12]
    if will.retain and not policy.retain_available:
        return reasons.RETAIN_NOT_SUPPORTED  # [MQTT5-3.2.2-13]
    if policy.check_payload_format and payload_belies(will.payload, will.properties):
        return reasons.PAYLOAD_FORMAT_INVALID
    return 0


def filter_refusal(policy: Policy, shared: bool, below: bytes) -> int:
    """
    Why a filter is not possible here, as a reason code; 0 when it is.

    @param below: the filter without the name of its share.
    """
    if shared and not policy.shared_available:
        return reasons.SHARED_SUBSCRIPTIONS_NOT_SUPPORTED
    if not policy.wildcard_available and (b"+" in below or b"#" in below):
        return reasons.WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED
    return 0


def check_subscribe(policy: Policy, packet: Subscribe) -> None:
    """
    A SUBSCRIBE of 5.0 must ask for nothing that its CONNACK said is not there.

    @raise RemoteProtocolError: it does.
    """
    if (
        packet.properties is not None
        and packet.properties.subscription_identifiers
        and not policy.subscription_identifiers_available
    ):
        raise RemoteProtocolError(
            "SUBSCRIBE with a subscription identifier, there are none here",
            reasons.SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED,
        )
    if policy.shared_available and policy.wildcard_available:
        return
    for asked in packet.subscriptions:
        share, below = split_share(asked.filter)
        refusal = filter_refusal(policy, share != b"", below)
        if refusal:
            raise RemoteProtocolError(
                f"SUBSCRIBE to {asked.filter[:_SHOWN].decode(errors='replace')!r}, {_MISSING[refusal]}", refusal
            )


def payload_belies(payload: bytes, properties: Properties | None) -> bool:
    """
    Is this a payload that says it is UTF-8, and is not?
    """
    if properties is None or not properties.payload_format_indicator:
        return False
    try:
        payload.decode()
    except UnicodeDecodeError:
        return True
    return False
