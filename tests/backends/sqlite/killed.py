"""
A program that writes to a journal until it is killed, and says what was acknowledged: C{python -m ... FILE FIRST}.
"""

import os
import random
import sys

from twisted.internet import reactor as global_reactor

from tests.backends.sqlite.support import MESSAGE, QUEUE, SCHEMA, Books
from txmqtt.backends.sqlite.journal import Journal
from txmqtt.session.tickets import Caller


def main(path: str, number: int) -> None:
    reactor: object = global_reactor
    journal = Journal(path, SCHEMA, reactor, Books())
    journal.open()
    outstanding = 0

    def turn() -> None:
        nonlocal number, outstanding
        first = number
        for _ in range(min(random.randrange(1, 60), 500 - outstanding)):
            journal.put(MESSAGE, (number, b"t", b"x" * random.randrange(300)), fresh=True)
            journal.put(QUEUE, (number % 5, number, number), fresh=True)
            number += 1
            outstanding += 1
        if number > first:
            journal.ticket().wait(Caller(lambda reason, last=number, count=number - first: done(reason, last, count)))  # type: ignore[misc]
        journal.flush()
        global_reactor.callLater(0.0005, turn)

    def done(reason: int, last: int, count: int) -> None:
        nonlocal outstanding
        outstanding -= count
        if reason == 0:
            os.write(1, b"%d %d\n" % (last - count, last))

    global_reactor.callWhenRunning(turn)
    global_reactor.run()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
