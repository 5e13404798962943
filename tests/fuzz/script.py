"""
What happens to connections, one step after the other, as bytes: any bytes are a script, and a script is as many bytes.

A step is one byte that says what happens, to whom and how much of it; C{SAY} is followed by two bytes of length and
what is said. A script that ends too early is as long as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final, NamedTuple

#: What may happen. What else a harness does with C{ASK} is its own business.
SAY, CLOSE, CUT, DEAF, HEAR, WAIT, AGAIN, ASK = range(8)

#: So many may take part.
PEOPLE: Final = 4

#: How C{SAY} is read, by its amount: in one read, together with what is said next, in reads of so many bytes.
TOGETHER: Final = 1
READS: Final = (0, 0, 1, 2, 3, 5, 17, 64)

#: After so many pieces the rest comes in one.
_PIECES: Final = 12

#: How long C{WAIT} takes, by its amount, seconds.
SECONDS: Final = (0.0, 0.01, 0.5, 1.0, 1.6, 2.5, 5.0, 12.0)


class Step(NamedTuple):
    """
    @ivar amount: from 0 to 7.
    @ivar data: what C{SAY} says.
    """

    verb: int
    who: int = 0
    amount: int = 0
    data: bytes = b""

    def written(self) -> bytes:
        """
        As bytes.
        """
        head = bytes((self.amount << 5 | self.who << 3 | self.verb,))
        return head + len(self.data).to_bytes(2, "big") + self.data if self.verb == SAY else head


def read(data: bytes) -> Iterator[Step]:
    """
    The steps of a script.
    """
    at, end = 0, len(data)
    while at < end:
        head = data[at]
        at += 1
        said = b""
        if head & 7 == SAY:
            size = int.from_bytes(data[at : at + 2], "big")
            at += 2
            said = data[at : at + size]
            at += size
        yield Step(head & 7, head >> 3 & 3, head >> 5, said)


def written(steps: Iterable[Step]) -> bytes:
    """
    A script of these steps.
    """
    return b"".join([step.written() for step in steps])


def reads(step: Step) -> list[bytes]:
    """
    What C{SAY} says, in pieces.
    """
    data = step.data
    size = READS[step.amount] or len(data) or 1
    edges = [*range(0, len(data), size)[:_PIECES], len(data)]
    return [data[start:stop] for start, stop in pairwise(edges)]
