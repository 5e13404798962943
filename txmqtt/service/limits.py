"""
The limits of the policy in words: what each may be set to, and each as an option of the command line.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, replace
from pkgutil import get_data
from typing import Any

from twisted.python.usage import UsageError

from txmqtt.broker.policy import DEFAULTS, Policy
from txmqtt.codec.constants import MAX_PACKET
from txmqtt.net.options import UNBOUNDED, Range

_U16 = 65_535
_U32 = 0xFFFFFFFF


#: What each limit of the policy may be set to. Where MQTT has a field for it, what fits in there.
RANGES = {
    "max_connections": Range(1, UNBOUNDED),
    "max_sessions": Range(1, UNBOUNDED),
    "connect_timeout": Range(0.1, 3600),
    "opening_bytes": Range(64, MAX_PACKET),
    "close_timeout": Range(0.1, 3600),
    "max_half_open": Range(1, UNBOUNDED),
    "max_connections_per_address": Range(0, UNBOUNDED),
    "max_connections_per_user": Range(0, UNBOUNDED),
    "max_connection_rate": Range(0, UNBOUNDED),
    "connection_burst": Range(1, UNBOUNDED),
    "max_connection_rate_per_address": Range(0, UNBOUNDED),
    "connection_burst_per_address": Range(1, UNBOUNDED),
    "login_delay": Range(0, 60),
    "max_delayed_logins": Range(0, UNBOUNDED),
    "ban_failures": Range(0, UNBOUNDED),
    "ban_window": Range(1, 30 * 86_400),
    "ban_time": Range(1, 365 * 86_400),
    "max_takeovers": Range(0, UNBOUNDED),
    "takeover_window": Range(1, 86_400),
    "takeover_pause": Range(0, 86_400),
    "max_client_id_bytes": Range(23, _U16),  # [MQTT5-3.1.3-5] [MQTT311-3.1.3-5]
    "max_user_name_bytes": Range(0, _U16),
    "max_will_payload": Range(0, _U16),
    "min_keep_alive": Range(0, _U16),
    "max_memory": Range(0, UNBOUNDED),
    "max_packet_size": Range(64, MAX_PACKET),
    "max_topic_levels": Range(1, _U16),
    "max_subscriptions": Range(1, UNBOUNDED),
    "max_subscription_bytes": Range(0, UNBOUNDED),
    "max_inflight": Range(1, _U16),
    "max_inflight_5": Range(1, _U16),
    "receive_maximum": Range(1, _U16),
    "max_queued_messages": Range(0, UNBOUNDED),
    "max_queued_bytes": Range(0, UNBOUNDED),
    "queue_page": Range(1, 10_000),
    "queue_page_bytes": Range(0, UNBOUNDED),
    "write_buffer": Range(1024, UNBOUNDED),
    "max_session_expiry": Range(0, _U32),
    "will_grace": Range(0, _U32),
    "max_keep_alive": Range(1, _U16),
    "topic_alias_maximum": Range(0, _U16),
    "max_topic_aliases": Range(0, _U16),
    "max_retained_messages": Range(0, UNBOUNDED),
    "max_retained_bytes": Range(0, UNBOUNDED),
    "retained_page": Range(1, UNBOUNDED),
    "max_routes": Range(1, UNBOUNDED),
    "resend_interval": Range(0, 86_400),
    "store_delay": Range(0.1, 3600),
    "store_operations": Range(1, UNBOUNDED),
    "store_bytes": Range(1, UNBOUNDED),
    "max_qos": Range(0, 2),
    "sys_interval": Range(0, 86_400),
    "publish_rate": Range(0, UNBOUNDED),
    "publish_burst": Range(0, UNBOUNDED),
    "byte_rate": Range(0, UNBOUNDED),
    "byte_burst": Range(0, UNBOUNDED),
    "max_topic_bytes": Range(1, _U16),
    "max_filters_per_packet": Range(1, UNBOUNDED),
    "max_retained_payload": Range(0, MAX_PACKET),
    "max_message_expiry": Range(0, _U32),
    "hold_limit": Range(0, UNBOUNDED),
    "hold_seconds": Range(0.1, 3600),
    "max_total_queued_messages": Range(0, UNBOUNDED),
    "max_total_queued_bytes": Range(0, UNBOUNDED),
}


#: What a limit that is a word may say; those that stand in neither table are free text or yes and no.
CHOICES: dict[str, tuple[str, ...]] = {
    "redirect": ("never", "full", "always", "moved"),
    "other_user": ("refuse", "discard"),
    "ban_answer": ("close", "say"),
    "shared_strategy": ("round_robin", "random", "sticky", "least_queued", "hash_client_id"),
    "refused_publish": ("drop", "disconnect"),
    "queue_full": ("refuse", "drop_oldest", "drop_newest", "hold", "disconnect"),
}

#: Limits that may be others for one listener: those of its connections and of what clients say on them.
PER_LISTENER = frozenset(
    (
        "connect_timeout",
        "opening_bytes",
        "close_timeout",
        "max_connections_per_address",
        "max_connections_per_user",
        "max_connection_rate_per_address",
        "connection_burst_per_address",
        "trusted_addresses",
        "login_delay",
        "ban_failures",
        "ban_window",
        "ban_time",
        "ban_answer",
        "max_takeovers",
        "takeover_window",
        "takeover_pause",
        "max_packet_size",
        "max_topic_bytes",
        "max_topic_levels",
        "max_subscriptions",
        "max_subscription_bytes",
        "max_filters_per_packet",
        "max_inflight",
        "max_inflight_5",
        "receive_maximum",
        "max_queued_messages",
        "max_queued_bytes",
        "queue_full",
        "hold_limit",
        "hold_seconds",
        "publish_rate",
        "publish_burst",
        "byte_rate",
        "byte_burst",
        "refused_publish",
        "write_buffer",
        "max_session_expiry",
        "max_message_expiry",
        "max_retained_payload",
        "max_client_id_bytes",
        "max_user_name_bytes",
        "max_will_payload",
        "min_keep_alive",
        "max_keep_alive",
        "topic_alias_maximum",
        "max_topic_aliases",
        "resend_interval",
        "max_qos",
        "retain_available",
        "wildcard_available",
        "shared_available",
        "subscription_identifiers_available",
        "check_payload_format",
        "response_information",
        "redirect",
        "server_reference",
    )
)

_BOOLEANS = {"yes": True, "no": False, "true": True, "false": False, "1": True, "0": False}


def option(name: str) -> str:
    """
    What a limit is called on the command line.
    """
    return name.replace("_", "-")


def limit_parameters() -> list[list[Any]]:
    """
    Every limit of the policy, as C{usage.Options.optParameters} wants it: name, default and help are the policy's own.
    """
    said = limit_docs()
    return [
        [option(field.name), None, field.default, said.get(field.name, ""), _reader(field.name, type(field.default))]
        for field in fields(Policy)
    ]


def policy_from(options: Mapping[str, Any], said: Collection[str], otherwise: Policy = DEFAULTS) -> Policy:
    """
    The policy that these options ask for.

    @param said: the options that somebody has set.
    @param otherwise: what holds where nobody has.
    """
    given = {each.name: options[option(each.name)] for each in fields(Policy) if option(each.name) in said}
    return replace(otherwise, **given)


def limit_docs() -> dict[str, str]:
    """
    What the policy's docstring says of each limit. Compiled classes have no docstrings, so it is read from the source,
    which is installed beside.
    """
    source = get_data("txmqtt.broker", "policy.py") or b""
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef) and node.name == Policy.__name__:
            said = re.findall(r"^@ivar (\w+): (.*?)(?=^@|\Z)", ast.get_docstring(node) or "", re.MULTILINE | re.DOTALL)
            return {name: _plain(words) for name, words in said}
    return {}  # pragma: no cover - where somebody has installed us without our sources


def _plain(words: str) -> str:
    return re.sub(r"[A-Z]\{(.*?)\}", r"\1", textwrap.shorten(words, 1000))


def _reader(name: str, kind: type) -> Callable[[str], Any]:
    def read(value: str) -> Any:
        if kind is bool:
            if value in _BOOLEANS:
                return _BOOLEANS[value]
            expected = "yes or no"
        elif kind is str:
            if name not in CHOICES or value in CHOICES[name]:
                return value
            expected = " or ".join(CHOICES[name])
        else:
            low, high = RANGES[name]
            try:
                number = kind(value)
                if low <= number <= high:
                    return number
            except ValueError:
                pass
            what = "a whole number" if kind is int else "a number"
            expected = f"{what} from {low:.15g}" + ("" if high == UNBOUNDED else f" to {high:.15g}")
        raise UsageError(f"--{option(name)} {value!r}: expected {expected}")

    return read
