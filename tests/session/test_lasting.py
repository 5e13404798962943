"""
What a client's program wants to have sent outlives the connection, and the session that the server has lost.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.session.support_client import Client
from txmqtt.codec.constants import PUBACK, PUBCOMP, PUBREC, PUBREL
from txmqtt.codec.errors import LocalProtocolError
from txmqtt.codec.packets import Ack, Connack, Publish, Subscription
from txmqtt.codec.properties import Properties
from txmqtt.session.message import Message
from txmqtt.session.outgoing import Outbound, Outgoing
from txmqtt.session.tickets import Ticket


def outbound(payload: bytes, qos: int, ref: int = 1, retain: bool = False, topic: bytes = b"t") -> Outbound:
    """
    A message that the program wants to have sent, as a service makes it.
    """
    return Outbound(Message(topic, payload, qos, retain), qos, retain, ref=ref)


def queued(*items: Outbound) -> Outgoing:
    """
    The books of a client that has not been connected, with what its program has published.
    """
    books = Outgoing(10, 100, 1_000_000)
    for item in items:
        books.recall(item)
    return books


class LostSessionTests(SynchronousTestCase):
    def lasting(self, books: Outgoing) -> Client:
        """
        A client whose publishes belong to somebody who outlives the session.
        """
        client = Client(clean_start=False, outgoing=books)
        client.session.lasting = True
        client.said()
        return client

    def test_sent_anew(self) -> None:
        """
        When the server has lost the session, what it had not answered is sent as if for the first time, in its order
        and before what waits; what it had taken over with a PUBREC is done, for it was its own by then.
        """
        books = Outgoing(3, 100, 1_000_000)
        first = self.lasting(books)
        first.opened()
        for number, qos in enumerate((2, 1, 2, 1), 1):
            first.publish(payload=b"%d" % number, qos=qos, ref=number)
        first.hears(Ack(PUBREC, 1))
        first.session.lost()
        client = self.lasting(books)
        client.hears(Connack(0, False))
        self.assertEqual(client.events(), [("forgotten",), ("settled", 1, 0), ("accepted", False)])
        self.assertEqual(
            [packet.payload for packet in client.said() if isinstance(packet, Publish)], [b"2", b"3", b"4"]
        )
        self.assertEqual([item.sent for item in books.everything()], [True] * 3)

    def test_with_the_server_still(self) -> None:
        """
        What a server that has the session still has not answered goes again under its identifier.
        """
        books = Outgoing(10, 100, 1_000_000)
        first = self.lasting(books)
        first.opened()
        first.publish(ref=1)
        first.session.lost()
        client = self.lasting(books)
        client.hears(Connack(0, True))
        self.assertEqual(client.said(), [Publish(b"t", b"p", 1, dup=True, packet_id=1)])

    def test_nothing_was_sent(self) -> None:
        """
        With nothing on its way a lost session costs nothing: what waited leaves as it would have.
        """
        client = self.lasting(queued(outbound(b"1", 1), outbound(b"2", 0)))
        client.hears(Connack(0, False))
        self.assertEqual(client.said(), [Publish(b"t", b"1", 1, packet_id=1), Publish(b"t", b"2")])

    def test_nothing_overtakes(self) -> None:
        """
        What is published at QoS 0 while something published before it waits leaves after it.
        """
        books = Outgoing(1, 100, 1_000_000)
        client = Client(clean_start=False, outgoing=books, window=1)
        client.session.lasting = True
        client.opened()
        for number, qos in ((1, 1), (2, 1), (3, 0)):
            client.publish(payload=b"%d" % number, qos=qos, ref=number)
        self.assertEqual(client.said(), [Publish(b"t", b"1", 1, packet_id=1)])
        client.hears(Ack(PUBACK, 1))
        self.assertEqual(client.said(), [Publish(b"t", b"2", 1, packet_id=2), Publish(b"t", b"3")])
        self.assertEqual(client.events(), [("settled", 1, 0), ("settled", 3, 0)])


class QueuedTests(SynchronousTestCase):
    """
    What was published while there was no connection.
    """

    def test_qos_0(self) -> None:
        """
        At QoS 0 it leaves once there is a connection, needs no place in the window, and its publisher is told.
        """
        for version in (3, 4, 5):
            with self.subTest(version=version):
                client = Client(version, False, outgoing=queued(outbound(b"1", 0, 5, True), outbound(b"3", 0, 7)))
                client.hears(Connack(0, version > 3))
                self.assertEqual(client.said()[1:], [Publish(b"t", b"1", retain=True), Publish(b"t", b"3")])
                self.assertEqual(client.events()[:2], [("settled", 5, 0), ("settled", 7, 0)])
                self.assertEqual(client.outgoing.everything(), [])

    def test_aliases(self) -> None:
        """
        Its topic is abbreviated like any other.
        """
        client = Client(clean_start=False, topic_aliases=1, outgoing=queued(outbound(b"1", 0), outbound(b"2", 0)))
        client.said()
        client.hears(Connack(0, True, Properties(topic_alias_maximum=1)))
        self.assertEqual(
            client.said(),
            [
                Publish(b"t", b"1", properties=Properties(topic_alias=1)),
                Publish(b"", b"2", properties=Properties(topic_alias=1)),
            ],
        )

    def test_too_large(self) -> None:
        """
        What this server does not take because it is too large is dropped, and its publisher told; the rest goes on.
        """
        books = queued(outbound(bytes(300), 0, 5), outbound(b"2", 0, 6))
        client = Client(clean_start=False, outgoing=books)
        client.said()
        client.hears(Connack(0, True, Properties(maximum_packet_size=100)))
        self.assertEqual(client.said(), [Publish(b"t", b"2")])
        self.assertEqual(client.events()[:2], [("lapsed", 5), ("settled", 6, 0)])

    def test_not_taken(self) -> None:
        """
        What this server does not take at its QoS, or not as retained, is dropped, and its publisher told.
        """
        books = queued(outbound(b"1", 2, 5), outbound(b"2", 1, 6, True), outbound(b"3", 1, 7))
        client = Client(clean_start=False, outgoing=books)
        client.said()
        client.hears(Connack(0, True, Properties(maximum_qos=1, retain_available=0)))
        self.assertEqual([packet.payload for packet in client.said() if isinstance(packet, Publish)], [b"3"])
        self.assertEqual(client.events()[:2], [("lapsed", 5), ("lapsed", 6)])

    def test_taken_for_less(self) -> None:
        """
        With C{downgrade} it is sent as this server takes it.
        """
        for most, qos in ((1, 1), (0, 0)):
            with self.subTest(most=most):
                books = queued(outbound(b"1", 2, 5, True), outbound(b"2", 0, 6, True))
                client = Client(clean_start=False, outgoing=books)
                client.session.downgrade = True
                client.said()
                client.hears(Connack(0, True, Properties(maximum_qos=most, retain_available=0)))
                said = [
                    (packet.payload, packet.qos, packet.retain)
                    for packet in client.said()
                    if isinstance(packet, Publish)
                ]
                self.assertEqual(said, [(b"1", qos, False), (b"2", 0, False)])
                self.assertEqual(len(client.outgoing.everything()), qos)

    def test_not_stored(self) -> None:
        """
        A QoS 2 message of which it could not be put on record that it leaves does not leave, and its publisher is told.
        """
        ticket = Ticket()
        client = Client(clean_start=False)
        client.session.kept = True
        client.sink.records = [ticket]
        client.opened()
        client.publish(qos=2, ref=5)
        self.assertEqual(client.said(), [])
        ticket.settle(0x97)
        self.assertEqual((client.said(), client.events()[1:]), ([], [("lapsed", 5)]))
        self.assertEqual((client.outgoing.everything(), client.link.closed), ([], None))

    def test_taken_back(self) -> None:
        """
        One that its owner has done with while it waits for that does not leave, whatever comes of it.
        """
        for reason in (0, 0x97):
            with self.subTest(reason=reason):
                ticket = Ticket()
                client = Client(clean_start=False)
                client.session.kept = True
                client.sink.records = [ticket]
                client.opened()
                item = client.publish(qos=2, ref=5)
                assert item is not None
                client.outgoing.finish(item)
                ticket.settle(reason)
                self.assertEqual((client.said(), client.events()), ([], [("sending", 1)]))


class OfferTests(SynchronousTestCase):
    """
    C{offer}: a message that a service has made.
    """

    def test_sent(self) -> None:
        """
        It leaves like any other, at QoS 0 without an identifier, and its publisher is told.
        """
        client = Client().opened()
        for qos, ref in ((0, 5), (1, 6), (2, 7)):
            client.session.offer(outbound(b"%d" % qos, qos, ref))
        self.assertEqual(
            client.said(),
            [Publish(b"t", b"0"), Publish(b"t", b"1", 1, packet_id=1), Publish(b"t", b"2", 2, packet_id=2)],
        )
        client.hears(Ack(PUBACK, 1), Ack(PUBREC, 2), Ack(PUBCOMP, 2))
        self.assertEqual(client.said(), [Ack(PUBREL, 2)])
        self.assertEqual(client.events(), [("settled", 5, 0), ("settled", 6, 0), ("settled", 7, 0)])

    def test_waits(self) -> None:
        """
        Where it cannot leave it is queued, at QoS 0 too; when the queue is full it is refused.
        """
        client = Client(write_limit=10, queue=2).opened()
        client.session.pause()
        client.session.offer(outbound(b"0" * 10, 0, 5))
        client.session.offer(outbound(b"1", 1, 6))
        with self.assertRaisesRegex(LocalProtocolError, "queue"):
            client.session.offer(outbound(b"2", 1, 7))
        self.assertEqual(client.said(), [])
        client.session.resume()
        self.assertEqual(client.said(), [Publish(b"t", b"0" * 10), Publish(b"t", b"1", 1, packet_id=1)])

    def test_refused(self) -> None:
        """
        What this server does not take is refused with the reason, and leaves no trace.
        """
        client = Client()
        with self.assertRaisesRegex(LocalProtocolError, "expected an open connection"):
            client.session.offer(outbound(b"", 1))
        client = Client(topic_aliases=1)
        client.opened(maximum_qos=1, retain_available=0, maximum_packet_size=100, topic_alias_maximum=1)
        for item, reason in (
            (outbound(b"", 2), 0x9B),
            (outbound(b"", 1, retain=True), 0x9A),
            (outbound(bytes(100), 1), 0x95),
            (outbound(bytes(91), 0), 0x95),  # with the alias that it may get
        ):
            with self.assertRaises(LocalProtocolError) as caught:
                client.session.offer(item)
            self.assertEqual(caught.exception.reason, reason)
        self.assertEqual((client.said(), client.outgoing.everything()), ([], []))

    def test_taken_for_less(self) -> None:
        """
        With C{downgrade} it is sent as this server takes it, and so is what is published.
        """
        client = Client().opened(maximum_qos=1, retain_available=0)
        client.session.downgrade = True
        client.session.offer(outbound(b"1", 2, retain=True))
        client.session.publish(b"t", b"2", 2, True, None, 2)
        expected = [Publish(b"t", b"1", 1, packet_id=1), Publish(b"t", b"2", 1, packet_id=2)]
        self.assertEqual(client.said(), expected)

    def test_taken(self) -> None:
        """
        What a server that does not take everything does take is sent as it is.
        """
        client = Client().opened(maximum_qos=1)
        client.session.offer(outbound(b"1", 1, retain=True))
        client.session.publish(b"t", b"2", 1, True, None, 2)
        self.assertEqual([packet.retain for packet in client.said() if isinstance(packet, Publish)], [True, True])


class AskingTests(SynchronousTestCase):
    def test_unanswered(self) -> None:
        """
        A client knows whether anything that it asked for or sent is not answered, so that it can leave in peace.
        """
        client = Client().opened()
        self.assertFalse(client.session.awaits)
        client.session.ping(1)
        self.assertTrue(client.session.awaits)
        client.session.lost()
        client = Client().opened()
        client.session.subscribe([Subscription(b"a")], Properties(subscription_identifiers=(1,)), 7)
        self.assertTrue(client.session.awaits)
        client = Client().opened()
        client.publish()
        self.assertTrue(client.session.awaits)
        client.hears(Ack(PUBACK, 1))
        self.assertFalse(client.session.awaits)
