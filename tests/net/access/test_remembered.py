"""
Tests of txmqtt.net.access.remembered.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txmqtt.net.access.remembered import Remembered


class RememberedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.kept: Remembered[str] = Remembered(self.clock.seconds, 3)

    def test_lifetime(self) -> None:
        """
        An answer is good for its time, and gone then.
        """
        question = self.kept.question(b"ann", b"sesame")
        self.kept.remember(question, "yes", 10)
        self.clock.advance(9.9)
        self.assertEqual(self.kept.answer(question), "yes")
        self.clock.advance(0.1)
        self.assertIsNone(self.kept.answer(question))
        self.assertEqual(len(self.kept), 0)
        self.kept.remember(question, "yes", 0)
        self.assertEqual(len(self.kept), 0)

    def test_bounded(self) -> None:
        """
        When there are too many, the oldest is forgotten; one that is given again is young.
        """
        questions = [self.kept.question(bytes([n])) for n in range(4)]
        for question in (*questions[:3], questions[0], questions[3]):
            self.kept.remember(question, "yes", 10)
        self.assertEqual([self.kept.answer(each) for each in questions], ["yes", None, "yes", "yes"])

    def test_no_shift(self) -> None:
        """
        A name and a password can't be shifted against each other, and another process finds another digest.
        """
        question = self.kept.question(b"ann", b"sesame")
        for other in ((b"anns", b"esame"), (b"annsesame",), (b"annsesame", b""), (b"ann", b"sesame", b"")):
            self.assertNotEqual(self.kept.question(*other), question)
        self.assertEqual(self.kept.question(b"ann", b"sesame"), question)
        self.assertNotEqual(Remembered(self.clock.seconds, 3).question(b"ann", b"sesame"), question)

    def test_forget(self) -> None:
        """
        All can be forgotten.
        """
        question = self.kept.question(b"ann")
        self.kept.remember(question, "yes", 10)
        self.kept.forget()
        self.assertIsNone(self.kept.answer(question))
