"""
Our broker with gmqtt, in the versions of the protocol that it speaks.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.end_to_end.support import PATIENCE, need_module, our_broker

try:
    import gmqtt
except ImportError:
    VERSIONS: dict[str, int] = {}
else:
    VERSIONS = {"3.1.1": gmqtt.constants.MQTTv311, "5.0": gmqtt.constants.MQTTv50}


class Peer:
    """
    One gmqtt client, with everything it hears in queues.
    """

    def __init__(self, name: str, clean: bool = True, will: Any = None, **properties: Any) -> None:
        self.client = gmqtt.Client(name, clean_session=clean, will_message=will, **properties)
        self.client.set_config({"reconnect_retries": 0, "reconnect_delay": 0})
        self.messages: asyncio.Queue[tuple[str, int, bytes, dict[str, Any]]] = asyncio.Queue()
        self._answers: asyncio.Queue[list[int]] = asyncio.Queue()
        self.session_present: int | None = None
        self.client.on_message = self._on_message
        self.client.on_subscribe = lambda client, mid, codes, properties: self._answers.put_nowait(list(codes))
        self.client.on_connect = self._on_connect

    def _on_message(self, client: object, topic: str, payload: bytes, qos: int, properties: dict[str, Any]) -> int:
        self.messages.put_nowait((topic, qos, payload, properties))
        return 0

    def _on_connect(self, client: object, flags: int, reason: int, properties: object) -> None:
        self.session_present = flags

    async def connect(self, version: int) -> Peer:
        await asyncio.wait_for(self.client.connect("127.0.0.1", our_broker().port, version=version), PATIENCE)
        return self

    async def subscribe(self, topic: str, qos: int = 0, **options: Any) -> list[int]:
        self.client.subscribe(gmqtt.Subscription(topic, qos, **options))
        return await asyncio.wait_for(self._answers.get(), PATIENCE)

    def publish(self, topic: str, payload: bytes, qos: int = 0, retain: bool = False, **properties: Any) -> None:
        self.client.publish(topic, payload, qos, retain, **properties)

    async def hear(self) -> tuple[str, int, bytes, dict[str, Any]]:
        return await asyncio.wait_for(self.messages.get(), PATIENCE)

    async def heard(self, count: int) -> list[tuple[str, int, bytes]]:
        return [(await self.hear())[:3] for _ in range(count)]

    async def disconnect(self) -> None:
        await self.client.disconnect()

    async def vanish(self) -> None:
        """
        Close the connection without a word.
        """
        self.client._connection._transport.abort()


class GmqttTests(SynchronousTestCase):
    def setUp(self) -> None:
        need_module("gmqtt", "gmqtt")
        logging.getLogger("gmqtt").setLevel(logging.CRITICAL)  # it is loud about connections that we cut

    def converse(self, conversation: Callable[[str, int], Coroutine[Any, Any, None]]) -> None:
        """
        Hold a conversation in each version.
        """
        for name, version in VERSIONS.items():
            with self.subTest(version=name):
                asyncio.run(conversation(name, version))

    def test_every_quality(self) -> None:
        """
        What is published at one QoS and subscribed to at another arrives once, at the lower of the two.
        """

        async def conversation(name: str, version: int) -> None:
            publisher = await Peer(f"gmqtt-p-{name}").connect(version)
            for granted in (0, 1, 2):
                topic = f"gmqtt/quality/{name}/{granted}"
                subscriber = await Peer(f"gmqtt-s-{name}").connect(version)
                self.assertEqual(await subscriber.subscribe(f"{topic}/+", granted), [granted])
                for qos in (0, 1, 2):
                    publisher.publish(f"{topic}/{qos}", b"word", qos)
                expected = [(f"{topic}/{qos}", min(qos, granted), b"word") for qos in (0, 1, 2)]
                self.assertEqual(sorted(await subscriber.heard(3)), expected)
                await subscriber.disconnect()
            await publisher.disconnect()

        self.converse(conversation)

    def test_retained(self) -> None:
        """
        A retained message reaches who subscribes later, and an empty one removes it.
        """

        async def conversation(name: str, version: int) -> None:
            topic = f"gmqtt/retained/{name}"
            peer = await Peer(f"gmqtt-{name}").connect(version)
            peer.publish(topic, b"kept", 1, True)
            peer.publish(f"{topic}/end", b"end", 1)
            await peer.subscribe(topic, 1)
            self.assertEqual(await peer.heard(1), [(topic, 1, b"kept")])
            peer.publish(topic, b"", 1, True)
            self.assertEqual(await peer.heard(1), [(topic, 1, b"")])
            later = await Peer(f"gmqtt-later-{name}").connect(version)
            await later.subscribe(topic, 1)
            peer.publish(topic, b"new", 1)
            self.assertEqual(await later.heard(1), [(topic, 1, b"new")])
            await later.disconnect()
            await peer.disconnect()

        self.converse(conversation)

    def test_will(self) -> None:
        """
        The will of a client that vanishes is published, that of one that disconnects is not.
        """

        async def conversation(name: str, version: int) -> None:
            topic = f"gmqtt/will/{name}"
            watcher = await Peer(f"gmqtt-watcher-{name}").connect(version)
            await watcher.subscribe(f"{topic}/+", 1)
            for way in ("disconnect", "vanish"):
                will = gmqtt.Message(f"{topic}/{way}", b"gone", 1)
                mortal = await Peer(f"gmqtt-mortal-{name}-{way}", will=will).connect(version)
                await getattr(mortal, way)()
            self.assertEqual(await watcher.heard(1), [(f"{topic}/vanish", 1, b"gone")])
            await watcher.disconnect()

        self.converse(conversation)

    def test_session_resumed(self) -> None:
        """
        A client with a persistent session gets what it missed when it returns, in order.
        """

        async def conversation(name: str, version: int) -> None:
            topic = f"gmqtt/session/{name}"
            expiry = {"session_expiry_interval": 60} if name == "5.0" else {}
            first = await Peer(f"gmqtt-sleeper-{name}", False, **expiry).connect(version)
            self.assertEqual(first.session_present, 0)
            await first.subscribe(topic, 1)
            await first.disconnect()
            publisher = await Peer(f"gmqtt-p-{name}").connect(version)
            for number in range(40):
                publisher.publish(topic, b"%d" % number, 1 + number % 2)
            await publisher.client._persistent_storage.wait_empty()
            second = await Peer(f"gmqtt-sleeper-{name}", False, **expiry).connect(version)
            self.assertEqual(second.session_present, 1)
            self.assertEqual(await second.heard(40), [(topic, 1, b"%d" % number) for number in range(40)])
            await second.disconnect()
            await publisher.disconnect()

        self.converse(conversation)

    def test_shared_subscription(self) -> None:
        """
        Each message for a shared subscription reaches exactly one of its members.
        """

        async def conversation(name: str, version: int) -> None:
            topic = f"gmqtt/shared/{name}"
            members = [await Peer(f"gmqtt-{number}-{name}").connect(version) for number in range(3)]
            for member in members:
                await member.subscribe(f"$share/crew/{topic}", 1)
                await member.subscribe(f"{topic}/end", 1)
            publisher = await Peer(f"gmqtt-p-{name}").connect(version)
            for number in range(30):
                publisher.publish(topic, b"%d" % number, 1)
            publisher.publish(f"{topic}/end", b"end", 1)
            everything = []
            for member in members:
                while (message := await member.hear())[0] == topic:
                    everything.append(int(message[2]))
            self.assertEqual(sorted(everything), list(range(30)))
            for peer in (*members, publisher):
                await peer.disconnect()

        self.converse(conversation)

    def test_properties(self) -> None:
        """
        What a publisher of 5.0 says about its message reaches the subscriber unaltered.
        """

        async def conversation() -> None:
            peer = await Peer("gmqtt-properties").connect(gmqtt.constants.MQTTv50)
            await peer.subscribe("gmqtt/properties", 1, subscription_identifier=7)
            peer.publish(
                "gmqtt/properties",
                b"word",
                1,
                message_expiry_interval=100,
                content_type="text/plain",
                response_topic="gmqtt/answers",
                correlation_data=b"42",
                user_property=[("b", "1"), ("a", "2")],
            )
            heard = (await peer.hear())[3]
            self.assertIn(heard["message_expiry_interval"], ([99], [100]))
            self.assertEqual(heard["content_type"], ["text/plain"])
            self.assertEqual(heard["response_topic"], ["gmqtt/answers"])
            self.assertEqual(heard["correlation_data"], [b"42"])
            self.assertEqual(heard["user_property"], [("b", "1"), ("a", "2")])
            self.assertEqual(heard["subscription_identifier"], [7])
            await peer.disconnect()

        asyncio.run(conversation())
