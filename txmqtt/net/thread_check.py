"""
Whether we are in the thread of the reactor, where everything of Twisted belongs.
"""

from __future__ import annotations

from threading import get_ident

from twisted.python import threadable


def check_thread(what: str) -> None:
    """
    Complain of a call from another thread than the reactor's, once there is one.

    @raise RuntimeError: it is one.
    """
    if threadable.ioThread is not None and threadable.ioThread != get_ident():
        raise RuntimeError(
            f"{what} was called from another thread than the reactor's; expected reactor.callFromThread, or FromThread"
        )
