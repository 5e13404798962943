"""
How many instructions does a message cost between the bytes that arrive and the bytes that leave? Exact where time is
noise: two installations on a disturbed machine can be told apart to a thousandth. ::

    python benchmarks/instructions.py old/bin/python new/bin/python

The broker's floors 0 to 2 run in memory, without reactor and sockets, under valgrind (Debian: C{valgrind}): once as
they are, and once with rights that allow the load what it does and with rates that are not reached. What a message
costs is the difference between few and many. It takes some ten minutes.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Iterator

#: Of each load: messages in one read, receivers, QoS, and reads in the shorter of two runs.
LOADS = {
    "pair": (100, 1, 0, 20),
    "one a read": (1, 1, 0, 1000),
    "fan-out": (20, 100, 0, 20),
    "qos1": (20, 1, 1, 50),
    "qos2": (20, 1, 2, 50),
}

_LIMITS = {
    "publish_rate": 1e9,
    "publish_burst": 10**9,
    "byte_rate": 1e12,
    "byte_burst": 10**12,
    "queue_full": "drop_oldest",
}

TOPIC = b"bench/0"


# Under valgrind


class Rights:
    """
    All that the load does is allowed, and is asked about.
    """

    def may_publish(self, topic: str) -> bool:
        return True

    def may_receive(self, topic: str) -> bool:
        return True

    def granted(self, filter: str, qos: int) -> int:
        return qos


class Peer:
    """
    One client, on a wire of memory.

    @ivar got: what it was sent.
    """

    def __init__(self, broker: object, name: str, rights: Rights | None) -> None:
        from txmqtt.broker.core import Broker
        from txmqtt.codec import encode
        from txmqtt.codec.packets import Connect
        from txmqtt.session.server import ServerSession

        assert isinstance(broker, Broker)
        policy = broker.policy
        self.got: list[bytes] = []
        self._broker = broker
        self._rights = rights
        self._session = ServerSession(
            broker.turn,
            self,  # type: ignore[arg-type] # of what a link does it needs these
            self.got.append,
            broker,
            policy.write_buffer,
            policy.connect_timeout,
            policy.opening_bytes,
        )
        self.say(encode.packet(Connect(name, 4), 4))
        self.got.clear()

    def say(self, data: bytes) -> None:
        self._session.feed(data, 0.0)
        self._broker.turn.flush()

    def connecting(self, packet: object) -> None:
        self._broker.join(self._session, packet, None, self._rights, "")  # type: ignore[arg-type]

    def admitted(self) -> None:
        pass

    def rearm(self, deadline: float) -> None:
        pass

    def close(self, reason: int, message: str, abort: bool) -> None:
        raise SystemExit(f"a conversation ended: {message}")


def packets(data: bytes) -> Iterator[bytes]:
    """
    Each packet in these bytes; all are short.
    """
    at = 0
    while at < len(data):
        end = at + 2 + data[at + 1]
        yield data[at:end]
        at = end


def drive(load: str, reads: int, configured: bool) -> None:
    """
    So many reads of a publisher, and what its receivers answer.
    """
    from txmqtt.backends.memory import MemoryBackend
    from txmqtt.broker.core import Broker
    from txmqtt.broker.policy import Policy
    from txmqtt.broker.stats import Stats
    from txmqtt.codec import encode
    from txmqtt.codec.packets import Publish, Subscribe, Subscription
    from txmqtt.session.turn import Turn

    size, receivers, qos, _ = LOADS[load]
    turn, stats = Turn(), Stats()
    policy = Policy(**_LIMITS) if configured else Policy()  # type: ignore[arg-type]
    broker = Broker(policy, turn, stats, MemoryBackend(policy, stats, turn))
    rights = Rights() if configured else None
    publisher = Peer(broker, "publisher", rights)
    peers = [Peer(broker, f"receiver{number}", rights) for number in range(receivers)]
    for each in peers:
        each.say(encode.packet(Subscribe(1, [Subscription(TOPIC, qos)]), 4))
        each.got.clear()
    identifiers = range(1, size + 1) if qos else [0] * size
    said = b"".join(encode.packet(Publish(TOPIC, bytes(64), qos, packet_id=each), 4) for each in identifiers)
    done = (b"\x40\x02", b"\x50\x02")[qos - 1]
    released = b"".join(b"\x62\x02" + each.to_bytes(2, "big") for each in identifiers)
    at = 4 + len(TOPIC)
    for _ in range(reads):
        publisher.say(said)
        for each in peers:
            sent = b"".join(each.got)
            each.got.clear()
            if qos:
                numbers = [packet[at : at + 2] for packet in packets(sent)]
                each.say(b"".join(done + number for number in numbers))
                if qos == 2:
                    each.say(b"".join(b"\x70\x02" + number for number in numbers))
                    publisher.say(released)
                each.got.clear()
        publisher.got.clear()


# From outside


def counted(python: str, load: str, reads: int, configured: bool) -> int:
    """
    The instructions of one run.
    """
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", python, __file__, "--drive", load]
    command += ["--reads", str(reads), *(["--configured"] if configured else [])]
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONSAFEPATH": "1"}
    run = subprocess.run(command, capture_output=True, text=True, env=environment, cwd="/", check=False)
    found = re.search(r"Collected : (\d+)", run.stderr)
    if run.returncode or found is None:
        sys.exit(run.stderr[-2000:])
    return int(found[1])


def cost(python: str, load: str, configured: bool) -> float:
    """
    The instructions of one message: a delivered one, where several receive it.
    """
    size, receivers, _, reads = LOADS[load]
    more = counted(python, load, 3 * reads, configured) - counted(python, load, reads, configured)
    return more / (2 * reads * size * receivers)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().partition("\n")[0])
    parser.add_argument("python", nargs="*", help="the interpreters of the installations, the oldest first")
    parser.add_argument("--only", default=",".join(LOADS), help="of " + ", ".join(LOADS))
    parser.add_argument("--drive", choices=LOADS, help=argparse.SUPPRESS)
    parser.add_argument("--reads", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--configured", action="store_true", help=argparse.SUPPRESS)
    words = parser.parse_args()
    if words.drive:
        drive(words.drive, words.reads, words.configured)
        return
    pythons = [os.path.abspath(each) if os.sep in each else each for each in words.python or [sys.executable]]
    print(
        f"{'':12}{'before':>9}"
        + "".join(f"{f'{n} plain':>18}{f'{n} configured':>18}" for n in range(2, len(pythons) + 1))
    )
    for load in words.only.split(","):
        first = cost(pythons[0], load, False)
        line = f"{load:12}{first:9.0f}"
        for python in pythons[1:]:
            for configured in (False, True):
                figure = cost(python, load, configured)
                line += f"{figure:9.0f} (x{figure / first:.3f})"
        print(line, flush=True)


if __name__ == "__main__":
    main()
