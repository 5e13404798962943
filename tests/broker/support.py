"""
A broker with clients on wires of memory, so that a test reads as a conversation.

A C{Peer} speaks the client's side with packets; what it hears is decoded again. Nothing here runs a reactor: time is
what the test says it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from txmqtt.backends.memory import MemoryBackend
from txmqtt.broker.core import Broker
from txmqtt.broker.policy import Policy
from txmqtt.broker.registry import Member
from txmqtt.broker.shapes import Backend, Permissions
from txmqtt.broker.stats import Stats
from txmqtt.broker.terms import Terms
from txmqtt.codec import encode
from txmqtt.codec.constants import MQTT5, PUBACK, PUBCOMP, PUBREC, PUBREL
from txmqtt.codec.decode import Decoder
from txmqtt.codec.packets import (
    Ack,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Publish,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
    Will,
)
from txmqtt.codec.properties import Properties
from txmqtt.session.server import ServerSession
from txmqtt.session.turn import Turn
from txmqtt.session.voice import NEVER

#: When every test begins, seconds of either clock.
START = 1_000.0


class Town:
    """
    One broker, and the time that it is told.
    """

    def __init__(self, policy: Policy, make_backend: Callable[[Policy, Stats, Turn], Backend] = MemoryBackend) -> None:
        self.policy = policy
        self.turn = Turn()
        self.turn.now = START
        self.stats = Stats()
        self.backend = make_backend(policy, self.stats, self.turn)
        self.broker = Broker(policy, self.turn, self.stats, self.backend)
        self.tokens = 0

    def wait(self, seconds: float) -> None:
        """
        Time passes; the broker sweeps.
        """
        self.turn.now += seconds
        self.broker.sweep()
        self.turn.flush()

    def member(self, client_id: str, mount: str = "") -> Member:
        """
        A session as the broker knows it.
        """
        member = self.broker.registry.find((mount, client_id))
        assert member is not None
        return member


class Rights:
    """
    What a user may do: everything that is not named here.
    """

    def __init__(self, publish: Sequence[str] = (), receive: Sequence[str] = (), grants: dict[str, int] | None = None):
        self.publish = set(publish)
        self.receive = set(receive)
        self.grants = grants or {}
        self.asked: list[str] = []

    def may_publish(self, topic: str) -> bool:
        self.asked.append(topic)
        return topic not in self.publish

    def granted(self, filter: str, qos: int) -> int:
        return self.grants.get(filter, qos)

    def may_receive(self, topic: str) -> bool:
        return topic not in self.receive


class Peer:
    """
    A client on a wire of memory: the wire's other end, and what the broker asked of the wire.

    @ivar inbox: packets that came and have not been looked at.
    @ivar closed: why and how the broker closed the connection: reason, message and abort; None while it is open.
    """

    def __init__(self, town: Town, user: str | None = None, rights: Permissions | None = None, mount: str = "") -> None:
        policy = town.policy
        self.town = town
        self.version = MQTT5
        self.user = user
        self.rights = rights
        self.mount = mount
        self.terms: Terms | None = None
        self.present = False
        self.inbox: list[Packet] = []
        self.closed: tuple[int, str, bool] | None = None
        self.held = False
        self.admissions = 0
        self.deadline = 0.0
        self.last_id = 0
        self.decoder = Decoder(MQTT5)
        self.session = ServerSession(
            town.turn,
            self,
            self._wrote,
            town.broker,
            policy.write_buffer,
            policy.connect_timeout,
            policy.opening_bytes,
        )

    # What the broker does to the wire

    def _wrote(self, data: bytes) -> None:
        self.decoder.feed(data)
        while (packet := self.decoder.take()) is not None:
            self.inbox.append(packet)

    def connecting(self, packet: Connect) -> None:
        town = self.town
        town.tokens += 1
        token = f"token{town.tokens}"
        terms = self.terms or Terms(town.broker.policy, self.mount)
        town.broker.join(self.session, packet, self.user or packet.username, self.rights, token, terms)

    def admitted(self) -> None:
        self.admissions += 1

    def answering(self, data: bytes | None) -> None:
        raise AssertionError("nobody was challenged")

    def renewing(self, data: bytes | None) -> None:
        raise AssertionError("nobody has anything to renew")

    def hold(self) -> None:
        self.held = True

    def release(self) -> None:
        self.held = False

    def rearm(self, deadline: float) -> None:
        self.deadline = deadline

    def ring(self) -> None:
        """
        The alarm rings, if it is due.
        """
        session = self.session
        while session.alarm_at <= self.town.turn.now and self.closed is None:
            session.alarm_at = NEVER
            session.tick(self.town.turn.now)
            session.nearer(session.deadline())
            self.town.turn.flush()

    def close(self, reason: int, message: str, abort: bool) -> None:
        self.closed = (reason, message, abort)
        if not abort:
            self.session.paused = False
            self.session.flush()

    # What the client does

    def say(self, *packets: Packet) -> None:
        """
        Send packets in one write.
        """
        self.feed(b"".join(encode.packet(packet, self.version) for packet in packets))

    def feed(self, data: bytes) -> None:
        """
        Send bytes.
        """
        self.session.feed(data, self.town.turn.now)
        self.town.turn.flush()
        self.ring()

    def connect(self, client_id: str = "", version: int = MQTT5, **words: Any) -> None:
        """
        Send a CONNECT; C{words} are those of C{Connect}, or of its C{Properties}.
        """
        self.version = version
        self.decoder = Decoder(version)
        connect = {word: words.pop(word) for word in tuple(words) if word in _CONNECT}
        properties = Properties(**words) if version == MQTT5 else None
        self.say(Connect(client_id, version, properties=properties, **connect))

    def lose(self) -> None:
        """
        The connection breaks.
        """
        self.session.lost()
        self.town.turn.flush()

    def leave(self, reason: int = 0, **properties: Any) -> None:
        """
        Say DISCONNECT.
        """
        self.say(Disconnect(reason, Properties(**properties) if properties else None))
        self.session.lost()

    def pause(self) -> None:
        """
        Read no more: the transport's buffer fills at the next write.
        """
        self.session.pause()

    def resume(self) -> None:
        """
        Read again.
        """
        self.session.resume()
        self.town.turn.flush()
        self.ring()

    def next_id(self) -> int:
        """
        A packet identifier for something new.
        """
        self.last_id += 1
        return self.last_id

    def subscribe(self, *filters: str | Subscription, qos: int = 0, identifier: int = 0) -> list[int]:
        """
        Send a SUBSCRIBE.

        @return: the codes of the SUBACK; what else came stays in the inbox.
        """
        wanted = [each if isinstance(each, Subscription) else Subscription(each.encode(), qos) for each in filters]
        properties = Properties(subscription_identifiers=(identifier,)) if identifier else None
        packet_id = self.next_id()
        self.say(Subscribe(packet_id, wanted, properties))
        codes: list[int] = self._pick(Suback, packet_id).reasons
        return codes

    def unsubscribe(self, *filters: str) -> list[int]:
        """
        Send an UNSUBSCRIBE.

        @return: the codes of the UNSUBACK.
        """
        packet_id = self.next_id()
        self.say(Unsubscribe(packet_id, [each.encode() for each in filters]))
        codes: list[int] = self._pick(Unsuback, packet_id).reasons
        return codes

    def _pick(self, kind: type[Any], packet_id: int) -> Any:
        for packet in self.inbox:
            if isinstance(packet, kind) and packet.packet_id == packet_id:
                self.inbox.remove(packet)
                return packet
        raise AssertionError(f"no {kind.__name__} {packet_id} among {self.inbox}")

    def publish(self, topic: str, payload: bytes = b"", qos: int = 0, retain: bool = False, **properties: Any) -> int:
        """
        Publish, and complete the exchange.

        @return: the reason of the acknowledgement; -1 when there was none.
        """
        packet_id = self.next_id() if qos else 0
        said = Properties(**properties) if properties else None
        self.say(Publish(topic.encode(), payload, qos, retain, packet_id=packet_id, properties=said))
        for packet in self.inbox:
            if isinstance(packet, Ack) and packet.kind in (PUBACK, PUBREC) and packet.packet_id == packet_id:
                self.inbox.remove(packet)
                if packet.kind == PUBREC and packet.reason < 0x80:
                    self.say(Ack(PUBREL, packet_id))
                    self.inbox.remove(Ack(PUBCOMP, packet_id))
                return packet.reason
        return -1

    def heard(self) -> list[Packet]:
        """
        What has come since somebody last looked.
        """
        packets, self.inbox = self.inbox, []
        return packets

    def finish(self) -> list[tuple[bytes, bytes, int]]:
        """
        Take all messages there are, and complete their exchanges.

        @return: topic, payload and QoS of each.
        """
        taken: list[tuple[bytes, bytes, int]] = []
        while packets := self.heard():
            for packet in packets:
                if isinstance(packet, Publish):
                    taken.append((packet.topic, packet.payload, packet.qos))
                self.answer(packet)
        return taken

    def answer(self, packet: Packet, reason: int = 0) -> None:
        """
        Acknowledge a packet as a client must.
        """
        if isinstance(packet, Publish) and packet.qos:
            self.say(Ack(PUBACK if packet.qos == 1 else PUBREC, packet.packet_id, reason))
        elif isinstance(packet, Ack) and packet.kind == PUBREC:
            self.say(Ack(PUBREL, packet.packet_id))
        elif isinstance(packet, Ack) and packet.kind == PUBREL:
            self.say(Ack(PUBCOMP, packet.packet_id))

    def payloads(self) -> list[bytes]:
        """
        The payloads of all messages there are, their exchanges completed.
        """
        return [payload for _, payload, _ in self.finish()]


_CONNECT = {"clean_start", "keep_alive", "username", "password", "will"}


class BrokerTestCase(SynchronousTestCase):
    """
    A test with a broker.

    @cvar limits: what the policy says besides its defaults.
    """

    limits: dict[str, Any] = {}

    def setUp(self) -> None:
        self.town = Town(Policy(**self.limits), self.make_backend)
        self.stats = self.town.stats
        self.broker = self.town.broker

    def make_backend(self, policy: Policy, stats: Stats, turn: Turn) -> Backend:
        return MemoryBackend(policy, stats, turn)

    def peer(self, user: str | None = None, rights: Permissions | None = None, mount: str = "") -> Peer:
        """
        A connection on which nothing has been said.
        """
        return Peer(self.town, user, rights, mount)

    def join(
        self,
        client_id: str,
        version: int = MQTT5,
        user: str | None = None,
        rights: Permissions | None = None,
        mount: str = "",
        **words: Any,
    ) -> Peer:
        """
        A client that has been let in.
        """
        peer = self.peer(user, rights, mount)
        peer.connect(client_id, version, **words)
        connack = peer.inbox.pop(0)
        assert isinstance(connack, Connack), connack
        assert connack.reason == 0, (connack, peer.closed)
        peer.present = connack.session_present
        peer.last_id = 1_000 * len(client_id)  # the numbers of one direction are not mistaken for the other's
        return peer

    def durable(self, client_id: str, version: int = MQTT5, **words: Any) -> Peer:
        """
        A client whose session lasts an hour, or as long as it may.
        """
        if version == MQTT5:
            words.setdefault("session_expiry_interval", 3600)
        return self.join(client_id, version, clean_start=False, **words)

    def assertBooksClosed(self) -> None:
        """
        Nothing is left of anybody: no table holds what nobody needs.
        """
        for member in self.broker.registry.everybody():
            if member.session is not None:
                member.session.lost()
        self.town.wait(self.town.policy.max_session_expiry + 1)
        self.assertEqual(len(self.broker.registry), 0)
        self.assertEqual(len(self.broker.calendar), 0)
        self.assertEqual((self.stats.connections, self.stats.sessions), (0, 0))
        self.assertEqual((self.stats.subscriptions, self.stats.shared_subscriptions), (0, 0))
        self.assertEqual((self.stats.queued, self.stats.queued_bytes), (0, 0))


def will(topic: str, payload: bytes = b"gone", qos: int = 0, retain: bool = False, **properties: Any) -> Will:
    """
    A will.
    """
    return Will(topic.encode(), payload, qos, retain, Properties(**properties) if properties else None)
