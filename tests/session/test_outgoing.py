"""
Tests of txmqtt.session.outgoing.
"""

from itertools import pairwise

from twisted.trial.unittest import SynchronousTestCase

from txmqtt.session.message import OVERHEAD, Message
from txmqtt.session.outgoing import QUEUED, REFUSED, SEND, Outbound, Outgoing
from txmqtt.session.packet_ids import Pending


def item(qos: int = 1, payload: bytes = b"x") -> Outbound:
    """
    A message for one receiver.
    """
    return Outbound(Message(b"a", payload, qos), qos)


def sent(books: Outgoing, qos: int = 1) -> Outbound:
    """
    A message that has left.
    """
    one = item(qos)
    assert books.admit(one, False) == SEND
    one.sent = True
    return one


class WindowTests(SynchronousTestCase):
    def test_fills(self) -> None:
        """
        No more fly at once than the window allows [MQTT5-3.3.4-9]; the rest queue, then are refused.
        """
        books = Outgoing(2, 2, 10_000)
        verdicts = [books.admit(item(), False) for _ in range(5)]
        self.assertEqual(verdicts, [SEND, SEND, QUEUED, QUEUED, REFUSED])
        self.assertEqual((books.flying, books.idle), (2, False))

    def test_moves_on(self) -> None:
        """
        Each answer lets the next go, in the order of arrival.
        """
        books = Outgoing(1, 10, 10_000)
        items = [item() for _ in range(3)]
        for each in items:
            books.admit(each, False)
        for now, then in pairwise(items):
            self.assertIsNone(books.next())
            self.assertIs(books.puback(now.packet_id), now)
            self.assertIs(books.next(), then)
        books.finish(items[2])
        self.assertIsNone(books.next())
        self.assertTrue(books.idle)

    def test_nothing_overtakes(self) -> None:
        """
        While something waits what comes later waits too, although there is room.
        """
        books = Outgoing(2, 10, 10_000)
        items = [item() for _ in range(4)]
        for each in items[:3]:
            books.admit(each, False)
        books.finish(items[0])
        self.assertEqual(books.admit(items[3], False), QUEUED)
        self.assertIs(books.next(), items[2])

    def test_blocked(self) -> None:
        """
        For a peer that does not read what comes waits, although the window has room.
        """
        books = Outgoing(2, 10, 10_000)
        one = item()
        self.assertEqual(books.admit(one, True), QUEUED)
        self.assertEqual(one.packet_id, 0)
        self.assertIs(books.next(), one)
        self.assertEqual(one.packet_id, 1)

    def test_bytes(self) -> None:
        """
        What waits is bounded in bytes too, from the first message on, and makes room again when it goes.
        """
        size = 1 + 100 + OVERHEAD
        books = Outgoing(1, 1_000, 2 * size)
        first = sent(books)
        self.assertEqual(books.admit(item(payload=b"x" * 2 * size), False), REFUSED)
        waiting = [item(payload=b"x" * 100) for _ in range(3)]
        self.assertEqual([books.admit(each, False) for each in waiting], [QUEUED, QUEUED, REFUSED])
        self.assertEqual(books.waiting_bytes, 2 * size)
        books.finish(first)
        books.next()
        self.assertEqual(books.waiting_bytes, size)

    def test_no_queue(self) -> None:
        """
        Where nothing may wait, what finds no room is refused.
        """
        books = Outgoing(1, 0, 10_000)
        self.assertEqual([books.admit(item(), False) for _ in range(2)], [SEND, REFUSED])

    def test_all_identifiers_taken(self) -> None:
        """
        With all 65,535 identifiers in use a message waits for one, whatever the window says.
        """
        books = Outgoing(100_000, 10, 10_000)
        for _ in range(65_535):
            books.ids.take(Pending())
        one = item()
        self.assertEqual(books.admit(one, False), QUEUED)
        self.assertIsNone(books.next())
        books.ids.free(77)
        self.assertIs(books.next(), one)
        self.assertEqual(one.packet_id, 77)

    def test_withdrawn(self) -> None:
        """
        What still waits can be taken back; what is on its way cannot.
        """
        books = Outgoing(1, 10, 10_000)
        first = sent(books)
        second = item()
        books.admit(second, False)
        self.assertFalse(books.withdraw(first))
        self.assertTrue(books.withdraw(second))
        self.assertFalse(books.withdraw(second))
        self.assertEqual((books.idle, books.waiting_bytes), (True, 0))
        books.finish(first)
        self.assertIsNone(books.next())


class AnswerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.books = Outgoing(5, 10, 10_000)

    def test_puback(self) -> None:
        """
        A PUBACK ends a QoS 1 message: identifier and place are free [MQTT5-4.3.2-3].
        """
        one = sent(self.books)
        self.assertIs(self.books.puback(one.packet_id), one)
        self.assertEqual((self.books.get(one.packet_id), self.books.flying), (None, 0))
        self.assertIsNone(self.books.puback(one.packet_id))

    def test_puback_for_qos_2(self) -> None:
        """
        A PUBACK does not end a QoS 2 message.
        """
        one = sent(self.books, 2)
        self.assertIs(self.books.puback(one.packet_id), one)
        self.assertIs(self.books.get(one.packet_id), one)

    def test_released_keeps_its_place(self) -> None:
        """
        A QoS 2 message keeps identifier and place until its PUBCOMP [MQTT5-4.3.3-5].
        """
        one = sent(self.books, 2)
        self.books.release(one)
        self.assertEqual((self.books.flying, self.books.released()), (1, [one]))
        self.books.finish(one)
        self.assertEqual((self.books.flying, self.books.released()), (0, []))

    def test_finished_once(self) -> None:
        """
        Finishing twice frees one place, not two.
        """
        one, _ = sent(self.books), sent(self.books)
        self.books.finish(one)
        self.books.finish(one)
        self.assertEqual(self.books.flying, 1)

    def test_not_a_message(self) -> None:
        """
        An identifier that a SUBSCRIBE uses is no message's.
        """
        request = Pending()
        packet_id = self.books.ids.take(request)
        self.assertIsNone(self.books.get(packet_id))
        self.assertIsNone(self.books.puback(packet_id))
        self.assertIs(self.books.ids.get(packet_id), request)


class ResumptionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.books = Outgoing(10, 10, 10_000)
        self.items = [sent(self.books, qos) for qos in (1, 2, 2, 1, 2)]
        for number in (2, 1):  # the PUBRECs come in another order
            self.books.release(self.items[number])
        self.waiting = item()
        self.books.admit(self.waiting, True)

    def drain(self) -> list[Outbound]:
        """
        All that may be sent.
        """
        found = []
        while (one := self.books.next()) is not None:
            found.append(one)
        return found

    def test_order(self) -> None:
        """
        PUBRELs go again in the order of their PUBRECs [MQTT5-4.6.0-4] [MQTT311-4.6.0-4], PUBLISHes in that of their
        first sending [MQTT5-4.6.0-1] [MQTT311-4.6.0-1] and before what waits; what is released is not published again
        [MQTT5-4.3.3-6].
        """
        one, two, three, four, five = self.items
        self.assertEqual(self.books.restart(10), [three, two])
        self.assertEqual(self.drain(), [one, four, five, self.waiting])
        self.assertEqual([each.packet_id for each in self.items], [1, 2, 3, 4, 5])

    def test_window_is_fresh(self) -> None:
        """
        A new connection has all of its window, which may be smaller; repeats beyond it wait, PUBRELs need no place.
        """
        self.books.restart(2)
        self.assertEqual(self.drain(), [self.items[0], self.items[3]])
        self.books.finish(self.items[0])
        self.assertEqual(self.drain(), [self.items[4]])

    def test_new_ones_wait(self) -> None:
        """
        A new message does not overtake what has to be repeated.
        """
        self.books.restart(10)
        self.assertEqual(self.books.admit(item(), False), QUEUED)

    def test_answered_before_its_turn(self) -> None:
        """
        What is answered before it was repeated is not repeated.
        """
        self.books.restart(10)
        self.books.puback(1)
        self.assertEqual(self.drain(), [self.items[3], self.items[4], self.waiting])

    def test_places(self) -> None:
        """
        Only what was sent on this connection takes a place in its window.
        """
        self.books.restart(10)
        self.books.puback(1)
        self.assertEqual(self.books.flying, 0)
        self.drain()
        self.assertEqual(self.books.flying, 3)

    def test_from_a_backend(self) -> None:
        """
        Books that are written anew from what a backend remembers go on where the old ones ended.
        """
        books = Outgoing(10, 10, 10_000)
        one, two, three = item(), item(2), item(2)
        two.released = three.released = True
        for each, packet_id in ((one, 900), (three, 7), (two, 8)):
            books.resume(each, packet_id)
        self.assertEqual(books.restart(10), [three, two])
        self.assertIs(books.next(), one)
        self.assertEqual((one.packet_id, one.sent), (900, True))

    def test_unanswered(self) -> None:
        """
        What has been sent and not answered is known, in the order of sending; and so is all that is not finished.
        """
        self.assertEqual(self.books.unanswered(), self.items)
        self.assertEqual(self.books.everything(), [*self.items, self.waiting])

    def test_forget(self) -> None:
        """
        A session that is over leaves nothing.
        """
        self.books.forget()
        self.assertEqual((self.books.everything(), self.books.restart(5), self.books.idle), ([], [], True))
        self.assertEqual(self.books.admit(item(), False), SEND)


class BooksTests(SynchronousTestCase):
    """
    What an owner of the books asks them.
    """

    def test_recalled(self) -> None:
        """
        What an earlier life had queued is taken up in its order, whatever the limits are now.
        """
        books = Outgoing(5, 1, 1)
        items = [item(), item(0), item(2)]
        for each in items:
            books.recall(each)
        self.assertEqual((books.everything(), books.idle), (items, False))
        self.assertEqual(books.waiting_bytes, 3 * items[0].message.size)
        self.assertEqual(books.admit(item(), False), REFUSED)
        self.assertEqual([books.next() for _ in range(4)], [*items, None])
        self.assertEqual((books.waiting_bytes, books.flying, books.idle), (0, 2, True))

    def test_room(self) -> None:
        """
        Whether there is room for one more is what C{admit} would say.
        """
        size = item().message.size
        books = Outgoing(1, 2, 2 * size - 1)
        found = []
        for _ in range(4):
            found.append(books.room(size, False))
            self.assertEqual(books.admit(item(), False) != REFUSED, found[-1])
        self.assertEqual(found, [True, True, False, False])
        self.assertEqual(Outgoing(1, 0, size).room(size, True), False)
        self.assertEqual(Outgoing(1, 1, size).room(size, True), True)

    def test_vacant(self) -> None:
        """
        Whoever waits for room is told when one of those that waited has left.
        """
        books = Outgoing(1, 1, 10_000)
        first = sent(books)
        books.admit(item(), False)
        ticket = books.vacant()
        self.assertIs(books.vacant(), ticket)
        self.assertFalse(ticket.done)
        books.finish(first)
        books.next()
        self.assertTrue(ticket.done)

    def test_oldest_dropped(self) -> None:
        """
        The oldest can be dropped to make room, but none that somebody above keeps, and none that has left.
        """
        books = Outgoing(1, 9, 10_000)
        sent(books)
        self.assertFalse(books.drop_oldest())
        kept = item()
        kept.ref = 1
        items = [item(), item(), kept]
        for each in items:
            books.admit(each, False)
        self.assertEqual([books.drop_oldest() for _ in range(3)], [True, True, False])
        self.assertEqual(list(books.waiting or ()), [kept])

    def test_withdrawn_from_among_others(self) -> None:
        """
        Taking back one that waits leaves the others in their order.
        """
        books = Outgoing(0, 9, 10_000)
        items = [item() for _ in range(3)]
        for each in items:
            books.admit(each, False)
        self.assertTrue(books.withdraw(items[1]))
        self.assertEqual((list(books.waiting or ()), books.idle), ([items[0], items[2]], False))
        self.assertEqual(books.waiting_bytes, 2 * items[0].message.size)

    def test_requests_are_not_messages(self) -> None:
        """
        An identifier that a SUBSCRIBE has taken is not sent again as a message on the next connection.
        """
        books = Outgoing(9, 9, 10_000)
        books.ids.take(Pending())
        one = sent(books)
        self.assertEqual((books.restart(9), books.next(), books.next()), ([], one, None))

    def test_sent_anew(self) -> None:
        """
        To a receiver that has forgotten everything, what it had not answered is new: it waits, in its order and before
        all else, and takes no identifier until it leaves. What it had released was its own.
        """
        books = Outgoing(9, 9, 10_000)
        one, two, three = sent(books), sent(books, 2), sent(books)
        books.release(two)
        last = item()
        books.admit(last, True)
        self.assertEqual(books.renew(), [two])
        self.assertEqual(books.everything(), [one, three, last])
        self.assertEqual([(each.packet_id, each.sent) for each in (one, three)], [(0, False)] * 2)
        self.assertEqual((books.flying, books.waiting_bytes), (0, 3 * last.message.size))
        books.restart(9)
        self.assertEqual([books.next() for _ in range(4)], [one, three, last, None])

    def test_nothing_to_send_anew(self) -> None:
        """
        Where nothing was on its way, what waits is all there is; where nothing waited, what was on its way.
        """
        books = Outgoing(9, 9, 10_000)
        self.assertEqual((books.renew(), books.idle), ([], True))
        one = sent(books)
        self.assertEqual((books.renew(), books.everything(), books.idle), ([], [one], False))
