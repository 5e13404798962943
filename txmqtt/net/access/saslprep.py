"""
Names and passwords in one spelling, however they were typed: the profile SASLprep (RFC 4013) of stringprep.
"""

from __future__ import annotations

import stringprep
from unicodedata import ucd_3_2_0

_PROHIBITED = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


def saslprep(text: str, stored: bool = False) -> str:
    """
    The text in its one spelling.

    @param stored: it is to be kept: code points that Unicode 3.2 had not assigned are refused.
    @raise ValueError: it has a character that is not allowed, or mixes directions; does not say what the text is, which
        may be a password.
    """
    if text.isascii() and text.isprintable():
        return text
    mapped = "".join(
        " " if stringprep.in_table_c12(each) else each for each in text if not stringprep.in_table_b1(each)
    )
    prepared = ucd_3_2_0.normalize("NFKC", mapped)
    for each in prepared:
        if any(prohibited(each) for prohibited in _PROHIBITED):
            raise ValueError("a character that neither names nor passwords may have")
        if stored and stringprep.in_table_a1(each):
            raise ValueError("a character that Unicode 3.2 does not know")
    if any(stringprep.in_table_d1(each) for each in prepared):
        if any(stringprep.in_table_d2(each) for each in prepared):
            raise ValueError("characters of both directions")
        if not (stringprep.in_table_d1(prepared[0]) and stringprep.in_table_d1(prepared[-1])):
            raise ValueError("right-to-left text that does not begin and end so")
    return prepared
