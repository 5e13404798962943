"""
Tests of txmqtt.broker.stats: what is counted, and how the world is told.
"""

from twisted.trial.unittest import SynchronousTestCase

from txmqtt.broker.stats import Stats
from txmqtt.session.turn import Turn

#: What mosquitto 2.0 tells below $SYS/broker/, as it was seen and as its manual has it.
MOSQUITTO = (
    *("bytes/received", "bytes/sent", "clients/active", "clients/connected", "clients/disconnected"),
    *("clients/expired", "clients/inactive", "clients/maximum", "clients/total", "heap/current", "heap/maximum"),
    *("messages/received", "messages/sent", "messages/stored", "publish/bytes/received", "publish/bytes/sent"),
    *("publish/messages/dropped", "publish/messages/received", "publish/messages/sent", "retained messages/count"),
    *("shared_subscriptions/count", "store/messages/bytes", "store/messages/count", "subscriptions/count"),
    *("uptime", "version"),
    *(
        f"load/{name}/{span}"
        for name in (
            *("bytes/received", "bytes/sent", "connections", "messages/received", "messages/sent", "publish/dropped"),
            *("publish/received", "publish/sent", "sockets"),
        )
        for span in ("1min", "5min", "15min")
    ),
)


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
        names = [name for name in dir(Turn()) if isinstance(getattr(Turn(), name), int)]
        self.assertGreater(len(names), 5)
        for name in names:
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

    def test_mosquitto_has_no_more(self) -> None:
        """
        Every topic that mosquitto 2.0 publishes is here, under its name, but for those of its bridges.
        """
        stats = Stats()
        stats.heap_current = stats.heap_maximum = 1
        missing = set(MOSQUITTO) - dict(stats.topics(Turn(), 0, "0")).keys()
        self.assertEqual(missing, set())

    def test_old_names(self) -> None:
        """
        The names that mosquitto gave up are those of the same figures.
        """
        stats = Stats()
        stats.sessions, stats.connections, stats.retained, stats.queued = 9, 4, 20, 3
        topics = dict(stats.topics(Turn(), 0, "0"))
        for old, new, value in (
            ("clients/active", "clients/connected", "4"),
            ("clients/inactive", "clients/disconnected", "5"),
            ("messages/stored", "store/messages/count", "23"),
        ):
            with self.subTest(old=old):
                self.assertEqual((topics[old], topics[new]), (value, value))

    def test_heap(self) -> None:
        """
        Where nobody looks at the memory of the process, nothing is said of it.
        """
        self.assertNotIn("heap/current", dict(Stats().topics(Turn(), 0, "0")))

    def test_load(self) -> None:
        """
        The load has each figure that it is made of: 60 more within a minute are 60 a minute, less what faded.
        """
        for of, name, topic in (
            (Turn, "packets_received", "messages/received"),
            (Turn, "packets_sent", "messages/sent"),
            (Turn, "publishes_sent", "publish/sent"),
            (Stats, "publish_sent", "publish/sent"),
            (Stats, "publish_received", "publish/received"),
            (Stats, "dropped_slow", "publish/dropped"),
            (Turn, "bytes_received", "bytes/received"),
            (Turn, "bytes_sent", "bytes/sent"),
            (Stats, "sockets", "sockets"),
            (Stats, "connections_total", "connections"),
            (Stats, "connections_refused", "connections"),
        ):
            stats, turn = Stats(), Turn()
            stats.topics(turn, 0, "0")
            setattr(turn if of is Turn else stats, name, 60)
            turn.now = 60.0
            with self.subTest(name=name):
                told = dict(stats.topics(turn, 60, "0"))
                loads = {word: value for word, value in told.items() if word.endswith("/1min") and value != "0.00"}
                self.assertEqual(loads, {f"load/{topic}/1min": "37.93"})

    def test_totals_go_on(self) -> None:
        """
        What is noted at the end of one life is what the next begins with, and no load.
        """
        stats, turn = Stats(), Turn()
        stats.sockets, turn.inbound_bytes = 5, 70
        noted = stats.totals(turn)
        again, its_turn = Stats(), Turn()
        again.resume(its_turn, noted)
        self.assertEqual((again.sockets, its_turn.inbound_bytes), (5, 70))
        again.topics(its_turn, 0, "0")
        its_turn.now = 10.0
        self.assertEqual(dict(again.topics(its_turn, 10, "0"))["load/sockets/1min"], "0.00")

    def test_news(self) -> None:
        """
        What has not changed is not told again; what has changed back is.
        """
        stats = Stats()
        self.assertEqual(stats.news([("a", "1"), ("b", "1")]), [("a", "1"), ("b", "1")])
        self.assertEqual(stats.news([("a", "1"), ("b", "2")]), [("b", "2")])
        self.assertEqual(stats.news([("a", "1"), ("b", "1")]), [("b", "1")])
