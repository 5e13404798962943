"""
SCRAM-SHA-256 over a real socket: the broker, a 5.0 client written by hand, packet for packet, and the one of ours.
"""

from __future__ import annotations

import os
from tempfile import TemporaryDirectory
from typing import Any

from twisted.cred.portal import Portal
from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.trial.unittest import TestCase

from tests.net.support import Waiting
from txmqtt import ConnectionClosed, MQTTClient, MQTTClientService, Refused, Retry, connect
from txmqtt.backends.memory import MemoryBackend
from txmqtt.broker.core import Broker
from txmqtt.broker.policy import Policy
from txmqtt.broker.stats import Stats
from txmqtt.codec import encode
from txmqtt.codec.decode import Decoder
from txmqtt.codec.packets import (
    Ack,
    Auth,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Publish,
    Suback,
    Subscribe,
    Subscription,
)
from txmqtt.codec.properties import Properties
from txmqtt.net.access.scram import scram_line
from txmqtt.net.access.scram_client import ScramClient
from txmqtt.net.access.scram_server import Scram, ScramSettings
from txmqtt.net.auth import Realm
from txmqtt.net.authenticator import Authentication, Authenticator
from txmqtt.net.bearer_authentication import OAuthBearer
from txmqtt.net.scram_authentication import ScramSHA256
from txmqtt.net.server_factory import BrokerFactory
from txmqtt.net.settings import Options
from txmqtt.session.turn import Turn

reactor: Any = _reactor

#: Longer than anything takes on a busy machine.
_PATIENCE = 15.0


class HandMade(Protocol):
    """
    A client that says what it is told.
    """

    def __init__(self) -> None:
        self._decoder = Decoder(5)
        self._packets: DeferredQueue[Packet] = DeferredQueue()
        self.closed: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self._decoder.feed(data)
        while (packet := self._decoder.take()) is not None:
            self._packets.put(packet)

    def connectionLost(self, reason: Any = None) -> None:
        self.closed.callback(None)

    def say(self, *packets: Packet) -> None:
        """
        Send packets.
        """
        assert self.transport is not None
        self.transport.write(b"".join(encode.packet(packet, 5) for packet in packets))

    def hear(self) -> Deferred[Packet]:
        """
        The next packet that comes.
        """
        return self._packets.get().addTimeout(_PATIENCE, reactor)


class Listening(TestCase):
    """
    A broker that lets in who proves by SCRAM that he is Ann or Bob.
    """

    async def _start(self) -> None:
        folder = TemporaryDirectory(prefix="txmqtt-")
        self.addCleanup(folder.cleanup)
        path = f"{folder.name}/users"
        with open(path, "w", encoding="utf-8") as file:
            file.write(scram_line("ann", "secret", 4_096) + "\n" + scram_line("bob", "secret", 4_096) + "\n")
        os.chmod(path, 0o600)
        policy, turn, stats = Policy(), Turn(), Stats()
        broker = Broker(policy, turn, stats, MemoryBackend(policy, stats, turn))
        mechanisms = [Scram(ScramSettings(path))]
        self.factory = BrokerFactory(broker, Portal(Realm(), [Waiting()]), reactor, mechanisms=mechanisms)
        port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(self.factory)
        self.addCleanup(self.factory.whenEmpty)
        self.addCleanup(port.stopListening)
        self.port = port.getHost().port


class HandMadeTests(Listening):
    """
    A client that speaks packet by packet.
    """

    async def _dial(self) -> HandMade:
        client: HandMade = await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", self.port), HandMade())

        def leave() -> Deferred[None]:
            assert client.transport is not None
            client.transport.loseConnection()
            return client.closed

        self.addCleanup(leave)
        return client

    def _data(self, packet: Packet) -> bytes | None:
        assert isinstance(packet, Auth | Connack) and packet.properties is not None, packet
        self.assertEqual(packet.properties.authentication_method, "SCRAM-SHA-256")
        return packet.properties.authentication_data

    def _said(self, data: bytes) -> Properties:
        return Properties(authentication_method=ScramClient.method, authentication_data=data)

    async def _login(self, client: HandMade, name: str, password: str) -> Packet:
        """
        @return: the CONNACK.
        """
        scram = ScramClient(name, password)
        client.say(Connect("c", 5, properties=self._said(scram.begin())))
        challenge = await client.hear()
        assert isinstance(challenge, Auth)
        client.say(Auth(0x18, self._said(scram.answer(self._data(challenge)))))
        connack = await client.hear()
        assert isinstance(connack, Connack)
        if not connack.reason:
            scram.finish(self._data(connack))
        return connack

    async def _test_whole(self) -> None:
        await self._start()
        client = await self._dial()
        connack = await self._login(client, "ann", "secret")
        assert isinstance(connack, Connack)
        self.assertEqual(connack.reason, 0)
        client.say(Subscribe(1, [Subscription(b"t")]))
        self.assertEqual(await client.hear(), Suback(1, [0]))
        for _ in range(2):
            scram = ScramClient("ann", "secret")
            client.say(Auth(0x19, self._said(scram.begin())), Publish(b"t", b"x"))
            challenge, message = await client.hear(), await client.hear()
            if isinstance(challenge, Publish):
                challenge, message = message, challenge
            self.assertEqual(message, Publish(b"t", b"x"))
            client.say(Auth(0x18, self._said(scram.answer(self._data(challenge)))), Publish(b"t", b"y", 1, packet_id=1))
            heard = [await client.hear() for _ in range(3)]
            (done,) = [each for each in heard if isinstance(each, Auth)]
            self.assertEqual(done.reason, 0)
            scram.finish(self._data(done))
            self.assertEqual(len([each for each in heard if isinstance(each, Ack | Publish)]), 2)

    def test_whole(self) -> Deferred[None]:
        """
        A client proves that it knows the password, learns that the broker does, talks, and proves it again meanwhile.
        """
        return Deferred.fromCoroutine(self._test_whole())

    async def _test_refused(self) -> None:
        await self._start()
        for name, password in (("ann", "wrong"), ("nobody", "secret")):
            client = await self._dial()
            connack = await self._login(client, name, password)
            assert isinstance(connack, Connack)
            self.assertEqual(connack.reason, 0x87)
            await client.closed

    def test_refused(self) -> Deferred[None]:
        """
        A wrong password and a stranger look alike, and are closed.
        """
        return Deferred.fromCoroutine(self._test_refused())

    async def _test_another(self) -> None:
        await self._start()
        client = await self._dial()
        await self._login(client, "ann", "secret")
        scram = ScramClient("bob", "secret")
        client.say(Auth(0x19, self._said(scram.begin())))
        client.say(Auth(0x18, self._said(scram.answer(self._data(await client.hear())))))
        goodbye = await client.hear()
        assert isinstance(goodbye, Disconnect)
        self.assertEqual(goodbye.reason, 0x87)
        await client.closed

    def test_another(self) -> Deferred[None]:
        """
        Who comes in as one and proves to be another is let go.
        """
        return Deferred.fromCoroutine(self._test_another())


class ClientTests(Listening):
    """
    The client that users have.
    """

    def _client(self, authentication: Authentication) -> Deferred[MQTTClient]:
        return connect(reactor, f"tcp:127.0.0.1:{self.port}", authentication=authentication)

    async def _test_whole(self) -> None:
        await self._start()
        client = await self._client(ScramSHA256("ann", "secret"))
        got: list[bytes] = []
        await client.subscribe("t", lambda message: got.append(message.payload), qos=2)
        for number in range(3):
            renewed = client.reauthenticate()
            await client.publish("t", b"%d" % number, qos=2)
            await renewed
        self.assertEqual(got, [b"0", b"1", b"2"])
        await client.disconnect()

    def test_whole(self) -> Deferred[None]:
        """
        A client proves who it is, talks, and proves it again as often as it likes, with messages under way.
        """
        return Deferred.fromCoroutine(self._test_whole())

    async def _test_refused(self) -> None:
        await self._start()
        for name, password in (("ann", "wrong"), ("nobody", "secret")):
            with self.assertRaises(Refused) as caught:
                await self._client(ScramSHA256(name, password))
            self.assertEqual(caught.exception.reason, 0x87)
        with self.assertRaises(Refused) as caught:
            await self._client(OAuthBearer(lambda: "token"))
        self.assertEqual(caught.exception.reason, 0x8C)
        self.assertIn("SCRAM-SHA-256", str(caught.exception))

    def test_refused(self) -> Deferred[None]:
        """
        A wrong password, a stranger, and a method that the broker does not have are refused with their reason.
        """
        return Deferred.fromCoroutine(self._test_refused())

    async def _test_another(self) -> None:
        await self._start()
        people = ["bob", "ann"]

        def make() -> Authenticator:
            return ScramSHA256(people.pop(), "secret")()

        client = await self._client(make)
        closed = client.whenClosed()
        with self.assertRaises(ConnectionClosed) as caught:
            await client.reauthenticate()
        self.assertEqual((caught.exception.reason, caught.exception.remote), (0x87, True))
        await closed

    def test_another(self) -> Deferred[None]:
        """
        Who proves later to be another hears why the broker lets him go.
        """
        return Deferred.fromCoroutine(self._test_another())

    async def _test_service(self) -> None:
        await self._start()
        options: Options = {"authentication": ScramSHA256("ann", "secret"), "clean_start": False, "client_id": "c"}
        service = MQTTClientService(f"tcp:127.0.0.1:{self.port}", reactor=reactor, retry=Retry(initial=0.01), **options)
        service.startService()
        self.addCleanup(service.stopService)
        for _ in range(2):
            await service.whenReady()
            await service.publish("t", b"x", qos=1)
            client = service.client
            assert client is not None
            closed = client.whenClosed()
            client.transport.abortConnection()
            await closed
        await service.publish("t", b"x", qos=1)

    def test_service(self) -> Deferred[None]:
        """
        A client that connects again proves each time who it is.
        """
        return Deferred.fromCoroutine(self._test_service())
