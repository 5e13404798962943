"""
One harness under atheris, in a process of its own: C{python -m tests.fuzz.child NAME libFuzzer's options}.

What is ours is imported after atheris is told to look at it, so that it sees which way each input goes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import atheris
from twisted.logger import globalLogBeginner

from tests.fuzz.harnesses import WATCHED, find


def _not_watched(name: str) -> Iterator[str]:
    """
    Our modules that a harness does not watch: atheris is told of whole packages at the top only.
    """
    (package,) = find_spec("txmqtt").submodule_search_locations  # type: ignore[union-attr,misc]
    watched = WATCHED[name]
    for path in Path(package).rglob("*.py"):
        parts = path.relative_to(Path(package).parent).with_suffix("").parts
        module = ".".join(parts).removesuffix(".__init__")
        if not any(f"{module}.".startswith(f"txmqtt.{each}.") for each in watched):
            yield module


def main() -> None:
    """
    Fuzz until libFuzzer ends the process.
    """
    _, name, *options = sys.argv
    rest = list(_not_watched(name))
    with atheris.instrument_imports(include=["txmqtt"], exclude=rest, enable_loader_override=False):
        harness = find(name)
    globalLogBeginner.beginLoggingTo([], redirectStandardIO=False, discardBuffer=True)
    mutate = harness.mutate
    more = {}
    if mutate is not None:

        def mutator(data: bytes, most: int, seed: int) -> bytes:
            return mutate(data, most, seed, atheris.Mutate)

        more["custom_mutator"] = mutator
    atheris.Setup([name, *options], harness.one_input, **more)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
