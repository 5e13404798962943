"""
What somebody speaks who was taken for a server of MQTT: found out from how it begins.
"""

from __future__ import annotations

from typing import Final

_BEGINNINGS: Final = (
    (b"\x15\x03", "it speaks TLS; expected MQTT, try mqtts://"),
    (b"\x16\x03", "it speaks TLS; expected MQTT, try mqtts://"),
    (b"HTTP/", "it speaks HTTP; expected MQTT, try ws:// if it is a server of WebSockets"),
    (b"SSH-", "it speaks SSH; expected MQTT"),
    (b"AMQP", "it speaks AMQP; expected MQTT"),
    (b"INFO {", "it speaks NATS; expected MQTT, which has a port of its own there"),
)


def stranger(beginning: bytes) -> str:
    """
    What it speaks if it is well known and not MQTT, and what to do about it; empty if it is not known.
    """
    return next((words for known, words in _BEGINNINGS if beginning.startswith(known)), "")
