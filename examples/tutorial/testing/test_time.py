import pytest
from fridge import Fridge


@pytest.fixture
def alarms(mqtt):
    fridge = Fridge(mqtt.clock, mqtt.url)
    fridge.mqtt.startService()
    mqtt.run(fridge.mqtt.whenReady())
    messages = mqtt.watch("fridge/alarm")
    return lambda: [message.payload for message in messages]


def test_closing_the_door_ends_the_alarm(mqtt, alarms):
    mqtt.publish("fridge/door", b"closed")
    assert alarms() == [b"off"]


def test_a_door_may_be_open_for_a_minute(mqtt, alarms):
    mqtt.publish("fridge/door", b"open")
    mqtt.advance(59)
    assert alarms() == []
    mqtt.advance(1)
    assert alarms() == [b"on"]


def test_a_door_that_was_closed_in_time_is_no_alarm(mqtt, alarms):
    mqtt.publish("fridge/door", b"open")
    mqtt.advance(59)
    mqtt.publish("fridge/door", b"closed")
    mqtt.advance(600)
    assert alarms() == [b"off"]
