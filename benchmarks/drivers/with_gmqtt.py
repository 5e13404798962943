"""
The work of one client with gmqtt. It tells nobody of an acknowledgement, but forgets the message in its storage then,
which may be one's own.
"""

import asyncio

import gmqtt
from gmqtt.storage import PersistentStorage
from task import GO, TOPIC, Task

task = Task()


class Window(PersistentStorage):
    def __init__(self) -> None:
        super().__init__()
        self.count = self.published = self.acknowledged = 0
        self.done = asyncio.Event()

    async def run(self, count: int) -> None:
        self.count, self.published, self.acknowledged = count, 0, 0
        self.done.clear()
        for _ in range(min(task.window, count)):
            self.publish()
        await self.done.wait()

    def publish(self) -> None:
        self.published += 1
        client.publish(TOPIC, task.payload, qos=task.qos or 1)

    def remove_message_by_mid(self, mid: int) -> None:
        super().remove_message_by_mid(mid)
        self.acknowledged += 1
        if self.published < self.count:
            self.publish()
        elif self.acknowledged == self.count:
            self.done.set()


async def main() -> None:
    global client
    window = Window()
    client = gmqtt.Client(None, persistent_storage=window)
    received = 0

    def on_message(*_: object) -> None:
        nonlocal received
        received += 1
        if received % task.step == 0:
            client.publish(GO)
            if received == task.warm:
                task.mark()
            elif received == task.total:
                task.mark()
                window.done.set()

    client.on_message = on_message
    client.on_subscribe = lambda *_: client.publish(GO)
    await client.connect("127.0.0.1", task.port, version=task.version)
    if not task.publish:
        client.subscribe(TOPIC, qos=task.qos)
        await window.done.wait()
    for count in (task.warm, task.total - task.warm) if task.publish else ():
        if task.qos:
            await window.run(count)
        else:
            for number in range(count):
                client.publish(TOPIC, task.payload)
                if number % task.window == 0:
                    await asyncio.sleep(0)  # let the loop write
            await window.run(1)
        task.mark()
    await client.disconnect()


asyncio.run(main())
