"""
Tests of txmqtt.net.access.seldom.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.logger import Logger, capturedLogs
from twisted.logger import formatEvent as words
from twisted.trial.unittest import SynchronousTestCase

from txmqtt.net.access.seldom import Seldom


class SeldomTests(SynchronousTestCase):
    def test_seldom(self) -> None:
        """
        What goes wrong all the time is said now and then, with how often it was not said.
        """
        clock = Clock()
        seldom = Seldom(Logger(), clock.seconds)
        with capturedLogs() as logs:
            for _ in range(80):
                seldom.warn("there", "{no} answer")
                clock.advance(0.25)
        self.assertEqual(
            [words(each) for each in logs],
            ["there: {no} answer", "there: {no} answer, and 39 times before"],
        )
