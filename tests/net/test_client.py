"""
The client's verbs.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from tests.net.support_client import ClientTestCase
from txmqtt import Acknowledgement, LocalProtocolError, Message, MQTTClient, Properties, QoS, ReasonCode, Refused
from txmqtt.codec.constants import PUBACK, PUBCOMP, PUBREC, PUBREL
from txmqtt.codec.packets import (
    Ack,
    Disconnect,
    Pingreq,
    Pingresp,
    Publish,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
)
from txmqtt.session.packet_ids import Pending


def ignore(message: Message) -> None:
    pass


class PublishTests(ClientTestCase):
    def test_qos_0(self) -> None:
        """
        QoS 0 fires when the connection has taken the bytes, which is at once.
        """
        for version in (3, 4, 5):
            with self.subTest(version=version):
                client = self.open(version=version)
                self.assertEqual(self.answer(client.publish("t/ä", b"p", retain=True)), [0])
                self.assertEqual(self.said(), [Publish("t/ä".encode(), b"p", retain=True)])
                self.lose()

    def test_qos_1(self) -> None:
        """
        QoS 1 fires at PUBACK, with its reason code and properties.
        """
        client = self.open()
        answer = client.publish("t", b"p", qos=1)
        self.assertEqual(self.said(), [Publish(b"t", b"p", 1, packet_id=1)])
        self.assertNoResult(answer)
        self.hears(Ack(PUBACK, 1, 0x10, Properties(reason_string="nobody")))
        acknowledgement = self.successResultOf(answer)
        self.assertEqual(acknowledgement.reason, ReasonCode.NO_MATCHING_SUBSCRIBERS)
        self.assertEqual(acknowledgement.properties.reason_string, "nobody")

    def test_qos_2(self) -> None:
        """
        QoS 2 fires at PUBCOMP.
        """
        client = self.open()
        answer = client.publish("t", b"p", QoS.EXACTLY_ONCE)
        self.assertEqual(self.said(), [Publish(b"t", b"p", 2, packet_id=1)])
        self.hears(Ack(PUBREC, 1))
        self.assertNoResult(answer)
        self.assertEqual(self.said(), [Ack(PUBREL, 1)])
        self.hears(Ack(PUBCOMP, 1))
        self.assertEqual(self.answer(answer), [0])

    def test_qos_2_for_nobody(self) -> None:
        """
        That there is no subscriber is said by PUBREC, and told when it is done.
        """
        client = self.open()
        answer = client.publish("t", b"p", 2)
        self.hears(Ack(PUBREC, 1, 0x10))
        self.hears(Ack(PUBCOMP, 1))
        self.assertEqual(self.answer(answer), [0x10])

    def test_refused(self) -> None:
        """
        A publish that the server refuses fails with the reason, in words too.
        """
        client = self.open()
        one, two = client.publish("t", b"p", qos=1), client.publish("t", b"p", qos=2)
        self.hears(Ack(PUBACK, 1, 0x87, Properties(reason_string="not you")), Ack(PUBREC, 2, 0x97))
        error = self.failureResultOf(one, Refused).value
        self.assertEqual((error.reason, error.reasons), (0x87, (0x87,)))
        self.assertEqual(str(error), "publish to 't' refused: 0x87 not authorized, 'not you'")
        self.assertEqual(self.failureResultOf(two, Refused).value.reason, 0x97)

    def test_payloads(self) -> None:
        """
        Any bytes-like object is a payload; one that changes later is sent as it was.
        """
        client = self.open()
        changing = bytearray(b"abc")
        for payload in (b"abc", changing, memoryview(b"abc")):
            client.publish(b"t", payload)
        changing[0] = 0
        self.assertEqual(self.said(), [Publish(b"t", b"abc")] * 3)
        client.publish("t")
        self.assertEqual(self.said(), [Publish(b"t", b"")])

    def test_wrong_arguments(self) -> None:
        """
        A wrong argument is refused at once, with words that say what was given and what was expected; nothing is sent.
        """
        client = self.open()
        table: list[tuple[dict[str, Any], type[Exception], str]] = [
            ({"topic": ""}, ValueError, "topic is empty"),
            ({"topic": "a/#"}, ValueError, r"'a/#'.*wildcard '#'"),
            ({"topic": b"a/+/b"}, ValueError, r"wildcard '\+'"),
            ({"topic": "a" * 65_536}, ValueError, "65536 bytes; 65535 at most"),
            ({"topic": "a\0b"}, ValueError, r"U\+0000"),
            ({"topic": "a\ud800"}, ValueError, "surrogate"),
            ({"topic": b"\xff"}, ValueError, "not UTF-8"),
            ({"topic": 5}, TypeError, "topic is int; expected str or bytes"),
            ({"topic": ["t"]}, TypeError, "topic is list; expected str or bytes"),
            ({"topic": None}, TypeError, "topic is NoneType"),
            ({"payload": "text"}, TypeError, r"payload is str; expected bytes: encode it first, payload.encode\(\)"),
            ({"payload": 5}, TypeError, "payload is int; expected bytes"),
            ({"payload": None}, TypeError, "payload is NoneType"),
            ({"qos": 3}, ValueError, "qos is 3; expected 0, 1 or 2"),
            ({"qos": -1}, ValueError, "qos is -1"),
            ({"qos": "1"}, TypeError, "qos is '1'"),
            ({"qos": True}, TypeError, "qos is True"),
            ({"properties": {"content_type": "x"}}, TypeError, "properties is dict; expected Properties"),
            ({"properties": Properties(topic_alias=1)}, ValueError, "topic_alias=1"),
            ({"properties": Properties(subscription_identifiers=(1,))}, ValueError, "subscription_identifiers"),
            ({"properties": Properties(response_topic="a/#")}, ValueError, "response_topic='a/#'"),
            ({"properties": Properties(server_keep_alive=1)}, ValueError, "server_keep_alive=1 in PUBLISH"),
        ]
        for wrong, error, words in table:
            for qos in (0, 1):
                with self.subTest(wrong=wrong, qos=qos), self.assertRaisesRegex(error, words):
                    client.publish(**{"topic": "t", "payload": b"p", "qos": qos, **wrong})
        self.assertEqual(self.said(), [])
        old = self.open(version=4)
        with self.assertRaisesRegex(ValueError, "protocol level 4; MQTT 5.0 has them"):
            old.publish("t", properties=Properties(content_type="x"))

    def test_what_the_server_does_not_take(self) -> None:
        """
        What the server said it does not take fails without being sent.
        """
        client = self.open(Properties(maximum_qos=1, retain_available=0, maximum_packet_size=100))
        for answer in (
            client.publish("t", b"p", qos=2),
            client.publish("t", b"p", retain=True),
            client.publish("t", bytes(100)),
            client.publish("t", bytes(100), qos=1),
        ):
            self.failureResultOf(answer, LocalProtocolError)
        self.assertEqual(self.said(), [])

    def test_queue_full(self) -> None:
        """
        A publish that finds no room in the queue fails; the others are not harmed.
        """
        client = self.open(max_inflight=1, max_queued_messages=1)
        first, second, third = (client.publish("t", b"p", qos=1) for _ in range(3))
        self.failureResultOf(third, LocalProtocolError)
        self.hears(Ack(PUBACK, 1))
        self.hears(Ack(PUBACK, 2))
        self.assertEqual(self.answer(first) + self.answer(second), [0, 0])

    def test_windows(self) -> None:
        """
        On 3.x 20 messages fly at a time unless told otherwise; on 5.0 as many as the server takes, at most 100.
        """
        for version, properties, expected in (
            (3, None, 20),
            (4, None, 20),
            (5, None, 100),
            (5, Properties(receive_maximum=7), 7),
        ):
            with self.subTest(version=version, expected=expected):
                client = self.open(properties, version=version)
                answers = [client.publish("t", b"p", qos=1) for _ in range(200)]
                self.assertEqual(len(self.said()), expected)
                self.lose()
                for answer in answers:
                    self.closed(answer)

    def test_cancel_on_its_way(self) -> None:
        """
        Cancelling a publish that has left sends only its waiter home: its identifier stays taken until the answer.
        """
        client = self.open()
        answer = client.publish("t", b"p", qos=1)
        self.said()
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.ignore(client.publish("t", b"p", qos=1))
        self.hears(Ack(PUBACK, 1))
        self.assertEqual(self.said(), [Publish(b"t", b"p", 1, packet_id=2)])

    def test_cancel_in_the_queue(self) -> None:
        """
        Cancelling a publish that still waits takes it back.
        """
        client = self.open(max_inflight=1)
        self.ignore(client.publish("t", b"1", qos=1))
        second, third = client.publish("t", b"2", qos=1), client.publish("t", b"3", qos=1)
        second.cancel()
        self.failureResultOf(second, CancelledError)
        self.said()
        self.hears(Ack(PUBACK, 1))
        self.assertEqual(self.said(), [Publish(b"t", b"3", 1, packet_id=2)])
        self.hears(Ack(PUBACK, 2))
        self.assertEqual(self.answer(third), [0])

    def test_expired_in_the_queue(self) -> None:
        """
        A message that expires before its turn fails with words that say so.
        """
        client = self.open(max_inflight=1)
        client.publish("t", b"1", qos=1)
        late = client.publish("t", b"2", qos=1, properties=Properties(message_expiry_interval=5))
        self.clock.advance(6)
        self.hears(Ack(PUBACK, 1))
        self.assertIn("expired", self.failureResultOf(late, LocalProtocolError).getErrorMessage())

    def test_slow_server(self) -> None:
        """
        While the server does not read, QoS 0 fires when there is room again: whoever awaits it publishes no faster than
        the server reads. What finds no room at all fails.
        """
        client = self.open(write_buffer=1000)
        client.pauseProducing()
        first, second = client.publish("t", bytes(600)), client.publish("t", bytes(600))
        self.assertNoResult(first)
        self.failureResultOf(second, LocalProtocolError)
        self.assertEqual(self.said(), [])
        client.resumeProducing()
        self.assertEqual(self.answer(first), [0])
        self.assertEqual(len(self.written()), 1)


class TurnTests(ClientTestCase):
    """
    When what is said is written.
    """

    def test_one_write_for_each_turn(self) -> None:
        """
        Many publishes of one turn make one write.
        """
        client = self.open()
        before = self.transport.writes
        for _ in range(50):
            client.publish("t", b"p")
            self.ignore(client.publish("t", b"p", qos=1))
        self.assertEqual(self.written(), [])
        self.assertEqual(len(self.said()), 100)
        self.assertEqual(self.transport.writes, before + 1)

    def test_much_is_written_at_once(self) -> None:
        """
        A turn that publishes very much does not keep it all until its end.
        """
        client = self.open()
        before = self.transport.writes
        answers = [client.publish("t", bytes(10_000)) for _ in range(100)]
        self.assertGreater(self.transport.writes, before + 10)
        self.assertEqual(len(self.said()), 100)
        for answer in answers:
            self.assertEqual(self.answer(answer), [0])

    def test_reactor_goes_on(self) -> None:
        """
        Who awaits every publish lets the reactor go on now and then, inside a read and outside, however fast the server
        reads.
        """
        client = self.open()
        published: list[int] = []

        async def forever(message: Message | None = None) -> None:
            while len(published) < 100:
                await client.publish("t", bytes(10_000))
                published.append(1)

        client.on_message = forever
        for begin in (forever, lambda: self.hears(Publish(b"t", b"go"))):
            with self.subTest(begin=begin):
                published.clear()
                story = begin()
                if story is not None:
                    Deferred.fromCoroutine(story)
                self.assertLess(len(published), 20)
                for _ in range(20):
                    self.clock.advance(0)
                self.assertEqual(len(published), 100)

    def test_inside_a_read(self) -> None:
        """
        What a callback asks for leaves with the acknowledgements of the read, in the same write.
        """
        client = self.open()

        def reply(message: Message) -> None:
            client.publish("reply", message.payload)

        client.subscribe("t", reply, qos=1)
        self.said()
        before = self.transport.writes
        self.hears(Suback(1, [1]), Publish(b"t", b"1", 1, packet_id=1), Publish(b"t", b"2", 1, packet_id=2))
        self.assertEqual(
            self.written(),
            [Publish(b"reply", b"1"), Ack(PUBACK, 1), Publish(b"reply", b"2"), Ack(PUBACK, 2)],
        )
        self.assertEqual(self.transport.writes, before + 1)


class SubscribeTests(ClientTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.got: list[tuple[str, str, bytes]] = []

    def note(self, name: str) -> Any:
        return lambda message: self.got.append((name, message.topic, message.payload))

    def test_granted(self) -> None:
        """
        Subscribe fires at SUBACK and tells the QoS that was granted.
        """
        client = self.open()
        answer = client.subscribe("rooms/+", qos=2)
        self.assertEqual(self.said(), [Subscribe(1, [Subscription(b"rooms/+", 2)])])
        self.hears(Suback(1, [1]))
        self.assertEqual(self.successResultOf(answer).reason, ReasonCode.GRANTED_QOS_1)

    def test_retained_message_overtakes_suback(self) -> None:
        """
        The callback is in its place before SUBSCRIBE leaves: a message that overtakes the SUBACK finds it.
        """
        client = self.open()
        client.subscribe("rooms/+", self.note("a"))
        self.hears(Publish(b"rooms/1", b"20", retain=True), Suback(1, [0]))
        self.assertEqual(self.got, [("a", "rooms/1", b"20")])

    def test_options(self) -> None:
        """
        The options of 5.0 are sent as they were given.
        """
        client = self.open()
        user = (("a", "b"),)
        self.ignore(
            client.subscribe(
                "t",
                ignore,
                1,
                no_local=True,
                retain_as_published=True,
                retain_handling=2,
                identifier=300,
                properties=Properties(user_properties=user),
            )
        )
        self.assertEqual(
            self.said(),
            [
                Subscribe(
                    1,
                    [Subscription(b"t", 1, True, True, 2)],
                    Properties(subscription_identifiers=(300,), user_properties=user),
                )
            ],
        )

    def test_several(self) -> None:
        """
        Several filters are asked for in one SUBSCRIBE, with one callback.
        """
        client = self.open(version=4)
        answer = client.subscribe(["a", "b/#"], self.note("x"), qos=1)
        self.assertEqual(self.said(), [Subscribe(1, [Subscription(b"a", 1), Subscription(b"b/#", 1)])])
        self.hears(Suback(1, [1, 0]), Publish(b"b/c", b"p"))
        self.assertEqual(self.answer(answer), [1, 0])
        self.assertEqual(self.got, [("x", "b/c", b"p")])

    def test_refused(self) -> None:
        """
        A subscription that is refused fails with the reason, and its callback is gone; those granted beside it stay.
        """
        for version, code in ((4, 0x80), (5, 0x87)):
            with self.subTest(version=version):
                self.got.clear()
                client = self.open(version=version)
                client.on_message = self.note("rest")
                answer = client.subscribe(["no", "yes"], self.note("x"), qos=1)
                self.hears(Suback(1, [code, 1]), Publish(b"no", b"1"), Publish(b"yes", b"2"))
                error = self.failureResultOf(answer, Refused).value
                self.assertEqual((error.reason, error.reasons), (code, (code, 1)))
                self.assertIn(f"'no': 0x{code:02X}", str(error))
                self.assertEqual(self.got, [("rest", "no", b"1"), ("x", "yes", b"2")])
                self.lose()

    def test_again(self) -> None:
        """
        Subscribing to a filter again replaces its callback; when the server refuses, the one before is back.
        """
        client = self.open()
        client.subscribe("t", self.note("old"))
        client.subscribe("t", self.note("new"))
        third = client.subscribe("t", self.note("refused"))
        self.hears(Suback(1, [0]), Suback(2, [0]), Suback(3, [0x97]), Publish(b"t", b"p"))
        self.failureResultOf(third, Refused)
        self.assertEqual(self.got, [("new", "t", b"p")])

    def test_not_offered(self) -> None:
        """
        What the server said it does not offer fails, and leaves no callback behind.
        """
        client = self.open(Properties(wildcard_subscription_available=0))
        client.on_message = self.note("rest")
        self.failureResultOf(client.subscribe("a/+", self.note("x")), LocalProtocolError)
        self.assertEqual(self.said(), [])
        self.hears(Publish(b"a/b", b"p"))
        self.assertEqual(self.got, [("rest", "a/b", b"p")])

    def test_cancel(self) -> None:
        """
        Cancelling takes the subscription back: its callback is gone, and the server is told.
        """
        client = self.open()
        client.on_message = self.note("rest")
        answer = client.subscribe("t", self.note("x"))
        self.said()
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.assertEqual(self.said(), [Unsubscribe(2, [b"t"])])
        self.hears(Suback(1, [0]), Publish(b"t", b"p"), Unsuback(2, [0]))
        self.assertEqual(self.got, [("rest", "t", b"p")])

    def test_cancel_of_unsubscribe(self) -> None:
        """
        Cancelling an unsubscribe sends only its waiter home: the callback goes when the server agrees.
        """
        client = self.open(on_message=self.note("rest"))
        self.ignore(client.subscribe("t", self.note("x")))
        self.hears(Suback(1, [0]))
        answer = client.unsubscribe("t")
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.hears(Publish(b"t", b"1"), Unsuback(2, [0]), Publish(b"t", b"2"))
        self.assertEqual(self.got, [("x", "t", b"1"), ("rest", "t", b"2")])

    def test_cancel_without_room(self) -> None:
        """
        Cancelling works even when the server can not be told.
        """
        client = self.open()
        answer = client.subscribe("t", self.note("x"))
        while client.session.books.ids.take(Pending()):
            pass
        answer.cancel()
        self.failureResultOf(answer, CancelledError)

    def test_cancel_of_another_callback(self) -> None:
        """
        Cancelling a second subscription to a filter brings back the callback of the first; the server is not told.
        """
        client = self.open()
        client.subscribe("t", self.note("first"))
        self.hears(Suback(1, [0]))
        answer = client.subscribe("t", self.note("second"))
        self.said()
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.assertEqual(self.said(), [])
        self.hears(Suback(2, [0]), Publish(b"t", b"p"))
        self.assertEqual(self.got, [("first", "t", b"p")])

    def test_unsubscribe(self) -> None:
        """
        Unsubscribe fires at UNSUBACK; until then messages reach the callback, from then on they do not.
        """
        for version, codes in ((3, []), (4, []), (5, [0x00])):
            with self.subTest(version=version):
                self.got.clear()
                client = self.open(version=version)
                client.on_message = self.note("rest")
                client.subscribe("t", self.note("x"))
                self.hears(Suback(1, [0]))
                answer = client.unsubscribe("t")
                self.assertEqual(self.said()[-1], Unsubscribe(2, [b"t"]))
                self.hears(Publish(b"t", b"1"))
                self.assertNoResult(answer)
                self.hears(Unsuback(2, codes), Publish(b"t", b"2"))
                self.assertEqual(self.answer(answer), [0])
                self.assertEqual(self.got, [("x", "t", b"1"), ("rest", "t", b"2")])
                self.lose()

    def test_unsubscribe_refused(self) -> None:
        """
        When the server does not agree, the callback stays; a subscription that did not exist is no failure.
        """
        client = self.open()
        client.subscribe("t", self.note("x"))
        self.hears(Suback(1, [0]))
        answer = client.unsubscribe(["t", "u"])
        self.hears(Unsuback(2, [0x87, 0x11]), Publish(b"t", b"p"))
        self.assertEqual(self.failureResultOf(answer, Refused).value.reasons, (0x87, 0x11))
        self.assertEqual(self.got, [("x", "t", b"p")])
        answer = client.unsubscribe("u")
        self.hears(Unsuback(3, [0x11]))
        self.assertEqual(self.successResultOf(answer).reason, ReasonCode.NO_SUBSCRIPTION_EXISTED)

    def test_subscribe_after_unsubscribe(self) -> None:
        """
        A subscription made while an unsubscribe is under way is not hurt by its answer.
        """
        client = self.open()
        client.subscribe("t", self.note("old"))
        self.hears(Suback(1, [0]))
        client.unsubscribe("t")
        client.subscribe("t", self.note("new"))
        self.hears(Unsuback(2, [0]), Suback(3, [0]), Publish(b"t", b"p"))
        self.assertEqual(self.got, [("new", "t", b"p")])

    def test_wrong_arguments(self) -> None:
        """
        A wrong argument is refused at once; nothing is sent and no callback is left.
        """
        client = self.open()
        table: list[tuple[dict[str, Any], type[Exception], str]] = [
            ({"filter": ""}, ValueError, "filter is empty"),
            ({"filter": "a#"}, ValueError, "does not fill its level"),
            ({"filter": "a/#/b"}, ValueError, "goes on after '#'"),
            ({"filter": "$share/g"}, ValueError, "share name without a filter"),
            ({"filter": []}, ValueError, "at least one"),
            ({"filter": ["a", "a"]}, ValueError, "each filter once"),
            ({"filter": ["a", 5]}, TypeError, "filter is int; expected str or bytes"),
            ({"filter": None}, TypeError, "filter is NoneType"),
            ({"callback": "print"}, TypeError, "callback is 'print'; expected a callable"),
            ({"qos": 3}, ValueError, "qos is 3"),
            ({"retain_handling": 3}, ValueError, "retain_handling is 3; expected 0, 1 or 2"),
            ({"retain_handling": "1"}, TypeError, "expected numbers"),
            ({"identifier": 268_435_456}, ValueError, "identifier is 268435456"),
            ({"no_local": True, "filter": "$share/g/a"}, ValueError, "shared subscription"),
            ({"properties": Properties(content_type="x")}, ValueError, "content_type='x' in SUBSCRIBE"),
            ({"properties": 5}, TypeError, "properties is int"),
        ]
        for wrong, error, words in table:
            with self.subTest(wrong=wrong), self.assertRaisesRegex(error, words):
                client.subscribe(**{"filter": "t", "callback": ignore, **wrong})
        self.assertRaises(ValueError, client.unsubscribe, "a#")
        self.assertRaises(TypeError, client.unsubscribe, 5)
        self.assertEqual(self.said(), [])
        old = self.open(version=4)
        for wrong in ({"no_local": True}, {"identifier": 1}, {"retain_handling": 1}, {"retain_as_published": True}):
            with self.subTest(wrong=wrong), self.assertRaisesRegex(ValueError, "protocol level 4; 5.0 has them"):
                old.subscribe("t", ignore, **wrong)


class PingTests(ClientTestCase):
    def test_answered(self) -> None:
        """
        Ping fires at its PINGRESP.
        """
        client = self.open()
        first, second = client.ping(), client.ping()
        self.assertEqual(self.said(), [Pingreq(), Pingreq()])
        self.hears(Pingresp())
        self.assertEqual(self.answer(first), [0])
        self.assertNoResult(second)
        second.cancel()
        self.failureResultOf(second, CancelledError)
        self.hears(Pingresp())

    def test_not_answered(self) -> None:
        """
        A ping that is not answered in time ends the connection, and fails.
        """
        client = self.open(keep_alive=60)
        answer = client.ping()
        self.said()
        self.clock.advance(15)
        error = self.closed(answer)
        self.assertEqual((error.reason, error.remote), (0x8D, False))
        self.assertIn("no PINGRESP within 15 s", str(error))

    def test_keep_alive(self) -> None:
        """
        An idle client pings before its keep-alive is over, and gives up a server that does not answer.
        """
        client = self.open(keep_alive=60)
        self.clock.advance(45)
        self.assertEqual(self.written(), [Pingreq()])
        self.hears(Pingresp())
        self.clock.advance(45)
        self.assertEqual(self.written(), [Pingreq()])
        self.clock.advance(15)
        self.assertEqual(self.written(), [Disconnect(0x80)])
        self.assertTrue(self.transport.disconnecting)
        self.lose()
        self.assertEqual(self.successResultOf(client.whenClosed()).reason, 0x8D)


class DisconnectTests(ClientTestCase):
    def test_disconnect(self) -> None:
        """
        DISCONNECT is the last thing said, after all that was asked before it; it fires when the connection is closed.
        """
        for version in (3, 4, 5):
            with self.subTest(version=version):
                client = self.open(version=version)
                client.publish("t", b"p")
                gone = client.disconnect()
                self.assertEqual(self.written(), [Publish(b"t", b"p"), Disconnect()])
                self.assertTrue(self.transport.disconnecting)
                self.assertNoResult(gone)
                self.lose()
                self.assertEqual(self.successResultOf(gone), None)
                self.assertEqual(self.successResultOf(client.disconnect()), None)
                why = self.successResultOf(client.whenClosed())
                self.assertEqual((str(why), why.reason, why.remote), ("we disconnected", 0, False))

    def test_reason(self) -> None:
        """
        On 5.0 it may say why, and for how long the server should keep the session.
        """
        client = self.open(session_expiry=60)
        client.disconnect(ReasonCode.DISCONNECT_WITH_WILL, Properties(session_expiry_interval=5))
        self.assertEqual(self.written(), [Disconnect(0x04, Properties(session_expiry_interval=5))])

    def test_wrong_arguments(self) -> None:
        """
        What cannot be said is refused at once, and the connection stays.
        """
        client = self.open()
        for error, reason, properties in (
            (TypeError, "bye", None),
            (TypeError, 0, "x"),
            (ValueError, 0x05, None),
            (ValueError, 0, Properties(content_type="x")),
            (ValueError, 0, Properties(session_expiry_interval=60)),
        ):
            with self.subTest(reason=reason, properties=properties), self.assertRaises(error):
                client.disconnect(reason, properties)  # type: ignore[arg-type]
        self.assertEqual(self.answer(client.publish("t")), [0])
        old = self.open(version=4)
        self.assertRaises(ValueError, old.disconnect, 0x04)
        self.assertFalse(self.transport.disconnecting)

    def test_peer_that_does_not_close(self) -> None:
        """
        A server that never reads our last words is not waited for.
        """
        client = self.open(close_timeout=3)
        client.disconnect()
        self.clock.advance(2.9)
        self.assertFalse(self.transport.aborted)
        self.clock.advance(0.1)
        self.assertTrue(self.transport.aborted)

    def test_pending_fails(self) -> None:
        """
        What has not been acknowledged fails when we disconnect; what only waited to be written is written.
        """
        client = self.open()
        pending = [client.publish("t", b"p", qos=1), client.subscribe("t", ignore), client.ping()]
        client.pauseProducing()
        waiting = client.publish("t", b"last")
        client.disconnect()
        for answer in pending:
            self.assertEqual(str(self.closed(answer)), "we disconnected")
        self.assertEqual(self.answer(waiting), [0])
        self.assertEqual(self.written()[-2:], [Publish(b"t", b"last"), Disconnect()])

    def test_inside_a_callback(self) -> None:
        """
        A message callback may disconnect: its message is acknowledged first, so that it does not come again, and the
        rest of the read is not told any more.
        """
        for version in (3, 4, 5):
            with self.subTest(version=version):
                client = self.open(version=version)
                got: list[bytes] = []

                def bye(message: Message, client: MQTTClient = client, got: list[bytes] = got) -> None:
                    got.append(message.payload)
                    client.disconnect()

                client.on_message = bye
                self.hears(Publish(b"t", b"1", 1, packet_id=1), Publish(b"t", b"2"))
                self.assertEqual(got, [b"1"])
                self.assertEqual(self.written(), [Ack(PUBACK, 1), Disconnect()])
                self.lose()


class ReentranceTests(ClientTestCase):
    """
    Whatever the callbacks of a Deferred do, they find the books in order.
    """

    def test_publish_upon_acknowledgement(self) -> None:
        """
        A publish made when another is acknowledged takes the place that became free, behind what waits.
        """
        client = self.open(max_inflight=1)
        first, second = client.publish("t", b"1", qos=1), client.publish("t", b"2", qos=1)
        self.ignore(first.addCallback(lambda _: client.publish("t", b"3", qos=1)), second)
        self.said()
        self.hears(Ack(PUBACK, 1))
        self.assertEqual(self.said(), [Publish(b"t", b"2", 1, packet_id=2)])
        self.hears(Ack(PUBACK, 2))
        self.assertEqual(self.said(), [Publish(b"t", b"3", 1, packet_id=3)])

    def test_failure_cancels_its_neighbour(self) -> None:
        """
        When the connection is lost, one waiter may cancel another, and ask for more.
        """
        client = self.open()
        answers: list[Deferred[Acknowledgement]] = []
        later: list[Deferred[Acknowledgement]] = []

        def meddle(failure: Failure) -> Acknowledgement:
            answers[1].cancel()
            later.append(client.publish("t", b"p", qos=1))
            later.append(client.subscribe("t", ignore))
            later.append(client.ping())
            client.disconnect()
            return Acknowledgement((ReasonCode.SUCCESS,))

        answers.append(client.publish("t", b"p", qos=1).addErrback(meddle))
        answers.append(client.publish("t", b"p", qos=1))
        answers.append(client.ping())
        self.lose()
        self.failureResultOf(answers[1], CancelledError)
        for answer in (answers[2], *later):
            self.closed(answer)

    def test_awaited_in_a_coroutine(self) -> None:
        """
        The verbs can be awaited one after the other.
        """
        client = self.open()

        async def story(client: MQTTClient) -> str:
            await client.subscribe("t", ignore)
            await client.publish("t", b"p", qos=1)
            await client.publish("t", b"p")
            await client.disconnect()
            return "done"

        told = Deferred.fromCoroutine(story(client))
        self.hears(Suback(1, [0]))
        self.hears(Ack(PUBACK, 2))
        self.lose()
        self.assertEqual(self.successResultOf(told), "done")
