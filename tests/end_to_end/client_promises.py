"""
What every server must do for our client, whoever wrote it.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from tests.end_to_end.servers import Server
from txmqtt import Message, MQTTClient, MQTTClientService, MQTTError, Properties, ReasonCode, Retry, Will, connect
from txmqtt.net.client_tls import TLS

if TYPE_CHECKING:
    _TestCase = TestCase
else:
    _TestCase = object  # these are run by those who say which server

VERSIONS = (3, 4, 5)

_numbers = count()
reactor: Any = installed


def unique(name: str) -> str:
    """
    A name that no other test has used with the same broker.
    """
    return f"{name}-{next(_numbers)}"


class Inbox:
    """
    What came, and a way to wait for it.
    """

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._wanted = 0
        self._waiting: Deferred[list[Message]] | None = None

    def __call__(self, message: Message) -> None:
        self.messages.append(message)
        if self._waiting is not None and len(self.messages) >= self._wanted:
            waiting, self._waiting = self._waiting, None
            waiting.callback(self.messages)

    async def get(self, number: int) -> list[Message]:
        """
        The messages, once there are so many.
        """
        if len(self.messages) < number:
            self._wanted, self._waiting = number, Deferred()
            await self._waiting.addTimeout(15, reactor)
        return self.messages


class ServerTests(_TestCase):
    """
    What every server must do for our client.

    @cvar versions: that it speaks.
    @cvar highest: the highest QoS that it grants.
    @cvar says_why: it tells a client of 5.0 why it closes the connection.
    """

    timeout = 120
    versions: tuple[int, ...] = VERSIONS
    highest = 2
    says_why = True

    def server(self) -> Server:
        """
        That of all these tests.
        """
        raise NotImplementedError

    def secure_server(self) -> Server:
        """
        That which speaks TLS.
        """
        return self.server()

    async def connect(self, version: int, **options: Any) -> MQTTClient:
        options.setdefault("client_id", unique("c"))
        client = await connect(reactor, f"mqtt://127.0.0.1:{self.server().port}", version=version, **options)
        self.addCleanup(client.disconnect)
        return client

    async def test_publish_and_subscribe(self) -> None:
        """
        Messages of each QoS arrive once, in order, as they were sent, and are acknowledged [MQTT311-7.1.2-1]
        [MQTT5-4.2.0-1].
        """
        for version in self.versions:
            client = await self.connect(version)
            topic, inbox = unique("t"), Inbox()
            granted = await client.subscribe(f"{topic}/+", inbox, qos=2)
            self.assertEqual(granted.reason, self.highest)
            for qos in range(self.highest + 1):
                acknowledgement = await client.publish(f"{topic}/{qos}", b"%d" % qos, qos)
                self.assertEqual(acknowledgement.reason, ReasonCode.SUCCESS)
            got = [(message.topic, message.payload, message.qos) for message in await inbox.get(self.highest + 1)]
            self.assertEqual(got, [(f"{topic}/{qos}", b"%d" % qos, qos) for qos in range(self.highest + 1)])

    async def test_overlapping(self) -> None:
        """
        5.0: of each message each callback and reader whose filter matches gets one, whether the server sends one copy
        for all of them or one for each.
        """
        if 5 not in self.versions:
            return
        client = await self.connect(5)
        topic = unique("t")
        inboxes = {filter: Inbox() for filter in ("#", "+", "x", "+/y")}
        for filter, inbox in inboxes.items():
            await client.subscribe(f"{topic}/{filter}", inbox, 1)
        last = Inbox()
        await client.subscribe(f"{topic}/last", last, 1)
        async with client.messages(f"$share/g/{topic}/x", qos=1) as messages:
            for name in ("x", "z", "x/y", "last"):
                await client.publish(f"{topic}/{name}", b"", qos=1)
            await last.get(1)
            counts = {filter: len(inbox.messages) for filter, inbox in inboxes.items()}
            self.assertEqual(counts, {"#": 4, "+": 3, "x": 1, "+/y": 1})
            self.assertEqual((await messages.receive(5)).topic, f"{topic}/x")
            self.assertEqual(messages.waiting, 0)

    async def test_read(self) -> None:
        """
        Messages are read one after another, and whoever reads may await his own publishes.
        """
        for version in self.versions:
            client = await self.connect(version)
            topic, inbox = unique("t"), Inbox()
            await client.subscribe(f"{topic}/done", inbox, 2)
            async with client.messages(f"{topic}/todo", qos=2, limit=1) as messages:
                answers = [client.publish(f"{topic}/todo", b"%d" % number, 1 + number % 2) for number in range(12)]
                for _ in range(12):
                    message = await messages.receive(10)
                    await client.publish(f"{topic}/done", message.payload, 2)
                for answer in answers:
                    await answer
            done = sorted(int(message.payload) for message in await inbox.get(12))
            self.assertEqual(done, sorted(range(12)))

    async def test_more_than_is_read(self) -> None:
        """
        A reader that wants all of QoS 0 and is slow gets all of it, through a buffer for ten.
        """
        client, other = await self.connect(self.versions[-1]), await self.connect(self.versions[-1])
        topic = unique("t")
        async with client.messages(topic, limit=10) as messages:
            for number in range(500):
                await other.publish(topic, b"%d" % number)
            await deferLater(reactor, 0.05)
            self.assertEqual(messages.waiting, 10)
            got = [int((await messages.receive(10)).payload) for _ in range(500)]
            self.assertEqual((got, messages.dropped), (list(range(500)), 0))

    async def test_many(self) -> None:
        """
        Hundreds of messages asked for at once arrive each once and in order.
        """
        for version in self.versions:
            for qos in range(self.highest + 1):
                client = await self.connect(version)
                topic, inbox = unique("t"), Inbox()
                await client.subscribe(topic, inbox, qos)
                answers = [client.publish(topic, b"%d" % number, qos) for number in range(300)]
                for answer in answers:
                    await answer
                got = [message.payload for message in await inbox.get(300)]
                self.assertEqual(got, [b"%d" % number for number in range(300)])

    async def test_large(self) -> None:
        """
        A large message arrives whole.
        """
        for version in self.versions:
            client = await self.connect(version)
            topic, inbox, payload = unique("t"), Inbox(), bytes(range(256)) * 4000
            await client.subscribe(topic, inbox, qos=1)
            await client.publish(topic, payload, qos=1)
            (message,) = await inbox.get(1)
            self.assertTrue(message.payload == payload)

    async def test_retained(self) -> None:
        """
        A retained message reaches the callback of a later subscription, flagged as such, and can be cleared.
        """
        for version in self.versions:
            client = await self.connect(version)
            topic, inbox, later = unique("t"), Inbox(), Inbox()
            await client.publish(topic, b"kept", qos=1, retain=True)
            await client.subscribe(topic, inbox, qos=1)
            message = (await inbox.get(1))[0]
            self.assertEqual((message.payload, message.retain), (b"kept", True))
            await client.publish(topic, b"", qos=1, retain=True)
            await inbox.get(2)
            await client.subscribe(topic, later, qos=1)
            await client.publish(topic, b"live", qos=1)
            messages = await later.get(1)
            self.assertEqual([m.payload for m in messages], [b"live"])

    async def test_unsubscribe(self) -> None:
        """
        After unsubscribing nothing comes any more.
        """
        for version in self.versions:
            client = await self.connect(version)
            topic, inbox, rest = unique("t"), Inbox(), Inbox()
            await client.subscribe([f"{topic}/a", f"{topic}/b"], inbox, qos=1)
            await client.unsubscribe(f"{topic}/a")
            client.on_message = rest
            await client.publish(f"{topic}/a", b"1", qos=1)
            await client.publish(f"{topic}/b", b"2", qos=1)
            self.assertEqual([m.payload for m in await inbox.get(1)], [b"2"])
            self.assertEqual(rest.messages, [])

    async def test_will(self) -> None:
        """
        A will is published when its client goes without a word, and not when it disconnects.
        """
        for version in self.versions:
            topic, inbox = unique("t"), Inbox()
            watcher = await self.connect(version)
            await watcher.subscribe(topic, inbox, qos=1)
            polite = await self.connect(version, will=Will(topic, b"never"))
            await polite.disconnect()
            rude = await self.connect(version, will=Will(topic, b"gone", qos=1))
            rude.transport.abortConnection()
            (message,) = await inbox.get(1)
            self.assertEqual((message.payload, message.qos), (b"gone", 1))

    async def test_session_resumed(self) -> None:
        """
        A session that is kept is owed what comes while its client is away, and told that it goes on.
        """
        for version in self.versions:
            topic, name, inbox = unique("t"), unique("kept"), Inbox()
            first = await self.connect(version, client_id=name, clean_start=False)
            await first.subscribe(topic, print, qos=2)
            await first.disconnect()
            other = await self.connect(version)
            for number in (1, 2):
                await other.publish(topic, b"%d" % number, min(number, self.highest))
            second = await self.connect(version, client_id=name, clean_start=False, on_message=inbox)
            self.assertEqual(second.session_present, version != 3)
            self.assertEqual([m.payload for m in await inbox.get(2)], [b"1", b"2"])
            await second.disconnect()
            third = await self.connect(version, client_id=name)
            self.assertFalse(third.session_present)

    async def test_slow_callback(self) -> None:
        """
        A callback that takes its time holds up the acknowledgement, not the connection.
        """
        for version in self.versions:
            client = await self.connect(version)
            topic, inbox = unique("t"), Inbox()

            async def slowly(message: Message, inbox: Inbox = inbox) -> None:
                await deferLater(reactor, 0.05)
                inbox(message)

            await client.subscribe(topic, slowly, qos=2)
            for number in (1, 2):
                await client.publish(topic, b"%d" % number, min(number, self.highest))
            await client.ping()
            self.assertEqual({m.payload for m in await inbox.get(2)}, {b"1", b"2"})

    async def test_taken_over(self) -> None:
        """
        Another client of the same name takes our place; on 5.0 the server says so.
        """
        for version in self.versions:
            name = unique("twin")
            first = await self.connect(version, client_id=name)
            await self.connect(version, client_id=name)
            why = await first.whenClosed()
            self.assertTrue(why.remote)
            if version == 5 and self.says_why:
                self.assertEqual(why.reason, ReasonCode.SESSION_TAKEN_OVER)

    async def test_properties(self) -> None:
        """
        On 5.0 properties arrive as they were sent, options are heeded, and aliases shorten what is said often.
        """
        if 5 not in self.versions:
            return
        client = await self.connect(5, topic_aliases=10, topic_alias_maximum=10)
        topic, inbox, nothing = unique("t"), Inbox(), Inbox()
        await client.subscribe(topic, inbox, qos=1, identifier=7)
        await client.subscribe(f"{topic}/local", nothing, no_local=True)
        properties = Properties(
            content_type="text/plain",
            response_topic="back",
            correlation_data=b"c",
            user_properties=(("a", "1"), ("a", "2")),
        )
        await client.publish(f"{topic}/local", b"p", qos=1)
        for _ in range(3):
            await client.publish(topic, b"p", qos=1, properties=properties)
        for message in await inbox.get(3):
            got = message.properties
            self.assertEqual(message.topic, topic)
            self.assertEqual(got.subscription_identifiers, (7,))
            self.assertEqual(got.user_properties, properties.user_properties)
            self.assertEqual((got.content_type, got.response_topic, got.correlation_data), ("text/plain", "back", b"c"))
        self.assertEqual(nothing.messages, [])
        acknowledgement = await client.publish(unique("nobody"), b"p", qos=1)
        self.assertEqual(acknowledgement.reason, ReasonCode.NO_MATCHING_SUBSCRIBERS)

    async def there_and_back(self, client: MQTTClient) -> None:
        """
        A message goes out and comes back.
        """
        self.addCleanup(client.disconnect)
        topic, inbox = unique("t"), Inbox()
        await client.subscribe(topic, inbox, qos=1)
        await client.publish(topic, b"word", qos=1)
        self.assertEqual([message.payload for message in await inbox.get(1)], [b"word"])

    async def test_tls(self) -> None:
        """
        All goes through TLS as well; a server that nobody vouches for is refused.
        """
        server = self.secure_server()
        url, version = f"mqtts://localhost:{server.secure}", self.versions[-1]
        await self.there_and_back(await connect(reactor, url, tls=TLS(ca=server.trusted), version=version))
        with self.assertRaisesRegex(MQTTError, "CN=localhost.* not known here"):
            await connect(reactor, url, version=version)

    async def test_websocket(self) -> None:
        """
        All goes through a WebSocket as well.
        """
        for version in self.versions:
            await self.there_and_back(await connect(reactor, self.server().web, version=version, client_id=unique("w")))

    async def test_killed(self) -> None:
        """
        A server is killed and started again: what was published meanwhile arrives, and so does what is published later,
        without anybody having subscribed again.
        """
        server, qos = self.server(), self.highest
        topic, inbox = unique("t"), Inbox()
        service = MQTTClientService(
            f"mqtt://127.0.0.1:{server.port}",
            client_id=unique("steady"),
            version=self.versions[-1],
            retry=Retry(initial=0.1, maximum=0.1),
        )
        service.startService()
        self.addCleanup(service.stopService)
        await service.whenReady()
        await service.subscribe(topic, inbox, qos)
        await service.publish(topic, b"before", qos)
        await inbox.get(1)
        server.die()
        answer = service.publish(topic, b"meanwhile", qos)
        server.again()
        self.assertEqual((await answer).reason, ReasonCode.SUCCESS)
        await inbox.get(2)
        await service.publish(topic, b"after", qos)
        self.assertEqual([message.payload for message in await inbox.get(3)], [b"before", b"meanwhile", b"after"])
