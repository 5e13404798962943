"""
Tests of txmqtt.net.bans: what failed logins lead to.
"""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from tests.net.support import Log
from txmqtt.broker.policy import Policy
from txmqtt.broker.stats import Stats
from txmqtt.net.bans import Ban, Bans

#: Wall time when a test begins, seconds.
TODAY = 1_000_000.0


class BansTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.stats = Stats()
        self.log = Log()
        globalLogPublisher.addObserver(self.log)
        self.addCleanup(globalLogPublisher.removeObserver, self.log)
        self.bans = self.make()

    def make(self, size: int = 100) -> Bans:
        return Bans(self.stats, self.clock.seconds, self.wall, size)

    def wall(self) -> float:
        return TODAY + self.clock.seconds()


class DelayTests(BansTestCase):
    def test_doubled(self) -> None:
        """
        Each failure makes the next login from there wait twice as long, up to half of what it has for it all.
        """
        policy = Policy(login_delay=0.5, connect_timeout=10.0, ban_failures=0)
        waits = []
        for _ in range(7):
            waits.append(self.bans.delay("192.0.2.1", "", policy))
            self.bans.failed("192.0.2.1", "", policy)
        self.assertEqual(waits, [0.0, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0])
        self.assertEqual(self.bans.delay("192.0.2.2", "", policy), 0.0)
        for _ in range(10_000):
            self.bans.failed("192.0.2.1", "", policy)
        self.assertEqual(self.bans.delay("192.0.2.1", "", policy), 5.0)

    def test_forgotten(self) -> None:
        """
        Failures are forgotten with the time.
        """
        policy = Policy(login_delay=0.5, ban_failures=10, ban_window=100.0)
        for _ in range(2):
            self.bans.failed("192.0.2.1", "", policy)
        self.clock.advance(10.1)
        self.assertEqual(self.bans.delay("192.0.2.1", "", policy), 0.5)
        self.clock.advance(10)
        self.assertEqual(self.bans.delay("192.0.2.1", "", policy), 0.0)

    def test_by_name(self) -> None:
        """
        A name that many addresses guess at is slowed wherever it comes from, and nobody is banned for it.
        """
        policy = Policy(login_delay=0.5, ban_failures=3)
        for number in range(20):
            self.bans.failed(f"192.0.2.{number}", "alice", policy)
        self.assertEqual(self.bans.delay("198.51.100.1", "alice", policy), 5.0)
        self.assertEqual(self.bans.delay("198.51.100.1", "bob", policy), 0.0)
        self.assertEqual(self.bans.all(), [])

    def test_off(self) -> None:
        """
        The delay can be switched off.
        """
        policy = Policy(login_delay=0)
        self.bans.failed("192.0.2.1", "alice", policy)
        self.assertEqual(self.bans.delay("192.0.2.1", "alice", policy), 0.0)


class BanTests(BansTestCase):
    def test_banned_for_a_while(self) -> None:
        """
        Too many failures ban an address for a while, with one line in the log, and without a password in it.
        """
        policy = Policy(ban_failures=3, ban_time=60.0)
        banned = []
        for _ in range(5):
            self.bans.failed("192.0.2.1", "alice", policy)
            banned.append(self.bans.banned("192.0.2.1"))
        self.assertEqual(banned, [False, False, True, True, True])
        self.assertEqual(self.bans.all(), [Ban("192.0.2.1", TODAY + 60, False)])
        self.assertEqual(self.log.said, ["192.0.2.1 is banned for 60 s: 3 failed logins, the last for user 'alice'"])
        self.assertEqual(self.stats.banned, 1)
        self.clock.advance(60)
        self.assertEqual((self.bans.banned("192.0.2.1"), self.bans.all()), (False, []))

    def test_slow_failures(self) -> None:
        """
        A device with an old password that tries now and then is not banned.
        """
        policy = Policy(ban_failures=3, ban_window=30.0)
        for _ in range(100):
            self.bans.failed("192.0.2.1", "alice", policy)
            self.clock.advance(10)
        self.assertEqual(self.bans.all(), [])

    def test_never(self) -> None:
        """
        Bans can be switched off.
        """
        for _ in range(1_000):
            self.bans.failed("192.0.2.1", "alice", Policy(ban_failures=0))
        self.assertEqual(self.bans.all(), [])

    def test_bounded(self) -> None:
        """
        Whoever has many networks fills no memory, and pushes out no ban that an operator made.
        """
        bans = self.make(size=10)
        bans.ban("198.51.100.1", 1_000)
        for number in range(1_000):
            bans.failed(f"2001:db8:0:{number:x}::/64", f"user{number}", Policy(ban_failures=1))
        self.assertEqual(len(bans.all()), 11)
        self.assertTrue(bans.banned("198.51.100.1"))
        self.assertTrue(bans.banned("2001:db8:0:3e7::/64"))

    def test_operator(self) -> None:
        """
        An operator bans and lifts addresses, of IPv6 their networks; both are in the log.
        """
        self.bans.ban("2001:db8::7", 60)
        self.assertTrue(self.bans.banned("2001:db8::/64"))
        self.assertEqual(self.bans.all(), [Ban("2001:db8::/64", TODAY + 60, True)])
        self.assertTrue(self.bans.lift("2001:db8::9"))
        self.assertFalse(self.bans.lift("2001:db8::9"))
        self.assertEqual(self.bans.all(), [])
        self.assertEqual(
            self.log.said, ["2001:db8::/64 is banned for 60 s by an operator", "2001:db8::/64 is not banned any more"]
        )

    def test_lifted(self) -> None:
        """
        Whoever a ban is lifted from begins anew.
        """
        policy = Policy(ban_failures=2)
        for _ in range(2):
            self.bans.failed("192.0.2.1", "", policy)
        self.assertTrue(self.bans.lift("192.0.2.1"))
        self.bans.failed("192.0.2.1", "", policy)
        self.assertFalse(self.bans.banned("192.0.2.1"))

    def test_wrong(self) -> None:
        """
        What an operator can't mean is refused, and says why.
        """
        for address, duration in (("example.org", 1.0), ("", 1.0), ("192.0.2.1", 0.0), ("192.0.2.1", float("nan"))):
            with self.subTest(address=address, duration=duration):
                self.assertRaises(ValueError, self.bans.ban, address, duration)
        self.assertRaises(ValueError, self.bans.lift, "nobody")
        full = self.make(size=1)
        full.ban("192.0.2.1", 5)
        self.assertRaises(ValueError, full.ban, "192.0.2.2", 5)
        full.ban("192.0.2.1", 6)
        self.clock.advance(6)
        full.ban("192.0.2.2", 5)
        self.assertEqual([ban.address for ban in full.all()], ["192.0.2.2"])


class StateTests(BansTestCase):
    def test_restart(self) -> None:
        """
        Bans survive a restart, and the time that it took counts.
        """
        self.bans.ban("192.0.2.1", 100)
        self.bans.failed("192.0.2.2", "", Policy(ban_failures=1, ban_time=50))
        written = json.dumps(self.bans.state())
        before = self.bans.all()
        self.clock.advance(40)
        after = self.make()
        after.restore(json.loads(written))
        self.assertEqual(after.all(), before)
        self.clock.advance(10)
        self.assertEqual([ban.address for ban in after.all()], ["192.0.2.1"])
        another = self.make()
        another.restore(json.loads(written))
        self.assertEqual([ban.address for ban in another.all()], ["192.0.2.1"])

    def test_nonsense(self) -> None:
        """
        What makes no sense in what was written down is passed over.
        """
        good = ["192.0.2.1", TODAY + 5, False]
        states: list[dict[str, Any]] = [
            {},
            {"bans": None},
            {
                "bans": [
                    7,
                    [],
                    ["192.0.2.9"],
                    [1, 2, 3],
                    ["192.0.2.9", "soon", False],
                    ["192.0.2.9", TODAY + 5, "x"],
                    good,
                ]
            },
        ]
        for state in states:
            self.bans.restore(state)
        self.assertEqual(self.bans.all(), [Ban("192.0.2.1", TODAY + 5, False)])
