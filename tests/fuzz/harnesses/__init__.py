"""
All that is fuzzed, a module each.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

from tests.fuzz.harness import Harness

NAMES: Final = ("decoder", "broker", "client", "websocket", "configuration", "passwords", "acl", "proxy", "store")


def find(name: str) -> Harness:
    """
    The harness of this name; no other is imported, nor what it fuzzes.
    """
    harness = import_module(f"{__name__}.{name}").HARNESS
    assert isinstance(harness, Harness)
    return harness
