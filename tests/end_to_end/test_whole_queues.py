"""
Queues, groups, the broker's own topics and crowds before the door, all by a configuration file, with real clients.
"""

from __future__ import annotations

import atexit
import contextlib
import signal
import socket
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from twisted.trial.unittest import SynchronousTestCase

from tests.end_to_end.guest import Guest
from tests.end_to_end.support import PATIENCE, TWISTD, Running, free_port
from txmqtt.codec.constants import MQTT5, PUBACK
from txmqtt.codec.packets import Ack, Disconnect, Publish, Suback, Subscribe, Subscription
from txmqtt.service.config import allow_open_files

WAYS = ("refuse", "drop_oldest", "drop_newest", "hold", "disconnect")

PLAIN = """
[broker]
store = "memory"
[limits]
max_half_open = 500
sys_interval = 1
shared_strategy = "round_robin"
[[listener]]
endpoint = "tcp:{plain}:interface=127.0.0.1"
[[listener]]
endpoint = "haproxy:tcp:{proxied}:interface=127.0.0.1"
anonymous = "yes"
[[listener]]
endpoint = "ws:tcp:{ws}:interface=127.0.0.1"
anonymous = "yes"
"""

QUEUES = """
[[listener]]
endpoint = "tcp:{port}:interface=127.0.0.1"
mount = "{way}"
[listener.limits]
max_inflight_5 = 1
max_queued_messages = 2
queue_full = "{way}"
"""


class Queues(Running):
    """
    That broker.

    @ivar port: of each listener, by name.
    """

    def __init__(self) -> None:
        folder = Path(mkdtemp(prefix="txmqtt-"))
        self.port = {name: free_port() for name in ("plain", "proxied", "ws", *WAYS)}
        self.path = folder / "broker.toml"
        parts = [PLAIN.format(**self.port), *(QUEUES.format(port=self.port[way], way=way) for way in WAYS)]
        self.path.write_text("".join(parts))
        super().__init__([*TWISTD, "-n", "--pidfile=", "mqtt-broker", "--config", str(self.path)], folder)
        self.says(rf"listening on 127\.0\.0\.1:{self.port['disconnect']}")
        self.strategy = "round_robin"

    def share_by(self, strategy: str) -> None:
        """
        Change how groups share, while members are connected.
        """
        before = self.log.count("has been read again")
        text = self.path.read_text()
        self.path.write_text(text.replace(f'"{self.strategy}"', f'"{strategy}"'))
        self.strategy = strategy
        self.process.send_signal(signal.SIGHUP)
        self.says("(?s)" + ".*has been read again" * (before + 1))


@cache
def queues() -> Queues:
    broker = Queues()
    atexit.register(broker.stop)
    return broker


class ConfiguredTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.broker = queues()
        self.open = ExitStack()
        self.addCleanup(self.open.close)

    def guest(self, listener: str, name: str, durable: bool = False) -> Guest:
        guest = Guest(self.broker.port[listener], name, MQTT5, durable)
        self.open.callback(guest.leave)
        return guest.come_in()

    def test_queue_full(self) -> None:
        """
        When the queue of a receiver is full, what C{queue_full} of the listener says is done: the publisher is told, or
        the first or the last messages are missing, or the receiver goes, or the publisher waits.
        """
        for way, reasons, got in (
            ("refuse", [0, 0, 0, 0x97], [b"0", b"1", b"2"]),
            ("drop_oldest", [0, 0, 0, 0], [b"0", b"2", b"3"]),
            ("drop_newest", [0, 0, 0, 0], [b"0", b"1", b"2"]),
            ("hold", [0, 0, 0], [b"0", b"1", b"2", b"3"]),
            ("disconnect", [0, 0, 0, 0x97], [b"0"]),
        ):
            with self.subTest(way=way):
                slow, loud = self.guest(way, "slow").subscribe(b"a", 1), self.guest(way, "loud")
                for number in range(4):
                    loud.publish(b"a", b"%d" % number, 1, number + 1)
                answers = [loud.take(Ack).reason for _ in reasons]
                self.assertTrue(loud.is_there())
                self.assertEqual((answers, [each for each in loud.heard if isinstance(each, Ack)]), (reasons, []))
                heard = []
                for _ in got:
                    message = slow.take(Publish)
                    heard.append(message.payload)
                    if way != "disconnect":
                        slow.say(Ack(PUBACK, message.packet_id))
                self.assertEqual(heard, got)
                if way == "hold":
                    self.assertEqual(loud.take(Ack).reason, 0)
                if way == "disconnect":
                    self.assertEqual(slow.take(Disconnect).reason, 0x97)

    def test_shared(self) -> None:
        """
        A group shares as C{shared_strategy} says, from the next message on when it changes.
        """
        members = [self.guest("plain", f"member{number}").subscribe(b"$share/g/work") for number in range(2)]
        loud = self.guest("plain", "loud")
        for strategy, fits in (
            ("round_robin", lambda counts: counts == [5, 5]),
            ("sticky", lambda counts: counts == [0, 10]),
            ("random", lambda counts: sum(counts) == 10),
            ("hash_client_id", lambda counts: counts == [0, 10]),
            ("least_queued", lambda counts: sum(counts) == 10),
        ):
            with self.subTest(strategy=strategy):
                self.broker.share_by(strategy)
                for number in range(10):
                    loud.publish(b"work", b"%d" % number)
                self.assertTrue(loud.is_there())
                counts = sorted(len(each.catch_up()) for each in members)
                self.assertTrue(fits(counts), (strategy, counts))

    def test_own_topics(self) -> None:
        """
        What the broker tells of itself is seen from this machine, and not by those who come by way of a proxy.
        """
        near = self.guest("plain", "near").subscribe(b"$SYS/broker/version")
        self.assertTrue(near.take(Publish).payload)
        wire = socket.create_connection(("127.0.0.1", self.broker.port["proxied"]), PATIENCE)
        wire.sendall(b"PROXY TCP4 192.0.2.9 192.0.2.1 4321 1883\r\n")
        far = Guest(wire, "far").come_in()
        self.open.callback(far.leave)
        far.say(Subscribe(1, [Subscription(b"$SYS/broker/version"), Subscription(b"#")]))
        far.take(Suback)
        self.assertEqual(far.catch_up(), [])

    def test_crowd_before_the_door(self) -> None:
        """
        Two thousand connections in a WebSocket handshake or before a proxy's header, four times as many as may wait:
        the first go, a pair has all its messages meanwhile, and newcomers are let in everywhere.
        """
        count = min(2_000, allow_open_files(2_600) - 600)
        publisher, subscriber = self.guest("plain", "publisher"), self.guest("plain", "subscriber").subscribe(b"good")
        crowd = []
        for number in range(count):
            listener, words = (("ws", b"GET /mqtt HTTP/1.1\r\n"), ("proxied", b"PROXY TCP4 192.0.2"))[number % 2]
            caller = self.open.enter_context(
                socket.create_connection(("127.0.0.1", self.broker.port[listener]), PATIENCE)
            )
            with contextlib.suppress(ConnectionError):
                caller.sendall(words)
            crowd.append(caller)
            if number % 50 == 0:
                publisher.publish(b"good", b"%d" % number)
                self.assertEqual(subscriber.take(Publish).payload, b"%d" % number)
        with contextlib.suppress(ConnectionError):
            self.assertEqual(crowd[0].recv(10), b"")
        self.guest("plain", "newcomer")
        wire = socket.create_connection(("127.0.0.1", self.broker.port["proxied"]), PATIENCE)
        wire.sendall(b"PROXY UNKNOWN\r\n")
        other = Guest(wire, "other").come_in()
        self.open.callback(other.leave)
        self.broker.says("connections were closed to make room for others")
