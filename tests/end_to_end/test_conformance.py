"""
The conformance tests through real sockets: some of those of every kind, before our broker and mosquitto.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.conformance.case import Target
from tests.conformance.differences import KNOWN
from tests.conformance.run import FAILED, PASSED, chosen, run
from tests.end_to_end.support import mosquitto, our_broker

#: Quick ones, in which time does not matter.
SOME = ("TakeoverTests", "QosTests", "RetainTests", "test_malformed", "test_nothing_after_a_refusal")


class ConformanceTests(SynchronousTestCase):
    def check(self, port: int, known: str = "") -> None:
        """
        Some tests pass, and none fails.
        """
        target = Target("127.0.0.1", port, patience=5.0, quiet=0.05)
        verdicts = run(target, chosen([4, 5], SOME), 60.0, KNOWN[known][1] if known else {})
        failed = {test.name: each.reasons for test, each in verdicts.items() if each.outcome == FAILED}
        self.assertEqual(failed, {})
        self.assertGreater(sum(each.outcome == PASSED for each in verdicts.values()), 10)

    def test_ours(self) -> None:
        """
        What our broker does in memory it does through a socket.
        """
        self.check(our_broker().port)

    def test_mosquitto(self) -> None:
        """
        What we ask of a broker another one does as well.
        """
        self.check(mosquitto().port, "mosquitto")
