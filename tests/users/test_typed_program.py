"""
Programs as users write them do what they say.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.users import typed_mqtt5, typed_receiving
from tests.users.typed_program import Reading, main


class TypedProgramTests(SynchronousTestCase):
    def test_it_runs(self) -> None:
        """
        What the type checker believes is also true: a retained measurement comes again with the new subscription.
        """
        kept = Reading("3", 21.5, "celsius")
        self.assertEqual(main(), [kept, kept, Reading("4", 18.0, None)])

    def test_mqtt5_runs(self) -> None:
        """
        So is what it believes of requests and of who proves how who he is.
        """
        words = ["A", "3", "B", "'nothing': there is none", "text/plain"]
        self.assertEqual(typed_mqtt5.main(), words)
        names = [make().method for make in typed_mqtt5.methods()]
        self.assertEqual(names, ["EXAMPLE-STAMP"] * 2 + ["SCRAM-SHA-256"] + ["OAUTHBEARER"] * 3)

    def test_receiving_runs(self) -> None:
        """
        And what it believes of callbacks on terms, and of who reads.
        """
        words = ["order tea", "order no", "alarm over", "job 1", "no message within 5 s"]
        self.assertEqual(typed_receiving.main(), [*words, "0 failed, 0 dropped, 0 waiting"])
