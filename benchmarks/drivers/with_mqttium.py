"""
The work of one client with mqttium: C{publish_many}, its way for a sustained producer, and callbacks.
"""

import asyncio
from collections.abc import Iterator

from mqttium import MQTTProtocolVersion
from mqttium.api import AsyncClient, PublishMessage
from task import GO, TOPIC, Task

task = Task()


def messages() -> Iterator[PublishMessage]:
    for _ in range(task.count):
        yield PublishMessage(TOPIC, task.payload, task.qos)


async def main() -> None:
    client = AsyncClient(
        protocol=MQTTProtocolVersion(task.version),
        max_outbound_inflight=task.window,
        message_delivery="callback",
    )
    received = 0
    done = asyncio.Event()

    def on_message(_: object) -> None:
        nonlocal received
        received += 1
        if received % task.step == 0:
            client.publish_nowait(GO)
            if received == task.count:
                done.set()

    client.on_message = on_message
    await client.connect("127.0.0.1", task.port)
    if task.publish:
        batch = await client.publish_many(messages())
        await batch.wait()
        if not task.qos:
            last = await client.publish(TOPIC, task.payload, qos=1)
            await last.wait()
    else:
        await client.subscribe(TOPIC, qos=task.qos)
        client.publish_nowait(GO)
        await done.wait()
    await client.disconnect()


asyncio.run(main())
