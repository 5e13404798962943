"""
A run against another broker tells what failed from what could not be asked.
"""

from __future__ import annotations

import socket

from twisted.trial.unittest import SynchronousTestCase

from tests.conformance import audit
from tests.conformance.case import BrokerCase, NotApplicable, Target
from tests.conformance.differences import KNOWN
from tests.conformance.run import FAILED, NOT_APPLICABLE, PASSED, by_statement, chosen, reach, run, table
from tests.conformance.states import states


class RunTests(SynchronousTestCase):
    def outcome(self, body: object, known: bool = False) -> list[str]:
        """
        What becomes of a test that does this.
        """

        class Some(BrokerCase):
            def tearDown(self) -> None: ...

            @states("MQTT5-3.1.2-22")
            def test_it(self) -> None:
                if isinstance(body, BaseException):
                    raise body

        test = audit.Test(Some, "test_it", ("MQTT5-3.1.2-22",))
        reasons = {test.short: "we are right"} if known else {}
        verdicts = run(Target("nowhere.invalid", 1), [test], 9.0, reasons)
        self.assertIsNone(BrokerCase.target)
        return list(table(by_statement(verdicts, [5])))

    def test_passed(self) -> None:
        """
        What passes is counted, and not shown unless that is asked for.
        """
        (line,) = self.outcome(None)
        self.assertIn(f"0 {FAILED}", line)
        self.assertIn(f"1 {PASSED}", line)

    def test_failed(self) -> None:
        """
        What fails is shown with its reason and the line, and so is what breaks.
        """
        for error, why in ((AssertionError("heard nothing"), "heard nothing"), (OSError("gone"), "OSError: gone")):
            head, reason, _ = self.outcome(error)
            self.assertEqual(head.split(), ["MQTT5-3.1.2-22", FAILED])
            self.assertTrue(reason.endswith(why), reason)
            self.assertIn("line ", reason)

    def test_known(self) -> None:
        """
        What is known to fail there is shown with who is right.
        """
        _, _, why, figures = self.outcome(AssertionError("differs"), known=True)
        self.assertIn("we are right", why)
        self.assertIn(f"0 {FAILED}, 1 known to fail", figures)

    def test_not_applicable(self) -> None:
        """
        What can't be asked of a broker is no failure.
        """
        head, why, _ = self.outcome(NotApplicable("takes 3600 s"))
        self.assertIn(NOT_APPLICABLE, head)
        self.assertIn("takes 3600 s", why)

    def test_nobody_listens(self) -> None:
        """
        Where no broker is, the run says so and does not wait.
        """
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # and does not listen
            self.assertRaises(ConnectionRefusedError, reach, Target(*taken.getsockname()))

    def test_choice(self) -> None:
        """
        Tests are chosen by version, and by a part of their names or a statement.
        """
        self.assertEqual({test.version for test in chosen([4])}, {4})
        (test,) = chosen([4, 5], ["MQTT5-3.1.0-2"])
        self.assertEqual(test.short, "test_connect.FirstPacketTests.test_second_connect")
        self.assertEqual([each.version for each in chosen([4, 5], ["test_second_connect"])], [4, 5])

    def test_known_tests_exist(self) -> None:
        """
        What is said of other brokers is said of tests that there are.
        """
        there = {test.short for test in audit.tests() if test.side == "broker"}
        for broker, (_, known) in KNOWN.items():
            with self.subTest(broker):
                self.assertEqual(known.keys() - there, set())
