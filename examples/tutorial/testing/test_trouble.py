from fridge import Fridge


def test_the_alarm_waits_for_the_network(mqtt):
    fridge = Fridge(mqtt.clock, mqtt.url)
    fridge.mqtt.startService()
    mqtt.run(fridge.mqtt.whenReady())
    mqtt.publish("fridge/door", b"open")
    mqtt.down()  # all connections are lost, and nobody can come back
    mqtt.advance(60)
    mqtt.up()
    alarms = mqtt.watch("fridge/alarm")
    mqtt.run(fridge.mqtt.whenIdle(), within=60)
    assert [message.payload for message in alarms] == [b"on"]


def test_a_broker_that_has_forgotten_us(mqtt):
    fridge = Fridge(mqtt.clock, mqtt.url)
    fridge.mqtt.startService()
    mqtt.run(fridge.mqtt.whenReady())
    mqtt.restart(sessions=False)
    mqtt.advance(5)
    alarms = mqtt.watch("fridge/alarm")
    mqtt.publish("fridge/door", b"closed")
    assert [message.payload for message in alarms] == [b"off"]


def test_it_logs_in(make_mqtt):
    mqtt = make_mqtt(users={"fridge": "brr"})
    fridge = Fridge(mqtt.clock, mqtt.url, username="fridge", password="brr")
    fridge.mqtt.startService()
    mqtt.run(fridge.mqtt.whenReady())
