"""
A program as users write it, with types, that gets messages on terms and reads others one after another: C{mypy
--strict} believes every line of it, and a test runs it.
"""

from __future__ import annotations

from twisted.internet.task import deferLater

from txmqtt import Message, Messages, MQTTClient
from txmqtt.net.receiving.figures import Figures
from txmqtt.net.receiving.terms import HandlingOptions
from txmqtt.testing import MQTTWorld

CAREFUL: HandlingOptions = {"concurrency": 2, "timeout": 30, "on_error": 0x80}


class Worker:
    """
    @ivar done: what it has done.
    """

    def __init__(self, world: MQTTWorld) -> None:
        self.done: list[str] = []
        self._clock = world.clock

    async def job(self, message: Message) -> None:
        await deferLater(self._clock, 1)
        self.done.append(f"job {message.payload.decode()}")

    def order(self, message: Message) -> bool:
        self.done.append(f"order {message.payload.decode()}")
        return message.acknowledge() if message.payload != b"no" else message.acknowledge(0x83)

    async def read(self, messages: Messages) -> None:
        async for message in messages:
            self.done.append(f"alarm {message.payload.decode()}")
            if message.payload == b"over":
                break


async def work(world: MQTTWorld, client: MQTTClient) -> list[str]:
    """
    Some of everything; what was done.
    """
    worker = Worker(world)
    await client.subscribe("jobs/#", worker.job, qos=1, **CAREFUL)
    await client.subscribe("orders/#", worker.order, qos=2, acknowledge="manual")
    async with client.messages("alarms/#", qos=1, limit=10, policy="drop_oldest") as messages:
        for topic, payload in (("jobs/1", b"1"), ("orders/1", b"tea"), ("orders/2", b"no"), ("alarms/1", b"over")):
            await client.publish(topic, payload, qos=1)
        await worker.read(messages)
    single = await client.messages("alarms/single")
    try:
        await single.receive(timeout=5)
    except TimeoutError as error:
        worker.done.append(str(error))
    await single.close()
    figures: Figures = client.figures
    worker.done.append(f"{figures.failed} failed, {single.dropped} dropped, {single.waiting} waiting")
    return worker.done


def main() -> list[str]:
    """
    What is done, in order.
    """
    with MQTTWorld() as world:
        return world.run(work(world, world.client(client_id="worker")), within=60)
