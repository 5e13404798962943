"""
Do many retained messages slow down a subscription that few of them match, and how long does one that matches all of
them keep everybody else waiting?

    python benchmarks/retained.py [--most 1000000]

All of it runs in this process, from the bytes of a SUBSCRIBE to those of the last retained message, turn by turn as the
reactor would call, without sockets. Three filters are subscribed to, C{a/+/17/state} the best of five times:

- ten messages match, C{+} stands for one of ten names (the topics are a/0/0/state to a/9/99999/state);
- ten messages match, and C{+} stands for as many names as there are messages, each of which is looked at;
- C{#}: all of them match. They are sent in pieces; the longest is what somebody else has to wait for. A turn is no
  shorter than what happens in it, so here nothing is the best of several.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterable

from answer import Answer, arguments, resident
from subscriptions import Peer

from txmqtt.backends.memory import MemoryBackend
from txmqtt.broker.core import Broker
from txmqtt.broker.policy import Policy
from txmqtt.broker.stats import Stats
from txmqtt.codec import encode
from txmqtt.codec.packets import Publish, Subscribe, Subscription, Unsubscribe
from txmqtt.session.turn import Turn

COUNTS = (1_000, 10_000, 100_000, 1_000_000)
NARROW = b"a/+/17/state"
MATCHING = 10
ATTEMPTS = 5


def few_names(count: int) -> Iterable[str]:
    """
    Topics with ten names at the second level.
    """
    return (f"a/{branch}/{number}/state" for number in range(count // MATCHING) for branch in range(MATCHING))


def many_names(count: int) -> Iterable[str]:
    """
    Topics with a name of their own at the second level.
    """
    return (f"a/{number}/{17 if number % (count // MATCHING) == 0 else 18}/state" for number in range(count))


class Keeper:
    """
    A broker that has retained a message under each of these topics.
    """

    def __init__(self, topics: Iterable[str]) -> None:
        turn, stats = Turn(), Stats()
        policy = Policy(max_retained_messages=10**7, max_retained_bytes=2**40)
        self._broker = Broker(policy, turn, stats, MemoryBackend(policy, stats, turn))
        publisher = Peer(self._broker, "publisher")
        gc.disable()  # nothing of it is to be collected, and it takes half the time
        for topic in topics:
            publisher.say(encode.packet(Publish(topic.encode(), b"x" * 32, 0, True), 4))
        gc.enable()
        self._subscriber = Peer(self._broker, "subscriber")

    def turns(self, filter: bytes) -> list[float]:
        """
        Subscribe, until all is sent.

        @return: what each turn took, milliseconds of processor time.
        """
        peer, session = self._subscriber, self._subscriber.session
        said = encode.packet(Subscribe(1, [Subscription(filter)]), 4)
        took = []
        began = time.process_time()
        peer.say(said)
        took.append((time.process_time() - began) * 1e3)
        while session.resting:
            began = time.process_time()
            session.tick(time.monotonic())
            self._broker.turn.flush()
            took.append((time.process_time() - began) * 1e3)
        peer.say(encode.packet(Unsubscribe(2, [filter]), 4))
        return took

    def narrow(self) -> float:
        """
        Milliseconds until the ten that match are sent.
        """
        return min(sum(self.turns(NARROW)) for _ in range(ATTEMPTS))


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--most", type=int, default=1_000_000, help="messages")
    words = parser.parse_args()
    answer = Answer(
        "How long does a new subscription take to find what it matches among so many retained messages?",
        "milliseconds; bytes each",
        ("retained", "10 of 10 names", "10 of all names", "#, all", "#, longest turn", "bytes each"),
        "ten that match are sent within 10 ms",
    )
    for count in [1_000, 5_000] if words.quick else [count for count in COUNTS if count <= words.most]:
        memory = resident()
        keeper = Keeper(few_names(count))
        each = (resident() - memory) / count
        figures = [keeper.narrow()]
        turns = keeper.turns(b"#")
        del keeper
        figures.append(Keeper(many_names(count)).narrow())
        answer.add(count, *figures, sum(turns), max(turns), each)
    answer.end(all(row[1] is not None and row[1] < 10 for row in answer.rows), words.json)


if __name__ == "__main__":
    main()
