"""
Do many subscriptions slow down the delivery of a message that one of them matches?

    python benchmarks/subscriptions.py [--most 1000000] [--only exact]

A hundred subscribers hold C{load/N/kitchen/state}, or C{load/N/+/state}, for all numbers up to so many; a publisher
sends to topics that one of them matches. All of it runs in this process, from the bytes that arrive to the bytes that
leave, without sockets. Two figures of each kind: for a topic that is sent to again and again (its route is remembered),
and for topics that are new each time (the subscriptions are searched, all over the memory that they take); the best of
nine attempts.
"""

from __future__ import annotations

import gc
import time
from time import process_time

from answer import Answer, arguments

from txmqtt.backends.memory import MemoryBackend
from txmqtt.broker.core import Broker
from txmqtt.broker.policy import Policy
from txmqtt.broker.stats import Stats
from txmqtt.codec import encode
from txmqtt.codec.packets import Connect, Publish, Subscribe, Subscription
from txmqtt.codec.topics import KNOWN_TOPICS
from txmqtt.session.server import ServerSession
from txmqtt.session.turn import Turn

COUNTS = (1_000, 10_000, 100_000, 1_000_000)
MESSAGES = 5_000
SUBSCRIBERS = 100
#: Filters in one SUBSCRIBE.
PACKET = 100

TOPIC = "load/{}/kitchen/state"
KINDS = {"exact": TOPIC, "wildcard": "load/{}/+/state"}


class Peer:
    """
    A client that is nothing but bytes.
    """

    def __init__(self, broker: Broker, client_id: str) -> None:
        self.broker = broker
        self.received = 0
        policy = broker.policy
        self.session = ServerSession(
            broker.turn, self, self.write, broker, policy.write_buffer, policy.connect_timeout, policy.opening_bytes
        )
        self.say(encode.packet(Connect(client_id), 4))

    def write(self, data: bytes) -> None:
        self.received += len(data)

    def connecting(self, packet: Connect) -> None:
        self.broker.join(self.session, packet, None, None, "")

    def admitted(self) -> None:
        pass

    def answering(self, data: bytes | None) -> None:
        pass

    def renewing(self, data: bytes | None) -> None:
        pass

    def hold(self) -> None:
        pass

    def release(self) -> None:
        pass

    def rearm(self, deadline: float) -> None:
        pass

    def close(self, reason: int, message: str, abort: bool) -> None:
        raise SystemExit(f"disconnected: {message}")

    def say(self, data: bytes) -> None:
        self.session.feed(data, time.monotonic())
        self.broker.turn.flush()


class Crowd:
    """
    A broker with so many subscriptions, a hundred subscribers, and somebody who publishes.
    """

    def __init__(self, pattern: str, count: int) -> None:
        """
        @param pattern: of the filters, with a place for a number.
        """
        policy = Policy(max_subscriptions=count, max_subscription_bytes=2**40)
        turn, stats = Turn(), Stats()
        self.broker = Broker(policy, turn, stats, MemoryBackend(policy, stats, turn))
        self.subscribers = [Peer(self.broker, f"subscriber-{number}") for number in range(min(SUBSCRIBERS, count))]
        self.publisher = Peer(self.broker, "publisher")
        for number, first in enumerate(range(0, count, PACKET)):
            filters = [pattern.format(n).encode() for n in range(first, min(first + PACKET, count))]
            packet = Subscribe(1, [Subscription(filter) for filter in filters])
            self.subscribers[number % len(self.subscribers)].say(encode.packet(packet, 4))

    def deliver(self, frames: list[bytes]) -> float:
        """
        Microseconds a message.
        """
        before, heard = process_time(), self.heard
        for frame in frames:
            self.publisher.say(frame)
        took = process_time() - before
        if self.heard - heard != sum(map(len, frames)):
            raise SystemExit("a message was not delivered, or delivered twice")
        return took * 1e6 / len(frames)

    @property
    def heard(self) -> int:
        """
        Bytes, all subscribers together.
        """
        return sum(each.received for each in self.subscribers)

    def forget(self) -> None:
        """
        Every topic is new again.
        """
        self.broker.mount().routes.clear()
        KNOWN_TOPICS.seen.clear()


def published(topic: str) -> bytes:
    """
    A message of 64 bytes.
    """
    return encode.packet(Publish(topic.encode(), b"x" * 64), 4)


def measure(pattern: str, count: int, attempts: int) -> tuple[float, float]:
    """
    Microseconds a message, with a remembered route and with a new one.
    """
    crowd = Crowd(pattern, count)
    known = [published(TOPIC.format(0))] * MESSAGES
    spread = [number * count // min(MESSAGES, count) for number in range(min(MESSAGES, count))]
    fresh = [published(TOPIC.format(number)) for number in spread]
    gc.collect()
    gc.freeze()  # a collection that happens to come would be taken for a slow message
    best = [float("inf"), float("inf")]
    for _ in range(attempts):
        best[0] = min(best[0], crowd.deliver(known))
        crowd.forget()
        best[1] = min(best[1], crowd.deliver(fresh))
    gc.unfreeze()
    return best[0], best[1]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--most", type=int, default=1_000_000, help="subscriptions")
    parser.add_argument("--only", choices=KINDS, help="one kind of filters")
    words = parser.parse_args()
    counts = [1_000, 3_000] if words.quick else [count for count in COUNTS if count <= words.most]
    answer = Answer(
        "How does the cost of one message that one subscription matches grow with all the others?",
        "microseconds of processor time a message",
        ("subscriptions", *(f"{kind}, {topic}" for kind in KINDS for topic in ("known topic", "new topic"))),
        f"at most twice as much with {counts[-1]:,} as with {counts[0]:,}",
    )
    for count in counts:
        figures: list[float | None] = []
        for kind, pattern in KINDS.items():
            wanted = words.only in (None, kind)
            figures += measure(pattern, count, 3 if words.quick else 9) if wanted else (None, None)
        answer.add(count, *figures)
    ratios = [
        last / first for first, last in zip(answer.rows[0][1:], answer.rows[-1][1:], strict=True) if first and last
    ]
    print("ratios: " + ", ".join(f"{ratio:.2f}" for ratio in ratios))
    answer.end(max(ratios) <= 2, words.json)


if __name__ == "__main__":
    main()
