"""
CONNECT in bytes, of any version, and what may be the answer to one that is refused.
"""

from __future__ import annotations

from tests.conformance.peer import Peer
from txmqtt.codec.constants import MQTT5, MQTT31
from txmqtt.codec.packets import Connack


def connect(
    version: int, payload: str = '"a"', flags: int = 0x02, properties: str = "", keep_alive: int = 0, first: int = 0x10
) -> str:
    """
    A CONNECT as C{tests.vectors} spells it.

    @param payload: the same; P in it stands for no will properties, on 5.0.
    @param flags: 02 is a clean session, 04 a will, 18 its QoS, 20 its retain bit, 40 a password, 80 a user name.
    @param properties: on 5.0.
    """
    name = "MQIsdp" if version == MQTT31 else "MQTT"
    block = f"[ {properties} ]" if version == MQTT5 else ""
    rest = f" {payload} ".replace(" P ", " [] " if version == MQTT5 else " ")
    return f'{first:02x} [ "{name}" {version:02x} {flags:02x} {keep_alive:04x} {block}{rest}]'


def refused(peer: Peer, *codes: int) -> None:
    """
    It closes; a CONNACK with one of these return codes or reason codes may come first.
    """
    if peer.version == MQTT5:
        peer.closed(*codes)
        return
    try:
        answer = peer.hear()
    except AssertionError as error:
        if str(error).startswith("heard"):  # it is not silence
            raise
    else:
        if not isinstance(answer, Connack) or answer.reason not in codes or answer.session_present:
            raise AssertionError(f"heard {answer!r}; expected to be refused with {codes}")
    peer.closed()
