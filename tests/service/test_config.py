"""
From words to values.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from resource import RLIM_INFINITY

from twisted.internet.address import HostnameAddress, IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from tests.service.support import scratch
from txmqtt.net.endpoints import server_endpoint
from txmqtt.service import config


class ListeningTests(SynchronousTestCase):
    def test_endpoint(self) -> None:
        """
        Twisted's endpoint strings are understood as they are.
        """
        for description in (
            "tcp:1883",
            "tcp6:1883",
            "unix:/run/mqtt.sock",
            "haproxy:tcp:1883:interface=127.0.0.1",
            "ws:tcp:1",
        ):
            with self.subTest(description=description):
                made = server_endpoint(MemoryReactorClock(), description)
                self.assertTrue(IStreamServerEndpoint.providedBy(made))

    def test_no_endpoint(self) -> None:
        """
        What is none is refused with what was expected, whatever is wrong with it.
        """
        for description in (
            "",
            "1883",
            "tcp",
            "tcp:",
            "tcp:mqtt",
            "tcp:1883:colour=red",
            "ssl:8883:privateKey=/nowhere",
        ):
            with (
                self.subTest(description=description),
                self.assertRaisesRegex(ValueError, "expected an endpoint, such"),
            ):
                server_endpoint(MemoryReactorClock(), description)

    def test_only_from_here(self) -> None:
        """
        Loopback and UNIX sockets are for this machine only; anything else, or what speaks for a proxy, is not.
        """
        for description, address, wanted in (
            ("tcp:1", IPv4Address("TCP", "127.0.0.1", 1), True),
            ("tcp:1", IPv4Address("TCP", "127.9.9.9", 1), True),
            ("tcp6:1", IPv6Address("TCP", "::1", 1), True),
            ("unix:/s", UNIXAddress("/s"), True),
            ("tcp:1", IPv4Address("TCP", "0.0.0.0", 1), False),
            ("tcp:1", IPv4Address("TCP", "192.0.2.1", 1), False),
            ("tcp6:1", IPv6Address("TCP", "::", 1), False),
            ("tcp6:1", IPv6Address("TCP", "fe80::1%eth0", 1), False),
            ("haproxy:tcp:1", IPv4Address("TCP", "127.0.0.1", 1), False),
            ("ws:tcp:1", IPv4Address("TCP", "127.0.0.1", 1), True),
            ("ws:tcp:1", IPv4Address("TCP", "192.0.2.1", 1), False),
            ("ws:unix:/s", UNIXAddress("/s"), True),
            ("ws:haproxy:tcp:1", IPv4Address("TCP", "127.0.0.1", 1), False),
            ("ws:tcp:1:proxies=127.0.0.1", IPv4Address("TCP", "127.0.0.1", 1), False),
            ("other", HostnameAddress(b"localhost", 1), False),
            ("other", None, False),
        ):
            with self.subTest(description=description, address=address):
                endpoint = server_endpoint(MemoryReactorClock(), description) if description != "other" else object()
                self.assertEqual(config.only_from_here(endpoint, address), wanted)


class SystemTests(SynchronousTestCase):
    def limits(self, soft: int, hard: int) -> list[tuple[int, int]]:
        """
        Pretend that these are in force; what is set instead is written down.
        """
        asked: list[tuple[int, int]] = []
        self.patch(config, "getrlimit", lambda _: (soft, hard))
        self.patch(config, "setrlimit", lambda _, limits: asked.append(limits))
        return asked

    def test_open_files(self) -> None:
        """
        As many files as connections want may be open, up to what the system allows at most.
        """
        unlimited = RLIM_INFINITY
        for soft, hard, allowed, asked in (
            (1024, 4096, 2000, [(2000, 4096)]),
            (1024, 1500, 1500, [(1500, 1500)]),
            (1024, unlimited, 2000, [(2000, unlimited)]),
            (3000, 4096, 3000, []),
            (unlimited, unlimited, 2000, []),
        ):
            with self.subTest(soft=soft, hard=hard):
                written = self.limits(soft, hard)
                self.assertEqual(config.allow_open_files(2000), allowed)
                self.assertEqual(written, asked)


class KeepingTests(SynchronousTestCase):
    def test_where(self) -> None:
        """
        The state goes where it was told to go, else where systemd or the desktop's conventions put it.
        """
        for given, environment, wanted in (
            ("/here", {"STATE_DIRECTORY": "/there"}, "/here"),
            (None, {"STATE_DIRECTORY": "/var/lib/a:/var/lib/b", "XDG_STATE_HOME": "/x"}, "/var/lib/a"),
            (None, {"XDG_STATE_HOME": "/x", "HOME": "/home/ann"}, "/x/txmqtt"),
            (None, {"HOME": "/home/ann"}, "/home/ann/.local/state/txmqtt"),
        ):
            with self.subTest(given=given, environment=environment):
                self.assertEqual(config.state_directory(given, environment), Path(wanted))

    def test_private(self) -> None:
        """
        A directory that has to be made is for us alone; one that is there is left as it is.
        """
        made = scratch(self) / "deep" / "state"
        config.make_private(made)
        self.assertEqual(stat.S_IMODE(made.stat().st_mode), 0o700)
        os.chmod(made, 0o750)
        config.make_private(made)
        self.assertEqual(stat.S_IMODE(made.stat().st_mode), 0o750)

    def test_impossible(self) -> None:
        """
        What can't be made, or not be written to, is an error at once.
        """
        file = scratch(self) / "file"
        file.touch()
        for place in (file, file / "below"):
            with self.subTest(place=place.name), self.assertRaises(OSError):
                config.make_private(place)
        self.patch(os, "access", lambda path, mode: False)
        with self.assertRaises(PermissionError):
            config.make_private(file.parent)
