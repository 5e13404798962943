"""
Tests of pytest_txmqtt: the fixtures, as pytest uses them. That they are found is shown by tests/end_to_end.
"""

from __future__ import annotations

import inspect

from twisted.trial.unittest import SynchronousTestCase

import pytest_txmqtt
from txmqtt import ConnectionClosed
from txmqtt.testing import MQTTWorld


class FixtureTests(SynchronousTestCase):
    def test_worlds(self) -> None:
        """
        A test gets as many worlds as it asks for, each with its options, and all are closed when it is over.
        """
        making = inspect.unwrap(pytest_txmqtt.make_mqtt)()
        make = next(making)
        one, two = make(), make(anonymous=True)
        self.assertIsInstance(one, MQTTWorld)
        self.assertIsNot(one, two)
        client = one.client()
        self.assertRaises(StopIteration, next, making)
        self.failureResultOf(client.publish("t"), ConnectionClosed)

    def test_one(self) -> None:
        """
        The simple fixture is one world with nothing special about it.
        """
        making = inspect.unwrap(pytest_txmqtt.make_mqtt)()
        world = inspect.unwrap(pytest_txmqtt.mqtt)(next(making))
        self.assertIsInstance(world, MQTTWorld)
        self.assertRaises(StopIteration, next, making)
