"""
What the tests of checkers share: folders, logins, and a reactor that a test turns by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import Queue
from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from txmqtt.net.auth import Nameless, UsernamePassword

ADDRESS = IPv4Address("TCP", "192.0.2.7", 4321)

#: The cheapest argon2id there is, of "sesame".
CHEAP = {"memory": 8, "passes": 1, "lanes": 1}


def credentials(
    name: str | bytes, password: str | bytes, client: str = "c", certificate: Any = None
) -> UsernamePassword:
    """
    What a CONNECT with these says.
    """
    said = [each.encode() if isinstance(each, str) else each for each in (name, password)]
    return UsernamePassword(said[0], said[1], client, 5, ADDRESS, certificate)


def nameless(client: str = "c") -> Nameless:
    """
    What a CONNECT without either says.
    """
    return Nameless(None, None, client, 5, ADDRESS)


def ask(checker: ICredentialsChecker, name: str | bytes, password: str | bytes, client: str = "c") -> Deferred[Any]:
    """
    Have somebody checked.
    """
    login: Deferred[Any] = checker.requestAvatarId(credentials(name, password, client))
    return login


class HandReactor(Clock):
    """
    A reactor for threads: what they hand over is done when the test takes it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.handed: Queue[Callable[[], object]] = Queue()
        self.triggers: dict[int, Callable[[], object]] = {}

    def callFromThread(self, call: Callable[..., object], *args: Any, **named: Any) -> None:
        self.handed.put(lambda: call(*args, **named))

    def take(self) -> None:
        """
        Do the next thing that a thread hands over; fails when none comes.
        """
        self.handed.get(timeout=10)()

    def addSystemEventTrigger(self, phase: str, event: str, call: Callable[[], object]) -> int:
        assert (phase, event) == ("during", "shutdown")
        self.triggers[len(self.triggers)] = call
        return len(self.triggers) - 1

    def removeSystemEventTrigger(self, trigger: int) -> None:
        del self.triggers[trigger]
