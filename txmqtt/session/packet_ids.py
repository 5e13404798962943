"""
Packet identifiers: which are in use, and for what.

An identifier is handed out only while nothing else uses it [MQTT5-2.2.1-3] [MQTT5-2.2.1-4] [MQTT311-2.3.1-2]; with all
65,535 taken there is none to hand out, and what needs one waits.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from txmqtt.codec.constants import MAX_PACKET_ID

#: While no more than half of these are in use, no others are handed out: numbers up to here are ready made in Python,
#: and so are their bytes (C{fields.PAIRS}).
_SMALL: Final = 255


@mypyc_attr(acyclic=True)
class Pending:
    """
    Something that holds a packet identifier until the peer has answered it. 0: it holds none yet.
    """

    def __init__(self) -> None:
        self.packet_id = 0


class PacketIds:
    """
    The identifiers in use on one session, in the order in which they were taken, with what they stand for.
    """

    def __init__(self) -> None:
        self._last = 0
        self.taken: dict[int, Pending] = {}

    def take(self, what: Pending) -> int:
        """
        An unused identifier, now in use for C{what}; 0 when all are taken.
        """
        taken = self.taken
        packet_id = self._last % (MAX_PACKET_ID if len(taken) > _SMALL // 2 else _SMALL) + 1
        while taken.setdefault(packet_id, what) is not what:
            if len(taken) >= MAX_PACKET_ID:
                return 0
            packet_id = packet_id % MAX_PACKET_ID + 1
        self._last = packet_id
        what.packet_id = packet_id
        return packet_id

    def put(self, packet_id: int, what: Pending) -> None:
        """
        Take this very identifier: a session is resumed with the identifiers it had.
        """
        self.taken[packet_id] = what
        what.packet_id = packet_id

    def free(self, packet_id: int) -> Pending | None:
        """
        The peer has answered for good; what it answered, or None when the identifier was not in use.
        """
        return self.taken.pop(packet_id, None)

    def get(self, packet_id: int) -> Pending | None:
        """
        What uses this identifier.
        """
        return self.taken.get(packet_id)

    def __len__(self) -> int:
        return len(self.taken)
