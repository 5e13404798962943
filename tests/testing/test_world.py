"""
An application's tests: real clients and a real broker, and time that passes when the test says so.
"""

from __future__ import annotations

from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.testing.support import WorldTestCase, payloads
from txmqtt import (
    Message,
    Policy,
    Properties,
    Realm,
    ReasonCode,
    Refused,
    User,
    Will,
    connect,
)
from txmqtt.codec.packets import Connack, Connect, Pingreq, Publish
from txmqtt.testing import MQTTWorld


class PartyTests(WorldTestCase):
    """
    Clients and messages.
    """

    def test_two_clients(self) -> None:
        """
        What one publishes the other gets, at every QoS and with its properties.
        """
        seen = self.mqtt.watch("rooms/#")
        client = self.mqtt.client()
        for qos in (0, 1, 2):
            self.mqtt.run(client.publish("rooms/3", b"%d" % qos, qos, properties=Properties(content_type="text/plain")))
        self.mqtt.flush()
        self.assertEqual(
            [(message.topic, message.payload, message.qos) for message in seen],
            [
                ("rooms/3", b"0", 0),
                ("rooms/3", b"1", 1),
                ("rooms/3", b"2", 2),
            ],
        )
        self.assertEqual({message.properties.content_type for message in seen}, {"text/plain"})

    def test_ways_in(self) -> None:
        """
        The application may say where the broker is as it likes: by a URL with any name, an endpoint or its string.
        """
        clock = self.mqtt.clock
        for way in (
            self.mqtt.url,
            "mqtt://broker.example.com",
            "mqtt://[2001:db8::1]:1883",
            "tcp:host=broker.example.com:port=1883",
            self.mqtt.endpoint(),
        ):
            with self.subTest(way=way):
                client = self.mqtt.run(connect(clock, way))
                self.assertIsInstance(self.mqtt.run(client.ping()).reason, ReasonCode)
        self.assertEqual(self.mqtt.broker.stats.connections, 5)

    def test_nobody_listens_elsewhere(self) -> None:
        """
        Another port is refused, as on a machine that has only the broker.
        """
        with self.assertRaises(ConnectionRefusedError):
            self.mqtt.run(connect(self.mqtt.clock, "mqtt://localhost:1884"), within=1)

    def test_versions(self) -> None:
        """
        Every version of MQTT is spoken.
        """
        for version in (3, 4, 5):
            with self.subTest(version=version):
                client = self.mqtt.client(client_id=f"v{version}", version=version)
                (connect,) = self.mqtt.connection(client).from_client
                assert isinstance(connect, Connect)
                self.assertEqual(connect.version, version)

    def test_publish(self) -> None:
        """
        The test itself can publish, and finds retained messages where clients find them.
        """
        self.mqtt.publish("a", b"kept", qos=1, retain=True)
        self.assertEqual(payloads(self.mqtt.watch("a")), [b"kept"])

    def test_run(self) -> None:
        """
        A coroutine is run to its end; what it raises comes out; time passes only where that was allowed.
        """

        async def wait(seconds: float) -> float:
            await deferLater(self.mqtt.clock, seconds)
            if seconds > 10:
                raise LookupError("late")
            return self.mqtt.clock.seconds()

        self.assertEqual(self.mqtt.run(wait(5), within=60), 5.0)
        with self.assertRaises(AssertionError) as caught:
            self.mqtt.run(wait(5), within=4)
        self.assertIn("nothing came of it within 4 s", str(caught.exception))
        self.assertEqual(self.mqtt.clock.seconds(), 9.0)
        with self.assertRaises(LookupError):
            self.mqtt.run(wait(11), within=60)


class PeopleTests(SynchronousTestCase):
    """
    Who may come in.
    """

    def world(self, **options: object) -> MQTTWorld:
        world = MQTTWorld(**options)  # type: ignore[arg-type]
        self.addCleanup(world.close)
        return world

    def refused(self, world: MQTTWorld, **options: str) -> int:
        with self.assertRaises(Refused) as caught:
            world.client(**options)  # type: ignore[arg-type]
        return int(caught.exception.reason)

    def test_users(self) -> None:
        """
        Only those on the list come in, with their passwords.
        """
        world = self.world(users={"ann": "secret"})
        world.client(username="ann", password="secret")
        self.assertEqual(self.refused(world, username="ann", password="guess"), ReasonCode.BAD_USER_NAME_OR_PASSWORD)
        self.assertEqual(self.refused(world, username="ben", password="secret"), ReasonCode.BAD_USER_NAME_OR_PASSWORD)
        self.assertEqual(self.refused(world), ReasonCode.NOT_AUTHORIZED)

    def test_anonymous(self) -> None:
        """
        Whoever gives no name may be let in besides, or nobody at all.
        """
        world = self.world(users={"ann": "secret"}, anonymous=True)
        world.client()
        self.assertEqual(self.refused(world, username="ann", password="guess"), ReasonCode.BAD_USER_NAME_OR_PASSWORD)
        self.refused(self.world(anonymous=False))

    def test_rights(self) -> None:
        """
        A realm says what they may do.
        """

        class Reader(User):
            unrestricted = False

            def may_publish(self, topic: str) -> bool:
                return topic.startswith(f"{self.name}/")

        world = self.world(users={"ann": "a"}, realm=Realm(Reader))
        client = world.client(username="ann", password="a")
        world.run(client.publish("ann/x", b"", 1))
        with self.assertRaises(Refused):
            world.run(client.publish("ben/x", b"", 1))

    def test_either_or(self) -> None:
        """
        A portal says it all: what would be ignored beside it is refused.
        """
        with self.assertRaises(ValueError):
            MQTTWorld(portal=Portal(Realm()), users={})

    def test_limits(self) -> None:
        """
        The broker has the limits that it is given, also those for each address.
        """
        world = self.world(policy=Policy(max_connections_per_address=1, trusted_addresses=""))
        for source in ("192.0.2.1", "192.0.2.2", "2001:db8::1"):
            world.run(connect(world.clock, world.endpoint(source)))
        with self.assertRaises(Refused):
            world.run(connect(world.clock, world.endpoint("192.0.2.2")))


class TimeTests(WorldTestCase):
    """
    What time brings.
    """

    def test_keep_alive(self) -> None:
        """
        Both sides of a stalled connection find out by their keep-alive, and not before: the client by a ping that is
        not answered, the broker by half an interval more of silence, when it publishes the will.
        """
        mqtt = self.mqtt
        seen = mqtt.watch("gone", keep_alive=0)
        client = mqtt.client(client_id="c", keep_alive=60, ping_timeout=20, will=Will("gone", b"c"))
        mqtt.advance(1_000)
        connection = mqtt.connection(client)
        self.assertTrue(connection.is_open)
        pings = sum(isinstance(packet, Pingreq) for packet in connection.from_client)
        self.assertTrue(16 <= pings <= 25, pings)
        connection.stall()
        mqtt.advance(44)
        self.assertTrue(connection.client.connected)
        mqtt.advance(25)
        self.assertFalse(connection.client.connected)
        self.assertIn("PINGRESP", str(self.successResultOf(client.whenClosed())))
        self.assertEqual(seen, [])
        mqtt.advance(45)
        self.assertEqual(payloads(seen), [b"c"])

    def test_will_delay(self) -> None:
        """
        A will that is delayed is published when its time has come, to the second.
        """
        seen = self.mqtt.watch("gone")
        will = Will("gone", b"c", properties=Properties(will_delay_interval=30))
        client = self.mqtt.client(session_expiry=100, will=will)
        self.mqtt.connection(client).cut()
        self.mqtt.advance(29)
        self.assertEqual(seen, [])
        self.mqtt.advance(2)
        self.assertEqual(payloads(seen), [b"c"])

    def test_message_expiry(self) -> None:
        """
        A message that waits for a client is gone when its time is over, and says how much of it is left before.
        """
        mqtt = self.mqtt
        client = mqtt.client(client_id="c", clean_start=False, session_expiry=1_000)
        mqtt.run(client.subscribe("t", qos=1))
        mqtt.run(client.disconnect())
        for name, seconds in ((b"short", 10), (b"long", 100)):
            mqtt.publish("t", name, 1, properties=Properties(message_expiry_interval=seconds))
        mqtt.advance(60)
        got: list[Message] = []
        mqtt.client(client_id="c", clean_start=False, session_expiry=1_000, on_message=got.append)
        self.assertEqual([(m.payload, m.properties.message_expiry_interval) for m in got], [(b"long", 40)])

    def test_session_expiry(self) -> None:
        """
        A session ends when its time is over.
        """
        for after, present in ((50, True), (70, False)):
            with self.subTest(after=after):
                client = self.mqtt.client(client_id="c", session_expiry=60)
                self.mqtt.connection(client).cut()
                self.mqtt.advance(after)
                client = self.mqtt.client(client_id="c", clean_start=False, session_expiry=60)
                self.assertEqual(client.session_present, present)
                self.mqtt.run(client.disconnect())

    def test_one_long_step(self) -> None:
        """
        It makes no difference whether time passes in one step or in many.
        """

        def life(steps: list[float]) -> list[tuple[float, bytes]]:
            with MQTTWorld() as world:
                heard: list[tuple[float, bytes]] = []
                listener = world.client(on_message=lambda m: heard.append((world.clock.seconds(), m.payload)))
                world.run(listener.subscribe("#"))

                async def talk() -> None:
                    speaker = await world.connect(keep_alive=5)
                    for number in range(5):
                        await speaker.publish("t", b"%d" % number, qos=2)
                        await deferLater(world.clock, 7)

                Deferred.fromCoroutine(talk())
                for step in steps:
                    world.advance(step)
                return heard

        self.assertEqual(life([40.0]), life([0.5] * 80))
        self.assertEqual([moment for moment, _ in life([40.0])], [0, 7, 14, 21, 28])


class LookingTests(WorldTestCase):
    """
    What a test can look at.
    """

    def test_packets(self) -> None:
        """
        Everything that was said is there, decoded, by side and in order.
        """
        client = self.mqtt.client(client_id="c", username="ann")
        self.mqtt.run(client.publish("t", b"p", qos=1))
        connection = self.mqtt.connection("c")
        greeting, message = connection.from_client
        assert isinstance(greeting, Connect)
        assert isinstance(message, Publish)
        self.assertEqual((greeting.username, message.topic, message.qos), ("ann", b"t", 1))
        self.assertIsInstance(connection.from_server[0], Connack)
        self.assertEqual(len(connection.from_server), 2)

    def test_whose(self) -> None:
        """
        The latest connection of a client is found by it, or by its name, one that the broker gave it included.
        """
        first = self.mqtt.client()
        self.mqtt.client(client_id="c")
        last = self.mqtt.client(client_id="c")
        self.assertEqual([connection.client_id for connection in self.mqtt.connections], [first.client_id, "c", "c"])
        self.assertIs(self.mqtt.connection(first), self.mqtt.connections[0])
        self.assertIs(self.mqtt.connection(last), self.mqtt.connections[2])
        self.assertIn("over", repr(self.mqtt.connections[1]))
        self.assertRaises(LookupError, self.mqtt.connection, "nobody")

    def test_errors(self) -> None:
        """
        What goes wrong where nobody looks is found by the test.
        """

        def broken(message: Message) -> None:
            raise ZeroDivisionError("in a callback")

        mqtt = self.mqtt
        mqtt.check()
        client = mqtt.client(on_message=broken)
        mqtt.run(client.subscribe("t"))
        for expected in (False, True):
            mqtt.publish("t")
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)  # trial finds it too
            if expected:
                self.assertEqual(len(mqtt.flush_errors(ZeroDivisionError)), 1)
                mqtt.check()
            else:
                with self.assertRaises(AssertionError) as caught:
                    mqtt.check()
                self.assertIn("in a callback", str(caught.exception))


class EndTests(SynchronousTestCase):
    def test_nothing_is_left(self) -> None:
        """
        When a world is closed nothing of it waits on its clock, whatever state its connections were in.
        """
        world = MQTTWorld(users={"ann": "a"}, anonymous=True)
        for number in range(4):
            client = world.client(will=Will("w", b""), session_expiry=100)
            client.publish("t", bytes(100_000), qos=2).addErrback(lambda _: None)
            connection = world.connection(client)
            (lambda: None, connection.cut, connection.stall, lambda c=connection: c.slow(10))[number]()
        world.connect(client_id="late").addErrback(lambda _: None)
        world.service(client_id="there")
        world.refuse()
        world.service(client_id="waits")
        world.close()
        world.close()
        self.assertEqual(list(world.clock.getDelayedCalls()), [])

    def test_with(self) -> None:
        """
        A world may be opened for a few lines; its log is not listened to afterwards.
        """
        with MQTTWorld() as world:
            world.client()
        Logger().failure("not of this world", Failure(RuntimeError()))
        self.flushLoggedErrors()
        world.check()
        self.assertEqual(list(world.clock.getDelayedCalls()), [])
