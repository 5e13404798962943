"""
Errors that were logged while a test ran, for whoever has no test runner of Twisted's to find them.
"""

from __future__ import annotations

from typing import Any

from twisted.logger import ILogObserver, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer


@implementer(ILogObserver)
class LoggedErrors:
    """
    @ivar failures: what was logged and nobody has asked for, the oldest first.
    """

    def __init__(self) -> None:
        self.failures: list[Failure] = []

    def start(self) -> None:
        """
        Listen to the log.
        """
        globalLogPublisher.addObserver(self)

    def stop(self) -> None:
        """
        Listen no more.
        """
        globalLogPublisher.removeObserver(self)

    def __call__(self, event: dict[str, Any]) -> None:
        """
        See C{ILogObserver}.
        """
        failure = event.get("log_failure")
        if isinstance(failure, Failure):
            self.failures.append(failure)

    def flush(self, *kinds: type[BaseException]) -> list[Failure]:
        """
        Those of these kinds, or all; they are not kept.
        """
        found = [each for each in self.failures if not kinds or each.check(*kinds)]
        self.failures = [each for each in self.failures if each not in found]
        return found
