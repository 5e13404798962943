"""
Tests of txmqtt.codec.property_table.
"""

from twisted.trial.unittest import SynchronousTestCase

from tests.vectors import spell
from tests.vectors.properties import EACH
from txmqtt.codec.property_table import TABLE, WILL_PROPERTIES


class TableTests(SynchronousTestCase):
    def test_complete(self) -> None:
        """
        All 27 properties are there, each once, in the order of their identifiers.
        """
        identifiers = [law.identifier for law in TABLE]
        self.assertEqual(len(identifiers), 27)
        self.assertEqual(identifiers, sorted(set(identifiers)))
        self.assertEqual(len({law.name for law in TABLE}), 27)

    def test_as_the_standard(self) -> None:
        """
        A property has its identifier, and may stand where table 2-4 says.
        """
        laws = {law.name: law for law in TABLE}
        names = {name for name, _, _, _ in EACH}
        self.assertEqual(set(laws) - names, {"authentication_data"})  # never alone
        for name, _, spelling, kinds in EACH:
            self.assertEqual(laws[name].identifier, spell(spelling)[0], name)
            self.assertEqual({kind for kind in range(16) if laws[name].kinds >> kind & 1}, kinds, name)
        self.assertEqual(laws["authentication_data"].kinds, laws["authentication_method"].kinds)

    def test_will(self) -> None:
        """
        The will has a number of its own, which no packet type has.
        """
        self.assertEqual(WILL_PROPERTIES, 0)
