"""
Programs as users write them do what they say.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.users.typed_program import Reading, main


class TypedProgramTests(SynchronousTestCase):
    def test_it_runs(self) -> None:
        """
        What the type checker believes is also true: a retained measurement comes again with the new subscription.
        """
        kept = Reading("3", 21.5, "celsius")
        self.assertEqual(main(), [kept, kept, Reading("4", 18.0, None)])
