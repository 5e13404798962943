"""
Topics and filters by chance: few and short levels, so that they meet.
"""

from hypothesis import strategies as st


def topics() -> st.SearchStrategy[bytes]:
    """
    Topic names.
    """
    first = st.sampled_from((b"a", b"b", b"", b"$SYS", b"$"))
    later = st.lists(st.sampled_from((b"a", b"b", b"c", b"", b"$SYS")), max_size=4)
    return st.tuples(first, later).map(lambda parts: b"/".join((parts[0], *parts[1]))).filter(bool)


def filters() -> st.SearchStrategy[bytes]:
    """
    Topic filters.
    """
    levels = st.lists(st.sampled_from((b"a", b"b", b"", b"+", b"+", b"$SYS")), min_size=1, max_size=4)
    return st.tuples(levels, st.booleans()).map(_filter).filter(bool)


def _filter(parts: tuple[list[bytes], bool]) -> bytes:
    levels, everything_below = parts
    if everything_below:
        levels = [*levels[:-1], b"#"]
    return b"/".join(levels)
