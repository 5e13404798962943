"""
What was answered a moment ago, under a digest of the question, so that no password is kept.

The digest is keyed with random bytes of this process: a copy of what is remembered is worth nothing without them.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from hmac import digest
from secrets import token_bytes
from typing import Generic, TypeVar

T = TypeVar("T")


class Remembered(Generic[T]):
    """
    Answers, each for so many seconds; when there are too many, the oldest is forgotten first.
    """

    def __init__(self, seconds: Callable[[], float], most: int) -> None:
        """
        @param seconds: a clock that never jumps.
        @param most: so many are kept.
        """
        self._seconds = seconds
        self._most = most
        self._key = token_bytes(32)
        self._kept: dict[bytes, tuple[float, T]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def question(self, *parts: bytes) -> bytes:
        """
        What a question is remembered under. Parts can't be shifted against each other.
        """
        said = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
        return digest(self._key, said, sha256)

    def answer(self, question: bytes) -> T | None:
        """
        What was answered, if that is still good.
        """
        found = self._kept.get(question)
        if found is None:
            return None
        if found[0] <= self._seconds():
            del self._kept[question]
            return None
        return found[1]

    def remember(self, question: bytes, answer: T, lifetime: float) -> None:
        """
        Give this answer for so many seconds; none at all: do not keep it.
        """
        if lifetime <= 0:
            return
        self._kept.pop(question, None)
        while len(self._kept) >= self._most:
            del self._kept[next(iter(self._kept))]
        self._kept[question] = (self._seconds() + lifetime, answer)

    def forget(self) -> None:
        """
        Forget everything.
        """
        self._kept.clear()
