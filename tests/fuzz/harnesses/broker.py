"""
A whole broker in memory, and four clients that say anything: it says nothing wrong, keeps its bounds, and goes on.

An input is a byte that chooses the limits, and a script. C{ASK} is what happens to the broker itself: a message of its
own, a restart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final

from tests.fuzz import script
from tests.fuzz.harness import Harness
from tests.fuzz.harnesses.logged import nothing_logged
from tests.fuzz.harnesses.strangers import Strangers
from tests.fuzz.harnesses.world import FuzzedWorld
from tests.fuzz.mutation import ScriptMutator
from tests.fuzz.packets import CLIENTS
from tests.fuzz.script import AGAIN, ASK, CLOSE, CUT, DEAF, HEAR, SAY, WAIT, Step
from tests.vectors import spell
from tests.vectors.bad import BAD
from tests.vectors.good import GOOD
from txmqtt import MQTTClient, Refused
from txmqtt.broker.policy import Policy
from txmqtt.codec import encode, reasons
from txmqtt.codec.constants import CONNECT, PUBCOMP, PUBREC, PUBREL
from txmqtt.codec.packets import Ack, Connect, Publish, Subscribe, Subscription, Will
from txmqtt.codec.properties import Properties
from txmqtt.net.access.acl import AccessControl, AccessRealm, AccessSettings
from txmqtt.testing import MQTTWorld

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
_GAUGES: Final = ("shared_subscriptions", "retained_bytes", "queued_bytes", "half_open")
_PROBE: Final = "somebody who means well"


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


#: Makes a world with a broker of these limits, and these rights.
Make = Callable[[Policy, AccessRealm | None], MQTTWorld]


def play(data: bytes, make: Make) -> None:
    """
    Everything that an input says happens to a broker; what must hold is checked meanwhile, and when all have gone.
    """
    how = data[0] if data else 0
    policy = _policy(how)
    with nothing_logged():
        world = make(policy, _realm(how))
        try:
            strangers = Strangers(world)
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
            # After a restart a will, and the session that it is of, are given a while longer for the client to return.
            world.advance(max(policy.max_session_expiry, policy.will_grace) + 1)
            _within_bounds(world, policy)
            stats = world.broker.stats
            left = (stats.sessions, stats.queued, stats.queued_bytes)
            assert left == (0, 0, 0), f"{left} are left when all have gone"
        finally:
            world.close()
        calls = world.clock.getDelayedCalls()
        assert not calls, f"something still waits: {calls}"


def broker(data: bytes) -> None:
    """
    See C{Harness.one_input}.
    """
    play(data, FuzzedWorld)


def _stories() -> Iterator[list[Step]]:
    """
    Somebody is away while something is published, and comes back; before that the broker may have been started anew.
    """
    for version in (3, 4, 5):
        later = Properties(session_expiry_interval=60) if version == 5 else None
        here = encode.packet(Connect("a", version, False, properties=later, will=Will(b"a", b"gone", 1, True)), version)
        asked = [Subscription(b"a/#", 2), Subscription(b"$share/g/a/b" if version == 5 else b"b", 1)]
        wishes = encode.packet(Subscribe(1, asked), version)
        other = encode.packet(Connect("b", version), version)
        said = b"".join(
            encode.packet(Publish(b"a/b", b"x" * 9, qos, qos > 0, packet_id=qos), version) for qos in range(3)
        )
        acks = b"".join(encode.packet(Ack(kind, 2), version) for kind in (PUBREC, PUBCOMP, PUBREL))
        comes = [Step(SAY, 0, 0, here), Step(SAY, 0, 0, wishes)]
        goes = [Step(SAY, 1, 0, other), Step(SAY, 1, 0, said), Step(AGAIN, 1, 4), Step(ASK, 2, 4)]
        for between in ([Step(CUT, 0), *goes, Step(WAIT, 0, 4)], [*goes, Step(CLOSE, 0)], [Step(DEAF, 0), *goes]):
            for anew in ([Step(ASK, 0, 5)], [Step(ASK, 0, 6)], [Step(ASK, 0, 7), Step(WAIT, 0, 6)], [Step(WAIT, 0, 7)]):
                yield [*comes, *between, *anew, Step(SAY, 0, 0, here), Step(SAY, 0, 0, acks), Step(HEAR, 0)]


def seeds() -> Iterator[bytes]:
    """
    See C{Harness.seeds}.
    """
    hello = [
        Step(SAY, who, 0, encode.packet(Connect("ab"[who], version, who == 0), version))
        for who, version in ((0, 5), (1, 4))
    ]
    for number, story in enumerate(_stories()):
        yield bytes((number * 7 & 0x7F,)) + script.written(story)
    for number, (_, version, spelling, packet) in enumerate(GOOD):
        said = Step(SAY, number & 1, 0, spell(spelling))
        if packet.kind == CONNECT:
            yield bytes((number & 0x7F,)) + said.written()
        elif version == 5 - (number & 1):
            yield bytes((number & 0x7F,)) + script.written((*hello, said))
    for number, (_, version, spelling, _) in enumerate(BAD):
        if version in (0, 4) and number % 5 == 0:
            before = hello if version else []
            yield b"\0" + script.written((*before, Step(SAY, 1 if version else 2, 0, spell(spelling))))


HARNESS: Final = Harness(
    "broker",
    "whatever clients say, the broker says nothing wrong, keeps its bounds and goes on",
    broker,
    seeds,
    mutate=ScriptMutator(CLIENTS, 1),
    longest=1500,
)
