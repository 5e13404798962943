"""
What is wrong with a broker after all that: the books, the memory, the files, the log.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from benchmarks.soaking.figures import Course, Sample, course

#: So many faults of one kind are shown.
SHOWN = 10

#: What the memory of the last quarter may be above that of the second: a part, and in any case MB. Compare what leaks:
#: 100 bytes for each of a million messages are 100 MB.
MEMORY = (0.05, 6.0)
#: The same for the files of the store, which grow to what was needed once, and whose log is cut back now and then.
STORE = (0.3, 8.0)
#: Samples without which nothing can be said.
ENOUGH = 16
#: File descriptors that may be more at the end: a connection that has just been closed.
DESCRIPTORS = 3


@dataclass
class Soak:
    """
    All that was seen.

    @ivar samples: through all the time; C{warm} says from when on, seconds, they count.
    @ivar descriptors: open at each rest, when the same clients are connected.
    @ivar faults: what the books say.
    @ivar log: the broker's, in JSON.
    """

    samples: list[Sample] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    def courses(self) -> list[Course]:
        """
        How memory and store went.
        """
        if len(self.samples) < ENOUGH:
            return []
        found = [course("memory", [(each.at, each.memory) for each in self.samples], *MEMORY)]
        if any(each.store for each in self.samples):
            found.append(course("store", [(each.at, each.store) for each in self.samples], *STORE))
        return found

    def wrong(self) -> list[str]:
        """
        Everything that should not be.
        """
        return [
            *_some(self.faults),
            *([f"looked at {len(self.samples)} times only"] if len(self.samples) < ENOUGH else []),
            *(f"{each.name} grows: {each}" for each in self.courses() if not each.flat),
            *descriptors_wrong(self.descriptors),
            *_some(log_wrong(self.log)),
        ]


def _some(faults: Sequence[str]) -> list[str]:
    return [*faults[:SHOWN], *([f"and {len(faults) - SHOWN} more like it"] if len(faults) > SHOWN else [])]


def descriptors_wrong(counts: Sequence[int]) -> list[str]:
    """
    Whether more and more files are open.
    """
    if len(counts) > 1 and counts[-1] > counts[0] + DESCRIPTORS:
        return [f"file descriptors: {counts[0]} at the first rest, {counts[-1]} at the last"]
    return []


def log_wrong(lines: Iterable[str]) -> list[str]:
    """
    What no log should say: errors, and what is no line of the log at all.
    """
    wrong = []
    for line in lines:
        if not line.strip():
            continue
        try:
            said = json.loads(line)
        except ValueError:
            wrong.append(f"not of the log: {line.strip()[:300]}")
            continue
        if said.get("level") in ("error", "critical") or "traceback" in said:
            wrong.append(f"the log says: {line.strip()[:1_000]}")
    return wrong
