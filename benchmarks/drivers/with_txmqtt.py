"""
The work of one client with txmqtt.
"""

from task import GO, TOPIC, Task
from twisted.internet.defer import Deferred
from twisted.internet.task import react

from txmqtt import MQTTClient, connect

task = Task()


async def publish_at_most_once(client: MQTTClient, count: int) -> None:
    for _ in range(count):
        await client.publish(TOPIC, task.payload)
    await client.publish(TOPIC, task.payload, qos=1)
    task.mark()


class Window:
    """
    As many publishes under way as the window has room for: each acknowledgement makes the next.
    """

    def __init__(self, client: MQTTClient, count: int) -> None:
        self.done: Deferred[None] = Deferred()
        self._client = client
        self._count = count
        self._published = self._acknowledged = 0
        for _ in range(min(task.window, count)):
            self._publish()

    def _publish(self) -> None:
        self._published += 1
        self._client.publish(TOPIC, task.payload, task.qos).addCallbacks(self._next, self.done.errback)

    def _next(self, _: object) -> None:
        self._acknowledged += 1
        if self._published < self._count:
            self._publish()
        elif self._acknowledged == self._count:
            task.mark()
            self.done.callback(None)


class Receiver:
    def __init__(self, client: MQTTClient) -> None:
        self.done: Deferred[None] = Deferred()
        self._client = client
        self._received = 0

    def message(self, _: object) -> None:
        self._received += 1
        if self._received % task.step == 0:
            self._client.publish(GO)
            if self._received == task.warm:
                task.mark()
            elif self._received == task.total:
                task.mark()
                self.done.callback(None)


async def main(reactor: object) -> None:
    client = await connect(reactor, f"tcp:127.0.0.1:{task.port}", version=task.version, max_inflight=task.window)
    if not task.publish:
        receiver = Receiver(client)
        await client.subscribe(TOPIC, receiver.message, qos=task.qos)
        await client.publish(GO)
        await receiver.done
    for count in (task.warm, task.total - task.warm) if task.publish else ():
        if task.qos:
            await Window(client, count).done
        else:
            await publish_at_most_once(client, count)
    await client.disconnect()


react(main)
