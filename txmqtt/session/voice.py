"""
What one side says: frames in a list, written once for each turn of the reactor, and the last word.

Nothing leaves before the turn ends; then C{Turn.flush} writes to each conversation that was touched, once. Nothing is
started here and nothing waited for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from txmqtt.codec import encode, reasons
from txmqtt.codec.constants import MAX_PACKET, MQTT5
from txmqtt.codec.packets import Disconnect
from txmqtt.codec.properties import Properties
from txmqtt.session.sink import Link
from txmqtt.session.turn import Turn

#: The phases of a conversation. OPENING: CONNECT is said, CONNACK is not.
NEW: Final = 0
OPENING: Final = 1
OPEN: Final = 2
CLOSED: Final = 3

PHASES: Final = ("new", "opening", "open", "closed")

#: No alarm is set.
NEVER: Final = float("inf")

#: What a small frame costs beyond its bytes while it waits for a peer that does not read.
_FRAME_COST: Final = 64


class Voice:
    """
    Our side of one connection, as far as the bytes that leave.

    @ivar write: takes the bytes of one flush.
    @ivar link: the wire, for the rare things.
    @ivar paused: the transport asked us to hold our tongue: the peer does not read fast enough.
    @ivar alarm_at: when C{tick} will be called next, seconds.
    @ivar send_limit: the largest packet the peer takes, bytes.
    @ivar write_limit: how much may wait in C{out} before QoS 0 is dropped and QoS 1 and 2 stay where they are, bytes.
    """

    def __init__(self, turn: Turn, link: Link, write: Callable[[bytes], None], write_limit: int) -> None:
        self.turn = turn
        self.link = link
        self.write = write
        self.phase = NEW
        self.version = 0
        self.out: list[bytes] = []
        self.out_size = 0
        self.touched = False
        self.paused = False
        self.send_limit = MAX_PACKET
        self.write_limit = write_limit
        self.alarm_at = NEVER
        self.last_sent = turn.now

    def send(self, frame: bytes) -> None:
        """
        Append a frame that is no PUBLISH: it is never dropped, but a peer that lets too many pile up is let go, and so
        is one that takes no packet of this size [MQTT5-3.1.2-24] [MQTT5-3.2.2-15].
        """
        if self.phase == CLOSED:
            return
        size = len(frame)
        if size > self.send_limit:
            self.end(reasons.PACKET_TOO_LARGE, f"an answer of {size} bytes; the peer takes {self.send_limit} at most")
            return
        if not self.touched:
            self.touched = True
            self.turn.touched.append(self)
        self.turn.packets_sent += 1
        self.out.append(frame)
        self.out_size += size
        if self.paused:
            self.out_size += _FRAME_COST
            if self.out_size > 2 * self.write_limit:
                self.end(reasons.QUOTA_EXCEEDED, f"the peer does not read: {self.out_size} bytes wait for it", True)

    def _send_ack(self, kind: int, packet_id: int, reason: int) -> None:
        self.send(self._ack_frame(kind, packet_id, reason))

    def _ack_frame(self, kind: int, packet_id: int, reason: int) -> bytes:
        """
        PUBACK, PUBREC, PUBREL or PUBCOMP, with the reason as far as this version and packet can say it.
        """
        if self.version < MQTT5:
            reason = reasons.SUCCESS
        elif not reasons.legal(kind, reason):
            reason = reasons.UNSPECIFIED_ERROR if reason >= reasons.FAILURE else reasons.SUCCESS
        return encode.ack(kind, packet_id, reason, None, self.version)

    def flush(self) -> None:
        """
        Hand what there is to the transport, in one write.
        """
        self.touched = False
        out = self.out
        if self.paused or not out:
            return
        data = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        self.out_size = 0
        self.last_sent = self.turn.now
        self.turn.bytes_sent += len(data)
        self.write(data)
        self._flushed()

    def _flushed(self) -> None:
        """
        What was said is with the transport: there is room again, unless it asked us to pause.
        """

    def pause(self) -> None:
        """
        The transport has enough: the peer reads more slowly than we write.
        """
        self.paused = True

    def resume(self) -> None:
        """
        The transport has room again.
        """
        self.paused = False
        if self.out:
            self.flush()
        else:
            self._flushed()

    def nearer(self, deadline: float) -> None:
        """
        Something must happen earlier than the alarm that is set.
        """
        if deadline < self.alarm_at:
            self.alarm_at = deadline
            self.link.rearm(deadline)

    # The end

    def end(self, reason: int, message: str, abort: bool = False) -> None:
        """
        End the conversation from our side.

        @param message: for the log, and on 5.0 for the peer that asked for it.
        @param abort: the peer does not read; nothing more is said to it.
        """
        if self.phase == CLOSED:
            return
        frame = b"" if abort else self._farewell(reason, message)
        if frame and len(frame) <= self.send_limit:
            self.out.append(frame)  # written by the link, which is told to close
            self.turn.packets_sent += 1
        self._over()
        self.link.close(reason, message, abort)

    def _goodbye(self, reason: int, properties: Properties | None) -> bytes:
        """
        DISCONNECT, without what only explains it where the peer takes no packet of that size [MQTT5-3.14.2-3]
        [MQTT5-3.14.2-4]; where it takes next to nothing, without anything: who leaves can't be kept by that.

        @raise LocalProtocolError: it cannot be said.
        """
        frame = encode.packet(Disconnect(reason, properties), self.version)
        if len(frame) > self.send_limit and properties is not None:
            bare = Properties(session_expiry_interval=properties.session_expiry_interval)
            frame = encode.packet(Disconnect(reason, bare), self.version)
            if len(frame) > self.send_limit:
                frame = encode.packet(Disconnect(reason), self.version)
        return frame

    def lost(self) -> None:
        """
        The connection is gone.
        """
        if self.phase != CLOSED:
            self._over()
        self.out.clear()
        self.out_size = 0

    def _over(self) -> None:
        """
        Nothing is said or heard any more. The books stay with their owner; what belongs to the connection dies here.
        """
        self.phase = CLOSED
        self._shut_gates()
        self._left()

    def _not_kept(self, reason: int) -> None:
        """
        A frame would promise what could not be kept, and cannot say so itself: the connection ends instead.
        """
        self.end(reason, "what was to be acknowledged could not be stored")

    # What the others do about it

    def _shut_gates(self) -> None:
        """
        What waits for a ticket will not be said any more.
        """

    def _farewell(self, reason: int, message: str) -> bytes:
        """
        The last frame: what, if anything, this version and phase allow us to say about why.
        """
        raise NotImplementedError

    def _left(self) -> None:
        raise NotImplementedError
