"""
Tables of bytes that no broker may take.
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.conformance.case import BrokerCase


class TableCase(BrokerCase):
    """
    Tests with tables of a name and a spelling, in which P stands for the properties of 5.0 when there are none.
    """

    def spelled(self, spelling: str) -> str:
        """
        With the properties of 5.0 where they belong.
        """
        return spelling.replace("P", "00" if self.version == 5 else "")

    def refuses(self, table: Iterable[tuple[str, str]], *reasons: int) -> None:
        """
        Whoever is in and says one of these is disconnected; an error names all that are taken.
        """
        wrong: list[str] = []
        for name, spelling in table:
            peer = self.connect("a")
            peer.say(self.spelled(spelling))
            try:
                peer.closed(*reasons)
            except AssertionError as error:
                wrong.append(f"{name}: {error}")
        if wrong:
            raise AssertionError("; ".join(wrong))
