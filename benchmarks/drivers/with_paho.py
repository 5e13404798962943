"""
The work of one client with paho-mqtt, all of it on one thread.
"""

import paho.mqtt.client as mqtt
from task import GO, TOPIC, Task

task = Task()
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=task.version)
client.max_inflight_messages_set(task.window)
client.max_queued_messages_set(0)
goal = task.warm
published = acknowledged = received = 0


def publish() -> None:
    global published
    published += 1
    client.publish(TOPIC, task.payload, task.qos)


def on_publish(*_: object) -> None:
    global acknowledged, goal
    acknowledged += 1
    if published < goal:
        publish()
    elif acknowledged == task.total:
        task.mark()
        client.disconnect()
    elif acknowledged == goal:
        task.mark()
        goal = task.total
        fill()


def fill() -> None:
    for _ in range(min(task.window, goal - published)):
        publish()


def on_connect(*_: object) -> None:
    if not task.publish:
        client.subscribe(TOPIC, task.qos)
    elif task.qos:
        client.on_publish = on_publish
        fill()


def on_message(*_: object) -> None:
    global received
    received += 1
    if received % task.step == 0:
        client.publish(GO)
        if received == task.warm:
            task.mark()
        elif received == task.total:
            task.mark()
            client.disconnect()


client.on_connect = on_connect
client.on_subscribe = lambda *_: client.publish(GO)
client.on_message = on_message
client.connect("127.0.0.1", task.port)
if task.publish and not task.qos:
    while not client.is_connected():
        client.loop()
    for count in (task.warm, task.total - task.warm):
        for _ in range(count):
            client.publish(TOPIC, task.payload)
        last = client.publish(TOPIC, task.payload, 1)
        while not last.is_published():
            client.loop()
        task.mark()
    client.disconnect()
client.loop_forever()
