"""
A program as users write it, with types: C{mypy --strict} believes every line of it, and a test runs it.
"""

from __future__ import annotations

from dataclasses import dataclass

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, IReactorTime, IStreamClientEndpoint

from txmqtt import (
    Acknowledgement,
    ConnectionClosed,
    Message,
    MQTTClient,
    MQTTClientFactory,
    MQTTClientService,
    MQTTError,
    Phase,
    Properties,
    QoS,
    ReasonCode,
    Refused,
    Retry,
    Will,
    connect,
)
from txmqtt.testing import Connection, MQTTWorld


@dataclass
class Reading:
    """
    What a sensor has measured.
    """

    room: str
    degrees: float
    unit: str | None


class Station:
    """
    Collects what sensors measure, and tells them that it has it.
    """

    def __init__(self, reactor: IReactorTime) -> None:
        self.reactor = reactor
        self.readings: list[Reading] = []
        self.client: MQTTClient | None = None

    async def start(self, server: str | IStreamClientEndpoint) -> ReasonCode:
        will = Will("station/state", b"gone", QoS.AT_LEAST_ONCE, True, Properties(will_delay_interval=10))
        client = self.client = await connect(
            self.reactor, server, client_id="station", clean_start=False, session_expiry=3_600, will=will, timeout=5.0
        )
        granted: Acknowledgement = await client.subscribe(["rooms/+/temperature", "halls/#"], self.measured, qos=2)
        reason: ReasonCode = granted.reason
        return reason

    async def measured(self, message: Message) -> None:
        _, room, *_ = message.topic.split("/")
        properties: Properties = message.properties
        self.readings.append(Reading(room, float(message.payload), properties.content_type))
        if properties.response_topic is not None and self.client is not None:
            answer = Properties(correlation_data=properties.correlation_data)
            await self.client.publish(properties.response_topic, b"thanks", message.qos, properties=answer)

    async def stop(self) -> ConnectionClosed | None:
        if self.client is None:
            return None
        closed: Deferred[ConnectionClosed] = self.client.whenClosed()
        await self.client.disconnect()
        return await closed


class Log:
    """
    Stays connected, and notes what it is at and what it hears.
    """

    def __init__(self, reactor: IReactorTime, servers: list[str]) -> None:
        self.phases: list[Phase] = []
        self.heard: list[bytes] = []
        retry = Retry(initial=1.0, jitter=0.0)
        self.service = MQTTClientService(servers, reactor=reactor, retry=retry, client_id="log", on_message=self.hear)
        self.service.observe(self.note)

    def note(self, phase: Phase, error: Exception | None) -> None:
        self.phases.append(phase)

    def hear(self, message: Message) -> None:
        self.heard.append(message.payload)

    async def start(self) -> None:
        self.service.startService()
        ready: MQTTClientService = await self.service.whenReady()
        await ready.subscribe("rooms/#", qos=QoS.AT_LEAST_ONCE)


async def measure(client: MQTTClient, room: str, degrees: float) -> str:
    """
    Tell a measurement.

    @return: how it went.
    """
    properties = Properties(content_type="celsius", response_topic=f"rooms/{room}/answer", correlation_data=b"1")
    try:
        done = await client.publish(
            f"rooms/{room}/temperature", f"{degrees}".encode(), QoS.EXACTLY_ONCE, True, properties
        )
    except Refused as error:
        return f"refused: {error.reason}"
    except MQTTError as error:
        return str(error)
    return done.reason.name


def main() -> list[Reading]:
    """
    One station, two sensors, and an hour.
    """
    with MQTTWorld(users={"ann": "secret"}, anonymous=True) as world:
        station = Station(world.clock)
        granted: ReasonCode = world.run(station.start(world.url))
        assert granted is ReasonCode.GRANTED_QOS_2
        answers: list[Message] = world.watch("rooms/+/answer")

        sensor: MQTTClient = world.client(username="ann", password="secret")
        outcome: str = world.run(measure(sensor, "3", 21.5))
        assert outcome == "SUCCESS"

        log = Log(world.clock, ["mqtt://elsewhere:1884", world.url])
        world.run(log.start(), within=5)
        assert log.heard == [b"21.5"]
        world.run(log.service.stopService())
        assert log.phases[-1] is Phase.STOPPED

        connection: Connection = world.connection("station")
        connection.cut()
        world.advance(5)
        world.run(station.start(world.endpoint()))

        factory = MQTTClientFactory(world.clock, client_id="other", version=4)
        made: Deferred[IProtocol] = world.endpoint().connect(factory)
        world.run(made)
        assert factory.client is not None
        other: MQTTClient = world.run(factory.client.whenReady())
        other.publish("rooms/4/temperature", memoryview(b"18"))
        world.flush()

        assert [message.payload for message in answers] == [b"thanks", b"thanks"]
        why: ConnectionClosed | None = world.run(station.stop())
        assert why is not None
        return station.readings
