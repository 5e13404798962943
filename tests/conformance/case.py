"""
The two kinds of test: a raw peer against a broker, and a raw peer against our client.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from select import select
from typing import Any, ClassVar, Unpack
from unittest import SkipTest

from twisted.cred.portal import IRealm
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from tests.conformance.peer import Peer, field
from tests.conformance.states import for_each_version
from tests.conformance.wires import ClientWire, SocketWire, WorldWire
from tests.conformance.world import WEBSOCKET, World
from tests.net.support_endpoints import Dialled
from txmqtt import MQTTClient, MQTTClientFactory
from txmqtt.broker.policy import Policy
from txmqtt.codec.constants import CONNACK, CONNECT, MQTT5, PUBLISH
from txmqtt.codec.packets import Connack, Connect, Pingreq, Publish, Will
from txmqtt.codec.properties import Properties
from txmqtt.net.access.mechanisms import IMechanism
from txmqtt.net.handshake import WebSocketSettings
from txmqtt.net.plugins import BrokerPlugin
from txmqtt.net.settings import Options
from txmqtt.net.websocket_client import WebSocketClientEndpoint
from txmqtt.testing import MQTTWorld
from txmqtt.testing.network import HERE

#: How long a session lasts that is to be kept, seconds.
EXPIRY = 3_600


class NotApplicable(SkipTest):
    """
    This can't be shown there.
    """


@dataclass(frozen=True)
class Target:
    """
    A broker behind a socket.

    @ivar patience: how long it may take to answer, seconds.
    @ivar quiet: after how long nothing more is believed to come, seconds.
    @ivar longest: how long a test may let time pass, seconds.
    """

    host: str
    port: int
    patience: float = 1.0
    longest: float = 4.0
    quiet: float = 0.1


class ConformanceCase(SynchronousTestCase):
    """
    @cvar side: who is tested: C{broker} or C{client}.
    @ivar version: the protocol level that this run of the test is for.
    """

    side: ClassVar[str] = ""
    version = MQTT5

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for_each_version(cls)

    def setUp(self) -> None:
        self.version = getattr(getattr(self, self._testMethodName), "version", MQTT5)
        self.people: list[Peer] = []

    @contextmanager
    def case(self, name: str) -> Iterator[None]:
        """
        One line of a table; an error names it.
        """
        try:
            yield
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error


class BrokerCase(ConformanceCase):
    """
    The peer plays the client. The broker is our own in memory, or whatever listens at C{target}.

    @cvar target: where the broker is; None: it is our own.
    """

    side = "broker"
    target: ClassVar[Target | None] = None

    def setUp(self) -> None:
        super().setUp()
        self._world: MQTTWorld | None = None
        self._tidy: set[str] = set()

    def tearDown(self) -> None:
        for peer in self.people:
            peer.drop()
        if self._world is not None:
            self._world.check()
            self._world.close()
        elif self.target is not None:
            self._tidy_up()

    def begin(
        self,
        *,
        users: Mapping[str, str] | None = None,
        realm: IRealm | None = None,
        plugins: Sequence[BrokerPlugin] = (),
        mechanisms: Sequence[IMechanism] = (),
        websocket: bool = False,
        **limits: Any,
    ) -> None:
        """
        The broker is to be like this; to be said before anybody connects. Others than ours can't be told.

        @param users: names and passwords of those who may come in.
        @param realm: what they may do.
        @param mechanisms: ways to prove in several steps who one is.
        @param websocket: it can be reached by WebSocket, too.
        @param limits: those of C{Policy}.
        """
        named = {"users": users, "realm": realm, "plugins": plugins, "mechanisms": mechanisms, "websocket": websocket}
        told = [f"{name}={value!r}" for name, value in limits.items()]
        told += [name for name, value in named.items() if value]
        self.only_ours(f"needs a broker with {', '.join(told)}")
        limits.setdefault("sys_interval", 0)
        self._world = World(Policy(**limits), users, realm, plugins, mechanisms, websocket)

    @property
    def world(self) -> MQTTWorld:
        """
        Our own broker and its surroundings.
        """
        if self._world is None:
            self.begin()
        assert self._world is not None
        return self._world

    def only_ours(self, why: str) -> None:
        """
        The rest is about our own broker.

        @param why: what others can't do, or need not.
        """
        if self.target is not None:
            raise NotApplicable(why)

    def wait(self, seconds: float) -> None:
        """
        Time passes.
        """
        if self.target is None:
            self.world.advance(seconds)
        elif seconds > self.target.longest:
            raise NotApplicable(f"takes {seconds:g} s")
        else:
            select([], [], [], seconds)

    def dial(self, version: int | None = None) -> Peer:
        """
        A connection on which nothing has been said.
        """
        version = version or self.version
        target = self.target
        if target is None:
            peer = Peer(WorldWire(self.world, self.world.endpoint()), version)
        else:
            wire = SocketWire(target.host, target.port, target.patience)
            peer = Peer(wire, version, patience=target.patience, quiet=target.quiet)
        self.people.append(peer)
        return peer

    def dial_websocket(self) -> Peer:
        """
        A connection on which WebSocket is to be spoken, to a broker that was begun so; nothing has been said. Its
        C{everything()} is what HTTP and the frames say: see C{tests.net.support_websocket} for requests and frames.
        """
        world = self.world
        peer = Peer(WorldWire(world, TCP4ClientEndpoint(world.clock, HERE, WEBSOCKET)), self.version)
        self.people.append(peer)
        return peer

    def connect(
        self,
        client_id: str = "c",
        *,
        version: int | None = None,
        keep: bool = False,
        clean: bool | None = None,
        keep_alive: int = 0,
        username: str | None = None,
        password: bytes | None = None,
        will: Will | None = None,
        present: bool | None = None,
        **properties: Any,
    ) -> Peer:
        """
        A client that has been let in.

        @param keep: go on with the session, and keep it for an hour.
        @param clean: Clean Session, Clean Start; None: unless it is to be kept.
        @param present: whether the broker must say that it has had the session; None: it may or may not.
        @param properties: of CONNECT, on 5.0.
        """
        version = version or self.version
        if keep:
            self._tidy.add(client_id)
            if version == MQTT5:
                properties.setdefault("session_expiry_interval", EXPIRY)
        peer = self.dial(version)
        peer.say(
            Connect(
                client_id,
                version,
                not keep if clean is None else clean,
                keep_alive,
                username,
                password,
                will,
                Properties(**properties) if properties else None,
            )
        )
        peer.connack = peer.expect(CONNACK, reason=0)
        if present is not None and peer.connack.session_present != present:
            raise AssertionError(f"session present is {peer.connack.session_present}; expected {present}")
        return peer

    def _tidy_up(self) -> None:
        """
        What the test left in a broker that lives on is not there for the next one.
        """
        for client_id in self._tidy:
            self.connect(client_id, clean=True, version=4).leave()
        peer = self.connect("tidy", version=4)
        peer.subscribe("#")
        peer.say(Pingreq())
        while (message := peer.hear()).kind == PUBLISH:
            if field(message, "retain"):
                peer.say(Publish(field(message, "topic"), b"", retain=True))
        peer.leave()


class ClientCase(ConformanceCase):
    """
    The peer plays the server, our client is in memory.

    @ivar client: the latest client that was made.
    @ivar connecting: fires when it has connected by WebSocket.
    """

    side = "client"
    client: MQTTClient
    connecting: Deferred[None]

    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()

    def tearDown(self) -> None:
        for peer in self.people:
            peer.drop()
        self.assertEqual(self.clock.getDelayedCalls(), [], "timers that outlive the connection")

    def listen(self, **options: Unpack[Options]) -> Peer:
        """
        A client connects.

        @param options: those of C{connect}.
        @return: the server, which has heard nothing.
        """
        options.setdefault("client_id", "c")
        options.setdefault("version", self.version)
        self.factory = MQTTClientFactory(self.clock, self.clock.seconds, **options)
        return self.again()

    def again(self) -> Peer:
        """
        The same client connects again.
        """
        client = self.factory.buildProtocol(None)
        assert client is not None
        self.client = client
        client.makeConnection(transport := StringTransport())
        return self._serve(ClientWire(client, transport, self.clock))

    def listen_websocket(self, **options: Unpack[Options]) -> Peer:
        """
        A client connects by WebSocket.

        @return: the server, which has heard nothing; its C{everything()} is what HTTP and the frames say.
            C{self.client} is there once the handshake is done.
        """
        options.setdefault("client_id", "c")
        options.setdefault("version", self.version)
        self.factory = MQTTClientFactory(self.clock, self.clock.seconds, **options)
        inner = Dialled()
        endpoint = WebSocketClientEndpoint(self.clock, inner, "broker.example:8083", WebSocketSettings())
        self.connecting = endpoint.connect(self.factory).addCallback(self._connected)
        self.ignore(self.connecting)
        return self._serve(ClientWire(inner.succeed(), inner.wire, self.clock))

    def _connected(self, client: Any) -> None:
        self.client = client

    def _serve(self, wire: ClientWire) -> Peer:
        peer = Peer(wire, 0, plays_server=True)
        self.people.append(peer)
        return peer

    def accept(self, *, present: bool = False, announced: Properties | None = None, **options: Unpack[Options]) -> Peer:
        """
        A client connects and is let in.

        @param announced: the properties of CONNACK.
        @return: the server, which has heard CONNECT and nothing else.
        """
        return self.welcome(self.listen(**options), present=present, announced=announced)

    def welcome(self, peer: Peer, *, present: bool = False, announced: Properties | None = None) -> Peer:
        """
        A client that connects is let in.
        """
        peer.expect(CONNECT)
        peer.say(Connack(session_present=present, properties=announced))
        return peer

    def wait(self, seconds: float) -> None:
        """
        Time passes.
        """
        self.clock.advance(seconds)

    def ignore(self, *answers: Deferred[Any]) -> None:
        """
        Whatever becomes of these.
        """
        for answer in answers:
            answer.addErrback(lambda _: None)
