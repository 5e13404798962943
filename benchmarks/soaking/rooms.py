"""
A room: some who stay, some who visit, some who leave something behind. Each step waits until the one before is certain.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from twisted.internet.defer import DeferredList

from benchmarks.soaking.books import Books
from benchmarks.soaking.members import Expected, Member
from txmqtt.codec.constants import MQTT5
from txmqtt.codec.properties import Properties

#: What the broker keeps for one session unless told otherwise.
QUEUE = 1_000
#: Beyond it.
TOO_MANY = 25

SCHEMES = ("mqtt", "mqtt", "mqtts", "ws")


class Room:
    """
    @ivar rounds: how many there were.
    """

    def __init__(self, reactor: Any, books: Books, ports: dict[str, int], number: int, seed: int) -> None:
        self.name = f"room{number}"
        self.rounds = 0
        self._reactor = reactor
        self._books = books
        self._ports = ports
        self._random = Random(seed)
        self._said = 0
        self._visits = 0
        self._retained: dict[str, tuple[bytes, int]] = {}
        self._publisher = self._member("publisher", number % 3 + 3)
        self._watcher = self._member("watcher", MQTT5)
        self._lasting = self._member("lasting", (4, 5)[number % 2], 3_600)
        self._sleeper = self._member("sleeper", 4, 3_600)
        self._sharers = [self._member(f"sharer{each}", 4 + each) for each in (0, 1)]
        self._group = Expected(f"{self.name}'s group", books)
        self._here = [self._publisher, self._watcher, self._lasting, self._sleeper]

    def _member(self, name: str, version: int, lasting: int = 0) -> Member:
        scheme = self._random.choice(SCHEMES)
        return Member(self._reactor, self._books, self._ports, f"{self.name}-{name}", version, scheme, lasting)

    # Who is here

    async def open(self) -> None:
        """
        Those come who stay.
        """
        await self._watcher.come()
        await self._watcher.subscribe(f"{self.name}/gone/+", 2, {})
        await self._come(self._publisher)
        for member, filter, qos in ((self._lasting, "a/#", 2), (self._sleeper, "full", 1)):
            await self._come(member)
            await member.subscribe(f"{self.name}/{filter}", qos, {})
        for sharer in self._sharers:
            sharer.expected = self._group
            await sharer.come()
            await sharer.subscribe(f"$share/{self.name}/{self.name}/a/+", 1, {})
            self._books.counted["shared subscriptions"] += 1

    async def _come(self, member: Member) -> None:
        await member.come(f"{self.name}/gone/{member.name}", self._random.randrange(3))

    async def _go(self, member: Member) -> None:
        """
        Somebody leaves; the will says when the broker knows.
        """
        self._expect_will(member)
        await member.go(self._random.random() < 0.5)
        await self._watcher.expected.all(self._reactor)

    async def _take_over(self, member: Member) -> None:
        """
        Somebody connects again while the old connection is there; its will is published.
        """
        before = member.client
        await before.ping()
        self._expect_will(member)
        await self._come(member)
        await before.whenClosed()
        await self._watcher.expected.all(self._reactor)

    def _expect_will(self, member: Member) -> None:
        assert member.will is not None
        self._books.counted["wills"] += 1
        self._watcher.expected.expect(f"{self.name}/gone/{member.name}", member.will.payload, member.will.qos)

    # What is said

    async def _publish(self, topics: list[str], expiry: int = 0) -> None:
        """
        One message to each, and wait until the broker has them.
        """
        publisher, random, counted = self._publisher, self._random, self._books.counted
        if publisher.version < MQTT5:
            expiry = 0
        expires = self._reactor.seconds() + expiry if expiry else 0.0
        answers = []
        for topic in topics:
            self._said += 1
            qos = 1 if topic.endswith("full") else random.randrange(3)
            retain = topic.startswith(f"{self.name}/a") and not expiry and random.random() < 0.1
            payload = b"%s %d %s" % (self.name.encode(), self._said, b"." * random.choice((0, 20, 500)))
            if retain:
                counted["retained"] -= topic in self._retained
                if random.random() < 0.3:
                    payload = b""
                    self._retained.pop(topic, None)
                else:
                    self._retained[topic] = payload, qos
                    counted["retained"] += 1
            counted["published"] += 1
            for member in self._here:
                member.published(topic, payload, qos, expires)
            if topic.startswith(f"{self.name}/a/"):
                self._group.expect(topic, payload, min(qos, 1))
            properties = Properties(message_expiry_interval=expiry) if expiry else None
            answers.append(publisher.client.publish(topic, payload, qos, retain, properties))
        for fine, failure in await DeferredList(answers, consumeErrors=True):
            if not fine and not topics[0].endswith("full"):
                self._books.lost.append(f"{publisher.name}: {failure}"[:300])
        await publisher.client.ping()

    async def _all_heard(self) -> None:
        for expected in (*(member.expected for member in self._here), self._group):
            await expected.all(self._reactor)

    # What happens

    async def round(self) -> None:
        """
        A little of everything.
        """
        random = self._random
        self.rounds += 1
        visitors = [await self._visitor() for _ in range(random.randint(1, 3))]
        topics = [f"{self.name}/a/{random.randrange(6)}" for _ in range(random.randint(20, 60))]
        lasting = self._lasting
        what = random.random()
        if what < 0.3:
            await self._publish(topics)
        elif what < 0.6:
            await self._go(lasting)
            await self._publish(topics)
            await self._come(lasting)
        elif what < 0.7:
            await self._take_over(lasting)
            await self._publish(topics)
        elif what < 0.8:
            await self._expiry(topics)
        elif what < 0.9:
            await self._mayfly(topics)
        else:
            await self._overfull()
        await self._all_heard()
        for visitor in visitors:
            if random.random() < 0.5:
                await visitor.unsubscribe(next(iter(visitor.filters)))
            self._here.remove(visitor)
            await self._go(visitor)

    async def _visitor(self) -> Member:
        self._visits += 1
        visitor = self._member(f"visitor{self._visits}", self._random.randint(3, 5))
        await self._come(visitor)
        for filter in self._random.sample(("a/#", "a/+", "a/1", "b/#", "a/2"), self._random.randint(1, 3)):
            await visitor.subscribe(f"{self.name}/{filter}", self._random.randrange(3), self._retained)
        self._here.append(visitor)
        return visitor

    async def _expiry(self, topics: list[str]) -> None:
        """
        Some of what waits for somebody waits too long.
        """
        await self._go(self._lasting)
        await self._publish(topics[:10], 1)
        await self._publish(topics[10:])
        await self._all_heard()
        await self._lasting.rest(2.2)
        await self._come(self._lasting)

    async def _mayfly(self, topics: list[str]) -> None:
        """
        A session ends with what waits for it.
        """
        mayfly = self._member(f"mayfly{self._visits}", MQTT5, 1)
        await self._come(mayfly)
        await mayfly.subscribe(f"{self.name}/b", 1, {})
        self._here.append(mayfly)
        await self._go(mayfly)
        await self._publish([*topics, f"{self.name}/b", f"{self.name}/b"])
        await mayfly.rest(3.5)
        self._here.remove(mayfly)
        mayfly.expire()

    async def _overfull(self) -> None:
        """
        More waits for somebody than there is room for.
        """
        sleeper = self._sleeper
        await self._go(sleeper)
        await self._publish([f"{self.name}/full"] * (QUEUE + TOO_MANY))
        self._books.counted["queued"] -= TOO_MANY
        self._books.counted["dropped, queue full"] += TOO_MANY
        del sleeper.owed[QUEUE:]
        await self._come(sleeper)

    async def run(self, over: Callable[[], bool]) -> None:
        """
        Go on until it is over.
        """
        while not over():
            await self.round()
