"""
All that clients may expect of the broker they may expect of it on disk too: the broker's own tests, on the sqlite
backend with a disk that is done at once.
"""

from __future__ import annotations

import unittest
from collections.abc import Callable, Iterator
from importlib import import_module
from pkgutil import iter_modules

import tests.broker
from tests.backends.sqlite.support_backend import Machine
from tests.broker.support import BrokerTestCase
from txmqtt.broker.policy import Policy
from txmqtt.broker.shapes import Backend
from txmqtt.broker.stats import Stats
from txmqtt.session.turn import Turn

#: What is different on disk, and why.
DIFFERENT = {
    "test_nothing_is_lost": "QoS 1 may overtake QoS 2, which is not sent before it is on record that it is",
    "test_nobody_listens": "a QoS 2 message of a session that lasts is answered when its identifier is on disk, with 0",
    "test_publisher_whose_session_lasts": "likewise",
    "test_wills_first": "wills survive, so they wait for their clients to return",
    "test_gone": "what a new subscription finds may be owed already when the session ends, and is counted then",
}


class OnDisk(BrokerTestCase):
    """
    A broker whose disk is fast.
    """

    def make_backend(self, policy: Policy, stats: Stats, turn: Turn) -> Backend:
        machine = Machine(prompt=True)
        self.addCleanup(machine.close)
        backend = machine.make(policy, stats, turn)
        backend.start()
        return backend


def _cases() -> Iterator[type[BrokerTestCase]]:
    for module in iter_modules(tests.broker.__path__):
        if module.name.startswith("test_"):
            for found in vars(import_module(f"tests.broker.{module.name}")).values():
                if isinstance(found, type) and issubclass(found, BrokerTestCase) and found is not BrokerTestCase:
                    if found.make_backend is BrokerTestCase.make_backend:
                        yield found


def _differing(case: type[BrokerTestCase], name: str) -> Callable[[BrokerTestCase], None]:
    """
    In place of a promise that does not hold on disk: the proof that it does not. If it does one day, we want to know.
    """

    def test(self: BrokerTestCase) -> None:
        result = unittest.TestResult()
        case(name).run(result)
        self.assertFalse(result.wasSuccessful(), f"no longer different: {DIFFERENT[name]}")

    test.__doc__ = f"Different on disk: {DIFFERENT[name]}."
    return test


def _on_disk(case: type[BrokerTestCase]) -> type[BrokerTestCase]:
    name = f"{case.__module__.rpartition('.')[2].removeprefix('test_').title().replace('_', '')}{case.__name__}"
    all_of_it: type[BrokerTestCase] = type(name, (OnDisk, case), {"__module__": __name__, "__doc__": case.__doc__})
    other = {test: _differing(all_of_it, test) for test in DIFFERENT if hasattr(case, test)}
    return type(name, (all_of_it,), {"__module__": __name__, "__doc__": case.__doc__, **other}) if other else all_of_it


globals().update({each.__name__: each for each in map(_on_disk, _cases())})
