"""
The broker's side of connections without sockets: transports in memory, a clock that is told the time, logins that wait.
"""

from __future__ import annotations

import errno
from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IAnonymous, ICredentials, IUsernamePassword
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.tcp import Server
from twisted.internet.testing import StringTransport
from twisted.logger import ILogObserver, formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from txmqtt.backends.memory import MemoryBackend
from txmqtt.broker.core import Broker
from txmqtt.broker.policy import Policy
from txmqtt.broker.stats import Stats
from txmqtt.codec import encode
from txmqtt.codec.decode import Decoder
from txmqtt.codec.packets import Connack, Connect, Disconnect, Packet
from txmqtt.net.auth import Anybody, Realm
from txmqtt.net.protocol import MQTTProtocol
from txmqtt.net.server import MQTTServerProtocol
from txmqtt.net.server_factory import BrokerFactory
from txmqtt.session.turn import Turn
from txmqtt.session.voice import NEVER


class Wire(StringTransport):
    """
    A transport that is a string, and writes down the rest.

    @ivar writes: how often something was written.
    @ivar asked: what was asked of it besides writing, in order.
    """

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.writes = 0
        self.asked: list[str] = []

    def write(self, data: bytes) -> None:
        self.writes += 1
        super().write(data)

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.asked.append(f"no delay {enabled}")

    def unregisterProducer(self) -> None:
        self.asked.append("unregister")
        super().unregisterProducer()

    def loseConnection(self) -> None:
        self.asked.append("lose")
        super().loseConnection()

    def abortConnection(self) -> None:
        self.asked.append("abort")


class Round:
    """
    A turn of the reactor, of nobody but the fake conversations below: a real one takes real ones only when compiled.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.touched: list[Session] = []

    def flush(self) -> None:
        touched, self.touched = self.touched, []
        for session in touched:
            session.flush()


class Session:
    """
    A conversation that says what the test puts into C{out}, and writes down what it hears.
    """

    def __init__(self, turn: Round) -> None:
        self.turn = turn
        self.out: list[bytes] = []
        self.heard: list[object] = []
        self.paused = False
        self.alarm_at = NEVER
        self.due = NEVER
        self.link: MQTTProtocol | None = None
        self.write: Any = None

    def say(self, data: bytes) -> None:
        self.out.append(data)
        self.turn.touched.append(self)

    def feed(self, data: bytes, now: float) -> None:
        self.heard.append((data, now))

    def flush(self) -> None:
        if self.out and not self.paused:
            data = b"".join(self.out)
            self.out.clear()
            self.write(data)

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False
        self.turn.touched.append(self)

    def nearer(self, deadline: float) -> None:
        if deadline < self.alarm_at:
            self.alarm_at = deadline
            assert self.link is not None
            self.link.rearm(deadline)

    def deadline(self) -> float:
        return self.due

    def tick(self, now: float) -> None:
        self.heard.append(("tick", now))

    def lost(self) -> None:
        self.heard.append("lost")
        self.out.clear()


def joined(clock: Clock) -> tuple[MQTTProtocol, Session]:
    """
    A protocol with such a conversation.
    """
    turn = Round()
    protocol = MQTTProtocol(turn, clock, clock.seconds)  # type: ignore[arg-type]
    session = protocol.session = Session(turn)  # type: ignore[assignment]
    session.link = protocol
    return protocol, session


class Socket:
    """
    A socket that takes as many bytes as it is told.

    @ivar room: how many bytes it takes; negative: none, the peer is gone.
    @ivar sent: what it took.
    """

    def __init__(self) -> None:
        self.room = 1 << 30
        self.sent = b""

    def send(self, data: bytes) -> int:
        if self.room < 0:
            raise OSError(errno.ECONNRESET, "reset")
        if not self.room:
            raise OSError(errno.EAGAIN, "later")
        taken = bytes(data[: self.room])
        self.room -= len(taken)
        self.sent += taken
        return len(taken)

    def setblocking(self, flag: bool) -> None:
        pass

    def fileno(self) -> int:
        return 99

    def setsockopt(self, *args: int) -> None:
        pass

    def shutdown(self, how: int) -> None:
        pass

    def close(self) -> None:
        pass


class Reactor(Clock):
    """
    A clock that knows who wants to read and write.
    """

    def __init__(self) -> None:
        super().__init__()
        self.readers: set[object] = set()
        self.writers: set[object] = set()

    def addReader(self, reader: object) -> None:
        self.readers.add(reader)

    def removeReader(self, reader: object) -> None:
        self.readers.discard(reader)

    def addWriter(self, writer: object) -> None:
        self.writers.add(writer)

    def removeWriter(self, writer: object) -> None:
        self.writers.discard(writer)


def plain(protocol: Any, reactor: Reactor, kind: type[Server] = Server) -> tuple[Server, Socket]:
    """
    Twisted's own TCP connection over a socket that is none.
    """
    socket = Socket()
    transport = kind(socket, protocol, ("192.0.2.1", 1883), None, 1, reactor)  # type: ignore[arg-type]
    transport.repstr = "a connection"
    protocol.makeConnection(transport)
    return transport, socket


@implementer(ICredentialsChecker)
class Waiting:
    """
    A checker that answers when the test does.

    @ivar asked: the credentials and where the answer goes.
    """

    credentialInterfaces = (IAnonymous, IUsernamePassword)

    def __init__(self) -> None:
        self.asked: list[tuple[ICredentials, Deferred[bytes | tuple[()]]]] = []

    def requestAvatarId(self, credentials: ICredentials) -> Deferred[bytes | tuple[()]]:
        answer: Deferred[bytes | tuple[()]] = Deferred()
        self.asked.append((credentials, answer))
        return answer


class Broken:
    """
    A checker that does not work.
    """

    credentialInterfaces = (IAnonymous, IUsernamePassword)

    def requestAvatarId(self, credentials: ICredentials) -> Deferred[bytes | tuple[()]]:
        raise RuntimeError("the directory is on fire")


class Client:
    """
    One client of the broker under test.
    """

    def __init__(self, protocol: MQTTServerProtocol, wire: Wire, version: int) -> None:
        self.protocol = protocol
        self.wire = wire
        self.version = version
        self.gone = False
        self._decoder = Decoder(version)

    def say(self, *packets: Packet) -> None:
        """
        Send packets, in one read.
        """
        self.feed(b"".join(encode.packet(packet, self.version) for packet in packets))

    def feed(self, data: bytes) -> None:
        """
        Send bytes, in one read.
        """
        self.protocol.dataReceived(data)

    def heard(self) -> list[Packet]:
        """
        What came since it was last asked.
        """
        self._decoder.feed(self.wire.value())
        self.wire.clear()
        packets: list[Packet] = []
        while (packet := self._decoder.take()) is not None:
            packets.append(packet)
        return packets

    def leave(self) -> None:
        """
        Close the connection.
        """
        self.gone = True
        self.protocol.connectionLost(Failure(ConnectionDone()))


def reasons(packets: list[Packet]) -> list[int]:
    """
    What CONNACKs and DISCONNECTs say.
    """
    return [packet.reason for packet in packets if isinstance(packet, Connack | Disconnect)]


@implementer(ILogObserver)
class Log:
    """
    What txmqtt logged.

    @ivar said: as text.
    @ivar records: the same, as it was handed to the log.
    """

    def __init__(self) -> None:
        self.said: list[str] = []
        self.records: list[dict[str, Any]] = []

    def __call__(self, event: dict[str, Any]) -> None:
        if str(event.get("log_namespace", "")).startswith("txmqtt"):
            self.said.append(formatEvent(event))
            self.records.append(event)


class BrokerTestCase(SynchronousTestCase):
    """
    A broker behind a factory.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.clients: list[Client] = []
        self.log = Log()
        globalLogPublisher.addObserver(self.log)
        self.addCleanup(globalLogPublisher.removeObserver, self.log)
        self.begin()

    def begin(self, *checkers: ICredentialsChecker, realm: IRealm | None = None, policy: Policy | None = None) -> None:
        """
        Make the broker; everybody may come in unless checkers are named.
        """
        turn, stats = Turn(), Stats()
        policy = policy if policy is not None else Policy()
        self.stats = stats
        self.broker = Broker(policy, turn, stats, MemoryBackend(policy, stats, turn))
        portal = Portal(realm if realm is not None else Realm(), checkers or [Anybody()])
        self.factory = BrokerFactory(self.broker, portal, self.clock, self.clock.seconds)

    def tearDown(self) -> None:
        """
        No timer outlives its connection.
        """
        for client in self.clients:
            if not client.gone:
                client.leave()
        self.clock.advance(0)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.factory.guests, set())

    def dial(self, version: int = 5, wire: Wire | None = None) -> Client:
        """
        A connection that has said nothing.
        """
        protocol = self.factory.buildProtocol(None)
        client = Client(protocol, wire if wire is not None else Wire(), version)
        protocol.makeConnection(client.wire)
        self.clients.append(client)
        return client

    def connect(self, client_id: str = "c", version: int = 5, **more: Any) -> Client:
        """
        A client that has said CONNECT.
        """
        client = self.dial(version)
        client.say(Connect(client_id, version, **more))
        return client
