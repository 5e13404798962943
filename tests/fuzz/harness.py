"""
One thing that is fuzzed: what is done with an input, what it is begun with, and how one input becomes the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

#: Changes some bytes into others, no longer than told: the fuzzer's own mutations.
ChangeBytes = Callable[[bytes, int], bytes]
#: Makes another input of one: it, how long it may become, a number that chance is drawn from, and the above.
Mutate = Callable[[bytes, int, int, ChangeBytes], bytes]


@dataclass(frozen=True)
class Harness:
    """
    @ivar name: what it is called on the command line.
    @ivar words: what must hold, for people.
    @ivar one_input: does something with an input; an exception is a find. It leaves nothing behind.
    @ivar seeds: makes the inputs to begin with.
    @ivar tokens: makes the words that mean something.
    @ivar mutate: makes another input of one that keeps its shape; None: any bytes will do.
    @ivar longest: the longest input, bytes.
    """

    name: str
    words: str
    one_input: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]
    tokens: Callable[[], Iterable[bytes]] = tuple
    mutate: Mutate | None = None
    longest: int = 2048
