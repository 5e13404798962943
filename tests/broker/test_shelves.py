"""
Tests of txmqtt.broker.shelves: what is retained at all mount points, within the bounds.
"""

from twisted.trial.unittest import SynchronousTestCase

from tests.backends.promises import Reader
from txmqtt.broker.policy import Policy
from txmqtt.broker.shelves import Shelves
from txmqtt.broker.stats import Stats
from txmqtt.session.message import Message
from txmqtt.session.turn import Turn


def message(topic: bytes, payload: bytes = b"x", qos: int = 1, expires_at: float = 0.0) -> Message:
    return Message(topic, payload, qos, True, None, expires_at)


class ShelvesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.stats = Stats()
        self.shelves = Shelves(Policy(max_retained_messages=2), self.stats)

    def find(self, mount: str) -> list[bytes]:
        """
        All that is retained at a mount point.
        """
        reader = Reader()
        self.shelves.find(mount, b"#", Turn(), reader)
        return [message.payload for message in reader.messages]

    def test_mount_points_share_the_bounds(self) -> None:
        """
        Each mount point has its own messages, and all together what room there is.
        """
        self.assertTrue(self.shelves.put("one", message(b"t", b"1")))
        self.assertTrue(self.shelves.put("two", message(b"t", b"2")))
        self.assertFalse(self.shelves.put("one", message(b"u")))
        self.assertTrue(self.shelves.put("one", message(b"t", b"3")))
        found = [self.find(mount) for mount in ("one", "two", "none")]
        self.assertEqual(found, [[b"3"], [b"2"], []])
        self.assertEqual((self.stats.retained, self.stats.dropped_retained), (2, 1))

    def test_no_room_at_qos_0(self) -> None:
        """
        A message of QoS 0 that finds no room takes the older one of its topic with it [MQTT311-3.3.1-7].
        """
        shelves = Shelves(Policy(max_retained_bytes=700), self.stats)
        for qos, left in ((1, b"old"), (0, None)):
            self.assertTrue(shelves.put("", message(b"t", b"old")))
            self.assertFalse(shelves.put("", message(b"t", bytes(1_000), qos)))
            kept = shelves.get("", b"t")
            self.assertEqual(kept.payload if kept is not None else None, left)
        self.assertEqual((self.stats.retained, self.stats.retained_bytes), (0, 0))

    def test_restored(self) -> None:
        """
        What is on record is there, whatever the bounds say now; and what is not on record is not.
        """
        for number in range(4):
            self.shelves.restore("", b"%d" % number, message(b"%d" % number))
        self.shelves.restore("", b"0", None)
        self.shelves.restore("", b"nothing", None)
        self.shelves.settle()
        self.assertEqual((self.stats.retained, len(self.find(""))), (3, 3))

    def test_expired(self) -> None:
        """
        What has expired is told with its mount point, and gone.
        """
        self.shelves.put("m", message(b"t", expires_at=5.0))
        self.shelves.put("m", message(b"u"))
        self.assertEqual([(mount, each.topic) for mount, each in self.shelves.expire(5.0)], [("m", b"t")])
        self.assertEqual(self.stats.retained, 1)
