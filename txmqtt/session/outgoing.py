"""
QoS 1 and 2 on the way out: what has been sent and not yet answered, what waits for its turn, and in which order.

The books only; nothing here makes bytes. A message that needs an acknowledgement goes through these states:

  - waiting: no packet identifier yet, because the window is full (the peer's Receive Maximum, or C{max_inflight});
  - flying: sent with its identifier; a PUBACK, or a PUBREC that refuses, ends it;
  - released: its PUBREC came, its PUBREL went; the PUBCOMP ends it, and its PUBLISH is never sent again
    [MQTT5-4.3.3-6] [MQTT311-4.3.3-1].

The books outlive a connection. C{restart} begins the next one: PUBRELs go again at once, in the order of their
PUBRECs; PUBLISHes go again with DUP, under their old identifiers, in the order of their first sending
[MQTT5-4.4.0-1] [MQTT5-4.6.0-1], within the window, and before anything that waits.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from mypy_extensions import mypyc_attr

from txmqtt.session.message import Message
from txmqtt.session.packet_ids import PacketIds, Pending
from txmqtt.session.tickets import Ticket

#: What C{Outgoing.admit} did with a message.
SEND: Final = 0
QUEUED: Final = 1
REFUSED: Final = 2


@mypyc_attr(acyclic=True)
class Outbound(Pending):
    """
    One message for one receiver, at QoS 1 or 2.

    @ivar ref: the number under which somebody above keeps it (a backend, or the waiter of a publish); such a one is
        told when the receiver is done with it. 0: nobody is.
    @ivar sent: its PUBLISH has been on some wire, so that the next is a repeat.
    @ivar released: its PUBREC came; C{heard}: the reason code that it said; C{counted}: it takes a place in this
        connection's window.
    @ivar sent_at: when its last packet left, seconds.
    @ivar home: under which number a store keeps what is for its receiver; 0: no store keeps it.
    @ivar mark: of those that are under way, which was sent, or released, first.
    @ivar kept: it is not to be handed on before this is done.
    @ivar until: the application gives up waiting for it to leave at this time, seconds of the wall clock; 0.0: never.
    """

    home = 0
    until = 0.0
    mark = 0
    kept: Ticket | None = None
    sent = False
    released = False
    heard = 0
    counted = False
    sent_at = 0.0

    def __init__(
        self, message: Message, qos: int, retain: bool = False, identifiers: tuple[int, ...] = (), ref: int = 0
    ) -> None:
        """
        @param qos: 1 or 2; 0 for what a client queues while it has no connection: it has no identifier, takes no place
            in the window, and is finished when it leaves.
        """
        self.packet_id = 0
        self.message = message
        self.qos = qos
        self.retain = retain
        self.identifiers = identifiers
        self.ref = ref


class Outgoing:
    """
    The outgoing half of a session's state.

    @param window: how many may fly at once on this connection.
    @ivar limit_messages: how many may wait.
    @ivar limit_bytes: how much memory what waits may take, bytes.
    """

    _vacancy: Ticket | None = None

    def __init__(self, window: int, limit_messages: int, limit_bytes: int) -> None:
        self.window = window
        self.ids = PacketIds()
        self.flying = 0  # places taken in the window
        self.waiting: deque[Outbound] | None = None
        self.waiting_bytes = 0
        self.idle = True  # nothing waits for its turn
        self.limit_messages = limit_messages
        self.limit_bytes = limit_bytes
        self._again: deque[Outbound] | None = None  # sent on an earlier connection, to be repeated on this one
        self._released: dict[int, Outbound] | None = None  # in the order of their PUBRECs

    def admit(self, item: Outbound, blocked: bool) -> int:
        """
        Find a place for a new message: in the window (C{SEND}: it has its identifier, send it now), in the queue, or
        none.

        @param blocked: the peer does not read, so nothing should be added to what it has yet to read.
        """
        if self.idle and self.flying < self.window and not blocked and self.ids.take(item):
            self.flying += 1
            item.counted = True
            return SEND
        return self._queue(item)

    def _queue(self, item: Outbound) -> int:
        waiting = self.waiting
        if self.waiting_bytes + item.message.size > self.limit_bytes:
            return REFUSED
        if waiting is None:
            if not self.limit_messages:
                return REFUSED
            waiting = self.waiting = deque()
            self.idle = False
        elif len(waiting) >= self.limit_messages:
            return REFUSED
        waiting.append(item)
        self.waiting_bytes += item.message.size
        return QUEUED

    def recall(self, item: Outbound) -> None:
        """
        Take up a message that an earlier life of this session queued, whatever the limits are now.
        """
        if self.waiting is None:
            self.waiting = deque()
        self.waiting.append(item)
        self.waiting_bytes += item.message.size
        self.idle = False

    def room(self, size: int, blocked: bool) -> bool:
        """
        Whether C{admit} would find a place for a message that costs so many bytes.
        """
        if self.idle and self.flying < self.window and not blocked:
            return True
        count = len(self.waiting) if self.waiting is not None else 0
        return count < self.limit_messages and self.waiting_bytes + size <= self.limit_bytes

    def vacant(self) -> Ticket:
        """
        Settled when fewer wait than now.
        """
        if self._vacancy is None:
            self._vacancy = Ticket()
        return self._vacancy

    def drop_oldest(self) -> bool:
        """
        Forget the message that has waited longest; False when none waits, or somebody above keeps it.
        """
        waiting = self.waiting
        return waiting is not None and not waiting[0].ref and self.withdraw(waiting[0])

    def next(self) -> Outbound | None:
        """
        The next to send now that there may be room, with its identifier; first the repeats, then what waits.
        """
        waiting = self.waiting
        if self.flying >= self.window and (waiting is None or waiting[0].qos or self._again):
            return None
        again = self._again
        while again:
            item = again.popleft()
            if self.ids.get(item.packet_id) is item:  # not answered meanwhile, after all
                return self._fly(item)
        self._again = None
        if waiting is None:
            self.idle = True
            return None
        if waiting[0].qos and not self.ids.take(waiting[0]):
            return None
        item = waiting.popleft()
        self.waiting_bytes -= item.message.size
        if not waiting:
            self.waiting = None
            self.idle = True
        vacancy = self._vacancy
        if vacancy is not None:
            self._vacancy = None
            vacancy.settle()
        return self._fly(item) if item.qos else item

    def _fly(self, item: Outbound) -> Outbound:
        self.flying += 1
        item.counted = True
        return item

    def get(self, packet_id: int) -> Outbound | None:
        """
        The message that uses this identifier, in whatever state.
        """
        item = self.ids.taken.get(packet_id)
        return item if isinstance(item, Outbound) else None

    def puback(self, packet_id: int) -> Outbound | None:
        """
        A PUBACK came. A message of QoS 1 is finished with it; one of QoS 2 is returned as it was.
        """
        taken = self.ids.taken
        item = taken.get(packet_id)
        if not isinstance(item, Outbound):
            return None
        if item.qos == 1:
            del taken[packet_id]
            if item.counted:
                item.counted = False
                self.flying -= 1
        return item

    def release(self, item: Outbound, heard: int = 0) -> None:
        """
        Its PUBREC came: from now on only its PUBREL may be sent.

        @param heard: its reason code, a success: that nobody subscribes, for example, is said nowhere else.
        """
        item.released = True
        item.heard = heard
        if self._released is None:
            self._released = {}
        self._released[item.packet_id] = item

    def finish(self, item: Outbound) -> None:
        """
        The receiver is done with it: its identifier is free, its place in the window too.
        """
        self.ids.taken.pop(item.packet_id, None)
        if item.counted:
            item.counted = False
            self.flying -= 1
        released = self._released
        if released is not None:
            released.pop(item.packet_id, None)
            if not released:
                self._released = None

    def withdraw(self, item: Outbound) -> bool:
        """
        Take back a message that still waits; False when it is on its way already.
        """
        waiting = self.waiting
        if waiting is None or item not in waiting:
            return False
        waiting.remove(item)
        self.waiting_bytes -= item.message.size
        if not waiting:
            self.waiting = None
            self.idle = self._again is None
        return True

    def resume(self, item: Outbound, packet_id: int) -> None:
        """
        Take up a message that an earlier life of this session sent under this identifier. To be called in the order
        of first sending, and for what is released in the order of the PUBRECs; then C{restart}.
        """
        self.ids.put(packet_id, item)
        item.sent = True
        if item.released:
            self.release(item)

    def restart(self, window: int) -> list[Outbound]:
        """
        A new connection begins, with a window of its own.

        @return: what is released and must have its PUBREL again at once; what must be published again comes from
            C{next}.
        """
        self.window = window
        self.flying = 0
        again: deque[Outbound] = deque()
        for item in self.ids.taken.values():
            if isinstance(item, Outbound):
                item.counted = False
                if not item.released:
                    again.append(item)
        self._again = again or None
        self.idle = self._again is None and self.waiting is None
        return self.released()

    def renew(self) -> list[Outbound]:
        """
        The receiver has nothing of an earlier connection: what was sent there is new to it, and leaves first. What it
        had released was its own by then.

        @return: that, finished.
        """
        released = self.released()
        for item in released:
            self.finish(item)
        flown = self.unanswered()
        if flown:
            waiting = self.waiting
            if waiting is None:
                waiting = self.waiting = deque()
            for item in reversed(flown):
                self.finish(item)
                item.packet_id = 0
                item.sent = False
                waiting.appendleft(item)
                self.waiting_bytes += item.message.size
        self._again = None
        self.idle = self.waiting is None
        return released

    def released(self) -> list[Outbound]:
        """
        What has had its PUBREC and not its PUBCOMP, in the order of the PUBRECs.
        """
        return list(self._released.values()) if self._released is not None else []

    def unanswered(self) -> list[Outbound]:
        """
        All that flies, in the order of first sending, released or not.
        """
        return [item for item in self.ids.taken.values() if isinstance(item, Outbound) and item.sent]

    def everything(self) -> list[Outbound]:
        """
        All that has not been finished: what flies, then what waits.
        """
        found = [item for item in self.ids.taken.values() if isinstance(item, Outbound)]
        if self.waiting is not None:
            found.extend(self.waiting)
        return found

    def forget(self) -> None:
        """
        The session is over: nothing of it is left.
        """
        self.ids = PacketIds()
        self.flying = 0
        self.waiting = self._again = self._released = None
        self.waiting_bytes = 0
        self.idle = True
