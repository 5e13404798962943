"""
Bytes to packets, in place: many packets per read, or many reads per packet.

C{feed} takes whatever the network gave; C{take} answers with one packet at a time until there is no whole one left.

What was fed is parsed where it lies. Only a packet that is not all there yet is copied: to one bytearray, which grows
in place until the number of bytes that its header promises has come. So the work is linear in the bytes, however they
are cut, and a decoder that waits between packets holds nothing at all.
"""

from __future__ import annotations

from typing import Final

from txmqtt.codec import reasons
from txmqtt.codec.bodies import level_named, no_packet_id, read
from txmqtt.codec.constants import CONNECT, MAX_PACKET, MQTT5, MQTT31, NAMES, PUBLISH
from txmqtt.codec.errors import ProtocolError, RemoteProtocolError
from txmqtt.codec.fields import malformed
from txmqtt.codec.packets import Ack, Auth, Packet, Publish, Suback, Unsuback
from txmqtt.codec.properties import Properties
from txmqtt.codec.properties import decode as decode_properties
from txmqtt.codec.topics import KNOWN_TOPICS, KnownTopics

#: Longer than any topic can be.
_NO_TOPIC: Final = bytes(65_536)


class Decoder:
    """
    The packets in a stream of bytes.

    A broken rule ends the stream: the packets before it can be taken, after that every C{take} raises the same error,
    and C{feed} forgets what it gets.

    @ivar version: the protocol level; 0 until a CONNECT has told. One that is refused for anything else has told too.
    @ivar limit: the largest packet accepted, bytes, fixed header included.
    @ivar taken: how large the packet was that was taken last, bytes.
    @ivar unexplained: the peer was asked for no reason strings and user properties where they only explain something,
        and breaks a rule with one (section 3.1.2.11.7 of 5.0).
    """

    def __init__(self, version: int = 0, limit: int = MAX_PACKET, topics: KnownTopics = KNOWN_TOPICS) -> None:
        self.version = version
        self.limit = limit
        self.taken = 0
        self.unexplained = False
        self._topics = topics
        self._seen = topics.seen
        self._topic = _NO_TOPIC  # the one of these that came last
        # What is being parsed, and how far it has been.
        self._data = b""
        self._position = 0
        # The beginning of a packet that is not all there yet, and how long it must become for the next look at it.
        self._partial: bytearray | None = None
        self._need = 0
        # What follows it, or follows in C{_data} the packet it became.
        self._after = b""
        self._after_position = 0
        # What was fed while packets were still waiting to be taken.
        self._queue: bytearray | None = None
        self._error: ProtocolError | None = None

    @property
    def held(self) -> int:
        """
        How many bytes are kept that no packet taken has accounted for.
        """
        held = len(self._data) - self._position + len(self._after) - self._after_position
        if self._partial is not None:
            held += len(self._partial)
        if self._queue is not None:
            held += len(self._queue)
        return held

    def feed(self, data: bytes) -> None:
        """
        Take bytes from the network, cut anywhere.
        """
        if self._error is not None:
            return
        if self._queue is not None:
            self._queue += data
        elif self._position < len(self._data) or self._after:
            self._queue = bytearray(data)
        elif self._partial is None:
            self._data = data
            self._position = 0
        else:
            self._after = data
            self._after_position = 0

    def take(self) -> Packet | None:
        """
        The next packet, or None until more is fed.
        """
        try:
            while True:
                data = self._data
                position = self._position
                size = len(data)
                if size - position >= 2:
                    remaining = data[position + 1]
                    start = position + 2
                    if remaining > 127:
                        remaining = _remaining(data, position + 1, size)
                        start += 1 if remaining < 16_384 else 2 if remaining < 2_097_152 else 3
                    stop = start + remaining
                    if stop <= size:
                        break
                if not self._refill():
                    return None

            self.taken = taken = stop - position
            if taken > self.limit:
                raise _too_large(taken, self.limit)
            self._position = stop
            first = data[position]
            version = self.version

            if first & 0xF0 == 0x30:  # nine packets in ten
                if remaining < 2:
                    raise malformed("PUBLISH without a topic")
                topic_start = start + 2
                body = topic_stop = topic_start + (data[start] << 8 | data[start + 1])
                qos = first >> 1 & 3
                packet_id = 0
                if qos:
                    body += 2
                    if qos == 3:
                        raise malformed("PUBLISH with QoS 3")  # [MQTT5-3.3.1-4] [MQTT311-3.3.1-4]
                    if body > stop:
                        raise malformed("PUBLISH cut off in its topic or packet identifier")
                    packet_id = data[topic_stop] << 8 | data[topic_stop + 1]
                    if packet_id == 0:
                        raise no_packet_id(PUBLISH)
                elif first & 8 and version != MQTT31:
                    raise malformed("PUBLISH with DUP and QoS 0")  # [MQTT5-3.3.1-2] [MQTT311-3.3.1-2]
                properties: Properties | None = None
                if version == MQTT5:
                    if body >= stop:
                        raise malformed("PUBLISH cut off in its topic, packet identifier or property length")
                    if data[body] == 0:
                        body += 1
                    else:
                        properties, body = decode_properties(data, body, stop, PUBLISH)
                    if topic_start == topic_stop and (properties is None or properties.topic_alias is None):
                        raise RemoteProtocolError("PUBLISH without topic and topic alias")  # [MQTT5-4.7.3-1]
                elif body > stop:
                    raise malformed("PUBLISH cut off in its topic")
                elif version == 0:
                    raise _not_connect(first)
                raw = data[topic_start:topic_stop]
                topic = self._topic
                if raw != topic:  # most clients publish to one topic again and again
                    known = self._seen.get(raw)
                    if known is not None:
                        self._topic = topic = known
                    else:
                        topic = b"" if version == MQTT5 and not raw else self._topics.check(raw)
                publish = Publish(topic, data[body:stop], qos, first & 1 != 0, first & 8 != 0, packet_id, properties)
                if properties is None and not first & 9:
                    publish.frame = data[position:topic_stop] if qos else data[position:stop]
                return publish

            if version == 0:
                if first >> 4 != CONNECT:
                    raise _not_connect(first)
                self.version = level_named(data, start, stop)
            elif remaining == 2 and (first == 0x40 or first == 0x50 or first == 0x62 or first == 0x70):
                packet_id = data[start] << 8 | data[start + 1]
                if packet_id == 0:
                    raise no_packet_id(first >> 4)
                return Ack(first >> 4, packet_id)

            packet = read(data, start, stop, first, version)
            if self.unexplained:
                _check_unexplained(packet)
            return packet
        except ProtocolError as error:
            self._die(error)
            raise

    def _refill(self) -> bool:
        """
        There is no whole packet in C{_data}: put one there, or at least other bytes, if what was fed allows.

        @return: whether it is worth another look.
        """
        if self._error is not None:
            raise self._error.with_traceback(None)
        partial = self._partial
        if partial is None:
            data = self._data
            position = self._position
            left = len(data) - position
            if left == 0:
                # The common end of a read; nothing is kept from it.
                self._data = self._after
                self._position = self._after_position
                self._after = b""
                self._after_position = 0
                return len(self._data) > 0 or self._dequeue(True)
            partial = bytearray(data[position:])
            self._need = self._wanted(partial)
            self._partial = partial
            self._data = b""
            self._position = 0
        while True:
            missing = self._need - len(partial)
            if missing == 0:
                self._need = self._wanted(partial)
                if self._need == len(partial):
                    break
                continue
            after = self._after
            start = self._after_position
            if not after:
                if not self._dequeue(False):
                    return False
                continue
            partial += after[start : start + missing]
            if len(after) - start > missing:
                self._after_position = start + missing
            else:
                self._after = b""
                self._after_position = 0
        self._data = bytes(partial)
        self._partial = None
        return True

    def _dequeue(self, first: bool) -> bool:
        """
        Turn to what was fed while packets were waiting: as the next bytes to parse, or as those that follow a partial
        packet.
        """
        queue = self._queue
        if queue is None:
            return False
        self._queue = None
        if first:
            self._data = bytes(queue)
        else:
            self._after = bytes(queue)
        return True

    def _wanted(self, partial: bytearray) -> int:
        """
        How many bytes a partial packet needs: for its fixed header to go on or, once that is there, altogether. What
        the header alone shows to be wrong is not waited for.
        """
        size = len(partial)
        if size < 2:
            return 2
        if self.version == 0 and partial[0] >> 4 != CONNECT:
            raise _not_connect(partial[0])
        head = bytes(partial[:5])
        remaining = _remaining(head, 1, len(head))
        if remaining == _CUT_OFF:
            return size + 1
        total = remaining + (2 if remaining < 128 else 3 if remaining < 16_384 else 4 if remaining < 2_097_152 else 5)
        if total > self.limit:
            raise _too_large(total, self.limit)
        return total

    def _die(self, error: ProtocolError) -> None:
        self._error = error
        self._data = self._after = b""
        self._position = self._after_position = 0
        self._partial = self._queue = None


#: The remaining length of a packet whose fixed header is not all there: longer than any buffer.
_CUT_OFF: Final = 1 << 60


def _remaining(data: bytes, position: int, size: int) -> int:
    """
    A remaining length, or C{_CUT_OFF}.
    """
    # [MQTT5-1.5.5-1] [MQTT311 2.2.3]
    value = 0
    shift = 0
    while position < size:
        byte = data[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            if byte == 0 and shift:
                raise malformed(f"remaining length {value} takes more bytes than it needs")
            return value
        shift += 7
        if shift == 28:
            raise malformed("remaining length longer than 4 bytes")
    return _CUT_OFF


def _too_large(size: int, limit: int) -> RemoteProtocolError:
    return RemoteProtocolError(f"packet of {size} bytes; {limit} at most", reasons.PACKET_TOO_LARGE)


def _check_unexplained(packet: Packet) -> None:
    if isinstance(packet, (Ack, Suback, Unsuback, Auth)):
        said = packet.properties
        if said is not None and (said.reason_string is not None or said.user_properties):
            raise RemoteProtocolError(f"{NAMES[packet.kind]} explains itself, and was asked not to")


def _not_connect(first: int) -> RemoteProtocolError:
    return RemoteProtocolError(f"first packet is {NAMES[first >> 4]}; expected CONNECT")  # [MQTT5-3.1.0-1]
