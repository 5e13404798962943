"""
Tests of txmqtt.backends.sqlite.lock: one process has the store.
"""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from tests.service.support import scratch
from txmqtt.backends.sqlite.errors import StoreUnusable
from txmqtt.backends.sqlite.lock import StoreLock


class LockTests(SynchronousTestCase):
    def test_who_has_it(self) -> None:
        """
        Whoever looks learns which process has it, or that nobody has; it is given back once, however often it is said.
        """
        path = os.path.join(scratch(self), "store.db")
        self.assertIsNone(StoreLock(path).holder())
        lock = StoreLock(path)
        lock.acquire()
        self.assertEqual(StoreLock(path).holder(), os.getpid())
        for _ in range(2):
            lock.release()
        self.assertIsNone(StoreLock(path).holder())

    def test_no_place_for_it(self) -> None:
        """
        Where there can be no lock file, that is said.
        """
        with self.assertRaisesRegex(StoreUnusable, "can't be written: No such file"):
            StoreLock(os.path.join(scratch(self), "nowhere", "store.db")).acquire()
