"""
Where files are put that nobody keeps.
"""

from __future__ import annotations

from pathlib import Path


def in_memory() -> str | None:
    """
    A folder in memory for temporary ones, where the system has that; None: the usual one.
    """
    return "/dev/shm" if Path("/dev/shm").is_dir() else None
