"""
What waits for a receiver.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txmqtt import Message
from txmqtt.net.receiving.buffer import Buffer
from txmqtt.net.receiving.figures import Figures
from txmqtt.net.receiving.pressure import Pressure
from txmqtt.net.receiving.terms import Policy
from txmqtt.session.tickets import Ticket


class BufferTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.figures = Figures()
        self.pressure = Pressure()
        self.woken = 0

    def wake(self) -> None:
        self.woken += 1

    def filled(self, policy: Policy, *messages: tuple[str, int], limit: int = 2) -> Buffer:
        buffer = Buffer(limit, policy, self.figures, self.pressure, self.wake)
        for word, qos in messages:
            buffer.put(Message(word, b"", qos, False, False), Ticket())
        return buffer

    def topics(self, buffer: Buffer) -> str:
        return "".join(buffer.take()[0].topic for _ in range(len(buffer)))

    def test_in_order(self) -> None:
        """
        First in, first out, whatever the QoS.
        """
        self.assertEqual(self.topics(self.filled("pause", ("a", 1), ("b", 0), ("c", 2), ("d", 0))), "abcd")

    def test_only_qos_0_is_dropped(self) -> None:
        """
        The oldest that is dropped is the oldest of QoS 0.
        """
        four = (("a", 1), ("b", 0), ("c", 2), ("d", 0), ("e", 0), ("f", 1))
        for policy, expected, full in (("drop_oldest", "acdef", 0), ("drop_newest", "abcdf", 0), ("pause", "abcdf", 1)):
            with self.subTest(policy=policy):
                buffer = self.filled(policy, *four)  # type: ignore[arg-type]
                self.assertEqual((buffer.dropped, len(self.pressure.full)), (1, full))
                self.assertEqual(self.topics(buffer), expected)
                self.assertEqual(self.figures.waiting, 0)
        self.assertEqual(self.figures.dropped, 3)

    def test_room_again(self) -> None:
        """
        Who paused is told once there is room for some more, not for each place.
        """
        buffer = self.filled("pause", *(("x", 0) for _ in range(4)), ("y", 1), limit=4)
        self.assertEqual(len(self.pressure.full), 1)
        for expected in (0, 1, 1, 1, 1):
            buffer.take()
            self.assertEqual(self.woken, expected)
        self.assertEqual(len(self.pressure.full), 0)

    def test_smallest(self) -> None:
        """
        A buffer for one message works.
        """
        buffer = self.filled("pause", ("a", 0), ("b", 0), limit=1)
        self.assertEqual((self.topics(buffer), buffer.dropped, self.woken), ("a", 1, 1))

    def test_resumed(self) -> None:
        """
        Of what is sent again, QoS 1 goes and comes anew; the rest stays in order.
        """
        buffer = self.filled("pause", ("a", 1), ("b", 0), ("c", 2), ("d", 1))
        buffer.resumed()
        self.assertEqual((self.figures.waiting, self.topics(buffer)), (2, "bc"))

    def test_clear(self) -> None:
        """
        What nobody wants leaves its tickets.
        """
        buffer = self.filled("pause", ("a", 1), ("b", 0), ("c", 0))
        self.assertEqual(len(buffer.clear()), 3)
        self.assertEqual((len(buffer), self.figures.waiting, len(self.pressure.full), self.woken), (0, 0, 0, 1))

    def test_figures_are_readable(self) -> None:
        """
        The figures show themselves.
        """
        self.filled("pause", ("a", 1))
        self.assertIn("1 waiting, 0 withheld", repr(self.figures))
