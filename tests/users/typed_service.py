"""
A program as users write it, with types, that stays connected, keeps what it promises and has threads: C{mypy --strict}
believes every line of it, and a test runs it.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from txmqtt import (
    TLS,
    Acknowledgement,
    ConnectionClosed,
    FromThread,
    LocalProtocolError,
    Message,
    MessageConsumer,
    MQTTClientService,
    MQTTError,
    Phase,
    ProxyFailure,
    ReasonCode,
    Refused,
    Retry,
    TLSFailure,
)
from txmqtt.testing import MQTTWorld


def advice(error: Exception | None) -> str:
    """
    What to do about an error.
    """
    match error:
        case None:
            return "nothing"
        case TLSFailure():
            return f"look at the certificate: {error.kind}"
        case ProxyFailure():
            return "look at the proxy"
        case ConnectionClosed():
            where: str | None = error.server_reference
            return f"use {where}" if where else "wait"
        case Refused():
            return f"see to it: {ReasonCode(error.reason).name}"
        case LocalProtocolError():
            return f"ask for less: {error.reason}"
        case MQTTError():
            return "read this"
    return type(error).__name__


class Shop(MultiService):
    """
    Takes orders, and hands them on when it can.

    @ivar advised: what the owner was told to do.
    """

    def __init__(self, world: MQTTWorld, store: Path) -> None:
        super().__init__()
        self.advised: list[str] = []
        self.mqtt = MQTTClientService(
            [world.url],
            reactor=world.clock,
            retry=Retry(initial=1, maximum=10, jitter=0.0),
            credentials=self.who,
            store=store,
            queue_full="wait",
            max_waiting=100,
            client_id="shop",
            max_queued_messages=1_000,
        )
        self.forget: Callable[[], None] = self.mqtt.observe(self.note)
        self.mqtt.setServiceParent(self)

    async def who(self) -> tuple[str, str]:
        return "ann", "secret"

    def note(self, phase: Phase, error: Exception | None) -> None:
        if phase in (Phase.WAITING, Phase.GIVEN_UP):
            self.advised.append(advice(error))

    async def order(self, number: int) -> None:
        await self.mqtt.post("orders", b"%d" % number, qos=2, key=f"order-{number}", lifetime=3_600)

    async def ended(self, number: int) -> ReasonCode | None:
        try:
            outcome: Acknowledgement = await self.mqtt.outcome(f"order-{number}")
        except KeyError:
            return None
        return outcome.reason


async def hand_on(service: MQTTClientService) -> int:
    """
    A great many, one after another and by a producer.
    """
    for number in range(3):
        await service.when_writable()
        answer: Deferred[Acknowledgement] = service.publish("many", b"%d" % number, qos=1)
        answer.addErrback(lambda failure: None)
    consumer = MessageConsumer(service, lambda data: b"many/" + data, qos=1)
    consumer.write(b"4")
    consumer.unregisterProducer()
    count: int = await consumer.done
    await service.whenIdle()
    return count


def work(threads: FromThread, service: MQTTClientService, got: Callable[[Message], object]) -> list[str]:
    """
    What another thread does.
    """
    granted: Acknowledgement = threads.subscribe("talk", got, qos=1, timeout=5)
    done: Acknowledgement = threads.publish("talk", b"hello", qos=1, timeout=5)
    future: Future[Acknowledgement] = threads.submit(service.publish, "talk", b"goodbye", qos=1)
    late: Acknowledgement = future.result(5)
    ready: MQTTClientService = threads.call(5, service.whenReady)
    assert ready is service
    return [granted.reason.name, done.reason.name, late.reason.name]


async def talk(reactor: Any, service: MQTTClientService) -> tuple[list[str], list[bytes]]:
    """
    Have it done, while the reactor is in this thread.
    """
    heard: list[bytes] = []

    def got(message: Message) -> None:
        heard.append(message.payload)

    said = await deferToThread(work, FromThread(service, reactor), service, got)
    return said, heard


def main(store: Path) -> list[str]:
    """
    Two lives of a shop, of which the first finds no server.
    """
    assert TLS(verify=True).minimum == "1.2"
    with MQTTWorld(users={"ann": "secret"}) as world:
        world.refuse()
        shop = Shop(world, store)
        shop.startService()
        world.run(shop.order(7))
        world.advance(1)
        shop.forget()
        world.run(shop.stopService())
        world.up()

        again = Shop(world, store)
        again.startService()
        ended: ReasonCode | None = world.run(again.ended(7), within=5)
        assert ended is not None
        assert world.run(again.ended(8)) is None
        assert world.run(hand_on(again.mqtt)) == 1
        closed: Deferred[Exception | None] = again.mqtt.whenClosed()
        world.run(again.stopService())
        assert world.run(closed) is None
        return [*shop.advised, ended.name, again.mqtt.phase.value]
