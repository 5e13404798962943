"""
How a group of settings says what each of its settings may be.

Settings are frozen dataclasses. Their docstring says of each, after C{@ivar}, what it does and why its default is what
it is; its type says what it may be, a number within a L{Range} by C{Annotated[int, Range(1, 10)]}. Whoever reads a file
or a command line needs nothing else, and the sample of the file is made from the same words.
"""

from __future__ import annotations

from typing import NamedTuple

from zope.interface import Interface

#: No bound but that of an exact number.
UNBOUNDED = 2**53


class Range(NamedTuple):
    """
    What a number may be set to, both ends included.
    """

    low: float
    high: float


class IReloadable(Interface):
    """
    Something made from files, which can be read again: an endpoint with certificates, a checker, rules.
    """

    def changed() -> bool:
        """
        Whether they are others than those that were read, or tried; then C{reload}.
        """

    def reload() -> None:
        """
        Read them again, now. Whoever is connected stays.

        @raise ValueError: they can't be used; says which, and why. What was in force before stays in force.
        """
