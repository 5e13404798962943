"""
The clock that measures how long something takes, for whoever names none.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock


def steady(reactor: IReactorTime) -> Callable[[], float]:
    """
    A clock that never jumps, seconds. A reactor's own does when somebody sets the time of the machine, so it is the
    system's monotonic one; but where a test says how late it is, a reactor that is a C{Clock} says it all.
    """
    return reactor.seconds if isinstance(reactor, Clock) else monotonic
