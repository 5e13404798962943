"""
Whose word is taken for where a client is.
"""

from __future__ import annotations

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from txmqtt.net.proxies import TrustedProxies

PROXY = IPv4Address("TCP", "10.0.0.1", 33000)


def v4(host: str) -> IPv4Address:
    return IPv4Address("TCP", host, 0)


class ClientTests(SynchronousTestCase):
    def test_chain(self) -> None:
        """
        The addresses are believed from the right, up to the first that is none of our proxies; what a client wrote
        itself stands left of that.
        """
        proxies = TrustedProxies(["10.0.0.0/8", "2001:db8::/32"])
        for told, where in (
            ([], PROXY),
            ([""], PROXY),
            (["203.0.113.9"], v4("203.0.113.9")),
            (["1.1.1.1, 203.0.113.9"], v4("203.0.113.9")),
            (["1.1.1.1, 203.0.113.9, 10.1.1.1"], v4("203.0.113.9")),
            (["1.1.1.1, 203.0.113.9", "10.1.1.1"], v4("203.0.113.9")),
            (["203.0.113.9,2001:db8::1"], v4("203.0.113.9")),
            (["10.1.1.1, 10.2.2.2"], v4("10.1.1.1")),
            (["203.0.113.9:4711"], v4("203.0.113.9")),
            (["::ffff:203.0.113.9"], v4("203.0.113.9")),
            (["[2001:db9::1]:4711"], IPv6Address("TCP", "2001:db9::1", 0)),
            (["2001:db9::1"], IPv6Address("TCP", "2001:db9::1", 0)),
            (["unknown"], PROXY),
            (["203.0.113.9, unknown"], PROXY),
            (["203.0.113.9, unknown, 10.1.1.1"], v4("10.1.1.1")),
            (["'; drop table clients"], PROXY),
            ([","], PROXY),
        ):
            with self.subTest(told=told):
                self.assertEqual(proxies.client(PROXY, told), where)

    def test_strangers(self) -> None:
        """
        Whoever is no proxy of ours is where their connection comes from, whatever they say.
        """
        for names, peer in (
            ([], PROXY),
            (["10.0.0.2"], PROXY),
            (["unix"], PROXY),
            (["10.0.0.1"], UNIXAddress(None)),
            (["10.0.0.1"], IPv6Address("TCP", "fe80::1%eth0", 1)),
        ):
            with self.subTest(names=names, peer=peer):
                self.assertIs(TrustedProxies(names).client(peer, ["203.0.113.9"]), peer)

    def test_trusted(self) -> None:
        """
        Proxies are named by address, by network, or as whoever comes through a UNIX socket.
        """
        for names, peer in (
            (["10.0.0.1"], PROXY),
            (["10.0.0.0/24"], IPv6Address("TCP", "::ffff:10.0.0.1", 1)),
            (["fe80::/10"], IPv6Address("TCP", "fe80::1%eth0", 1)),
            (["unix"], UNIXAddress(None)),
        ):
            with self.subTest(names=names, peer=peer):
                self.assertEqual(TrustedProxies(names).client(peer, ["203.0.113.9"]), v4("203.0.113.9"))

    def test_no_proxy(self) -> None:
        """
        What names none is refused.
        """
        for name in ("", "localhost", "10.0.0.1/8", "10.0.0.0/33", "*"):
            with self.subTest(name=name), self.assertRaisesRegex(ValueError, "expected an address, a network"):
                TrustedProxies([name])
