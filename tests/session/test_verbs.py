"""
What a client asks of its server, and how it is judged before it is sent.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.session.support_client import Client
from txmqtt.codec.constants import PUBACK, PUBCOMP, PUBREC, PUBREL
from txmqtt.codec.errors import LocalProtocolError
from txmqtt.codec.packets import Ack, Pingreq, Pingresp, Publish, Suback, Subscribe, Subscription, Unsuback, Unsubscribe
from txmqtt.codec.properties import Properties
from txmqtt.session.packet_ids import Pending

VERSIONS = (3, 4, 5)


class PublishTests(SynchronousTestCase):
    def test_qos_0(self) -> None:
        """
        A QoS 0 message leaves as it is, without a packet identifier.
        """
        for version in VERSIONS:
            with self.subTest(version=version):
                client = Client(version).opened()
                self.assertEqual(client.session.publish(b"t", b"p", 0, True, None, 0), None)
                self.assertEqual(client.said(), [Publish(b"t", b"p", retain=True)])

    def test_qos_1(self) -> None:
        """
        The publisher of a QoS 1 message is told of its PUBACK, with the reason.
        """
        client = Client().opened()
        client.publish(ref=7)
        self.assertEqual(client.said(), [Publish(b"t", b"p", 1, packet_id=1)])
        client.hears(Ack(PUBACK, 1, 0x10))
        self.assertEqual(client.events(), [("settled", 7, 0x10)])

    def test_qos_2(self) -> None:
        """
        The publisher of a QoS 2 message is told of its PUBCOMP, or of the PUBREC that refuses it [MQTT5-4.3.3-1].
        """
        client = Client().opened()
        client.publish(qos=2, ref=7)
        client.publish(qos=2, ref=8)
        client.said()
        client.hears(Ack(PUBREC, 1), Ack(PUBREC, 2, 0x97))
        self.assertEqual(client.said(), [Ack(PUBREL, 1)])
        self.assertEqual(client.events(), [("settled", 8, 0x97)])
        client.hears(Ack(PUBCOMP, 1))
        self.assertEqual(client.events(), [("settled", 7, 0)])

    def test_qos_2_done_before(self) -> None:
        """
        A server that does not know the identifier of a PUBREL any more has answered it before, and the answer was lost:
        the message has arrived, and its publisher is told so (section 3.7.2.1 of MQTT 5.0).
        """
        client = Client().opened()
        client.publish(qos=2, ref=7)
        client.hears(Ack(PUBREC, 1), Ack(PUBCOMP, 1, 0x92))
        self.assertEqual(client.events(), [("settled", 7, 0)])

    def test_window(self) -> None:
        """
        No more QoS 1 and 2 messages fly than the server takes; the others follow in order, and nothing else waits for
        them [MQTT5-3.3.4-7] [MQTT5-3.3.4-8].
        """
        client = Client(window=10).opened(receive_maximum=2)
        for number in range(4):
            client.publish(payload=b"%d" % number, ref=number + 1)
        client.publish(payload=b"now", qos=0)
        self.assertEqual([p.payload for p in client.said() if isinstance(p, Publish)], [b"0", b"1", b"now"])
        client.hears(Ack(PUBACK, 1))
        self.assertEqual([p.payload for p in client.said() if isinstance(p, Publish)], [b"2"])
        self.assertEqual(client.events(), [("settled", 1, 0)])

    def test_queue_is_bounded(self) -> None:
        """
        What finds no room in the queue is refused, and leaves no trace.
        """
        client = Client(window=1, queue=1).opened()
        client.publish(ref=1)
        client.publish(ref=2)
        with self.assertRaisesRegex(LocalProtocolError, "queue of outgoing messages is full"):
            client.publish(ref=3)
        self.assertEqual(len(client.outgoing.everything()), 2)

    def test_what_the_server_does_not_take(self) -> None:
        """
        What the server said it does not take is not sent: a QoS [MQTT5-3.2.2-11], retained messages [MQTT5-3.2.2-14].
        """
        client = Client().opened(maximum_qos=1, retain_available=0)
        for qos, retain, words in ((2, False, "maximum is 1"), (0, True, "retain"), (1, True, "retain")):
            with self.subTest(qos=qos, retain=retain), self.assertRaisesRegex(LocalProtocolError, words):
                client.session.publish(b"t", b"p", qos, retain, None, 1)
        self.assertEqual(client.said(), [])

    def test_size(self) -> None:
        """
        A packet of exactly the size that the server takes is sent, a larger one refused [MQTT5-3.2.2-15].
        """
        for qos, most in ((0, 200 - 2 - 3 - 1 - 1), (1, 200 - 2 - 3 - 2 - 1 - 1)):
            with self.subTest(qos=qos):
                client = Client().opened(maximum_packet_size=200)
                client.publish(payload=bytes(most), qos=qos)
                client.turn.flush()
                self.assertEqual([len(data) for data in client.writes], [200])
                with self.assertRaisesRegex(LocalProtocolError, "201 bytes; 200 at most") as caught:
                    client.publish(payload=bytes(most + 1), qos=qos)
                self.assertEqual(caught.exception.reason, 0x95)

    def test_size_with_properties(self) -> None:
        """
        Properties count.
        """
        client = Client().opened(maximum_packet_size=200)
        large = Properties(user_properties=(("name", "v" * 182),))
        with self.assertRaisesRegex(LocalProtocolError, "200 at most"):
            client.session.publish(b"t", b"", 1, False, large, 1)

    def test_too_large_for_the_next_connection(self) -> None:
        """
        What waits from before and is too large for this connection is dropped, and its owner told.
        """
        first = Client(clean_start=False).opened()
        first.publish(payload=bytes(300), ref=5)
        first.session.lost()
        client = Client(clean_start=False, outgoing=first.outgoing)
        client.opened(session_present=True, maximum_packet_size=200)
        self.assertEqual(client.outgoing.everything(), [])

    def test_properties_travel(self) -> None:
        """
        What a publisher says of its message arrives as it was said, an expiry of 0 included.
        """
        for qos in (0, 1):
            with self.subTest(qos=qos):
                client = Client().opened()
                properties = Properties(
                    payload_format_indicator=1,
                    message_expiry_interval=30,
                    content_type="text/plain",
                    response_topic="back",
                    correlation_data=b"c",
                    user_properties=(("a", "1"), ("a", "2")),
                )
                client.session.publish(b"t", b"p", qos, False, properties, 1)
                self.assertEqual(client.said(), [Publish(b"t", b"p", qos, packet_id=qos, properties=properties)])
        client.session.publish(b"t", b"p", 0, False, Properties(message_expiry_interval=0), 0)
        self.assertEqual(client.said(), [Publish(b"t", b"p", properties=Properties(message_expiry_interval=0))])

    def test_properties_without_expiry(self) -> None:
        """
        A message that says something of itself and not that it expires never does.
        """
        client = Client().opened()
        item = client.session.publish(b"t", b"p", 1, False, Properties(content_type="t"), 1)
        assert item is not None
        self.assertEqual(item.message.expires_at, 0.0)
        (said,) = client.said()
        self.assertEqual(said, Publish(b"t", b"p", 1, packet_id=1, properties=Properties(content_type="t")))

    def test_impossible_properties(self) -> None:
        """
        Properties that a client cannot say in PUBLISH are refused before anything is sent: aliases are the session's
        own, subscription identifiers the server's [MQTT5-3.3.4-6], and 3.x has none.
        """
        for properties in (
            Properties(topic_alias=1),
            Properties(subscription_identifiers=(1,)),
            Properties(response_topic="a/#"),
            Properties(server_keep_alive=1),
        ):
            for qos in (0, 1):
                with self.subTest(properties=properties, qos=qos):
                    client = Client().opened()
                    with self.assertRaises(LocalProtocolError):
                        client.session.publish(b"t", b"p", qos, False, properties, 1)
                    self.assertEqual(client.said(), [])
                    self.assertEqual(client.outgoing.everything(), [])
        with self.assertRaisesRegex(LocalProtocolError, "5.0 has them"):
            Client(4).opened().session.publish(b"t", b"p", 0, False, Properties(content_type="x"), 0)

    def test_expiry_counts_down_in_the_queue(self) -> None:
        """
        A message that waits says how many seconds are left; when none are, it is not sent and its owner told.
        """
        client = Client(window=1).opened()
        client.publish(ref=1)
        client.session.publish(b"t", b"long", 1, False, Properties(message_expiry_interval=30), 2)
        client.session.publish(b"t", b"short", 1, False, Properties(message_expiry_interval=5), 3)
        client.said()
        client.now += 10
        client.hears(Ack(PUBACK, 1))
        self.assertEqual(
            client.said(),
            [Publish(b"t", b"long", 1, packet_id=2, properties=Properties(message_expiry_interval=20))],
        )
        client.hears(Ack(PUBACK, 2))
        self.assertEqual(client.events(), [("settled", 1, 0), ("settled", 2, 0), ("lapsed", 3)])
        self.assertEqual(client.outgoing.everything(), [])

    def test_longest_expiry(self) -> None:
        """
        The longest expiry that can be said is said, at any hour: rounding never makes it longer.
        """
        longest = Properties(message_expiry_interval=0xFFFFFFFF)
        for wall in (1_763_500_000.3, 1_763_500_000.449491, 1_763_500_000.72154, 0.1):
            with self.subTest(wall=wall):
                client = Client().opened()
                client.turn.skew = wall - client.turn.now
                client.session.publish(b"t", b"p", 1, False, longest, 1)
                self.assertEqual(client.said(), [Publish(b"t", b"p", 1, packet_id=1, properties=longest)])

    def test_server_does_not_read(self) -> None:
        """
        QoS 0 for a server that does not read is refused when the buffer is full; QoS 1 waits in the queue.
        """
        client = Client(write_limit=100).opened()
        client.session.pause()
        client.publish(payload=bytes(90), qos=0)
        with self.assertRaisesRegex(LocalProtocolError, "the server does not read"):
            client.publish(payload=bytes(90), qos=0)
        client.publish(qos=1)
        self.assertEqual(len(client.outgoing.waiting or ()), 1)
        client.session.resume()
        self.assertEqual([packet.kind for packet in client.said()], [3, 3])


class AliasTests(SynchronousTestCase):
    def test_topic_once_in_full(self) -> None:
        """
        A topic is said in full once and by number from then on, as far as the server allows [MQTT5-3.2.2-17].
        """
        client = Client(topic_aliases=10).opened(topic_alias_maximum=1)
        for qos in (0, 1):
            client.publish(b"long/topic", qos=qos)
            client.publish(b"other", qos=qos)
        alias = Properties(topic_alias=1)
        self.assertEqual(
            client.said(),
            [
                Publish(b"long/topic", b"p", properties=alias),
                Publish(b"other", b"p"),
                Publish(b"", b"p", 1, packet_id=1, properties=alias),
                Publish(b"other", b"p", 1, packet_id=2),
            ],
        )

    def test_none_allowed(self) -> None:
        """
        A server that allows no aliases gets none [MQTT5-3.2.2-18], nor does one that was not to get any.
        """
        for client in (Client(topic_aliases=10).opened(), Client().opened(topic_alias_maximum=10)):
            client.publish(qos=0)
            client.publish(qos=0)
            self.assertEqual(client.said(), [Publish(b"t", b"p")] * 2)

    def test_bound_when_sent(self) -> None:
        """
        A message that is refused binds no alias: the next on its topic says it in full.
        """
        client = Client(topic_aliases=10, write_limit=50).opened(topic_alias_maximum=10)
        client.session.pause()
        client.publish(b"a", qos=0)
        with self.assertRaises(LocalProtocolError):
            client.publish(b"b", bytes(60), qos=0)
        client.session.resume()
        client.publish(b"b", qos=0)
        self.assertEqual(client.said()[-1], Publish(b"b", b"p", properties=Properties(topic_alias=2)))


class SubscribeTests(SynchronousTestCase):
    def test_granted(self) -> None:
        """
        The answer tells what was granted, in the order asked, failures included; with it the packet identifier is free
        again [MQTT311-2.3.1-3].
        """
        for version, codes in ((3, [0, 1]), (4, [2, 0x80]), (5, [1, 0x87])):
            with self.subTest(version=version):
                client = Client(version).opened()
                asked = [Subscription(b"a/#", 2), Subscription(b"b", 1)]
                client.session.subscribe(asked, None, 7)
                self.assertEqual(client.said(), [Subscribe(1, asked)])
                client.hears(Suback(1, codes))
                self.assertEqual(client.events(), [("answered", 7, codes)])
                self.assertEqual(len(client.outgoing.ids), 0)

    def test_unsubscribed(self) -> None:
        """
        On 5.0 the answer tells what became of each filter; on 3.x that it worked.
        """
        for version, codes in ((3, []), (4, []), (5, [0, 0x11])):
            with self.subTest(version=version):
                client = Client(version).opened()
                client.session.unsubscribe([b"a", b"b"], None, 7)
                self.assertEqual(client.said(), [Unsubscribe(1, [b"a", b"b"])])
                client.hears(Unsuback(1, codes))
                self.assertEqual(client.events(), [("answered", 7, codes or [0, 0])])

    def test_wrong_answers(self) -> None:
        """
        An answer with too few or too many codes, or to another question, ends the conversation.
        """
        for answer in (Suback(1, [0]), Suback(1, [0, 0, 0]), Unsuback(1, [0, 0]), Suback(2, [0, 0])):
            with self.subTest(answer=answer):
                client = Client().opened()
                client.session.subscribe([Subscription(b"a"), Subscription(b"b")], None, 7)
                client.hears(answer)
                self.assertEqual(client.events(), [("left", None)])
                assert client.link.closed is not None
                self.assertEqual(client.link.closed[0], 0x82)

    def test_what_the_server_does_not_offer(self) -> None:
        """
        What the server said it does not offer is not asked for.
        """
        client = Client().opened(
            wildcard_subscription_available=0,
            shared_subscription_available=0,
            subscription_identifier_available=0,
        )
        for filter, properties, reason in (
            (b"a/+", None, 0xA2),
            (b"$share/g/a", None, 0x9E),
            (b"a", Properties(subscription_identifiers=(1,)), 0xA1),
        ):
            with self.subTest(filter=filter):
                with self.assertRaises(LocalProtocolError) as caught:
                    client.session.subscribe([Subscription(filter)], properties, 7)
                self.assertEqual(caught.exception.reason, reason)
        self.assertEqual(client.said(), [])

    def test_refused_requests_leave_no_trace(self) -> None:
        """
        A request that cannot be said, or is too large, gives its identifier back.
        """
        client = Client().opened(maximum_packet_size=100)
        for subscriptions in ([], [Subscription(b"a/#b")], [Subscription(b"a" * 100)]):
            with self.assertRaises(LocalProtocolError):
                client.session.subscribe(subscriptions, None, 7)
            self.assertEqual(len(client.outgoing.ids), 0)
        self.assertEqual(client.said(), [])

    def test_every_identifier_taken(self) -> None:
        """
        With all 65,535 packet identifiers in use a request is refused and a message waits; the first that becomes free
        sends it.
        """
        client = Client(window=65_535).opened()
        ids = client.outgoing.ids
        client.session.subscribe([Subscription(b"a")], None, 7)
        while ids.take(Pending()):
            pass
        with self.assertRaisesRegex(LocalProtocolError, "all 65,535 packet identifiers"):
            client.session.subscribe([Subscription(b"b")], None, 8)
        client.publish()
        client.said()
        client.hears(Suback(1, [0]))
        self.assertEqual(client.said(), [Publish(b"t", b"p", 1, packet_id=1)])


class PingTests(SynchronousTestCase):
    def test_each_its_answer(self) -> None:
        """
        Whoever asks for a ping is told of its own PINGRESP, not of one that the keep-alive asked for.
        """
        client = Client(keep_alive=60).opened()
        client.wait(45)
        client.session.ping(5)
        client.session.ping(6)
        self.assertEqual(client.said(), [Pingreq()] * 3)
        client.hears(Pingresp())
        self.assertEqual(client.events(), [])
        client.hears(Pingresp(), Pingresp())
        self.assertEqual(client.events(), [("ponged", 5), ("ponged", 6)])

    def test_no_answer(self) -> None:
        """
        A ping that is not answered ends the conversation, keep-alive or not.
        """
        client = Client(keep_alive=0).opened()
        client.session.ping(5)
        client.wait(15)
        assert client.link.closed is not None
        self.assertEqual(client.link.closed[0], 0x8D)
