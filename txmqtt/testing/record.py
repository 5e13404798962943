"""
What one side of a connection has said, as packets, for a test to look at.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress

from txmqtt.codec.decode import Decoder
from txmqtt.codec.errors import ProtocolError
from txmqtt.codec.packets import Packet

#: So many packets are remembered of one side.
_REMEMBERED = 10_000
#: So many bytes are kept before they are looked at, whether a test does or not.
_KEPT = 1024 * 1024


class Record:
    """
    Bytes are decoded when somebody looks, since most tests do not.

    @ivar forgotten: packets that came first and are not remembered any more.
    """

    def __init__(self, asked: Record | None = None) -> None:
        """
        @param asked: what the other side has said, when it is the other side that names the version of MQTT.
        """
        self.forgotten = 0
        self._asked = asked
        self._bytes = bytearray()
        self._decoder = Decoder()
        self._packets: deque[Packet] = deque()

    def add(self, data: bytes) -> None:
        """
        It has said more.
        """
        self._bytes += data
        if len(self._bytes) > _KEPT:
            with suppress(ProtocolError):  # which is told whoever looks, and not whoever speaks
                self.look()

    def look(self) -> list[Packet]:
        """
        All that it has said, the oldest first.

        @raise RemoteProtocolError: something that is not MQTT.
        """
        decoder, packets = self._decoder, self._packets
        if self._asked is not None and not decoder.version:
            self._asked.look()
            decoder.version = self._asked.version
        decoder.feed(bytes(self._bytes))
        self._bytes.clear()
        while (packet := decoder.take()) is not None:
            packets.append(packet)
        while len(packets) > _REMEMBERED:
            packets.popleft()
            self.forgotten += 1
        return list(packets)

    @property
    def version(self) -> int:
        """
        Of MQTT; 0 until it is known.
        """
        return self._decoder.version
