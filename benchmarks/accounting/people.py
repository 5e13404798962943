"""
Who lives in the workload's town: durable clients, what they publish and what they want to hear.

No two filters of one client match the same topic, so that every broker owes one copy, with one QoS and one identifier.
"""

from __future__ import annotations

from dataclasses import dataclass

from txmqtt.codec.constants import MQTT5, MQTT311


@dataclass(frozen=True)
class Wish:
    """
    A filter that a client wants.

    @ivar identifier: the subscription identifier, 5.0 only; 0 for none.
    @ivar extra: comes and goes.
    """

    filter: bytes
    qos: int
    identifier: int = 0
    extra: bool = False


@dataclass(frozen=True)
class Topic:
    """
    A topic that a client publishes to.

    @ivar qos: of all its messages; 0 for 1 and 2 by turns.
    @ivar cleared: its retained message comes and goes.
    @ivar rare: published to now and then only, so that a loss is not made good by the next message.
    """

    name: bytes
    qos: int = 0
    retain: bool = False
    cleared: bool = False
    rare: bool = False


@dataclass(frozen=True)
class Person:
    """
    A client with a durable session.

    @ivar window: how many of its messages may be unanswered.
    @ivar receive_maximum: what it announces, 5.0 only; 0 for nothing.
    """

    name: str
    version: int
    topics: tuple[Topic, ...] = ()
    wishes: tuple[Wish, ...] = ()
    window: int = 40
    receive_maximum: int = 0


def townsfolk() -> list[Person]:
    """
    Four who publish, ten who listen.
    """
    publishers = [
        Person(f"publisher{place}", MQTT5 if place % 2 else MQTT311, _topics(place), window=(20, 60)[place % 2])
        for place in range(4)
    ]
    return [
        *publishers,
        Person("all-at-1", MQTT311, wishes=(Wish(b"t/#", 1),)),
        Person("all-at-2", MQTT5, wishes=(Wish(b"t/#", 2, 7), Wish(b"x/0/+", 1, 8, True))),
        Person("old-at-2", MQTT311, wishes=(Wish(b"t/0/+", 2), Wish(b"r/#", 2), Wish(b"x/+/1", 2, 0, True))),
        Person("exact", MQTT5, wishes=(Wish(b"t/1/0", 1, 11), Wish(b"t/2/1", 2, 268_435_455), Wish(b"t/3/+", 2))),
        Person("narrow", MQTT5, wishes=(Wish(b"t/+/1", 2, 1), Wish(b"r/+/0", 1, 2, True)), receive_maximum=5),
        Person("retained", MQTT5, wishes=(Wish(b"r/+/+", 1, 3), Wish(b"x/1/0", 2, 4, True))),
        Person("share-2a", MQTT5, wishes=(Wish(b"$share/two/t/+/0", 2, 5),)),
        Person("share-2b", MQTT5, wishes=(Wish(b"$share/two/t/+/0", 2, 6),), receive_maximum=10),
        Person("share-1a", MQTT311, wishes=(Wish(b"$share/one/t/#", 1),)),
        Person("share-1b", MQTT5, wishes=(Wish(b"$share/one/t/#", 1),)),
    ]


def _topics(place: int) -> tuple[Topic, ...]:
    """
    Three that all may hear, two that the extra filters want, two retained, one whose retained message comes and goes,
    and some that nobody listens to, for what is retained there.
    """
    return (
        *(Topic(f"t/{place}/{each}".encode()) for each in range(3)),
        *(Topic(f"x/{place}/{each}".encode()) for each in range(2)),
        *(Topic(f"r/{place}/{each}".encode(), each + 1, retain=True) for each in range(2)),
        Topic(f"c/{place}".encode(), place % 2 + 1, retain=True, cleared=True),
        *(Topic(f"k/{place}/{each}".encode(), each % 2 + 1, retain=True, rare=True) for each in range(6)),
    )
