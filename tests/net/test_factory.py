"""
What outlives a connection.
"""

from __future__ import annotations

from twisted.application.internet import ClientService
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tests.net.support_client import ClientTestCase
from txmqtt import Message, MQTTClient, MQTTClientFactory, Properties
from txmqtt.codec.constants import PUBACK, PUBCOMP, PUBREC, PUBREL
from txmqtt.codec.packets import Ack, Connack, Connect, Publish, Suback


class FactoryTests(ClientTestCase):
    def test_interface(self) -> None:
        """
        It is a factory like any other.
        """
        verifyObject(IProtocolFactory, MQTTClientFactory(self.clock))

    def again(self, session_present: bool = True) -> MQTTClient:
        """
        The connection breaks; the next one is accepted.
        """
        self.lose()
        client = self.connect()
        self.written()
        self.hears(Connack(0, session_present))
        return client

    def test_sent_again(self) -> None:
        """
        A session that goes on sends again what was not acknowledged: under its old identifier, with DUP, in its old
        order; what had its PUBREC goes on with PUBREL and is never published again [MQTT5-4.4.0-1] [MQTT5-4.3.3-6]
        [MQTT311-4.4.0-1] [MQTT311-4.3.3-1].
        """
        for version in (4, 5):
            with self.subTest(version=version):
                client = self.open(version=version, clean_start=False)
                failing = [client.publish("t", b"%d" % number, qos) for number, qos in ((1, 1), (2, 2), (3, 2))]
                self.said()
                self.hears(Ack(PUBREC, 3))
                self.again()
                for answer in failing:
                    self.closed(answer)
                self.assertEqual(
                    self.said(),
                    [
                        Ack(PUBREL, 3),
                        Publish(b"t", b"1", 1, dup=True, packet_id=1),
                        Publish(b"t", b"2", 2, dup=True, packet_id=2),
                    ],
                )

    def test_answers_find_their_own(self) -> None:
        """
        An acknowledgement of what an earlier connection sent fires nobody else's Deferred.
        """
        client = self.open(clean_start=False)
        old = client.publish("t", b"old", qos=1)
        client = self.again()
        self.closed(old)
        new = client.publish("t", b"new", qos=1)
        self.hears(Ack(PUBACK, 1))
        self.assertNoResult(new)
        self.hears(Ack(PUBACK, 2))
        self.assertEqual(self.answer(new), [0])

    def test_what_waited_is_not_sent_later(self) -> None:
        """
        A publish that was still in the queue has failed, and so it is not sent on the next connection.
        """
        client = self.open(clean_start=False, max_inflight=1)
        answers = [client.publish("t", b"%d" % number, qos=1) for number in range(3)]
        self.again()
        for answer in answers:
            self.closed(answer)
        self.assertEqual(self.said(), [Publish(b"t", b"0", 1, dup=True, packet_id=1)])
        self.hears(Ack(PUBACK, 1))
        self.assertEqual(self.said(), [])

    def test_server_forgot(self) -> None:
        """
        When the server has no session any more, ours is new too: nothing is sent again, no callback is left
        [MQTT5-3.2.2-5].
        """
        client = self.open(clean_start=False)
        got: list[Message] = []
        self.ignore(client.publish("t", b"p", qos=2), client.subscribe("t", lambda message: self.fail("gone")))
        self.hears(Suback(2, [0]))
        client.on_message = got.append
        self.again(session_present=False)
        self.assertEqual(self.said(), [])
        self.hears(Publish(b"t", b"p"))
        self.assertEqual(len(got), 1)

    def test_clean_start(self) -> None:
        """
        With a clean start every connection begins anew.
        """
        client = self.open()
        got: list[Message] = []
        self.ignore(client.publish("t", b"p", qos=2), client.subscribe("t", lambda message: self.fail("gone")))
        self.hears(Suback(2, [0]))
        client = self.again(session_present=False)
        client.on_message = got.append
        self.hears(Publish(b"t", b"p"))
        self.assertEqual((len(got), self.said()), (1, []))

    def test_callbacks_stay(self) -> None:
        """
        A session that goes on keeps its callbacks, as the server keeps its subscriptions; on 3.1, where the server
        cannot say so, too.
        """
        for version in (3, 4, 5):
            with self.subTest(version=version):
                client = self.open(version=version, clean_start=False)
                got: list[Message] = []
                self.ignore(client.subscribe("t", got.append))
                self.hears(Suback(1, [0]))
                self.again(session_present=version != 3)
                self.hears(Publish(b"t", b"p"))
                self.assertEqual(len(got), 1)

    def test_received_once(self) -> None:
        """
        A QoS 2 message that was received before the connection broke does not come twice [MQTT5-4.3.3-10].
        """
        client = self.open(clean_start=False)
        got: list[Message] = []
        client.on_message = got.append
        self.hears(Publish(b"t", b"p", 2, packet_id=7))
        self.again()
        self.hears(Publish(b"t", b"p", 2, dup=True, packet_id=7), Ack(PUBREL, 7))
        self.assertEqual(self.said(), [Ack(PUBREC, 7), Ack(PUBCOMP, 7)])
        self.assertEqual(len(got), 1)

    def test_assigned_name_stays(self) -> None:
        """
        The name that the server gave us is ours on the next connection.
        """
        self.make(client_id="", clean_start=False)
        self.hears(Connack(0, False, Properties(assigned_client_identifier="auto-7")))
        self.lose()
        self.connect()
        (connect,) = self.written()
        assert isinstance(connect, Connect)
        self.assertEqual(connect.client_id, "auto-7")

    def test_one_connection_at_a_time(self) -> None:
        """
        A session has one connection at a time.
        """
        self.open(clean_start=False)
        self.assertIs(self.factory.buildProtocol(None), None)
        self.client.disconnect()
        self.assertIsNot(self.factory.buildProtocol(None), None)


@implementer(IStreamClientEndpoint)
class StringEndpoint:
    """
    @ivar protocols: what was connected, each over a transport that is a string.
    """

    def __init__(self) -> None:
        self.protocols: list[IProtocol] = []

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        protocol = protocolFactory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1883))
        assert protocol is not None
        self.protocols.append(protocol)
        protocol.makeConnection(StringTransport())
        return succeed(protocol)


class ClientServiceTests(ClientTestCase):
    def test_reconnects(self) -> None:
        """
        Twisted's C{ClientService} keeps a session connected: what was not acknowledged is sent again.
        """
        endpoint = StringEndpoint()
        factory = MQTTClientFactory(self.clock, self.clock.seconds, client_id="me", clean_start=False)
        service = ClientService(
            endpoint,
            factory,
            retryPolicy=lambda attempt: 1.0,
            clock=self.clock,
            prepareConnection=lambda client: client.whenReady(),  # type: ignore[attr-defined] # it is a client
        )
        service.startService()
        ready = service.whenConnected()
        assert factory.client is not None
        first = self.client = factory.client
        self.hears(Connack())
        self.assertIs(self.successResultOf(ready), first)
        self.ignore(first.publish("t", b"p", qos=1))
        self.clock.advance(0)
        endpoint.protocols[0].connectionLost(Failure(ConnectionLost()))
        self.clock.advance(1)
        self.client = factory.client
        self.assertIsNot(self.client, first)
        transport = self.client.transport
        assert isinstance(transport, StringTransport)
        transport.clear()
        self.client.dataReceived(b"\x20\x03\x01\x00\x00")
        self.assertEqual(transport.value(), b"\x3a\x07\x00\x01t\x00\x01\x00p")
        service.stopService()
        endpoint.protocols[1].connectionLost(Failure(ConnectionLost()))
