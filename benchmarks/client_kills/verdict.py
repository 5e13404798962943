"""
What the program that was killed has written down, against what others have heard and sent.

A received message may be handled twice in one case only: its handler had run, and the kill came before the store had
that on disk. The second delivery must then bear the DUP flag. Once the diary says that the store had it, it must not.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from benchmarks.client_kills.diary import Reading


class Verdict:
    """
    @ivar faults: what must not be, each with examples.
    @ivar facts: what may be, counted.
    """

    def __init__(self, diary: Reading, heard: list[tuple[str, int]], sent: int) -> None:
        self.faults: dict[str, list[int]] = {}
        self.facts: dict[str, int] = {}
        self._sending(diary, heard)
        self._naming(diary)
        self._receiving(diary, sent)

    @property
    def good(self) -> bool:
        return not any(self.faults.values())

    def _sending(self, diary: Reading, heard: list[tuple[str, int]]) -> None:
        times = Counter(number for _, number in heard)
        promised = diary.kept.keys() | {number for number, ends in diary.ended.items() if 0 in ends}
        self.faults["promised and lost"] = sorted(promised - times.keys())
        self.faults["never published"] = sorted(times.keys() - diary.asked.keys())
        self.faults["QoS 2 twice"] = sorted(number for number, count in times.items() if count > 1 and number % 2)
        last: dict[str, int] = {}
        seen: set[int] = set()
        late = []
        for topic, number in heard:
            if number not in seen:
                seen.add(number)
                if number < last.get(topic, 0):
                    late.append(number)
                last[topic] = number
        self.faults["out of order"] = late
        self.facts["published"] = len(diary.asked)
        self.facts["promised"] = len(promised)
        self.facts["arrived"] = len(times)
        self.facts["QoS 1 twice"] = sum(count > 1 for number, count in times.items() if not number % 2)

    def _naming(self, diary: Reading) -> None:
        self.faults["promised and not found by key"] = sorted(diary.unknown.keys() & diary.kept.keys())
        self.faults["ended in two ways"] = sorted(n for n, ends in diary.ended.items() if len(set(ends)) > 1)
        self.faults["promised and never ended"] = sorted(diary.kept.keys() - diary.ended.keys())
        self.facts["refused"] = sum(any(ends) for ends in diary.ended.values())

    def _receiving(self, diary: Reading, sent: int) -> None:
        self.faults["received and lost"] = sorted(set(range(1, sent + 1)) - diary.handled.keys())
        self.faults["received out of order"] = [b for a, b in pairwise(diary.order) if b < a]
        wrong, excused = [], 0
        for number, times in diary.handled.items():
            for (before, _), (life, dup) in pairwise(times):
                recorded = diary.recorded.get(number, life)
                if dup and before < life <= recorded:
                    excused += 1
                else:
                    wrong.append(number)
        self.faults["received twice"] = sorted(wrong)
        self.facts["received"] = len(diary.handled)
        self.facts["received twice, flagged: the kill was faster than the disk"] = excused

    def table(self) -> str:
        """
        All of it, a line each.
        """
        lines = [f"{what:<62}{count:>10,}" for what, count in self.facts.items()]
        for what, which in self.faults.items():
            examples = f"  {', '.join(map(str, which[:10]))}" if which else ""
            lines.append(f"{what:<62}{len(which):>10,}{examples}")
        return "\n".join(lines)
