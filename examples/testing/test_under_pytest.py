"""
How an application is tested under pytest: the fixture mqtt is a broker, its clients and the time, all in memory.
"""

import pytest
from thermostat import Thermostat


@pytest.fixture
def thermostat(mqtt):
    thermostat = Thermostat(mqtt.clock, "3", 20.0)
    mqtt.run(thermostat.start(mqtt.url))
    return thermostat


@pytest.mark.parametrize(("temperature", "state"), [(b"19.5", b"on"), (b"20.5", b"off")])
def test_heats_while_it_is_cold(mqtt, thermostat, temperature, state):
    mqtt.publish("rooms/3/temperature", temperature)
    [heating] = mqtt.watch("rooms/3/heating")
    assert heating.payload == state


def test_stops_when_nobody_measures(mqtt, thermostat):
    heating = mqtt.watch("rooms/3/heating")
    mqtt.publish("rooms/3/temperature", b"19.5")
    mqtt.advance(299)
    assert [message.payload for message in heating] == [b"on"]
    mqtt.advance(1)
    assert [message.payload for message in heating] == [b"on", b"off"]


def test_is_missed_when_the_cable_is_pulled(mqtt, thermostat):
    heating = mqtt.watch("rooms/3/heating")
    mqtt.connection("thermostat").stall()
    mqtt.advance(45)  # one and a half times its keep-alive
    assert [message.payload for message in heating] == [b"unknown"]
