"""
How one script becomes the next: steps come, go, change places and are split, and what is said is another packet.

Without this the fuzzer's own mutations, which know nothing of packets, hardly ever get past CONNECT. They are still
applied, to what one step says, and now and then to the whole.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from tests.fuzz import script
from tests.fuzz.harness import ChangeBytes, Mutate
from tests.fuzz.packets import Make, connect, frame
from tests.fuzz.script import AGAIN, ASK, SAY, TOGETHER, WAIT, Step
from txmqtt.codec import encode
from txmqtt.codec.bodies import level_named
from txmqtt.codec.constants import CONNECT

#: What comes of a step that says nothing.
_OTHERS: Final = (WAIT, WAIT, AGAIN, ASK, ASK, script.CLOSE, script.CUT, script.DEAF, script.HEAR)
#: No script becomes longer, steps.
_LONGEST: Final = 30


def _spoken(steps: list[Step], who: int, otherwise: int) -> int:
    """
    The version of MQTT that somebody spoke last.
    """
    for step in reversed(steps):
        if step.verb == SAY and step.who == who and step.data[:1] and step.data[0] >> 4 == CONNECT:
            return level_named(step.data, 2, len(step.data)) or otherwise
    return otherwise


class ScriptMutator:
    """
    @ivar head: so many bytes before the script are left to the fuzzer.
    """

    def __init__(self, makers: tuple[Make, ...], head: int = 0, versions: Callable[[bytes], int] | None = None) -> None:
        """
        @param makers: what is said by chance.
        @param versions: which version of MQTT is spoken, by what stands before the script; None: as the CONNECT of
            each says.
        """
        self.head = head
        self._makers = makers
        self._versions = versions

    def __call__(self, data: bytes, most: int, seed: int, change: ChangeBytes) -> bytes:
        """
        See C{Mutate}.
        """
        chance = Random(seed)
        if chance.random() < 0.1:
            return change(data, most)
        head = data[: self.head].ljust(self.head, b"\0")
        if self.head and chance.random() < 0.1:
            head = change(head, self.head).ljust(self.head, b"\0")
        steps = list(script.read(data[self.head :]))
        for _ in range(chance.choice((1, 1, 1, 2, 4))):
            self._once(steps, head, chance, change)
        del steps[_LONGEST:]
        return (head + script.written(steps))[:most]

    def _once(self, steps: list[Step], head: bytes, chance: Random, change: ChangeBytes) -> None:
        at = chance.randrange(len(steps) + 1)
        if at == len(steps) or chance.random() < 0.3:
            steps[at:at] = self._new(steps[:at], head, chance)
            return
        step = steps[at]
        what = chance.random()
        if what < 0.4 and step.verb == SAY and step.data:
            steps[at] = step._replace(data=change(step.data, max(len(step.data) + 16, 64))[:65_535])
        elif what < 0.55:
            steps[at] = step._replace(amount=chance.randrange(8))
        elif what < 0.65:
            steps[at] = step._replace(who=chance.randrange(script.PEOPLE))
        elif what < 0.75:
            del steps[at]
        elif what < 0.85:
            steps.insert(chance.randrange(len(steps) + 1), step)
        elif what < 0.95:
            steps.insert(chance.randrange(len(steps)), steps.pop(at))
        elif len(step.data) > 1:
            cut = chance.randrange(1, len(step.data))
            steps[at : at + 1] = [step._replace(data=step.data[:cut]), step._replace(data=step.data[cut:])]

    def _new(self, before: list[Step], head: bytes, chance: Random) -> list[Step]:
        who = chance.randrange(script.PEOPLE)
        if chance.random() < 0.25:
            return [Step(chance.choice(_OTHERS), who, chance.randrange(8))]
        version = chance.choice((3, 4, 5, 5))
        opening = []
        if self._versions is not None:
            version = self._versions(head)
        elif not any(step.who == who and step.verb == SAY for step in before):
            opening = [Step(SAY, who, 0, encode.packet(connect(chance, version), version))]
        else:
            version = _spoken(before, who, version)
        amount = chance.choice((0, 0, 0, TOGETHER, 2, 6))
        return [*opening, Step(SAY, who, amount, frame(chance, version, self._makers))]


def stream_of(makers: tuple[Make, ...], head: int, version_of: Callable[[bytes], int]) -> Mutate:
    """
    Another stream of packets, of one that stands after C{head} bytes: a packet more, or the fuzzer's own mutations.
    """

    def mutate(data: bytes, most: int, seed: int, change: ChangeBytes) -> bytes:
        chance = Random(seed)
        if chance.random() < 0.75:
            return change(data, most)
        data = data.ljust(head, b"\0")
        made = frame(chance, version_of(data), makers)
        at = chance.choice((head, len(data)))
        return (data[:at] + made + data[at:])[:most]

    return mutate
