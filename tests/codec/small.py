"""
All small topics and filters: what holds for every pair of them is hardly wrong for larger ones.
"""

from itertools import product

#: "z" is the level that no filter names, "$s" the first level that no leading wildcard sees.
_FIRST = ("a", "", "$s")
_NEXT = ("a", "")


def _paths(first: tuple[str, ...], following: tuple[str, ...], depth: int) -> list[str]:
    return ["/".join(path) for size in range(depth) for path in product(first, *[following] * size)]


SMALL_TOPICS = [topic for topic in _paths((*_FIRST, "z"), (*_NEXT, "z"), 4) if topic]

_PLAIN = _paths((*_FIRST, "+"), (*_NEXT, "+"), 3)

_WIDE = [f"{each}/#" for each in _PLAIN if each.count("/") < 2]

SMALL_FILTERS = [filter for filter in (*_PLAIN, "#", *_WIDE) if filter]
