from fridge import Fridge


def test_closing_the_door_ends_the_alarm(mqtt):
    fridge = Fridge(mqtt.clock, mqtt.url)
    fridge.mqtt.startService()
    mqtt.run(fridge.mqtt.whenReady())
    alarms = mqtt.watch("fridge/alarm")

    mqtt.publish("fridge/door", b"closed")

    assert [message.payload for message in alarms] == [b"off"]
