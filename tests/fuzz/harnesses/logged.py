"""
An error that is logged is a find too: nothing that strangers say may make us log a traceback.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from txmqtt.testing.errors import LoggedErrors


@contextmanager
def nothing_logged() -> Iterator[None]:
    """
    @raise AssertionError: an error was logged meanwhile.
    """
    errors = LoggedErrors()
    errors.start()
    try:
        yield
    finally:
        errors.stop()
    traces = "\n".join(failure.getTraceback() for failure in errors.flush())
    assert not traces, f"errors were logged:\n{traces}"
