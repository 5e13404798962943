"""
A whole broker in memory, and four clients that say anything: it says nothing wrong, keeps its bounds, and goes on.

An input is a byte that chooses the limits, and a script. C{ASK} is what happens to the broker itself: a message of its
own, a restart.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from twisted.internet.protocol import Factory, Protocol

from tests.fuzz import script
from tests.fuzz.harness import Harness
from tests.fuzz.harnesses.logged import nothing_logged
from tests.fuzz.mutation import ScriptMutator
from tests.fuzz.packets import CLIENTS
from tests.fuzz.script import AGAIN, ASK, CLOSE, CUT, DEAF, HEAR, SAY, TOGETHER, WAIT, Step
from tests.vectors import spell
from tests.vectors.bad import BAD
from tests.vectors.good import GOOD
from txmqtt import MQTTClient, Refused
from txmqtt.broker.policy import Policy
from txmqtt.codec import encode, reasons
from txmqtt.codec.constants import CONNECT
from txmqtt.codec.decode import Decoder
from txmqtt.codec.errors import RemoteProtocolError
from txmqtt.codec.packets import Connect
from txmqtt.net.access.acl import AccessControl, AccessRealm, AccessSettings
from txmqtt.testing import Connection, MQTTWorld

#: Small enough to be reached.
_POLICY: Final = Policy(
    sys_interval=0,
    connect_timeout=3,
    close_timeout=1,
    max_connections=6,
    max_half_open=3,
    max_sessions=7,
    max_queued_messages=5,
    max_queued_bytes=3000,
    max_total_queued_messages=12,
    max_inflight=2,
    max_inflight_5=3,
    receive_maximum=3,
    write_buffer=8192,
    opening_bytes=3000,
    max_packet_size=5000,
    max_will_payload=500,
    max_retained_messages=4,
    max_retained_payload=500,
    retained_page=2,
    max_subscriptions=6,
    max_filters_per_packet=3,
    max_topic_levels=5,
    max_topic_bytes=64,
    max_client_id_bytes=40,
    max_user_name_bytes=40,
    max_session_expiry=8,
    topic_alias_maximum=2,
    max_topic_aliases=2,
    max_routes=4,
    max_takeovers=3,
    resend_interval=2,
    hold_limit=2,
    hold_seconds=2,
)
_FULL: Final = ("refuse", "drop_oldest", "hold", "disconnect", "drop_newest", "refuse", "refuse", "hold")
_STRATEGIES: Final = ("round_robin", "sticky", "least_queued", "hash_client_id")
_USERS: Final = {"ann": "secret", "bob": "secret"}
_GAUGES: Final = ("shared_subscriptions", "retained_bytes", "queued_bytes", "half_open")
_PROBE: Final = "somebody who means well"
#: How often C{AGAIN} says it, by its amount.
_TIMES: Final = (1, 2, 3, 5, 8, 12, 20, 30)


def _policy(how: int) -> Policy:
    policy = replace(_POLICY, queue_full=_FULL[how & 7], shared_strategy=_STRATEGIES[how >> 3 & 3])
    if how & 0x20:
        policy = replace(
            policy, publish_rate=2.0, byte_rate=500.0, refused_publish="disconnect", retain_available=False
        )
        policy = replace(policy, max_qos=1, check_payload_format=True, max_message_expiry=5, other_user="discard")
    return policy


def _realm(how: int) -> AccessRealm | None:
    if not how & 0x40:
        return None
    tables: list[dict[str, Any]] = [
        {"deny": True, "topics": ["b", "$x/#"], "actions": ["publish"]},
        {"deny": True, "topics": ["a/b"], "actions": ["receive"], "users": ["bob"]},
        {"allow": True, "topics": ["a/#", "%u/#", "b", "/#", "probe"]},
    ]
    return AccessRealm(AccessControl(AccessSettings(), tables, "fuzz"))


class _Stranger(Protocol):
    """
    A client without manners.

    @ivar said: the beginning of what it has said.
    """

    def __init__(self) -> None:
        self.gone = False
        self.said = b""
        self._heard = bytearray()

    def dataReceived(self, data: bytes) -> None:
        self._heard += data

    def check(self) -> None:
        """
        What the broker said to it is MQTT, of the version that it was spoken to.
        """
        asked = Decoder(limit=_POLICY.max_packet_size)
        asked.feed(self.said)
        with suppress(RemoteProtocolError):
            asked.take()
        if asked.version:
            answers = Decoder(asked.version)
            answers.feed(bytes(self._heard))
            while answers.take() is not None:
                pass
            assert self.gone or not answers.held, "the broker has said half a packet"
        else:
            assert len(self._heard) <= 5, f"{bytes(self._heard)!r} was said before a version was known"

    def connectionLost(self, reason: object = None) -> None:
        self.gone = True


class _Strangers:
    """
    Those who say anything.
    """

    def __init__(self, world: MQTTWorld) -> None:
        self._world = world
        self._people: dict[int, tuple[_Stranger, Connection]] = {}
        self._everybody: list[_Stranger] = []
        self._last: dict[int, bytes] = {}

    def who(self, number: int) -> tuple[_Stranger, Connection]:
        """
        Their connection, a new one if the last is over.
        """
        found = self._people.get(number)
        if found is None or found[0].gone or not found[1].client.connected:
            stranger = _Stranger()
            world = self._world
            endpoint = world.endpoint("192.0.2.7" if number else "127.0.0.1")
            endpoint.connect(Factory.forProtocol(lambda: stranger))
            world.flush()
            found = self._people[number] = stranger, world.connections[-1]
            self._everybody.append(stranger)
        return found

    def check(self) -> None:
        """
        None of them heard anything wrong.
        """
        for stranger in self._everybody:
            stranger.check()

    def step(self, step: Step) -> None:
        """
        What happens next.
        """
        world = self._world
        if step.verb == SAY:
            for piece in script.reads(step):
                self._say(step.who, piece, step.amount == TOGETHER)
            self._last[step.who] = step.data
        elif step.verb == AGAIN:
            if last := self._last.get(step.who):
                self._say(step.who, last * min(_TIMES[step.amount], 1 + 6_000 // len(last)), False)
        elif step.verb == WAIT:
            world.advance(script.SECONDS[step.amount])
        elif step.verb == ASK:
            self._ask(step)
        elif step.who in self._people:
            _, connection = self._people[step.who]
            if step.verb == CLOSE:
                connection.client.loseConnection()
            elif step.verb == CUT:
                connection.cut()
            elif step.verb == DEAF:
                connection.client.pauseProducing()
            elif step.verb == HEAR:
                connection.client.resumeProducing()
            world.flush()

    def _say(self, number: int, data: bytes, held: bool) -> None:
        stranger, connection = self.who(number)
        if len(stranger.said) < _POLICY.max_packet_size:
            stranger.said += data
        connection.client.write(data)
        if not held:
            self._world.flush()

    def _ask(self, step: Step) -> None:
        world = self._world
        if step.amount < 5:
            world.run(
                world.broker.publish("a/b", b"x" * 30, step.who % 3, step.amount == 4), within=_POLICY.hold_seconds
            )
        else:
            world.restart(sessions=step.amount != 6, goodbye=step.amount != 7)


def _within_bounds(world: MQTTWorld, policy: Policy) -> None:
    """
    What is counted is what is there, and no more than is allowed.
    """
    stats, broker = world.broker.stats, world.broker.broker
    members = broker.registry.everybody()
    connected = [member for member in members if member.session is not None]
    assert stats.connections == len(connected), f"{stats.connections} are counted, {len(connected)} are connected"
    assert stats.sessions == len(members), f"{stats.sessions} sessions are counted, {len(members)} are there"
    granted = sum(len(member.grants) for member in members)
    assert stats.subscriptions == granted, f"{stats.subscriptions} subscriptions are counted, {granted} are there"
    assert stats.connections <= policy.max_connections and stats.sessions <= policy.max_sessions
    assert all(len(member.grants) <= policy.max_subscriptions for member in members)
    assert 0 <= stats.retained <= policy.max_retained_messages, f"{stats.retained} messages are retained"
    assert 0 <= stats.queued <= policy.max_total_queued_messages, f"{stats.queued} messages wait"
    assert stats.half_open <= policy.max_half_open, f"{stats.half_open} have not been let in"
    for member in connected:
        assert member.session is not None and member.session.phase != 0
    figures = {name: getattr(stats, name) for name in _GAUGES} | stats.totals(broker.turn)
    below = {name: value for name, value in figures.items() if value < 0}
    assert not below, f"{below} are less than nothing"


def _goes_on(world: MQTTWorld, policy: Policy) -> None:
    """
    Somebody who means well is served.
    """
    heard: list[bytes] = []
    try:
        client = world.run(world.connect(client_id=_PROBE), within=1)
    except Refused as refused:
        stats = world.broker.stats
        full = stats.sessions >= policy.max_sessions or stats.connections >= policy.max_connections
        assert full and refused.reason == reasons.QUOTA_EXCEEDED, f"a client was refused: {refused}"
        return
    world.run(client.subscribe("probe", lambda message: heard.append(message.payload), 1), within=1)
    try:
        world.run(client.publish("probe", b"?", 1), within=1)
    except Refused as refused:
        full = world.broker.stats.queued >= policy.max_total_queued_messages
        assert full and refused.reason == reasons.QUOTA_EXCEEDED, f"a message was refused: {refused}"
    else:
        assert heard == [b"?"], f"{heard} came; expected what was published"
    _leave(world, client)


def _leave(world: MQTTWorld, client: MQTTClient) -> None:
    world.run(client.disconnect(), within=1)


def broker(data: bytes) -> None:
    """
    See C{Harness.one_input}.
    """
    how = data[0] if data else 0
    policy = _policy(how)
    with nothing_logged():
        world = MQTTWorld(policy=policy, users=_USERS, anonymous=True, realm=_realm(how))
        try:
            strangers = _Strangers(world)
            for step in script.read(data[1:]):
                strangers.step(step)
            world.flush()
            _within_bounds(world, policy)
            _goes_on(world, policy)
            strangers.check()
            world.advance(policy.connect_timeout + policy.close_timeout)
            assert world.broker.stats.half_open == 0, "somebody is neither let in nor let go"
            for connection in world.connections:
                connection.cut()
            world.advance(policy.max_session_expiry + 1)
            _within_bounds(world, policy)
            stats = world.broker.stats
            assert (stats.sessions, stats.queued, stats.queued_bytes) == (0, 0, 0), (
                "something is left when all have gone"
            )
        finally:
            world.close()
        calls = world.clock.getDelayedCalls()
        assert not calls, f"something still waits: {calls}"


def _seeds() -> Iterator[bytes]:
    hello = [
        Step(SAY, who, 0, encode.packet(Connect("ab"[who], version, who == 0), version))
        for who, version in ((0, 5), (1, 4))
    ]
    for number, (_, version, spelling, packet) in enumerate(GOOD):
        said = Step(SAY, number & 1, 0, spell(spelling))
        if packet.kind == CONNECT:
            yield bytes((number & 0x7F,)) + said.written()
        elif version == 5 - (number & 1):
            yield bytes((number & 0x7F,)) + script.written((*hello, said))
    for number, (_, version, spelling, _) in enumerate(BAD):
        if version in (0, 4) and number % 5 == 0:
            yield b"\0" + script.written(
                (*(hello if version else ()), Step(SAY, 1 if version else 2, 0, spell(spelling)))
            )


HARNESS: Final = Harness(
    "broker",
    "whatever clients say, the broker says nothing wrong, keeps its bounds and goes on",
    broker,
    _seeds,
    mutate=ScriptMutator(CLIENTS, 1),
    longest=1500,
)
