"""
Tests of txmqtt.broker.stats: what is counted, and how the world is told.
"""

from twisted.trial.unittest import SynchronousTestCase

from txmqtt.broker.stats import Stats
from txmqtt.session.turn import Turn


class StatsTests(SynchronousTestCase):
    def test_every_counter_is_told(self) -> None:
        """
        No counter is kept that nobody can read: each changes some topic, and no topic is told twice.
        """
        turn = Turn()
        before = dict(Stats().topics(turn, 0, "0"))
        self.assertEqual(len(before), len(Stats().topics(turn, 0, "0")))
        counters = [name for name in dir(Stats()) if isinstance(getattr(Stats(), name), int) and name != "dropped"]
        self.assertGreater(len(counters), 20)
        for name in counters:
            if name.startswith("_"):
                continue
            stats = Stats()
            setattr(stats, name, 7)
            with self.subTest(name=name):
                self.assertNotEqual(dict(stats.topics(turn, 0, "0")), before)

    def test_turn_is_told(self) -> None:
        """
        So is what the conversations count.
        """
        before = dict(Stats().topics(Turn(), 0, "0"))
        for name in ("bytes_received", "bytes_sent", "packets_received", "packets_sent", "publishes_sent", "throttled"):
            turn = Turn()
            setattr(turn, name, 7)
            with self.subTest(name=name):
                self.assertNotEqual(dict(Stats().topics(turn, 0, "0")), before)

    def test_dropped(self) -> None:
        """
        The sum of what did not reach a receiver has every reason in it.
        """
        stats = Stats()
        stats.dropped_full, stats.dropped_slow, stats.dropped_expired = 1, 20, 300
        stats.dropped_denied, stats.dropped_ended = 4_000, 50_000
        self.assertEqual(stats.dropped, 54_321)
        self.assertEqual(dict(stats.topics(Turn(), 0, "0"))["publish/messages/dropped"], "54321")

    def test_words(self) -> None:
        """
        Version and uptime are said as mosquitto says them; no figure is negative.
        """
        stats = Stats()
        stats.connections, stats.sessions = 2, 1
        topics = dict(stats.topics(Turn(), 61.9, "1.2"))
        self.assertEqual((topics["version"], topics["uptime"]), ("txmqtt version 1.2", "61 seconds"))
        self.assertEqual(topics["clients/disconnected"], "0")
