"""
No requirement is forgotten, and what is said to show one is there.
"""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from tests.conformance.requirements import exists, is_test, problems, requirements


class RequirementsTests(SynchronousTestCase):
    def test_nothing_is_wrong(self) -> None:
        """
        Each requirement says in a sentence what it is and how it is met, and names tests and pages that exist.
        """
        found = list(problems(requirements()))
        self.assertEqual(found, [], "\n" + "\n".join(found))

    def test_what_is_noticed(self) -> None:
        """
        One that is missing or too many, that names what is not there, or a fault without a test.
        """
        table = dict(requirements())
        first = table.pop("A1")
        table["A99"] = replace(first, id="A99")
        table["B1"] = replace(table["B1"], where=("net.test_nothing", "docs/nothing.rst"))
        table["F1"] = replace(table["F1"], where=("docs/broker.rst",))
        table["C1"] = replace(table["C1"], how="no sentence", where=())
        self.assertEqual(
            sorted(problems(table)),
            [
                "A1 is missing",
                "A99 is no requirement",
                "B1 is shown by docs/nothing.rst, which does not exist",
                "B1 is shown by net.test_nothing, which does not exist",
                "C1 is shown by nothing",
                "C1: 'no sentence'; expected a sentence or two",
                "F1 is a fault, and no test sees to it that it does not come back",
            ],
        )

    def test_names(self) -> None:
        """
        A module, a class and a test are told apart, and from what does not exist.
        """
        module = "conformance.test_requirements"
        for place, there in (
            (module, True),
            (f"{module}.RequirementsTests", True),
            (f"{module}.RequirementsTests.test_names", True),
            (f"{module}.RequirementsTests.test_nothing", False),
            (f"{module}.test_names", False),
            ("docs/conformance.rst", True),
            ("conformance", False),
        ):
            with self.subTest(place):
                self.assertEqual(exists(place), there)
        self.assertTrue(is_test(f"{module}.RequirementsTests.test_names"))
        self.assertFalse(is_test(module))
        self.assertFalse(is_test(f"{module}.RequirementsTests"))
