"""
Do many wildcard subscriptions slow down the delivery of a message that one of them matches?

    python benchmarks/subscriptions.py [--subscriptions 100000]

One subscriber holds all the subscriptions C{load/N/+/state}; a publisher sends to a topic that one of them matches.
All of it runs in this process, from the bytes that arrive to the bytes that leave, without sockets. Two figures, in
microseconds a message: for a topic that is sent to again and again (its route is remembered), and for a topic that is
new each time (the tree is searched).
"""

from __future__ import annotations

import argparse
import time

from txmqtt.backends.memory import MemoryBackend
from txmqtt.broker.core import Broker
from txmqtt.broker.policy import Policy
from txmqtt.broker.stats import Stats
from txmqtt.codec import encode
from txmqtt.codec.packets import Connect, Publish, Subscribe, Subscription
from txmqtt.session.server import ServerSession
from txmqtt.session.turn import Turn

MESSAGES = 20_000


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


def measure(subscriptions: int) -> tuple[float, float]:
    """
    Microseconds a message, with a remembered route and with a new one.
    """
    turn, stats, policy = Turn(), Stats(), Policy(max_subscriptions=10_000_000)
    broker = Broker(policy, turn, stats, MemoryBackend(policy, stats, turn))
    subscriber, publisher = Peer(broker, "subscriber"), Peer(broker, "publisher")
    for first in range(0, subscriptions, 1_000):
        filters = [f"load/{n}/+/state".encode() for n in range(first, min(first + 1_000, subscriptions))]
        packet = Subscribe(1, [Subscription(filter) for filter in filters])
        subscriber.say(encode.packet(packet, 4))
    known = encode.packet(Publish(b"load/0/kitchen/state", b"x" * 64), 4)
    publisher.say(known)
    times = [float("inf"), float("inf")]
    for attempt in range(3):
        fresh = [encode.packet(Publish(b"load/0/%d-%d/state" % (attempt, n), b"x" * 64), 4) for n in range(MESSAGES)]
        for column, frames in enumerate(([known] * MESSAGES, fresh)):
            before, heard = time.process_time(), subscriber.received
            for frame in frames:
                publisher.say(frame)
            times[column] = min(times[column], (time.process_time() - before) * 1e6 / MESSAGES)
            if subscriber.received - heard != sum(map(len, frames)):
                raise SystemExit("a message was not delivered")
    return times[0], times[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subscriptions", type=int, default=100_000)
    count = parser.parse_args().subscriptions
    few, many = measure(1), measure(count)
    print(f"{'subscriptions':>14} {'known topic':>14} {'new topic':>14}")
    print(f"{1:14,} {few[0]:11.2f} us {few[1]:11.2f} us")
    print(f"{count:14,} {many[0]:11.2f} us {many[1]:11.2f} us")
    print(f"{'ratio':>14} {many[0] / few[0]:14.2f} {many[1] / few[1]:14.2f}")


if __name__ == "__main__":
    main()
