"""
A server's conversation on the bench: the client is a list of packets, broker and wire write down what they hear.
"""

from __future__ import annotations

from txmqtt.codec import encode
from txmqtt.codec.constants import MAX_PACKET_ID, MQTT5
from txmqtt.codec.decode import Decoder
from txmqtt.codec.packets import (
    Ack,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Publish,
    Subscribe,
    Unsubscribe,
)
from txmqtt.codec.properties import Properties
from txmqtt.session.incoming import Incoming
from txmqtt.session.message import Message
from txmqtt.session.outgoing import Outbound, Outgoing
from txmqtt.session.resending import repeat_releases
from txmqtt.session.server import ServerSession
from txmqtt.session.sink import ServerSink
from txmqtt.session.tickets import DONE, Ticket
from txmqtt.session.turn import Turn
from txmqtt.session.voice import NEVER

VERSIONS = (3, 4, 5)


class Wire:
    """
    A wire that does nothing and writes down what it was asked.

    @ivar heard: the rare things, in order: hold, release, connecting, admitted.
    @ivar alarm_at: when the conversation asked to be woken.
    @ivar closed: reason, message, abort; None while it is open.
    """

    def __init__(self) -> None:
        self.session: ServerSession | None = None
        self.heard: list[str] = []
        self.connects: list[Connect] = []
        self.alarm_at = NEVER
        self.closed: tuple[int, str, bool] | None = None

    def hold(self) -> None:
        self.heard.append("hold")

    def release(self) -> None:
        self.heard.append("release")

    def rearm(self, deadline: float) -> None:
        self.alarm_at = deadline

    def close(self, reason: int, message: str, abort: bool) -> None:
        assert self.closed is None, "closed twice"
        self.closed = (reason, message, abort)
        if self.session is not None and not abort:
            self.session.paused = False
            self.session.flush()

    def connecting(self, packet: Connect) -> None:
        self.heard.append("connecting")
        self.connects.append(packet)

    def admitted(self) -> None:
        self.heard.append("admitted")

    def answering(self, data: bytes | None) -> None:
        self.heard.append(f"answering {data!r}")

    def renewing(self, data: bytes | None) -> None:
        self.heard.append(f"renewing {data!r}")


class Hall(ServerSink):
    """
    A broker that accepts everything and writes down what it heard.

    @ivar heard: a tuple for each thing heard, in order.
    @ivar tickets: what it answers next; C{DONE} when there is nothing here.
    """

    def __init__(self) -> None:
        self.heard: list[tuple[object, ...]] = []
        self.tickets: list[Ticket] = []
        self.goodbyes: list[Disconnect | None] = []
        self.subscribes: list[Subscribe] = []
        self.unsubscribes: list[Unsubscribe] = []

    def _ticket(self) -> Ticket:
        return self.tickets.pop(0) if self.tickets else DONE

    def published(self, session: ServerSession, packet: Publish) -> Ticket:
        self.heard.append(("published", packet.topic, packet.payload))
        return self._ticket()

    def subscribing(self, session: ServerSession, packet: Subscribe) -> None:
        self.subscribes.append(packet)

    def unsubscribing(self, session: ServerSession, packet: Unsubscribe) -> None:
        self.unsubscribes.append(packet)

    def releasing(self, session: ServerSession, packet_id: int) -> Ticket:
        self.heard.append(("releasing", packet_id))
        return self._ticket()

    def sending(self, session: ServerSession, item: Outbound) -> Ticket:
        self.heard.append(("sending", item.packet_id))
        return self._ticket()

    def received(self, session: ServerSession, item: Outbound) -> Ticket:
        self.heard.append(("received", item.packet_id))
        return self._ticket()

    def settled(self, session: ServerSession, item: Outbound, reason: int) -> None:
        self.heard.append(("settled", item.ref, reason))

    def expired(self, session: ServerSession, item: Outbound) -> None:
        self.heard.append(("expired", item.ref))

    def drained(self, session: ServerSession) -> None:
        self.heard.append(("drained",))

    def left(self, session: ServerSession, goodbye: Disconnect | None) -> None:
        self.goodbyes.append(goodbye)

    def payloads(self) -> list[bytes]:
        """
        What was published, in order.
        """
        return [entry[2] for entry in self.heard if entry[0] == "published" and isinstance(entry[2], bytes)]


class Talk:
    """
    One client and the server's side of its conversation.

    @ivar now: the time at which the client speaks, seconds.
    @ivar written: the bytes of each write.
    """

    def __init__(self, version: int = MQTT5, write_limit: int = 100_000, now: float = 100.0) -> None:
        self.version = version
        self.now = now
        self.turn = Turn()
        self.turn.now = now
        self.wire = Wire()
        self.hall = Hall()
        self.written: list[bytes] = []
        self.session = ServerSession(self.turn, self.wire, self.written.append, self.hall, write_limit, 10.0, 65_536)
        self.wire.session = self.session
        self.session.nearer(self.session.deadline())
        self._read = 0
        self._decoder = Decoder(version)

    def open(
        self,
        properties: Properties | None = None,
        window: int = 10,
        queue: int = 10,
        keep_alive: int = 0,
        packet_limit: int = 1_000_000,
        receive_maximum: int = MAX_PACKET_ID,
        aliases: int = 0,
        sent_aliases: int = 0,
        resend_interval: float = 0.0,
        outgoing: Outgoing | None = None,
        incoming: Incoming | None = None,
    ) -> Talk:
        """
        Connect and be let in; the CONNACK is read and forgotten.
        """
        self.say(Connect("client", self.version, keep_alive=keep_alive, properties=properties))
        books = outgoing if outgoing is not None else Outgoing(window, queue, 1_000_000)
        released = books.restart(window)
        self.session.accept(
            outgoing is not None and self.version > 3,
            books,
            incoming if incoming is not None else Incoming(),
            None,
            keep_alive,
            packet_limit,
            receive_maximum,
            aliases,
            sent_aliases,
            resend_interval,
        )
        repeat_releases(self.session, released)
        self.session.begin()
        self.turn.flush()
        heard = self.heard()
        if not heard or not isinstance(heard[0], Connack):
            raise AssertionError(f"the server said {heard}")
        self.first = heard[1:]
        self.wire.heard.clear()
        return self

    def say(self, *packets: Packet) -> None:
        """
        The client sends these packets in one read.
        """
        self.feed(b"".join(encode.packet(packet, self.version) for packet in packets))

    def feed(self, data: bytes) -> None:
        """
        The client sends these bytes.
        """
        self.session.feed(data, self.now)
        self.turn.flush()

    def heard(self) -> list[Packet]:
        """
        What the client has heard since it last asked.
        """
        data = b"".join(self.written[self._read :])
        self._read = len(self.written)
        self._decoder.feed(data)
        packets: list[Packet] = []
        while (packet := self._decoder.take()) is not None:
            packets.append(packet)
        assert not self._decoder.held, "a packet was cut off"
        return packets

    def settle(self, ticket: Ticket, reason: int = 0) -> None:
        """
        A ticket is decided in a turn of its own.
        """
        ticket.settle(reason)
        self.turn.flush()

    def post(self, payload: bytes = b"x", qos: int = 1, ref: int = 0, topic: bytes = b"a", expires: float = 0.0) -> int:
        """
        The broker has a message for the client.
        """
        message = Message(topic, payload, qos, expires_at=expires)
        verdict = self.session.post(Outbound(message, qos, ref=ref))
        self.turn.flush()
        return verdict

    def pass_time(self, seconds: float) -> None:
        """
        Time goes by, and the alarm rings when it is due, as often as that is.
        """
        until = self.now + seconds
        while self.wire.closed is None and self.wire.alarm_at <= until:
            self.now = max(self.now, self.wire.alarm_at)
            self.wire.alarm_at = self.session.alarm_at = NEVER
            self.session.tick(self.now)
            if self.wire.closed is None:
                self.session.nearer(self.session.deadline())
            self.turn.flush()
        self.now = until
        self.turn.now = until

    @property
    def reason(self) -> int:
        """
        Why the server closed; -1 while it has not.
        """
        return self.wire.closed[0] if self.wire.closed is not None else -1


def publish(payload: bytes = b"x", qos: int = 0, packet_id: int = 0, dup: bool = False, **more: object) -> Publish:
    """
    A PUBLISH to the topic C{a}.
    """
    properties = Properties(**more) if more else None  # type: ignore[arg-type]
    return Publish(b"a", payload, qos, dup=dup, packet_id=packet_id, properties=properties)


def acks(kind: int, *packet_ids: int, reason: int = 0) -> list[Packet]:
    """
    Acknowledgements of one kind.
    """
    return [Ack(kind, packet_id, reason) for packet_id in packet_ids]


def wordless(packets: list[Packet]) -> list[Packet]:
    """
    The same packets without their reason strings, for tests that are about something else.
    """
    for packet in packets:
        said = getattr(packet, "properties", None)
        if said is not None and said.reason_string is not None:
            said.reason_string = None
            packet.properties = said if said != Properties() else None  # type: ignore[attr-defined] # it has some
    return packets
