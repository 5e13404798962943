"""
The tutorials and the how-to pages can be followed to the letter.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.end_to_end.support import need_program
from tests.end_to_end.walk import Walk


class WalkCase(SynchronousTestCase):
    def follow(self, page: str) -> Walk:
        walk = Walk(page)
        self.addCleanup(walk.close)
        self.assertGreater(walk.follow(), 3)
        return walk


class TutorialTests(WalkCase):
    def test_broker(self) -> None:
        """
        Somebody who wants a broker has one in the end, with all that the page says.
        """
        need_program("openssl", "openssl")
        need_program("curl", "curl")
        self.follow("tutorial-broker")

    def test_application(self) -> None:
        """
        Somebody who writes an application sees what the page says that it does.
        """
        self.follow("tutorial-application")

    def test_testing(self) -> None:
        """
        Somebody who tests one sees his tests pass and fail as the page says.
        """
        self.follow("tutorial-testing")
