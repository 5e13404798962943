"""
A broker service without sockets: endpoints that write down what they are asked, and clients made of bytes.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress, IProtocolFactory, IStreamServerEndpoint
from twisted.internet.testing import MemoryReactorClock, StringTransportWithDisconnection
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from txmqtt.broker.policy import Policy
from txmqtt.codec import encode
from txmqtt.codec.constants import CONNACK, MQTT5, MQTT311
from txmqtt.codec.decode import Decoder
from txmqtt.codec.packets import Connect, Packet, Subscribe, Subscription, Will
from txmqtt.codec.properties import Properties
from txmqtt.net.server import MQTTServerProtocol
from txmqtt.net.server_factory import BrokerFactory
from txmqtt.service.broker import BrokerService

#: What the wall clock says when the other one says 0.
EPOCH = 1_800_000_000.0

LOOPBACK = IPv4Address("TCP", "127.0.0.1", 1883)


def scratch(test: SynchronousTestCase) -> Path:
    """
    A folder that goes with the test. C{mktemp} of trial would leave one where pytest runs.
    """
    folder = TemporaryDirectory(prefix="txmqtt-")
    test.addCleanup(folder.cleanup)
    return Path(folder.name)


class FakePort:
    """
    Something that listens, until it is told to stop.
    """

    def __init__(self, address: IAddress) -> None:
        self.address = address
        self.listening = True

    def getHost(self) -> IAddress:
        return self.address

    def stopListening(self) -> Deferred[None]:
        self.listening = False
        return succeed(None)


@implementer(IStreamServerEndpoint)
class FakeEndpoint:
    """
    An endpoint that opens when the test says so.

    @ivar slow: it takes its time: C{opening} is for the test to fire.
    """

    def __init__(self, address: IAddress = LOOPBACK, error: Exception | None = None, slow: bool = False) -> None:
        self.port = FakePort(address)
        self.cancelled = False
        self.opening: Deferred[FakePort] = Deferred()
        self.factory: BrokerFactory | None = None
        self._error = error
        self.slow = slow

    def _cancel(self, _: object) -> None:
        self.cancelled = True

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        assert isinstance(protocolFactory, BrokerFactory)
        self.factory = protocolFactory
        self.port.listening = True
        self.opening = Deferred(self._cancel)
        if self._error is not None:
            self.opening.errback(self._error)
        elif not self.slow:
            self.opening.callback(self.port)
        return self.opening

    def __str__(self) -> str:
        return "fake"


class DeafTransport(StringTransportWithDisconnection):
    """
    The peer does not read, so the connection ends only when it is aborted.
    """

    def loseConnection(self) -> None:
        self.disconnecting = True

    def abortConnection(self) -> None:
        super().loseConnection()


class Client:
    """
    The other end of a connection: what it is sent is decoded.
    """

    def __init__(self, factory: BrokerFactory | None, version: int = MQTT5, deaf: bool = False) -> None:
        assert factory is not None
        self.version = version
        self.transport = DeafTransport() if deaf else StringTransportWithDisconnection()
        self.protocol: MQTTServerProtocol = factory.buildProtocol(LOOPBACK)
        self.transport.protocol = self.protocol
        self.protocol.makeConnection(self.transport)
        self._decoder = Decoder(version)

    def say(self, packet: Packet) -> None:
        self.protocol.dataReceived(encode.packet(packet, self.version))

    def heard(self) -> list[Packet]:
        """
        What has come since the last time.
        """
        self._decoder.feed(self.transport.value())
        self.transport.clear()
        packets = []
        while (packet := self._decoder.take()) is not None:
            packets.append(packet)
        return packets

    def connect(self, name: str = "", expiry: int = 0, will: Will | None = None, **login: Any) -> int:
        """
        @return: what the CONNACK says.
        """
        properties = Properties(session_expiry_interval=expiry) if expiry else None
        self.say(Connect(name, self.version, keep_alive=60, will=will, properties=properties, **login))
        (packet,) = self.heard()
        assert packet.kind == CONNACK, packet
        reason: int = packet.reason  # type: ignore[attr-defined]
        return reason

    def subscribe(self, filter: bytes, qos: int = 0) -> None:
        self.say(Subscribe(1, [Subscription(filter, qos)]))
        self.heard()


class Stage:
    """
    A broker service on one fake endpoint, and the time that it is told.
    """

    def __init__(self, policy: Policy | None = None, **settings: Any) -> None:
        self.reactor: MemoryReactorClock = settings.pop("reactor", None) or MemoryReactorClock()
        self.endpoint = FakeEndpoint()
        listen = settings.pop("listen", [self.endpoint])
        self.service = BrokerService(
            self.reactor,
            listen,
            settings.pop("portal", None),
            policy or Policy(),
            self.reactor.seconds,
            settings.pop("wall", lambda: EPOCH + self.reactor.seconds()),
            **settings,
        )

    def client(self, version: int = MQTT5, **arrival: Any) -> Client:
        """
        Somebody who is connected.
        """
        made = Client(self.endpoint.factory, version)
        assert made.connect(**arrival) == 0
        return made


__all__ = ["EPOCH", "MQTT5", "MQTT311", "Client", "FakeEndpoint", "FakePort", "Stage", "scratch"]
