"""
How the broker is, in one word: what a load balancer asks before it sends somebody here.
"""

from __future__ import annotations

from typing import Any, Final

from twisted.python.failure import Failure

from txmqtt._build import __version__
from txmqtt.backends.sqlite.backend import SqliteBackend
from txmqtt.service.broker import BrokerService

OK: Final = "ok"
STARTING: Final = "starting"
STOPPING: Final = "stopping"
STORE_TROUBLE: Final = "store trouble"


def status(service: BrokerService) -> str:
    """
    C{ok}; C{starting}: a listener is not open yet, or the store is being read; C{stopping}: nobody is let in any more;
    C{store trouble}: what must be kept is refused, because the disk fails or is too far behind.
    """
    if service.broker.closing:
        return STOPPING
    if not _ready(service):
        return STARTING
    return OK if store(service) in ("ok", "memory") else STORE_TROUBLE


def store(service: BrokerService) -> str:
    """
    How the store is: C{ok}, C{failing}, C{behind}; C{memory} where there is none.
    """
    backend = service.broker.backend
    if not isinstance(backend, SqliteBackend):
        return "memory"
    if not backend.journal.healthy:
        return "failing"
    return "ok" if backend.journal.working else "behind"


def _ready(service: BrokerService) -> bool:
    waiter = service.whenReady()
    ready = waiter.called and not isinstance(waiter.result, Failure)
    waiter.addErrback(lambda _: None)
    waiter.cancel()
    return ready


def report(service: BrokerService) -> dict[str, Any]:
    """
    The word, and what helps to understand it; nothing about clients or the machine.
    """
    return {
        "status": status(service),
        "store": store(service),
        "connections": service.stats.connections,
        "version": __version__,
    }
