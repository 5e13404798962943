"""
What the pages for those who come from elsewhere show runs as it stands.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.end_to_end.guest import Guest
from tests.end_to_end.support import PATIENCE, OurBroker, Running, our_broker
from txmqtt.codec.packets import Publish

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "moving"


class MovingTests(SynchronousTestCase):
    def example(self, name: str, *words: str) -> Running:
        made = Running([sys.executable, str(EXAMPLES / name), *words])
        self.addCleanup(made.stop, signal.SIGKILL)
        return made

    def test_every_example_is_tested(self) -> None:
        """
        No example is shown that nobody runs, and each fits in forty lines and says first what one learns from it.
        """
        for path in EXAMPLES.glob("*.py"):
            with self.subTest(example=path.name):
                self.assertTrue(hasattr(self, f"test_{path.stem}"))
                text = path.read_text()
                self.assertLessEqual(len(text.splitlines()), 40)
                self.assertTrue(text.startswith('"""\nHow '), text[:20])

    def test_single(self) -> None:
        """
        It publishes, hears what is retained, and ends.
        """
        program = self.example("single.py", f"mqtt://127.0.0.1:{our_broker().port}")
        program.says(r"rooms/3/temperature: 21\.5")
        self.assertEqual(program.process.wait(PATIENCE), 0)

    def test_thermostat(self) -> None:
        """
        It says that it is here, does what it is told, and its will says that it is gone.
        """
        port = our_broker().port
        guest = Guest(port, "guest").come_in().subscribe(b"rooms/#", 1)
        guest.catch_up()  # what somebody else has left
        program = self.example("thermostat.py", f"mqtt://127.0.0.1:{port}")
        self.assertEqual(guest.take(Publish, lambda message: message.payload == b"here").topic, b"rooms/3/state")
        self.assertEqual(guest.take(Publish, lambda message: message.payload == b"21.5").topic, b"rooms/3/temperature")
        guest.publish(b"rooms/3/set", b"19", 1, 1)
        program.says("rooms/3/set is set to 19")
        program.stop(signal.SIGKILL)
        self.assertEqual(guest.take(Publish, lambda message: message.topic == b"rooms/3/state").payload, b"gone")

    def test_bridge(self) -> None:
        """
        A message below site/ reaches the other broker, once, and comes back to nobody; others stay where they are.
        """
        here, there = OurBroker(), OurBroker()
        for broker in (here, there):
            self.addCleanup(broker.stop)
        ann = Guest(here.port, "ann").come_in().subscribe(b"#", 1)
        ben = Guest(there.port, "ben").come_in().subscribe(b"#", 1)
        program = self.example("bridge.py", *(f"mqtt://127.0.0.1:{broker.port}" for broker in (here, there)))
        program.says(r"bridged(?s:.*)bridged")
        for number, (topic, payload) in enumerate(((b"site/a", b"1"), (b"home/a", b"2"), (b"site/a", b"3")), 1):
            ann.publish(topic, payload, 1, number)
        heard = [ben.take(Publish).payload for _ in range(2)]
        ben.publish(b"site/b", b"4", 1, 1)
        self.assertEqual([ann.take(Publish).payload for _ in range(4)], [b"1", b"2", b"3", b"4"])
        self.assertEqual(heard + [message.payload for message in ben.catch_up()], [b"1", b"3", b"4"])
        program.process.send_signal(signal.SIGINT)
        program.process.wait(PATIENCE)
