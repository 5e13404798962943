"""
The work of one client with mqttium: C{publish_many}, its way for a sustained producer, and callbacks.
"""

import asyncio
from collections.abc import Iterator

from mqttium import MQTTProtocolVersion
from mqttium.api import AsyncClient, PublishMessage
from task import GO, TOPIC, Task

task = Task()


def messages(count: int) -> Iterator[PublishMessage]:
    for _ in range(count):
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
            if received == task.warm:
                task.mark()
            elif received == task.total:
                task.mark()
                done.set()

    client.on_message = on_message
    await client.connect("127.0.0.1", task.port)
    for count in (task.warm, task.total - task.warm) if task.publish else ():
        batch = await client.publish_many(messages(count))
        await batch.wait()
        if not task.qos:
            last = await client.publish(TOPIC, task.payload, qos=1)
            await last.wait()
        task.mark()
    if not task.publish:
        await client.subscribe(TOPIC, qos=task.qos)
        client.publish_nowait(GO)
        await done.wait()
    await client.disconnect()


asyncio.run(main())
