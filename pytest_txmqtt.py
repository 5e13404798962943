"""
What txmqtt gives to pytest: the fixtures C{mqtt} and C{make_mqtt}, for whoever tests an application that speaks MQTT.

It stands outside of the package because pytest imports it in every run, also of projects that know nothing of MQTT:
txmqtt itself, and Twisted, are only imported by a test that asks for a fixture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from txmqtt.testing import MQTTWorld


@pytest.fixture
def make_mqtt() -> Iterator[Callable[..., MQTTWorld]]:
    """
    Makes a C{txmqtt.testing.MQTTWorld} of the options that it is called with.
    """
    from txmqtt.testing import MQTTWorld

    worlds: list[MQTTWorld] = []

    def make(**options: Any) -> MQTTWorld:
        world = MQTTWorld(**options)
        worlds.append(world)
        return world

    yield make
    for world in worlds:
        world.close()
    for world in worlds:
        world.check()  # errors that were only logged fail the test all the same


@pytest.fixture
def mqtt(make_mqtt: Callable[..., MQTTWorld]) -> MQTTWorld:
    """
    A broker, any number of clients and a clock, in memory: a C{txmqtt.testing.MQTTWorld}.
    """
    return make_mqtt()
