"""
Login services behind TLS: passwords go to nobody but whom we trust.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.ssl import DefaultOpenSSLContextFactory
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import Site

from tests.end_to_end.test_broker_tls import certificate
from tests.net.access.support import ask
from txmqtt.net.access.http import HTTPSettings, Service
from txmqtt.net.auth import LoginUndecided


class Yes(Resource):
    """
    Lets everybody in, and counts them.
    """

    isLeaf = True
    asked = 0

    def render(self, request: Any) -> bytes:
        self.asked += 1
        return b'{"result": "allow"}'


class TrustTests(TestCase):
    def setUp(self) -> None:
        folder = TemporaryDirectory(prefix="txmqtt-")
        self.addCleanup(folder.cleanup)
        key, self.certificate = certificate(Path(folder.name))
        self.yes = Yes()
        net: Any = reactor
        port = net.listenSSL(
            0, Site(self.yes), DefaultOpenSSLContextFactory(key, self.certificate), interface="127.0.0.1"
        )
        self.addCleanup(port.stopListening)
        self.port = port.getHost().port

    async def name(self, host: str, **settings: Any) -> str | None:
        """
        As whom somebody comes in.
        """
        service = Service(HTTPSettings(f"https://{host}:{self.port}/", **settings))
        try:
            found = await ask(service, "ann", "sesame")
            return str(found.name)
        finally:
            closing = service.stop()
            if closing is not None:
                await closing

    def test_trust(self) -> Deferred[None]:
        """
        A service is asked when its certificate is signed by whom we trust and has its name; otherwise it is not, unless
        nobody looks.
        """

        async def trying() -> None:
            self.assertEqual(await self.name("localhost", ca_file=self.certificate), "ann")
            self.assertEqual(await self.name("127.0.0.1", verify=False), "ann")
            self.assertEqual(self.yes.asked, 2)
            for host, settings in (("localhost", {}), ("127.0.0.1", {"ca_file": self.certificate})):
                with self.assertRaises(LoginUndecided):
                    await self.name(host, **settings)
            self.assertEqual(self.yes.asked, 2)

        return Deferred.fromCoroutine(trying())
