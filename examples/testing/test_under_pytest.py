"""
How an application is tested under pytest: the fixture mqtt is a broker, its clients and the time, all in memory.
"""

import pytest
from thermostat import Thermostat


@pytest.fixture
def heating(mqtt):
    thermostat = Thermostat(mqtt.clock, mqtt.url, "3", 20.0)
    thermostat.mqtt.startService()
    mqtt.run(thermostat.mqtt.whenReady())
    return mqtt.watch("rooms/3/heating")


def test_heats_while_it_is_cold(mqtt, heating):
    for temperature in (b"19.5", b"20.5"):
        mqtt.publish("rooms/3/temperature", temperature)
    assert [message.payload for message in heating] == [b"on", b"off"]


def test_stops_when_nobody_measures(mqtt, heating):
    mqtt.publish("rooms/3/temperature", b"19.5")
    mqtt.advance(299)
    assert [message.payload for message in heating] == [b"on"]
    mqtt.advance(1)
    assert [message.payload for message in heating] == [b"on", b"off"]


def test_is_missed_when_the_cable_is_pulled(mqtt, heating):
    mqtt.connection("thermostat").stall()
    mqtt.advance(45)  # one and a half times its keep-alive
    assert [message.payload for message in heating] == [b"unknown"]
