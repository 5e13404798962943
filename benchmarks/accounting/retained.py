"""
Which message a topic must keep: the last that was acknowledged, or one that was sent later and may have come through.

The messages of a retained topic have one publisher and one QoS, and their acknowledgements come in order, so that the
last acknowledged one is the last in number.
"""

from __future__ import annotations

from benchmarks.accounting.messages import Message


class Retained:
    """
    What has been sent to one topic with RETAIN.

    @ivar floor: how many there were up to the last acknowledged one, that included; nothing older may come back.
    """

    def __init__(self) -> None:
        self.floor = 0
        self._sent: list[Message] = []
        self._refused: set[int] = set()

    def sent(self, message: Message) -> None:
        self._sent.append(message)

    def acknowledged(self, message: Message) -> None:
        if message in (later := self._sent[self.floor :]):
            self.floor += later.index(message) + 1

    def refused(self, message: Message) -> None:
        self._refused.add(message.number)

    def kept(self, floor: int) -> list[Message | None]:
        """
        What it may keep, or may have kept since it had that floor; None stands for nothing.
        """
        since = self._sent[max(0, floor - 1) :]
        kept = [None if each.clears else each for each in since if each.number not in self._refused]
        return kept if floor else [None, *kept]


class Survey:
    """
    What one who is new here hears as retained, and what that should have been: whatever was right when it began, or
    became right meanwhile, is right.

    @ivar heard: by topic, the number and the payload.
    """

    def __init__(self, topics: dict[bytes, Retained]) -> None:
        self._topics = topics
        self._floors = {topic: retained.floor for topic, retained in topics.items()}
        self.heard: dict[bytes, tuple[int, bytes]] = {}

    def hear(self, topic: bytes, number: int, payload: bytes) -> None:
        self.heard[topic] = (number, payload)

    def _allowed(self, topic: bytes) -> list[Message | None]:
        retained = self._topics.get(topic)
        return [None] if retained is None else retained.kept(self._floors.get(topic, 0))

    @property
    def complete(self) -> bool:
        """
        Every topic that must have kept something was heard of.
        """
        return all(topic in self.heard or None in self._allowed(topic) for topic in self._floors)

    def faults(self) -> list[str]:
        """
        What is wrong, in words.
        """
        faults = []
        for topic in sorted({*self._topics, *self.heard}):
            allowed = self._allowed(topic)
            heard = self.heard.get(topic)
            if heard is None:
                if None not in allowed:
                    faults.append(f"{topic.decode()} keeps nothing; expected {_either(allowed)}")
            elif not any(each is not None and (each.number, each.payload) == heard for each in allowed):
                faults.append(f"{topic.decode()} keeps message {heard[0]}; expected {_either(allowed)}")
        return faults


def _either(allowed: list[Message | None]) -> str:
    words = list(dict.fromkeys("nothing" if each is None else str(each.number) for each in allowed))
    return " or ".join(words[:3]) + (f" or one of {len(words) - 3} more" if len(words) > 3 else "")
