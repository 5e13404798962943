"""
Tests of txmqtt.net.access.http.
"""

from __future__ import annotations

import json
from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IAnonymous
from twisted.cred.error import UnhandledCredentials
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.net.access.serving import Server
from tests.net.access.support import ask, nameless
from tests.service.support import scratch
from txmqtt.codec.reasons import SERVER_BUSY, SERVER_UNAVAILABLE
from txmqtt.net.access.http import HTTPSettings, Service
from txmqtt.net.auth import Identity, IMQTTUser, LoginDenied, LoginUndecided
from txmqtt.net.options import IReloadable

URL = "https://login.example/mqtt"


class ServiceCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.server = Server()
        self.wall = 1000.0

    def service(self, url: str = URL, **settings: Any) -> Service:
        return Service(HTTPSettings(url, **settings), self.clock, self.clock.seconds, lambda: self.wall, self.server)

    def says(self, result: str = "allow", **more: Any) -> None:
        self.server.body = json.dumps({"result": result, **more}).encode()

    def login(
        self, service: Service, name: str = "ann", password: str | bytes = "sesame", client: str = "c"
    ) -> Deferred[Any]:
        login = ask(service, name, password, client)
        self.server.flush()
        return login

    def who(self, service: Service, *words: str) -> Identity:
        found = self.successResultOf(self.login(service, *words))
        assert isinstance(found, Identity)
        return found


class AnswerTests(ServiceCase):
    def test_interfaces(self) -> None:
        """
        It is a checker that can be read again.
        """
        verifyObject(ICredentialsChecker, self.service())
        verifyObject(IReloadable, self.service())

    def test_results(self) -> None:
        """
        Who is allowed comes in, who is denied is denied, and whom the service does not know another may.
        """
        service = self.service()
        self.says("allow")
        self.assertEqual(self.who(service).name, "ann")
        self.says("deny")
        self.failureResultOf(self.login(service), LoginDenied)
        self.says("ignore")
        self.failureResultOf(self.login(service), UnhandledCredentials)
        self.server.body, self.server.status = b"", 403
        self.failureResultOf(self.login(service), LoginDenied)
        self.assertEqual((service.allowed, service.denied, service.unknown, service.failures), (1, 2, 1, 0))

    def test_identity(self) -> None:
        """
        The service may say who it is, what he may do, and for how long.
        """
        service = self.service()
        self.says()
        found = self.who(service)
        self.assertEqual((found.permissions, found.expires_at), (None, None))
        acl = [{"permission": "allow", "action": "publish", "topic": "${username}/${clientid}"}]
        self.says(username="root", acl=acl, expire_at=2000)
        found = self.who(service, "ann", "sesame", "c7")
        user = IMQTTUser(found.permissions)
        self.assertEqual((found.name, user.name, found.expires_at), ("root", "root", 2000.0))
        self.assertTrue(user.may_publish("root/c7"))
        self.assertFalse(user.may_publish("root/c8"))
        self.says(is_superuser=True, acl=acl)
        user = IMQTTUser(self.who(service).permissions)
        self.assertTrue(user.unrestricted and user.sees_sys)
        self.says(expire_at=1000)
        self.failureResultOf(self.login(service), LoginDenied)

    def test_no_answer(self) -> None:
        """
        When the service does not answer as expected nobody comes in; that is counted, and said now and then.
        """
        service = self.service()
        self.server.status = 500
        with capturedLogs() as logs:
            for _ in range(3):
                error = self.failureResultOf(self.login(service), LoginUndecided).value
                self.assertEqual(error.reason, SERVER_UNAVAILABLE)
            self.clock.advance(10)
            self.server.status, self.server.body = 200, b"x" * 70_000
            self.failureResultOf(self.login(service), LoginUndecided)
        self.assertEqual(service.failures, 4)
        self.assertEqual(
            [each["why"] for each in logs],
            [
                "status 500; nobody is let in",
                "an answer of more than 65,536 bytes; nobody is let in",
            ],
        )
        self.assertEqual(logs[1]["more"], ", and 2 times before")
        self.assertNotIn("sesame", str(logs))

    def test_too_slow(self) -> None:
        """
        A service that takes its time lets nobody in.
        """
        self.server.status = 0
        login = self.login(self.service(timeout=2.0))
        self.clock.advance(1.9)
        self.assertNoResult(login)
        self.clock.advance(0.1)
        self.failureResultOf(login, LoginUndecided)

    def test_busy(self) -> None:
        """
        So many are asked about at once, so many wait; whoever comes then is told that the server is busy.
        """
        service = self.service(connections=1, waiting=1)
        self.server.status = 0
        logins = [self.login(service) for _ in range(3)]
        self.assertEqual(len(self.server.asked), 1)
        error = self.failureResultOf(logins[2], LoginUndecided).value
        self.assertEqual((error.reason, service.turned_away), (SERVER_BUSY, 1))
        service.stop()
        self.failureResultOf(logins[1], LoginUndecided)
        self.clock.advance(5)
        self.failureResultOf(logins[0], LoginUndecided)


class QuestionTests(ServiceCase):
    def test_forms(self) -> None:
        """
        It is asked with JSON, with a form, or with what follows ? in the URL.
        """
        words = ("zoë", "a&b", "c1")
        for settings, asked, kind in (
            (
                {},
                ("POST", "/mqtt", b'{"username": "zo\\u00eb", "password": "a&b", "clientid": "c1"}'),
                "application/json",
            ),
            (
                {"content": "form"},
                ("POST", "/mqtt", b"username=zo%C3%AB&password=a%26b&clientid=c1"),
                "application/x-www-form-urlencoded",
            ),
            ({"method": "GET"}, ("GET", "/mqtt?username=zo%C3%AB&password=a%26b&clientid=c1", b""), None),
            (
                {"method": "GET", "url": URL + "?k=1", "fields": ("u=${username}", "where=${peerhost}")},
                ("GET", "/mqtt?k=1&u=zo%C3%AB&where=192.0.2.7", b""),
                None,
            ),
        ):
            with self.subTest(settings=settings):
                self.who(self.service(**settings), *words)
                self.assertEqual(self.server.asked.pop(), asked)
                self.assertEqual(self.server.headers.get("content-type"), kind)

    def test_no_json(self) -> None:
        """
        A password that JSON has no words for is not asked about.
        """
        self.failureResultOf(self.login(self.service(), "ann", b"\xff"), UnhandledCredentials)
        self.assertEqual(self.server.asked, [])

    def test_headers(self) -> None:
        """
        More headers come from the settings and from a file, which is read again when it changes.
        """
        path = scratch(self) / "headers"
        path.write_text("# ours\n\nAuthorization: Bearer one\n")
        path.chmod(0o600)
        service = self.service(headers=("X-Place: here", "Accept: text/json"), headers_file=str(path))
        self.who(service)
        for name, value in (("authorization", "Bearer one"), ("x-place", "here"), ("accept", "text/json")):
            self.assertEqual(self.server.headers[name], value)
        path.write_text("Authorization: Bearer other")
        self.assertTrue(service.changed())
        service.reload()
        self.who(service)
        self.assertEqual(self.server.headers["authorization"], "Bearer other")
        path.write_text("Bearer secret")
        with self.assertRaisesRegex(ValueError, r"headers:1: expected NAME: VALUE") as caught:
            service.reload()
        self.assertNotIn("secret", str(caught.exception))
        self.who(service)
        self.assertEqual(self.server.headers["authorization"], "Bearer other")

    def test_anonymous(self) -> None:
        """
        About clients without a name it is asked only if that is wanted.
        """
        self.assertNotIn(IAnonymous, self.service().credentialInterfaces)
        service = self.service(anonymous=True)
        self.assertIn(IAnonymous, service.credentialInterfaces)
        login = service.requestAvatarId(nameless("c1"))
        self.server.flush()
        self.assertIsNone(self.successResultOf(login).name)
        self.assertEqual(json.loads(self.server.asked[0][2]), {"username": "", "password": "", "clientid": "c1"})


class RememberTests(ServiceCase):
    def test_off(self) -> None:
        """
        Unless told otherwise the service is asked each time.
        """
        service = self.service()
        for _ in range(2):
            self.who(service)
        self.assertEqual((len(self.server.asked), service.remembered), (2, 0))

    def test_allowed(self) -> None:
        """
        Who was let in is let in for a while without asking; with another password, or as another, he is asked about.
        """
        service = self.service(remember_allowed=10.0)
        self.says(expire_at=1005)
        for _ in range(3):
            self.who(service)
        self.assertEqual((len(self.server.asked), service.remembered), (1, 2))
        for words in (("ann", "other", "c"), ("bob", "sesame", "c"), ("ann", "sesame", "d"), ("anns", "esame", "c")):
            self.who(service, *words)
        self.assertEqual(len(self.server.asked), 5)
        self.wall = 1005.0
        self.failureResultOf(self.login(service), LoginDenied)
        self.clock.advance(10)
        self.failureResultOf(self.login(service), LoginDenied)
        self.assertEqual(len(self.server.asked), 6)
        service.reload()
        self.says()
        self.who(service)
        self.assertEqual(len(self.server.asked), 7)

    def test_denied(self) -> None:
        """
        Likewise who was denied; but that there was no answer is never remembered.
        """
        service = self.service(remember_denied=10.0)
        self.server.status = 500
        self.failureResultOf(self.login(service), LoginUndecided)
        self.server.status = 403
        for _ in range(3):
            self.failureResultOf(self.login(service), LoginDenied)
        self.server.status = 200
        self.failureResultOf(self.login(service), LoginDenied)
        self.assertEqual(len(self.server.asked), 2)
        self.clock.advance(10)
        self.who(service)
        self.who(service)
        self.assertEqual(len(self.server.asked), 4)


class SettingsTests(ServiceCase):
    def test_wrong(self) -> None:
        """
        Settings that can't be used are named, and secrets in them not repeated.
        """
        for settings, why in (
            ({"url": "login.example"}, "url: expected a URL"),
            ({"url": "https://ann:secret@login.example/"}, "url: a user name"),
            ({"fields": ("u=${user}",)}, "fields: 'u'"),
            ({"headers": ("secret",)}, "headers: expected NAME: VALUE"),
            ({"headers": ("X: secret\r\nY: x",)}, "headers: expected NAME: VALUE"),
            ({"headers": ("X Y: secret",)}, "headers: expected NAME: VALUE"),
            ({"headers": ("Host: secret",)}, "headers: Host is not for you"),
            ({"headers_file": "/nowhere"}, "'/nowhere' can't be read"),
            ({"ca_file": "/nowhere"}, "'/nowhere' can't be read"),
            ({"ca_file": "/etc/hostname"}, "'/etc/hostname': no certificate"),
            ({"ca_file": "/nowhere", "verify": False}, "ca_file without https"),
            ({"ca_file": "/nowhere", "url": "http://localhost/"}, "ca_file without https"),
        ):
            with self.subTest(settings=settings), self.assertRaises(ValueError) as caught:
                self.service(**settings)
            self.assertIn(why, str(caught.exception))
            self.assertNotIn("secret", str(caught.exception))

    def test_readable(self) -> None:
        """
        That others may read the passwords on their way is said, without what may be a secret.
        """
        for url, verify, said in (
            (URL, True, False),
            (URL, False, True),
            ("http://login.example/mqtt?key=secret", True, True),
            ("http://127.0.0.1/", True, False),
        ):
            with self.subTest(url=url), capturedLogs() as logs:
                self.service(url, verify=verify)
            self.assertEqual(len(logs), said)
            self.assertNotIn("secret", str(logs))
