from fridge import Fridge


def test_a_broken_sensor(mqtt):
    fridge = Fridge(mqtt.clock, mqtt.url)
    fridge.mqtt.startService()
    mqtt.run(fridge.mqtt.whenReady())
    mqtt.publish("fridge/door", b"ajar")
