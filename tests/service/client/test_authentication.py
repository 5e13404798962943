"""
A client that connects again, and proves each time who it is with a token that it fetches.
"""

from __future__ import annotations

from typing import Any

from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred
from zope.interface import implementer

from tests.net.support import Waiting
from tests.service.client.support import ServiceTestCase
from txmqtt import ConnectionClosed, MQTTClientService, Refused
from txmqtt.backends.memory import MemoryBackend
from txmqtt.broker.core import Broker
from txmqtt.broker.policy import Policy
from txmqtt.broker.stats import Stats
from txmqtt.net.access.mechanisms import IExchange, IMechanism, Success
from txmqtt.net.auth import Realm
from txmqtt.net.authenticator import Authenticator
from txmqtt.net.bearer_authentication import OAuthBearer
from txmqtt.net.server_factory import BrokerFactory
from txmqtt.service.client import Phase
from txmqtt.session.turn import Turn


@implementer(IMechanism, IExchange)
class Tokens:
    """
    Lets in who shows a token that is good.

    @ivar good: the tokens; C{shown}: what was shown.
    """

    name = "OAUTHBEARER"

    def __init__(self) -> None:
        self.good = {b"good"}
        self.shown: list[bytes] = []

    def begin(self, credentials: object) -> Tokens:
        return self

    def step(self, data: bytes | None) -> Success:
        token = (data or b"").split(b"Bearer ")[-1].strip(b"\x01")
        self.shown.append(token)
        if token not in self.good:
            raise UnauthorizedLogin("not that one")
        return Success("ann")


class Fixed(Authenticator):
    """
    Shows always the same.
    """

    method = "OAUTHBEARER"

    def begin(self) -> bytes:
        return b"n,,\x01auth=Bearer bad\x01\x01"


class TokenTests(ServiceTestCase):
    def setUp(self) -> None:
        super().setUp()
        policy, stats, turn, clock = Policy(), Stats(), Turn(), self.world.clock
        broker = Broker(policy, turn, stats, MemoryBackend(policy, stats, turn))
        self.tokens = Tokens()
        portal = Portal(Realm(), [Waiting()])
        factory = BrokerFactory(broker, portal, clock, clock.seconds, mechanisms=[self.tokens])
        port: Any = clock.listenTCP(1884, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.fetched: list[object] = []

    def fetch(self) -> Any:
        """
        What was to be fetched next, the last again and again.
        """
        found = self.fetched.pop(0) if len(self.fetched) > 1 else self.fetched[0]
        if isinstance(found, Exception):
            raise found
        return found

    def showing(self, *fetched: object) -> MQTTClientService:
        """
        A service that fetches these.
        """
        self.fetched = list(fetched)
        return self.service(servers="mqtt://localhost:1884", authentication=OAuthBearer(self.fetch))

    def test_each_time(self) -> None:
        """
        A token is fetched for each connection; when there is none, or one that the server does not take, it is tried
        again, for the next one may be good.
        """
        service = self.showing(RuntimeError("sesame"), "bad", "good")
        self.assertIs(service.phase, Phase.WAITING)
        self.assertIsInstance(service.error, ConnectionClosed)
        self.assertNotIn("sesame", str(service.error))
        self.assertIsInstance(service.error and service.error.__cause__, RuntimeError)
        self.world.advance(1)
        self.assertIsInstance(service.error, Refused)
        self.world.advance(2)
        self.assertIs(service.phase, Phase.CONNECTED)
        self.assertEqual(self.tokens.shown, [b"bad", b"good"])
        self.world.connection("me").cut()
        self.world.advance(10)
        self.assertIs(service.phase, Phase.CONNECTED)
        self.assertEqual(self.tokens.shown, [b"bad", b"good", b"good"])
        self.assertEqual(len(self.world.flush_errors(RuntimeError)), 1)
        self.flushLoggedErrors(RuntimeError)

    def test_always_the_same(self) -> None:
        """
        What shows always the same is not shown again to a server that said no.
        """
        service = self.service(servers="mqtt://localhost:1884", authentication=Fixed)
        self.world.flush()
        self.assertIs(service.phase, Phase.GIVEN_UP)
        self.assertEqual(self.tokens.shown, [b"bad"])

    def test_renewed(self) -> None:
        """
        A token that expires is renewed while the connection lives, or when somebody asks for it.
        """
        self.tokens.good = {b"one", b"two", b"three"}
        service = self.showing(("one", 100), ("two", 100), "three")
        self.world.advance(79)
        self.assertEqual(self.tokens.shown, [b"one"])
        self.world.advance(1)
        self.assertEqual(self.tokens.shown, [b"one", b"two"])
        self.world.run(service.reauthenticate())
        self.assertEqual(self.tokens.shown, [b"one", b"two", b"three"])
        self.assertEqual((service.phase, len(self.world.connections)), (Phase.CONNECTED, 1))

    def test_expired(self) -> None:
        """
        A token that is refused when it is renewed ends the connection, and the next one begins with a fresh one.
        """
        service = self.showing("good", "bad", "good")
        renewed: Deferred[None] = service.reauthenticate()
        self.world.flush()
        error = self.failureResultOf(renewed, ConnectionClosed).value
        assert isinstance(error, ConnectionClosed)
        self.assertEqual((error.reason, error.remote), (0x87, True))
        self.failureResultOf(service.reauthenticate(), ConnectionClosed)
        self.world.advance(2)
        self.assertIs(service.phase, Phase.CONNECTED)
