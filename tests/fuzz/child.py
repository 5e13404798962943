"""
One harness under atheris, in a process of its own: C{python -m tests.fuzz.child NAME libFuzzer's options}.

What is ours is imported after atheris is told to look at it, so that it sees which way each input goes.
"""

from __future__ import annotations

import sys

import atheris
from twisted.logger import globalLogBeginner

#: Whose ways are looked at: what is not ours would only slow us down.
OURS = "txmqtt"


def main() -> None:
    """
    Fuzz until libFuzzer ends the process.
    """
    _, name, *options = sys.argv
    with atheris.instrument_imports(include=[OURS], exclude=[f"{OURS}.testing"], enable_loader_override=False):
        from tests.fuzz.harnesses import find

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
