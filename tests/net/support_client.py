"""
A client over a transport that is a string, with a server that says what the test has it say.
"""

from __future__ import annotations

from typing import Unpack

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txmqtt import Acknowledgement, ConnectionClosed, MQTTClient, MQTTClientFactory
from txmqtt.codec import encode
from txmqtt.codec.decode import Decoder
from txmqtt.codec.packets import Connack, Packet
from txmqtt.codec.properties import Properties
from txmqtt.net.settings import Options


class CountingTransport(StringTransport):
    """
    @ivar writes: how often something was written.
    @ivar aborted: whether the connection was aborted.
    """

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0
        self.aborted = False

    def write(self, data: bytes) -> None:
        self.writes += 1
        super().write(data)

    def abortConnection(self) -> None:
        self.aborted = True
        super().abortConnection()


class ClientTestCase(SynchronousTestCase):
    """
    @ivar client: the latest client that was made.
    """

    client: MQTTClient

    def setUp(self) -> None:
        self.clock = Clock()

    def tearDown(self) -> None:
        """
        No timer outlives a connection.
        """
        if hasattr(self, "client"):
            self.lose()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def make(self, **options: Unpack[Options]) -> MQTTClient:
        """
        A client that has said CONNECT.
        """
        options.setdefault("client_id", "me")
        if hasattr(self, "client"):
            self.lose()
        self.factory = MQTTClientFactory(self.clock, self.clock.seconds, **options)
        return self.connect()

    def connect(self) -> MQTTClient:
        """
        The factory's next client.
        """
        client = self.factory.buildProtocol(None)
        assert client is not None
        self.client = client
        self.transport = CountingTransport()
        self.heard = Decoder()
        self.client.makeConnection(self.transport)
        return client

    def open(self, announced: Properties | None = None, **options: Unpack[Options]) -> MQTTClient:
        """
        A client that the server has accepted; what was said so far is out of the way.

        @param announced: what the server says of itself.
        """
        self.make(**options)
        self.hears(Connack(properties=announced))
        self.said()
        return self.client

    def said(self) -> list[Packet]:
        """
        What has left since this was last asked, the turn being over.
        """
        self.clock.advance(0)
        return self.written()

    def written(self) -> list[Packet]:
        """
        What has left since this was last asked, in the middle of the turn.
        """
        self.heard.feed(self.transport.value())
        self.transport.clear()
        packets: list[Packet] = []
        while (packet := self.heard.take()) is not None:
            packets.append(packet)
        return packets

    def hears(self, *packets: Packet) -> None:
        """
        The server says these, in one read.
        """
        self.client.dataReceived(b"".join(encode.packet(packet, self.client.version) for packet in packets))

    def lose(self, error: Exception | None = None) -> None:
        """
        The connection is gone.
        """
        self.client.connectionLost(Failure(error or ConnectionLost()))

    def answer(self, deferred: Deferred[Acknowledgement]) -> list[int]:
        """
        The reason codes with which it fired.
        """
        return [int(reason) for reason in self.successResultOf(deferred).reasons]

    def ignore(self, *deferreds: Deferred[Acknowledgement]) -> None:
        """
        Whatever becomes of these.
        """
        for deferred in deferreds:
            deferred.addErrback(lambda _: None)

    def closed(self, deferred: Deferred[Acknowledgement]) -> ConnectionClosed:
        """
        The error with which it failed because the connection ended.
        """
        error = self.failureResultOf(deferred, ConnectionClosed).value
        assert isinstance(error, ConnectionClosed)
        return error
