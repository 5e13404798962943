"""
A client's conversation with fakes around it: a server that is a list of packets, a link and a sink that write down what
they hear.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from txmqtt.codec import encode
from txmqtt.codec.constants import MAX_PACKET
from txmqtt.codec.decode import Decoder
from txmqtt.codec.packets import Connack, Connect, Disconnect, Packet, Publish
from txmqtt.codec.properties import Properties
from txmqtt.session.client import ClientSession
from txmqtt.session.incoming import Incoming
from txmqtt.session.outgoing import Outbound, Outgoing
from txmqtt.session.tickets import DONE, Ticket
from txmqtt.session.turn import Turn
from txmqtt.session.verbs import Request, Verbs

P = TypeVar("P", bound=Packet)


class RecordingLink:
    """
    @ivar closed: reason, message and whether it was aborted, once the conversation is over.
    @ivar alarm: when the conversation wants to be woken.
    @ivar held: it does not want to read.
    """

    def __init__(self) -> None:
        self.held = False
        self.closed: tuple[int, str, bool] | None = None
        self.alarm = 0.0
        self.session: ClientSession | None = None

    def hold(self) -> None:
        self.held = True

    def release(self) -> None:
        self.held = False

    def rearm(self, deadline: float) -> None:
        self.alarm = deadline

    def close(self, reason: int, message: str, abort: bool) -> None:
        self.closed = (reason, message, abort)
        if self.session is not None and not abort:
            self.session.paused = False
            self.session.flush()


class RecordingSink:
    """
    @ivar events: what the conversation told, each a tuple that begins with the verb.
    @ivar tickets: the answers to the messages to come; C{DONE} when there are none.
    @ivar records: the same for the steps of a session that is kept.
    """

    def __init__(self) -> None:
        self.events: list[tuple[object, ...]] = []
        self.tickets: list[Ticket] = []
        self.records: list[Ticket] = []
        self.upon: Callable[[str], None] = lambda verb: None

    def _tell(self, *event: object) -> None:
        self.events.append(event)
        self.upon(str(event[0]))

    def accepted(self, session: ClientSession, packet: Connack) -> None:
        self._tell("accepted", packet.session_present)

    def forgotten(self, session: ClientSession) -> None:
        if session.lasting:  # to others it is no news
            self._tell("forgotten")

    def sending(self, session: Verbs, item: Outbound) -> Ticket:
        return self._record("sending", item.packet_id)

    def released(self, session: Verbs, item: Outbound) -> Ticket:
        return self._record("released", item.packet_id)

    def releasing(self, session: Verbs, packet_id: int) -> Ticket:
        return self._record("releasing", packet_id)

    def _record(self, *event: object) -> Ticket:
        self._tell(*event)
        return self.records.pop(0) if self.records else DONE

    def refused(self, session: ClientSession, packet: Connack) -> None:
        self._tell("refused", packet.reason)

    def challenged(self, session: Verbs, data: bytes | None) -> None:
        self._tell("challenged", data)

    def convinced(self, session: Verbs, data: bytes | None) -> None:
        self._tell("convinced", data)

    def published(self, session: ClientSession, packet: Publish) -> Ticket:
        self._tell("published", packet.topic, packet.payload)
        return self.tickets.pop(0) if self.tickets else DONE

    def settled(self, session: Verbs, item: Outbound, reason: int, properties: Properties | None) -> None:
        self._tell("settled", item.ref, reason)

    def lapsed(self, session: Verbs, item: Outbound, reason: int, why: str) -> None:
        self._tell("lapsed", item.ref)

    def answered(self, session: Verbs, request: Request, reasons: list[int], properties: Properties | None) -> None:
        self._tell("answered", request.ref, reasons)

    def ponged(self, session: Verbs, ref: int) -> None:
        self._tell("ponged", ref)

    def left(self, session: ClientSession, goodbye: Disconnect | None) -> None:
        self._tell("left", goodbye.reason if goodbye is not None else None)


class Client:
    """
    One conversation. C{now} is told with everything it hears.
    """

    def __init__(
        self,
        version: int = 5,
        clean_start: bool = True,
        keep_alive: int = 60,
        properties: Properties | None = None,
        outgoing: Outgoing | None = None,
        incoming: Incoming | None = None,
        window: int = 10,
        queue: int = 100,
        write_limit: int = 1000,
        packet_limit: int = MAX_PACKET,
        connect_timeout: float = 10.0,
        ping_timeout: float = 0.0,
        resend_interval: float = 0.0,
        topic_aliases: int = 0,
        receive_maximum: int = 65_535,
    ) -> None:
        self.version = version
        self.now = 1000.0
        self.turn = Turn()
        self.turn.now = self.now
        self.link = RecordingLink()
        self.sink = RecordingSink()
        self.outgoing = outgoing or Outgoing(window, queue, 1_000_000)
        self.incoming = incoming or Incoming()
        self.writes: list[bytes] = []
        self._heard = Decoder()
        self.session = ClientSession(
            self.turn,
            self.link,
            self.writes.append,
            self.sink,
            write_limit,
            self.outgoing,
            self.incoming,
            window,
            connect_timeout,
            ping_timeout,
            resend_interval,
            topic_aliases,
            receive_maximum,
        )
        self.link.session = self.session
        self.connect = Connect("me", version, clean_start, keep_alive, properties=properties)
        self.session.connect(self.connect, self.now, packet_limit)

    def said(self) -> list[Packet]:
        """
        What has left since this was last asked.
        """
        self.turn.flush()
        for data in self.writes:
            self._heard.feed(data)
        self.writes.clear()
        packets: list[Packet] = []
        while (packet := self._heard.take()) is not None:
            packets.append(packet)
        return packets

    def events(self) -> list[tuple[object, ...]]:
        """
        What the sink heard since this was last asked.
        """
        events, self.sink.events = self.sink.events, []
        return events

    def hears(self, *packets: Packet) -> None:
        """
        The server says these, in one read.
        """
        self.session.feed(b"".join(encode.packet(packet, self.version) for packet in packets), self.now)

    def opened(self, session_present: bool = False, **offered: int) -> Client:
        """
        The server accepts; what was said and told so far is out of the way.
        """
        properties = Properties(**offered) if offered else None  # type: ignore[arg-type] # numbers, all of them
        self.hears(Connack(0, session_present, properties))
        self.said()
        self.events()
        return self

    def publish(self, topic: bytes = b"t", payload: bytes = b"p", qos: int = 1, ref: int = 1) -> Outbound | None:
        return self.session.publish(topic, payload, qos, False, None, ref)

    def wait(self, seconds: float) -> None:
        """
        Time passes; the alarm rings if it is due.
        """
        end = self.now + seconds
        while self.link.alarm and self.link.alarm <= end and self.link.closed is None:
            self.now = self.link.alarm
            self.link.alarm = 0.0
            self.session.alarm_at = float("inf")
            self.session.tick(self.now)
            self.session.nearer(self.session.deadline())
            self.turn.flush()
        self.now = self.turn.now = end
