"""
One address where clients are let in.
"""

from __future__ import annotations

import os

from twisted.cred.credentials import IAnonymous
from twisted.cred.portal import Portal
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress
from twisted.trial.unittest import SynchronousTestCase

from tests.service.support import FakeEndpoint, Stage, scratch
from txmqtt.net.auth import Anybody, Realm
from txmqtt.service.listener import CannotListen, Listener, Place, attempt


class ListenerTests(SynchronousTestCase):
    def listener(self, endpoint: FakeEndpoint, portal: Portal | None = None) -> Listener:
        stage = Stage()
        return Listener(Place(endpoint, portal), stage.service.broker, stage.reactor, stage.reactor.seconds)

    def test_who_may_come(self) -> None:
        """
        Who may come in is settled by what is listened on, before anybody can; a portal that was given stays as it is.
        """
        public, home = IPv4Address("TCP", "0.0.0.0", 1), IPv4Address("TCP", "127.0.0.1", 1)
        for address, portal, admits in (
            (home, None, "anonymous clients are let in"),
            (public, None, ""),
            (public, Portal(Realm(), [Anybody()]), "anonymous clients are let in"),
            (home, Portal(Realm()), ""),
        ):
            with self.subTest(address=address, given=portal is not None):
                listener = self.listener(FakeEndpoint(address), portal=portal)
                self.assertEqual(listener.admits, admits if portal is not None else "")
                self.successResultOf(listener.open())
                self.assertEqual(listener.admits, admits)

    def test_login(self) -> None:
        """
        The log says when clients must log in.
        """
        checker = Anybody()
        checker.credentialInterfaces = tuple(set(checker.credentialInterfaces) - {IAnonymous})  # type: ignore[assignment]
        listener = self.listener(FakeEndpoint(), portal=Portal(Realm(), [checker]))
        self.assertEqual(listener.admits, "clients must log in")

    def test_place(self) -> None:
        """
        The log says what is listened on in the usual notation.
        """
        addresses: tuple[tuple[IAddress, str], ...] = (
            (IPv4Address("TCP", "127.0.0.1", 1883), "127.0.0.1:1883"),
            (IPv6Address("TCP", "::1", 1883), "[::1]:1883"),
            (UNIXAddress("/run/mqtt.sock"), "/run/mqtt.sock"),
        )
        for address, words in addresses:
            with self.subTest(words=words):
                listener = self.listener(FakeEndpoint(address))
                self.successResultOf(listener.open())
                self.assertEqual(listener.where, words)

    def test_why_not(self) -> None:
        """
        Why a listener can't be opened is said in one line, whatever the error.
        """
        for error, why in (
            (CannotListenError("127.0.0.1", 1, OSError(98, "Address already in use")), "Address already in use"),
            (CannotListenError(None, "/s", "Cannot acquire lock"), "Cannot acquire lock"),
            (OSError(13, "Permission denied"), "Permission denied"),
            (RuntimeError("first\n  second"), "first second"),
            (RuntimeError(), "RuntimeError"),
        ):
            with self.subTest(why=why):
                failure = self.failureResultOf(self.listener(FakeEndpoint(error=error)).open(), CannotListen)
                self.assertEqual(str(failure.value), f"cannot listen on fake: {why}")

    def test_close(self) -> None:
        """
        It can be closed before, while and after it opens, and more than once.
        """
        endpoint = FakeEndpoint(slow=True)
        listener = self.listener(endpoint)
        self.successResultOf(listener.close())
        listener.open().addErrback(lambda _: None)
        self.successResultOf(listener.close())
        self.assertTrue(endpoint.cancelled)
        listener.open()
        endpoint.opening.callback(endpoint.port)
        for _ in range(2):
            self.successResultOf(listener.close())
        self.assertFalse(endpoint.port.listening)


class AttemptTests(SynchronousTestCase):
    def test_socket(self) -> None:
        """
        A UNIX socket is possible where there is a folder that may be written to and nobody serves it. Nothing is left.
        """
        folder = scratch(self)
        attempt(f"unix:{folder}/free")
        self.assertEqual(os.listdir(folder), [])
        os.symlink(str(os.getpid()), f"{folder}/taken.lock")
        for description, why in (
            ("unix:/nowhere/s", "No such file or directory"),
            (f"unix:{folder}/taken", "another process serves it"),
            (f"ws:unix:{folder}/taken", "another process serves it"),
        ):
            with self.subTest(why=why):
                with self.assertRaises(CannotListen) as caught:
                    attempt(description)
                self.assertEqual(str(caught.exception), f"cannot listen on {description}: {why}")

    def test_forbidden(self) -> None:
        """
        A folder that may not be written to is no place for a socket.
        """
        self.patch(os, "access", lambda path, mode: False)
        with self.assertRaisesRegex(CannotListen, "Permission denied"):
            attempt(f"unix:{os.getcwd()}/s")

    def test_on_trust(self) -> None:
        """
        What can't be tried without a trace is taken on trust: relative paths, unusual kinds.
        """
        attempt("unix:nowhere/s")
        attempt("systemd:domain=INET:index=0")
