"""
C{python -m tests.fuzz}: throws bytes at our code, guided by which of its ways they go, and keeps what makes it fail.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from importlib.util import find_spec
from pathlib import Path

import txmqtt
from tests.fuzz.campaign import Outcome, run
from tests.fuzz.harness import Harness
from tests.fuzz.harnesses import NAMES, find

_FOLDER = Path("build", "fuzz")
#: The end of a log, that says what went wrong, lines.
_SHOWN = 40


def main() -> int:
    """
    @return: 0: nothing was found; 1: something was; 2: it can't run.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long each harness runs [default: 60]")
    parser.add_argument("--only", choices=NAMES, action="append", help="this one; may be repeated")
    parser.add_argument("--jobs", type=int, default=1, help="so many run at a time [default: 1]")
    parser.add_argument("--folder", type=Path, default=_FOLDER, help=f"what is kept, and where [default: {_FOLDER}]")
    parser.add_argument("--seed", type=int, default=0, help="draw chance from this number, to run the same again")
    parser.add_argument("--replay", type=Path, action="append", metavar="FILE", help="try this input, and no other")
    parser.add_argument("--list", action="store_true", help="say what there is")
    options = parser.parse_args()
    if options.list:
        print("\n".join(f"{each.name:<14} {each.words}" for each in map(find, NAMES)))
        return 0
    if options.replay:
        return _replay(options.replay, options.only)
    if find_spec("atheris") is None:
        print("atheris is not installed: pip install 'txmqtt[fuzz]', with a Python that it has a wheel for")
        return 2
    if txmqtt.compiled:
        print("this is the compiled build, whose ways can't be seen: run it from the checkout")
        return 2
    chosen = [find(name) for name in options.only or NAMES]
    options.folder.mkdir(parents=True, exist_ok=True)
    outcomes = run(chosen, options.folder.resolve(), options.seconds, options.jobs, options.seed, _tell)
    failed = [outcome.name for outcome in outcomes if outcome.failed]
    print(f"{len(outcomes) - len(failed)} passed, {len(failed)} failed" + (": " + ", ".join(failed) if failed else ""))
    return 1 if failed else 0


def _tell(outcome: Outcome) -> None:
    print(
        f"{outcome.name:<14} {outcome.runs:>9} inputs in {outcome.seconds:.0f} s, {outcome.edges} edges, "
        f"{outcome.corpus} inputs kept: {'FAILED' if outcome.failed else 'nothing found'}",
        flush=True,
    )
    if not outcome.failed:
        return
    print("\n".join(outcome.log.read_text(errors="replace").splitlines()[-_SHOWN:]))
    for file in outcome.finds:
        print(f"found {file}; again: python -m tests.fuzz --replay {file}; for tests/fuzz/findings.py:")
        print(f'    ("{outcome.name}", "", {file.read_bytes()!r}),', flush=True)


def _replay(files: list[Path], only: list[str] | None) -> int:
    """
    @return: how many failed, at most 1.
    """
    failed = 0
    for file in files:
        harness = _harness_of(file, only)
        if harness is None:
            print(f"{file}: its name does not begin with that of a harness; say --only, too")
            return 2
        try:
            harness.one_input(file.read_bytes())
        except Exception:
            failed = 1
            print(f"{file}: {harness.name} fails")
            traceback.print_exc()
        else:
            print(f"{file}: {harness.name} passes")
    return failed


def _harness_of(file: Path, only: list[str] | None) -> Harness | None:
    name = only[0] if only else file.name.partition("-")[0]
    return find(name) if name in NAMES else None


if __name__ == "__main__":
    sys.exit(main())
