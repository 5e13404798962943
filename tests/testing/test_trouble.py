"""
What can happen to connections and to the broker happens in memory too, and clients live through it.
"""

from __future__ import annotations

from typing import Any

from twisted.application.internet import ClientService
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError, TimeoutError

from tests.service.support import scratch
from tests.testing.support import WorldTestCase, payloads
from txmqtt import (
    ConnectionClosed,
    Message,
    MQTTClient,
    MQTTClientFactory,
    MQTTClientService,
    Phase,
    Policy,
    Will,
)
from txmqtt.codec.packets import Disconnect, Publish, Subscribe
from txmqtt.testing import MQTTWorld


class TroubleTests(WorldTestCase):
    def service(self, client_id: str, clients: list[MQTTClient], clean_start: bool = False) -> ClientService:
        """
        One of Twisted's that connects again and again.
        """
        factory = MQTTClientFactory(self.mqtt.clock, client_id=client_id, clean_start=clean_start)

        def prepare(client: Any) -> Deferred[MQTTClient]:
            clients.append(client)
            ready: Deferred[MQTTClient] = client.whenReady()
            return ready

        service = ClientService(
            self.mqtt.endpoint(),
            factory,
            retryPolicy=lambda failures: 2.0**failures,
            clock=self.mqtt.clock,
            prepareConnection=prepare,
        )
        service.startService()
        self.addCleanup(service.stopService)
        self.mqtt.flush()
        return service

    def test_cut(self) -> None:
        """
        A cut connection is lost on both sides at once, and what was under way with it; the will is published.
        """
        seen = self.mqtt.watch("#")
        client = self.mqtt.client(client_id="c", will=Will("gone", b"c"))
        connection = self.mqtt.connection("c")
        lost = client.publish("t", b"under way", qos=1)
        connection.cut()
        self.failureResultOf(lost, ConnectionClosed)
        self.assertFalse(connection.is_open)
        self.assertEqual(payloads(seen), [b"c"])
        self.assertNotIn(Disconnect, [type(packet) for packet in connection.from_client + connection.from_server])

    def test_resume(self) -> None:
        """
        What was held up arrives when the connection is whole again, and nothing is lost.
        """
        seen = self.mqtt.watch("#")
        client = self.mqtt.client()
        connection = self.mqtt.connection(client)
        connection.stall()
        answer = client.publish("t", b"p", qos=2)
        self.mqtt.advance(5)
        self.assertNoResult(answer)
        self.assertEqual(seen, [])
        connection.resume()
        self.successResultOf(answer)
        self.assertEqual(payloads(seen), [b"p"])

    def test_stall_one_way(self) -> None:
        """
        When only the way back is stalled, the broker has what it does not seem to have.
        """
        seen = self.mqtt.watch("#")
        client = self.mqtt.client()
        connection = self.mqtt.connection(client)
        connection.stall(to_server=False)
        answer = client.publish("t", b"p", qos=1)
        self.mqtt.flush()
        self.assertEqual(payloads(seen), [b"p"])
        self.assertNoResult(answer)
        connection.resume()
        self.successResultOf(answer)

    def test_slow(self) -> None:
        """
        A slow connection takes its time: so many bytes a second, and no more.
        """
        seen = self.mqtt.watch("#")
        client = self.mqtt.client()
        connection = self.mqtt.connection(client)
        connection.slow(1_000)
        client.publish("t", bytes(10_000))
        self.mqtt.advance(9.9)
        self.assertEqual(seen, [])
        self.mqtt.advance(0.3)
        self.assertEqual(len(seen), 1)
        client.publish("t", bytes(10_000))
        self.mqtt.advance(1)
        connection.slow(0)
        self.assertEqual(len(seen), 2)
        self.assertRaises(ValueError, connection.slow, -1)

    def test_back_pressure(self) -> None:
        """
        A client that reads slowly is not sent more than the broker allows to pile up, and misses QoS 0 then.
        """
        world = MQTTWorld(policy=Policy(write_buffer=100_000))
        self.addCleanup(world.close)
        slow = world.client(client_id="slow")
        got: list[Message] = []
        world.run(slow.subscribe("t", got.append))
        world.connection("slow").stall(to_server=False)
        for _ in range(50):
            world.publish("t", bytes(10_000))
        self.assertLess(len(world.connection("slow").server.waiting), 200_000)
        world.connection("slow").resume()
        self.assertTrue(10 <= len(got) < 50, len(got))

    def test_refused(self) -> None:
        """
        While the broker refuses nobody comes in, and those who are in stay.
        """
        client = self.mqtt.client()
        self.mqtt.refuse()
        with self.assertRaises(ConnectionRefusedError):
            self.mqtt.client()
        self.mqtt.run(client.ping())
        self.mqtt.up()
        self.mqtt.client()

    def test_silence(self) -> None:
        """
        A broker that does not answer makes an attempt end when its time is over: that of the endpoint, or our own.
        """
        self.mqtt.down(silently=True)
        for timeout, error in ((0, TimeoutError), (7, ConnectionClosed)):
            attempt = self.mqtt.connect(timeout=timeout)
            self.mqtt.advance((timeout or 30) - 1)
            self.assertNoResult(attempt)
            self.mqtt.advance(2)
            self.failureResultOf(attempt, error)
        self.mqtt.up()
        self.mqtt.client()

    def test_partition(self) -> None:
        """
        When the network is gone silently nobody is told, and what was held up arrives when it is back.
        """
        seen = self.mqtt.watch("t")
        client = self.mqtt.client()
        self.mqtt.down(silently=True)
        answer = client.publish("t", b"p", qos=1)
        self.mqtt.advance(10)
        self.assertNoResult(answer)
        self.mqtt.up()
        self.successResultOf(answer)
        self.assertEqual(payloads(seen), [b"p"])

    def test_connects_again(self) -> None:
        """
        A client service loses its connection when the broker goes down, backs off while it stays down, and is back
        when it is up.
        """
        clients: list[MQTTClient] = []
        self.service("s", clients)
        self.assertEqual(len(clients), 1)
        self.mqtt.down()
        self.mqtt.advance(100)  # attempts after 2, 6, 14, 30, 62 and 126 s
        self.assertEqual(len(clients), 1)
        self.mqtt.up()
        self.mqtt.advance(25)
        self.assertEqual(len(clients), 1)
        self.mqtt.advance(2)
        self.assertEqual(len(clients), 2)
        self.assertTrue(clients[1].session_present)
        self.assertEqual([connection.is_open for connection in self.mqtt.connections], [False, True])

    def test_exactly_once_across_a_cut(self) -> None:
        """
        A QoS 2 message whose connection is cut at any stage of its exchange arrives once.
        """
        seen = self.mqtt.watch("t")
        for stage in range(1, 4):
            with self.subTest(stage=stage):
                seen.clear()
                clients: list[MQTTClient] = []
                self.service(f"s{stage}", clients)
                connection = self.mqtt.connection(f"s{stage}")
                connection.stall(to_server=stage == 1)  # nothing arrives; the answer does not; the last answer does not
                clients[0].publish("t", b"p", qos=2).addErrback(lambda _: None)
                self.mqtt.flush()
                if stage == 3:
                    connection.resume()
                    connection.stall(to_server=False)
                connection.cut()
                self.mqtt.advance(5)
                self.assertEqual(len(clients), 2)
                self.assertEqual(payloads(seen), [b"p"])
                again = [packet for packet in self.mqtt.connections[-1].from_client if isinstance(packet, Publish)]
                self.assertEqual([packet.dup for packet in again], [True] if stage < 3 else [])

    def test_restart(self) -> None:
        """
        A broker that starts again says goodbye or does not, and knows its sessions or does not.
        """
        for sessions in (True, False):
            for goodbye in (True, False):
                with self.subTest(sessions=sessions, goodbye=goodbye):
                    client_id = f"c{sessions}{goodbye}"
                    client = self.mqtt.client(client_id=client_id, session_expiry=1_000)
                    connection = self.mqtt.connection(client)
                    self.mqtt.publish("kept", b"k", retain=True)
                    self.mqtt.restart(sessions=sessions, goodbye=goodbye)
                    self.assertFalse(connection.is_open)
                    self.assertEqual(isinstance(connection.from_server[-1], Disconnect), goodbye)
                    client = self.mqtt.client(client_id=client_id, clean_start=False, session_expiry=1_000)
                    self.assertEqual(client.session_present, sessions)
                    self.assertEqual(payloads(self.mqtt.watch("kept")), [b"k"] if sessions else [])

    def test_restart_is_heard_by_nobody(self) -> None:
        """
        Also a client whose connection is stalled does not keep the broker from stopping.
        """
        client = self.mqtt.client()
        self.mqtt.connection(client).stall()
        self.mqtt.restart()
        self.assertEqual(self.mqtt.broker.stats.connections, 0)

    def test_trouble_from_a_callback(self) -> None:
        """
        An application's own callback may cut the connection that it was called by.
        """
        client = self.mqtt.client(client_id="c", on_message=lambda _: self.mqtt.connection("c").cut())
        self.mqtt.run(client.subscribe("t"))
        self.mqtt.publish("t")
        self.assertTrue(client.whenClosed().called)


class ServiceTests(WorldTestCase):
    """
    The client that connects again, as applications have it.
    """

    def test_backs_off(self) -> None:
        """
        When it tries again is known to the second, because nothing is left to chance; what was published meanwhile
        arrives then.
        """
        seen = self.mqtt.watch("t")
        service = self.mqtt.service(client_id="s")
        self.assertIs(self.successResultOf(service.whenReady()), service)
        self.mqtt.advance(20)
        self.mqtt.down()
        waiting = service.publish("t", b"p", qos=2)
        self.mqtt.advance(7.5)  # it tries after 1, 2, 4 and 8 s
        self.mqtt.up()
        self.assertIs(service.phase, Phase.WAITING)
        self.mqtt.advance(0.4)
        self.assertNoResult(waiting)
        self.mqtt.advance(0.2)
        self.successResultOf(waiting)
        watcher = self.mqtt.connections[0]
        self.assertFalse(watcher.is_open)
        self.assertEqual(seen, [])  # whoever watched was cut off too, and does not come back

    def test_subscribes_again(self) -> None:
        """
        It subscribes again when the broker has lost its session, and only then.
        """
        got: list[Message] = []
        service = self.mqtt.service(client_id="s", on_message=got.append)
        self.mqtt.run(service.subscribe("t"))
        for sessions in (True, False):
            with self.subTest(sessions=sessions):
                self.mqtt.restart(sessions=sessions)
                self.mqtt.run(service.whenReady(), within=30)
                self.mqtt.publish("t", b"p")
                packets = self.mqtt.connection("s").from_client
                self.assertEqual(any(isinstance(packet, Subscribe) for packet in packets), not sessions)
        self.assertEqual(payloads(got), [b"p", b"p"])

    def test_notices(self) -> None:
        """
        A service made by the application itself, with nothing but the clock and the URL, notices a pulled cable.
        """
        service = MQTTClientService(self.mqtt.url, reactor=self.mqtt.clock, client_id="s", keep_alive=10)
        self.addCleanup(service.stopService)
        service.startService()
        self.mqtt.run(service.whenReady())
        self.mqtt.connection("s").stall()
        self.mqtt.advance(10)
        self.assertIsNot(service.phase, Phase.CONNECTED)
        self.mqtt.run(service.whenReady(), within=10)
        self.assertEqual([connection.client_id for connection in self.mqtt.connections], ["s", "s"])

    def test_store(self) -> None:
        """
        What an application promised before it was started again is kept, without threads and without waiting.
        """
        store = scratch(self) / "promises"
        service = self.mqtt.service(client_id="s", store=store)
        self.assertIs(service.phase, Phase.CONNECTED)
        self.mqtt.down()
        promised = service.publish("t", b"p", qos=2, key="one")
        self.mqtt.flush()
        self.mqtt.run(service.stopService())
        self.failureResultOf(promised)
        self.mqtt.up()
        seen = self.mqtt.watch("t")
        service = self.mqtt.service(client_id="s", store=store)
        self.assertEqual(self.mqtt.run(service.outcome("one")).reason, 0)
        self.assertEqual(payloads(seen), [b"p"])
