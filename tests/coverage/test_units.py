"""
Tests of tests.coverage.units: every module has somebody who answers for it, and no excuse goes without a reason.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.coverage.units import UNITS, Excuse, excuses, unit_of, wrong
from tests.coverage.waivers import WAIVED
from tests.house import COMPILED, ROOT

#: Names and numbers, which the tests at the top of C{tests} look at.
UNMEASURED = {"__init__.py", "_build.py", "_names.py"}


class UnitTests(SynchronousTestCase):
    def test_everything_is_measured(self) -> None:
        """
        Each module belongs to exactly one unit, and each unit has tests.
        """
        measured = [file for unit in UNITS for file in unit.files]
        everything = {path for path in (ROOT / "txmqtt").rglob("*.py")} | {ROOT / "pytest_txmqtt.py"}
        self.assertEqual(everything - set(measured), {ROOT / "txmqtt" / name for name in UNMEASURED})
        self.assertEqual(len(measured), len(set(measured)))
        for unit in UNITS:
            self.assertTrue(list((ROOT / "tests" / unit.name).rglob("test_*.py")), unit.name)

    def test_lower_floors_are_reached_in_full(self) -> None:
        """
        Every line and branch of what is compiled is reached.
        """
        self.assertEqual({unit.name for unit in UNITS if unit.least == 100}, set(COMPILED))
        self.assertEqual({unit.least for unit in UNITS}, {95, 100})

    def test_whose_tests(self) -> None:
        """
        A test answers for the floor that its folder mirrors, whatever it runs besides.
        """
        for path, name in (
            ("tests/net/access/test_acl.py", "net"),
            ("tests/codec", "codec"),
            ("tests/end_to_end/test_tls.py", ""),
            ("tests/conformance/broker/test_will.py", ""),
            ("tests/test_floors.py", ""),
            ("tests", ""),
            ("txmqtt/net", ""),
        ):
            unit = unit_of(ROOT / path)
            self.assertEqual(unit.name if unit is not None else "", name, path)


class WaiverTests(SynchronousTestCase):
    def test_waivers(self) -> None:
        """
        What is waived is there, is above floor 2, and says why.
        """
        for module, (least, why) in WAIVED.items():
            with self.subTest(module=module):
                self.assertTrue((ROOT / module).exists())
                self.assertFalse(module.startswith(tuple(f"txmqtt/{floor}/" for floor in COMPILED)))
                self.assertTrue(0 < least < 95 and why)


class ExcuseTests(SynchronousTestCase):
    def test_reasons(self) -> None:
        """
        What need not be reached says why, and there is none of it on the floors that are compiled.
        """
        self.assertEqual([excuse for excuse in excuses() if wrong(excuse)], [])

    def test_what_is_wrong(self) -> None:
        """
        The check itself tells a reason from none, and knows the floors.
        """
        for file, reason, expected in (
            ("txmqtt/net/threads.py", "", True),
            ("txmqtt/net/threads.py", "only on another system", False),
            ("txmqtt/codec/decode.py", "can't happen", True),
            ("pytest_txmqtt.py", "only in another process", False),
        ):
            self.assertEqual(wrong(Excuse(file, 1, reason)), expected)
