"""
The examples run as they stand.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
import unittest
from collections.abc import Callable
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.end_to_end.guest import Guest
from tests.end_to_end.support import HOME, PATIENCE, Mosquitto, OurBroker, Running, free_port, greeting, our_broker
from tests.service.support import scratch
from txmqtt.codec.packets import Ack, Disconnect, Publish
from txmqtt.codec.properties import Properties

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

#: SUBSCRIBE to "program/#".
SUBSCRIBE = bytes.fromhex("820e 0001 0009") + b"program/#" + b"\x00"


class ExampleTests(SynchronousTestCase):
    def example(self, name: str, *words: str) -> Running:
        made = Running([sys.executable, str(EXAMPLES / name), *words])
        self.addCleanup(made.stop, signal.SIGKILL)
        return made

    def test_every_example_is_tested(self) -> None:
        """
        No example is shown that nobody runs, and each fits in forty lines and says first what one learns from it.
        """
        for path in sorted([*EXAMPLES.glob("*.py"), *EXAMPLES.glob("plugin/*.py"), *EXAMPLES.glob("testing/*.py")]):
            with self.subTest(example=path.name):
                test: Callable[[], None] | None = getattr(self, f"test_{path.stem}", None)
                self.assertTrue(callable(test))
                text = path.read_text()
                self.assertLessEqual(len(text.splitlines()), 40)
                self.assertTrue(text.startswith('"""\nHow '), text[:20])

    def test_embedding(self) -> None:
        """
        The program's own messages reach who subscribes, and Ctrl-C ends it with the broker.
        """
        program = self.example("embedding.py", "tcp:0:interface=127.0.0.1")
        port = int(program.says(r"listens on 127\.0\.0\.1:(\d+)")[1])
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as peer:
            peer.sendall(greeting(4, b"listener") + SUBSCRIBE)
            heard = b""
            while b"program/clients1" not in heard:
                data = peer.recv(100)
                self.assertNotEqual(data, b"", heard)
                heard += data
            program.process.send_signal(signal.SIGINT)
            while peer.recv(100):
                pass
        program.process.wait(PATIENCE)

    def test_authorisation(self) -> None:
        """
        Everybody publishes below his own name and nowhere else, and is told so.
        """
        program = self.example("authorisation.py", "tcp:0:interface=127.0.0.1")
        port = int(program.says(r"listens on 127\.0\.0\.1:(\d+)")[1])
        ben = Guest(port, "b", username="ben").come_in().subscribe(b"#")
        ann = Guest(port, "a", username="ann").come_in()
        for number, (topic, answer) in enumerate(((b"home/ann/lamp", 0), (b"home/ben/lamp", 0x87)), 1):
            ann.publish(topic, b"on", 1, number)
            self.assertEqual(ann.take(Ack).reason, answer)
        self.assertEqual([message.topic for message in ben.catch_up()], [b"home/ann/lamp"])
        program.process.send_signal(signal.SIGINT)
        ben.until_closed()
        program.process.wait(PATIENCE)

    def test_house(self) -> None:
        """
        The plugin is found and told its options: what comes from the rooms is stamped, what is too large is refused,
        other topics are none of its business, and at the end it tells what did not arrive.
        """
        folder = EXAMPLES / "plugin"
        options = ["--config", str(folder / "broker.toml"), "--max-queued-messages", "1"]
        broker = OurBroker(*options, surroundings={"PYTHONPATH": f"{HOME}{os.pathsep}{folder}"})
        self.addCleanup(broker.stop)
        away = Guest(broker.port, "away", durable=True).come_in().subscribe(b"#", 1)
        away.say(Disconnect())
        away.until_closed()
        ben = Guest(broker.port, "ben").come_in().subscribe(b"#")
        ann = Guest(broker.port, "ann").come_in()
        said = ((b"rooms/3", 4, 0), (b"rooms/3", 101, 0x97), (b"x", 101, 0))
        for number, (topic, size, answer) in enumerate(said, 1):
            ann.publish(topic, b"w" * size, 1, number)
            self.assertEqual(ann.take(Ack).reason, answer)
        stamped, other = ben.catch_up()
        self.assertEqual((stamped.topic, stamped.payload), (b"rooms/3", b"wwww"))
        self.assertEqual(stamped.properties, Properties(user_properties=(("from", "ann"),)))
        self.assertEqual((other.topic, other.properties), (b"x", None))
        broker.process.send_signal(signal.SIGTERM)
        broker.says("1 messages did not arrive")

    def test_publisher(self) -> None:
        """
        What one example publishes the other prints, each says how it went, and Ctrl-C ends who listens.
        """
        url = f"mqtt://127.0.0.1:{our_broker().port}"
        subscriber = self.example("subscriber.py", url)
        subscriber.says(r"auto-\S+ listens")
        publisher = self.example("publisher.py", url, "rooms/3/temperature", "21.5")
        publisher.says(r"published to rooms/3/temperature: SUCCESS")
        self.assertEqual(publisher.process.wait(PATIENCE), 0)
        subscriber.says(r"rooms/3/temperature: 21\.5")
        self.example("publisher.py", url, "orders/7", "tea").says("SUCCESS")
        subscriber.says("order tea is done")
        subscriber.process.send_signal(signal.SIGINT)
        subscriber.says("we disconnected")
        subscriber.process.wait(PATIENCE)

    def test_request(self) -> None:
        """
        What one client asks the other answers; what nobody serves is said at once.
        """
        program = self.example("request.py", f"mqtt://127.0.0.1:{our_broker().port}")
        program.says(r"today is \d\d \w+ \d{4}")
        program.says("nobody serves 'service/weather'")
        self.assertEqual(program.process.wait(PATIENCE), 0)

    def test_service(self) -> None:
        """
        While the broker is away it goes on publishing, and what it published arrives when the broker is back, although
        that has forgotten all about it.
        """
        server = Mosquitto()
        self.addCleanup(server.stop)
        program = self.example("service.py", f"mqtt://127.0.0.1:{server.port}")
        program.says("got 2")
        server.stop(signal.SIGKILL)
        program.says("waiting: the connection was lost")
        again = Mosquitto(f"listener {server.port} 127.0.0.1")
        self.addCleanup(again.stop)
        program.says(r"waiting: the connection was lost(?s:.*)\nconnected\n(?:got \d+\n){3}")
        program.process.send_signal(signal.SIGINT)
        program.says("it is over: None")
        program.process.wait(PATIENCE)
        got = [int(number) for number in re.findall(r"got (\d+)", program.log)]
        missing = set(range(1, max(got) + 1)) - set(got)
        self.assertLessEqual(len(missing), 1, got)  # one that the broker had acknowledged when it was killed is gone

    def test_store(self) -> None:
        """
        What is posted without a broker is sent by a later run that finds one.
        """
        folder = scratch(self)
        words = [f"mqtt://127.0.0.1:{free_port()}", str(folder / "orders.db"), "7"]
        first = self.example("store.py", *words)
        first.says("order-7 is on disk")
        first.says("order-7 waits for a broker")
        self.assertEqual(first.process.wait(PATIENCE), 0)
        port = our_broker().port
        guest = Guest(port, "g").come_in().subscribe(b"orders", 2)
        second = self.example("store.py", f"mqtt://127.0.0.1:{port}", *words[1:])
        second.says("order-7 was sent: SUCCESS")
        self.assertEqual(second.process.wait(PATIENCE), 0)
        self.assertEqual([message.payload for message in guest.catch_up()], [b"tea"])

    def test_stream(self) -> None:
        """
        It reads what it subscribed to until it is told that that is over; a job that fails is refused, and counted.
        """
        port = our_broker().port
        reader = self.example("stream.py", f"mqtt://127.0.0.1:{port}")
        reader.says(r"auto-\S+ reads")
        ann = Guest(port, "ann").come_in()
        said = ((b"jobs/1", b"7"), (b"jobs/2", b"tea"), (b"alarms/kitchen", b"smoke"))
        for number, (topic, payload) in enumerate(said, 1):
            ann.publish(topic, payload, 1, number)
        reader.says("alarms/kitchen: smoke")
        reader.says("job 7 is done")
        ann.publish(b"alarms/all", b"over", 1, 4)
        reader.says("not read: 0; failed: 1")
        self.assertEqual(reader.process.wait(PATIENCE), 0)

    def test_subscriber(self) -> None:
        """
        Whoever closes the connection, the subscriber says why it ends.
        """
        server = Mosquitto()
        self.addCleanup(server.stop)
        subscriber = self.example("subscriber.py", f"mqtt://127.0.0.1:{server.port}")
        subscriber.says(r"auto-\S+ listens")
        server.stop(signal.SIGKILL)
        subscriber.says("the connection was lost")
        self.assertEqual(subscriber.process.wait(PATIENCE), 0)

    def test_publisher_without_a_broker(self) -> None:
        """
        Without a broker the publisher says so and fails.
        """
        publisher = self.example("publisher.py", f"mqtt://127.0.0.1:{free_port()}")
        publisher.says("not published: Connection was refused")
        self.assertEqual(publisher.process.wait(PATIENCE), 1)

    def test_thermostat(self) -> None:
        """
        The application that is tested is one: it heats while it is cold, and leaves when it is told to.
        """
        broker = our_broker()
        guest = Guest(broker.port, "g").come_in().subscribe(b"rooms/3/heating")
        guest.say(Publish(b"rooms/3/temperature", b"19.5", 0, True))
        program = self.example("testing/thermostat.py", f"mqtt://127.0.0.1:{broker.port}")
        self.assertEqual(guest.take(Publish).payload, b"on")
        program.process.send_signal(signal.SIGINT)
        program.process.wait(PATIENCE)

    def test_threads(self) -> None:
        """
        Threads publish and receive without a callback or a Deferred; and the program ends.
        """
        program = self.example("threads.py", f"mqtt://127.0.0.1:{our_broker().port}")
        program.says(
            "SUCCESS\nSUCCESS\nSUCCESS\nheard from halls/0/temperature halls/1/temperature halls/2/temperature"
        )
        self.assertEqual(program.process.wait(PATIENCE), 0)

    def test_test_under_pytest(self) -> None:
        """
        Its tests are found and pass under pytest; to offer its fixtures imports nothing of ours that is large.
        """
        folder = EXAMPLES / "testing"
        words = ["-q", "-p", "pytest_txmqtt", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)]
        program = f"""
import sys, pytest, pytest_txmqtt
print("imported:", {{"twisted", "txmqtt"}} & set(sys.modules))
sys.exit(pytest.main({words!r}))
"""
        made = Running([sys.executable, "-c", program], surroundings={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})
        self.addCleanup(made.stop, signal.SIGKILL)
        made.says(r"imported: set\(\)")
        made.says("6 passed")

    def test_test_under_trial(self) -> None:
        """
        Its tests pass under trial, which needs no more than the package.
        """
        self.patch(sys, "path", [str(EXAMPLES / "testing"), *sys.path])
        result = unittest.TestResult()
        unittest.defaultTestLoader.loadTestsFromName("test_under_trial.ThermostatTests").run(result)
        self.assertEqual((result.testsRun, result.errors, result.failures), (3, [], []))
