"""
What the program that is killed writes down: a line for each fact, handed to the kernel at once, so that no kill takes
it back.

::

    life                    the program has been started
    subscribed              the server has granted the subscription
    asked N                 it is about to publish message N
    kept N                  the store has it: from now on it is promised
    ended N REASON          its Deferred has fired, in this life or by its key in a later one
    unknown N               a later life asked for it by its key, and nobody knew it
    handled M DUP           the handler of received messages has seen message M, with or without the DUP flag
    recorded M              the store has that message M was dealt with
    idle                    nothing is left to be done
"""

from __future__ import annotations

import os


class Diary:
    """
    For the program.
    """

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(self, *words: object) -> None:
        os.write(self._file, (" ".join(map(str, words)) + "\n").encode())


class Reading:
    """
    For whoever wants to know, also while it is written.

    @ivar life: how often the program has been started.
    @ivar asked: in which life a message was published; C{kept}, C{ended}: in which that became known.
    @ivar unknown: who was asked for by key and not found, with the life.
    @ivar handled: of each received message, in which lives it was handled, each with the DUP flag.
    @ivar recorded: in which life it became known that this is on disk.
    @ivar order: the messages received, as they were handled first.
    """

    def __init__(self, path: str) -> None:
        self.life = 0
        self.subscribed = False
        self.idle = False
        self.asked: dict[int, int] = {}
        self.kept: dict[int, int] = {}
        self.ended: dict[int, list[int]] = {}
        self.unknown: dict[int, int] = {}
        self.handled: dict[int, list[tuple[int, bool]]] = {}
        self.recorded: dict[int, int] = {}
        self.order: list[int] = []
        self._path = path
        self._at = 0

    def go_on(self) -> None:
        """
        Read what is new.
        """
        try:
            with open(self._path, "rb") as file:
                file.seek(self._at)
                new = file.read()
        except FileNotFoundError:
            return
        whole = new[: new.rfind(b"\n") + 1]
        self._at += len(whole)
        for line in whole.decode().splitlines():
            what, *words = line.split()
            self._take(what, [int(word) for word in words])

    def _take(self, what: str, words: list[int]) -> None:
        if what == "life":
            self.life += 1
            self.idle = False
        elif what == "subscribed":
            self.subscribed = True
        elif what == "asked":
            self.asked[words[0]] = self.life
        elif what == "kept":
            self.kept[words[0]] = self.life
        elif what == "ended":
            self.ended.setdefault(words[0], []).append(words[1])
        elif what == "unknown":
            self.unknown[words[0]] = self.life
        elif what == "handled":
            if words[0] not in self.handled:
                self.order.append(words[0])
            self.handled.setdefault(words[0], []).append((self.life, bool(words[1])))
        elif what == "recorded":
            self.recorded[words[0]] = self.life
        elif what == "idle":
            self.idle = True
