"""
Tests of txmqtt.net.origins: where a connection comes from, as far as limits and bans are concerned.
"""

from __future__ import annotations

from twisted.internet.address import HostnameAddress, IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.tcp import Server
from twisted.trial.unittest import SynchronousTestCase

from tests.net.support import Reactor, Wire, joined, plain
from txmqtt.net.origins import direct, networks, origin, origin_of, within


class OriginTests(SynchronousTestCase):
    def test_origin(self) -> None:
        """
        An address of IPv4 stands for itself, one of IPv6 for its /64 network, and a UNIX socket for nothing.
        """
        for address, expected in (
            (IPv4Address("TCP", "192.0.2.1", 4711), "192.0.2.1"),
            (IPv6Address("TCP", "2001:db8:0:1:aaaa:bbbb:cccc:dddd", 4711), "2001:db8:0:1::/64"),
            (IPv6Address("TCP", "2001:db8:0:1::2", 99), "2001:db8:0:1::/64"),
            (IPv6Address("TCP", "fe80::1%eth0", 99), "fe80::/64"),
            (IPv6Address("TCP", "::ffff:192.0.2.1", 99), "192.0.2.1"),
            (UNIXAddress(b"/run/mqtt.sock"), ""),
            (UNIXAddress(None), ""),
            (HostnameAddress(b"example.org", 1), ""),
            (None, ""),
        ):
            with self.subTest(address=address):
                self.assertEqual(origin(address), expected)

    def test_nonsense(self) -> None:
        """
        What a proxy calls an address is taken as it is, but not at any length.
        """
        self.assertEqual(origin_of("x" * 1_000), "x" * 64)
        self.assertEqual(origin_of(":" * 1_000), ":" * 64)
        self.assertEqual(origin_of("1::2\0"), "1::2\0")

    def test_twice(self) -> None:
        """
        What was made of an address makes the same again: an operator may name either.
        """
        for address in ("192.0.2.1", "2001:db8::7", "::1"):
            once = origin_of(address)
            self.assertEqual(origin_of(once), once)

    def test_networks(self) -> None:
        """
        Addresses and networks are told apart by blanks or commas; what is neither is named.
        """
        self.assertEqual([str(each) for each in networks("10.0.0.0/8, ::1")], ["10.0.0.0/8", "::1/128"])
        self.assertEqual(networks(" "), ())
        for words in ("example.org", "10.0.0.1/8", "10.0.0.0/33"):
            with self.subTest(words=words), self.assertRaises(ValueError) as caught:
                networks(f"::1 {words}")
            self.assertIn(repr(words), str(caught.exception))

    def test_within(self) -> None:
        """
        An origin is trusted when its network is, and none of another version of IP by mistake.
        """
        trusted = networks("127.0.0.0/8 ::1 2001:db8::/32")
        for place, expected in (
            ("127.0.0.1", True),
            ("128.0.0.1", False),
            ("::/64", True),
            ("2001:db8:5::/64", True),
            ("2001:db9::/64", False),
            ("nonsense", False),
            ("", False),
        ):
            with self.subTest(place=place):
                self.assertEqual(within(place, trusted), expected)

    def test_direct(self) -> None:
        """
        Twisted's own connections know where their peer is; any other transport may stand for a proxy's.
        """
        transport, _ = plain(joined(Reactor())[0], Reactor())
        self.assertTrue(direct(transport))

        class Wrapped(Server):
            pass

        self.assertFalse(direct(plain(joined(Reactor())[0], Reactor(), Wrapped)[0]))
        self.assertFalse(direct(Wire()))
