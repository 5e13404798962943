"""
Packets as bytes, spelled so that a person can check them against the standard.

A spelling is hex digits, with four shorthands: C{'abc'} are those characters, C{"abc"} the same with two bytes of
length before them, C{[...]} what is between the brackets with a variable byte integer of its length before it, and
C{abc*3} the piece before the star that many times. Blanks mean nothing.
"""

import re

_PIECE = re.compile(
    r"""'(?P<raw>[^']*)'|"(?P<text>[^"]*)"|(?P<hex>(?:[0-9a-fA-F]{2})+)|(?P<mark>[\[\]])|\*(?P<times>\d+)"""
)


def spell(spelling: str) -> bytes:
    """
    The bytes of a spelling.
    """
    levels = [b""]
    last = b""
    place = 0
    while place < len(spelling):
        if spelling[place].isspace():
            place += 1
            continue
        found = _PIECE.match(spelling, place)
        if found is None:
            raise ValueError(f"cannot read {spelling[place:]!r}")
        place = found.end()
        if found["times"] is not None:
            levels[-1] += last * (int(found["times"]) - 1)
            continue
        if found["mark"] == "[":
            levels.append(b"")
            continue
        if found["mark"] == "]":
            block = levels.pop()
            last = _length(len(block)) + block
        elif found["raw"] is not None:
            last = found["raw"].encode("ascii")
        elif found["text"] is not None:
            last = len(found["text"]).to_bytes(2, "big") + found["text"].encode("ascii")
        else:
            last = bytes.fromhex(found["hex"])
        levels[-1] += last
    (whole,) = levels
    return whole


def _length(size: int) -> bytes:
    out = bytearray()
    while True:
        size, digit = divmod(size, 128)
        out.append(digit | (128 if size else 0))
        if not size:
            return bytes(out)
