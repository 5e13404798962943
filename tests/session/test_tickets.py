"""
Tests of txmqtt.session.tickets.
"""

from twisted.trial.unittest import SynchronousTestCase

from txmqtt.session.tickets import DONE, FULL, NOBODY, Caller, Gate, Held, Ticket, decided


class TicketTests(SynchronousTestCase):
    def test_decided_once(self) -> None:
        """
        A promise is decided once: what is said later changes nothing.
        """
        ticket = Ticket()
        ticket.settle(0x97)
        ticket.settle(0)
        self.assertEqual((ticket.done, ticket.reason), (True, 0x97))

    def test_failed(self) -> None:
        """
        A ticket has failed when it was decided with a reason from 0x80 up, and not before it was decided.
        """
        for reason, failed in ((0x00, False), (0x10, False), (0x7F, False), (0x80, True), (0x97, True)):
            with self.subTest(reason=reason):
                self.assertEqual(decided(reason).failed, failed)
        self.assertFalse(Ticket().failed)

    def test_known_answers(self) -> None:
        """
        What is known at once needs no waiting: kept, fine but nobody listens, no room.
        """
        self.assertEqual(
            [(each.done, each.reason) for each in (DONE, NOBODY, FULL)], [(True, 0), (True, 16), (True, 151)]
        )

    def test_everybody_is_told(self) -> None:
        """
        Everybody who waits hears the reason, once, in the order in which they asked.
        """
        ticket = Ticket()
        heard: list[tuple[str, int]] = []
        for name in ("first", "second"):
            ticket.wait(Caller(lambda reason, name=name: heard.append((name, reason))))  # type: ignore[misc]
        ticket.settle(0x97)
        ticket.settle(0x97)
        self.assertEqual(heard, [("first", 0x97), ("second", 0x97)])


class GateTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.out: list[tuple[int, int]] = []
        self.gate = Gate(self.let_out)

    def let_out(self, held: Held) -> None:
        self.out.append((held.packet_id, held.ticket.reason))

    def test_no_wait(self) -> None:
        """
        What has nothing to wait for leaves at once.
        """
        self.gate.admit(DONE, 1)
        self.assertEqual(self.out, [(1, 0)])
        self.assertTrue(self.gate.empty)

    def test_order(self) -> None:
        """
        Acknowledgements leave in the order in which their packets came, in whatever order these are kept
        [MQTT5-4.6.0-2] [MQTT311-4.6.0-2].
        """
        first, second, third = Ticket(), Ticket(), Ticket()
        for packet_id, ticket in ((1, first), (2, second), (3, third), (4, DONE)):
            self.gate.admit(ticket, packet_id)
        third.settle()
        second.settle(0x97)
        self.assertEqual(self.out, [])
        first.settle()
        self.assertEqual(self.out, [(1, 0), (2, 0x97), (3, 0), (4, 0)])

    def test_shared_ticket(self) -> None:
        """
        All that goes into one commit leaves together when it is done, and what came between waits its turn.
        """
        batch, other = Ticket(), Ticket()
        for packet_id, ticket in ((1, batch), (2, batch), (3, other), (4, batch)):
            self.gate.admit(ticket, packet_id)
        batch.settle()
        self.assertEqual(self.out, [(1, 0), (2, 0)])
        other.settle()
        self.assertEqual(self.out, [(1, 0), (2, 0), (3, 0), (4, 0)])

    def test_let_out_while_letting_out(self) -> None:
        """
        An acknowledgement that makes another one possible does not overtake what stands before it.
        """
        first, second = Ticket(), Ticket()

        def out(held: Held) -> None:
            self.let_out(held)
            second.settle()

        gate = Gate(out)
        gate.admit(first, 1)
        gate.admit(second, 2)
        gate.admit(DONE, 3)
        first.settle()
        self.assertEqual(self.out, [(1, 0), (2, 0), (3, 0)])

    def test_who_waits(self) -> None:
        """
        Whether an answer about a packet identifier is on its way can be asked.
        """
        ticket = Ticket()
        self.gate.admit(ticket, 7)
        self.assertTrue(self.gate.holds(7))
        self.assertFalse(self.gate.holds(8))
        ticket.settle()
        self.assertFalse(self.gate.holds(7))

    def test_shut(self) -> None:
        """
        When the connection is gone nothing leaves any more, whatever is kept later.
        """
        ticket = Ticket()
        self.gate.admit(ticket, 1)
        self.gate.shut()
        ticket.settle()
        self.assertEqual(self.out, [])
