"""
No statement of the standards is forgotten, and no test shows what is none.
"""

from __future__ import annotations

from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from tests.conformance import audit
from tests.conformance.case import BrokerCase, ConformanceCase
from tests.conformance.statements import statements
from tests.conformance.states import states


class AuditTests(SynchronousTestCase):
    def test_nothing_is_wrong(self) -> None:
        """
        Each statement has a test on each side where it can be shown, or a reason; and what tests and code name exists.
        """
        found = audit.problems()
        self.assertEqual(found, [], "\n" + "\n".join(found))

    def test_all_statements_are_there(self) -> None:
        """
        The table has as many as the standards, and says something of each that is a sentence of its own.
        """
        table = statements()
        self.assertEqual(Counter(name.split("-")[0] for name in table), {"MQTT311": 141, "MQTT5": 251})
        for name, each in table.items():
            with self.subTest(name):
                self.assertTrue(20 < len(each.words) <= 200, each.words)
                self.assertTrue(each.words.endswith("."), each.words)

    def test_every_test_says_what_it_promises(self) -> None:
        """
        The table in the documentation can say it in a sentence.
        """
        self.assertEqual([test.name for test in audit.tests() if not test.promise], [])


class StatesTests(SynchronousTestCase):
    def test_one_test_for_each_version(self) -> None:
        """
        A test of several versions is run once for each, with the identifiers of that version.
        """
        ran: list[int] = []

        class Some(ConformanceCase):
            @states("MQTT311-3.1.2-24", "MQTT5-3.1.2-22", "MQTT31 3.1")
            def test_it(self) -> None:
                ran.append(self.version)

        names = sorted(name for name in dir(Some) if name.startswith("test_"))
        self.assertEqual(names, ["test_it_mqtt31", "test_it_mqtt311", "test_it_mqtt5"])
        self.assertEqual([getattr(Some, name).ids for name in names][1:], [("MQTT311-3.1.2-24",), ("MQTT5-3.1.2-22",)])
        for name in names:
            Some(name).debug()
        self.assertEqual(ran, [3, 4, 5])

    def test_what_is_no_statement(self) -> None:
        """
        A slip is noticed where it is made.
        """
        for name in ("MQTT-3.1.2-24", "MQTT6-1.2-3", "MQTT5-3.1.2", "MQTT5", "MQTT31-1.2-3"):
            with self.subTest(name):
                self.assertRaises(ValueError, states, name)
        self.assertRaises(ValueError, states)

    def test_a_remote_broker_cannot_be_told(self) -> None:
        """
        What needs an option of our own broker is no failure of another.
        """
        from tests.conformance.case import NotApplicable, Target

        class Elsewhere(BrokerCase):
            target = Target("nowhere.invalid", 1)

            def runTest(self) -> None: ...

        case = Elsewhere("runTest")
        self.assertRaises(NotApplicable, case.begin, max_qos=1)
        self.assertRaises(NotApplicable, case.wait, 3_600)
        self.assertRaises(NotApplicable, case.only_ours, "a reason")
