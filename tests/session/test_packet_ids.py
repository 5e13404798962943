"""
Tests of txmqtt.session.packet_ids.
"""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txmqtt.session.packet_ids import PacketIds, Pending


class PacketIdsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.ids = PacketIds()

    def test_from_one_upwards(self) -> None:
        """
        Identifiers count up from 1, never 0 [MQTT5-2.2.1-3] [MQTT5-2.2.1-4] [MQTT311-2.3.1-1], and a freed one is not
        used again at once: a late answer to it would be taken for an answer to its successor.
        """
        self.assertEqual([self.ids.take(Pending()) for _ in range(3)], [1, 2, 3])
        self.ids.free(2)
        self.assertEqual(self.ids.take(Pending()), 4)

    def test_wrap(self) -> None:
        """
        After 65,535 comes the lowest that is free, not one in use [MQTT5-2.2.1-3] [MQTT5-2.2.1-4] [MQTT311-2.3.1-2]
        [MQTT311-2.3.1-4].
        """
        for _ in range(65_535):
            self.ids.take(Pending())
        for packet_id in (65_535, 3, 2):
            self.ids.free(packet_id)
        self.assertEqual([self.ids.take(Pending()) for _ in range(3)], [2, 3, 65_535])

    def test_all_taken(self) -> None:
        """
        With all 65,535 taken there is none to be had; the first that is answered is the next to be used.
        """
        for _ in range(65_535):
            self.assertNotEqual(self.ids.take(Pending()), 0)
        late = Pending()
        self.assertEqual((self.ids.take(late), late.packet_id, len(self.ids)), (0, 0, 65_535))
        self.ids.free(40_000)
        self.assertEqual((self.ids.take(late), late.packet_id), (40_000, 40_000))

    def test_resumed(self) -> None:
        """
        A session that is resumed with identifiers of its earlier life does not give them to anybody else.
        """
        old = Pending()
        self.ids.put(2, old)
        self.assertEqual([self.ids.take(Pending()) for _ in range(2)], [1, 3])
        self.assertIs(self.ids.get(2), old)

    def test_answers(self) -> None:
        """
        An answer is matched to what asked; an answer to nothing matches nothing.
        """
        what = Pending()
        self.ids.take(what)
        self.assertIs(self.ids.free(1), what)
        self.assertIsNone(self.ids.free(1))
        self.assertIsNone(self.ids.get(1))

    @given(st.lists(st.integers(min_value=0, max_value=30), max_size=200))
    def test_never_in_use(self, moves: list[int]) -> None:
        """
        Whatever is taken and freed in whatever order, nothing in use is ever handed out again.
        """
        ids = PacketIds()
        held: dict[int, Pending] = {}
        for move in moves:
            if move < 15 and held:
                packet_id = sorted(held)[move % len(held)]
                self.assertIs(ids.free(packet_id), held.pop(packet_id))
            else:
                what = Pending()
                packet_id = ids.take(what)
                self.assertNotIn(packet_id, held)
                held[packet_id] = what
        self.assertEqual(len(ids), len(held))
