"""
Work for a journal that is the same each time, so that after each of its steps it is known what the file should hold.
"""

from __future__ import annotations

import random
import sqlite3
from bisect import bisect_right
from contextlib import closing

from tests.backends.sqlite.support import CLIENT, MESSAGE, QUEUE
from txmqtt.backends.sqlite.journal import Journal
from txmqtt.backends.sqlite.tables import Row

#: So many messages wait, more or less.
_WAITING = 300


class Steps:
    """
    What was done so far.

    @ivar number: how many steps.
    """

    def __init__(self, seed: int) -> None:
        self.number = 0
        self._random = random.Random(seed)
        self._sizes: list[int] = []  # of each message
        self._born: list[int] = []  # in which step
        self._died: dict[int, int] = {}
        self._waiting: list[int] = []

    def step(self, journal: Journal | None = None) -> None:
        """
        Do the next.
        """
        choose, waiting = self._random, self._waiting
        self.number += 1
        for _ in range(choose.randrange(1, 8)):
            message = len(self._sizes)
            self._sizes.append(choose.choice((0, 10, 100, 300, 9000)))
            self._born.append(self.number)
            waiting.append(message)
            if journal is not None:
                journal.put(MESSAGE, self._row(message), self._sizes[message], fresh=True)
                journal.put(QUEUE, (message % 5, message, message), fresh=True)
        for _ in range(choose.randrange(10) if len(waiting) > _WAITING else 0):
            at = choose.randrange(len(waiting))
            waiting[at], waiting[-1] = waiting[-1], waiting[at]
            message = waiting.pop()
            self._died[message] = self.number
            if journal is not None:
                journal.drop(QUEUE, (message % 5, message))
                journal.drop(MESSAGE, message)
        if journal is not None:
            journal.put(CLIENT, (1, str(self.number)))

    def goto(self, number: int) -> None:
        """
        Catch up with somebody else who did so many steps.
        """
        while self.number < number:
            self.step()

    def _row(self, message: int) -> Row:
        return message, b"t", bytes([message % 251]) * self._sizes[message]

    def differences(self, path: str) -> list[str]:
        """
        What a file holds after the step that it says it is at, and should not, and the other way round.
        """
        number = reached(path)
        self.goto(number)
        born = bisect_right(self._born, number)
        due = {each: self._row(each) for each in range(born) if self._died.get(each, number + 1) > number}
        with closing(sqlite3.connect(path)) as connection:
            found = {row[0]: row for row in connection.execute("SELECT id, topic, payload FROM message")}
            queued = {message for (message,) in connection.execute("SELECT message FROM queue")}
        verdicts = {
            "missing": due.keys() - found.keys(),
            "back again": found.keys() - due.keys(),
            "changed": {each for each in due.keys() & found.keys() if due[each] != found[each]},
            "not in step with the queue": queued ^ found.keys(),
        }
        return [f"after step {number} {sorted(which)} are {what}" for what, which in verdicts.items() if which]


def reached(path: str) -> int:
    """
    The step that a file says it is at.
    """
    with closing(sqlite3.connect(path)) as connection:
        row = connection.execute("SELECT name FROM client WHERE id=1").fetchone()
    return int(row[0]) if row else 0
