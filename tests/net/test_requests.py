"""
Tests of txmqtt.net.requests: a client asks, and waits for the response of whoever serves it.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred, TimeoutError

from tests.net.support_client import ClientTestCase
from tests.testing.support import WorldTestCase
from txmqtt import ConnectionClosed, LocalProtocolError, Message, Policy, Properties, Refused
from txmqtt.codec.errors import RequestFailed
from txmqtt.codec.packets import Ack, Connack, Publish, Suback, Subscribe
from txmqtt.net.requests import Requests
from txmqtt.testing import MQTTWorld


class WholeTests(WorldTestCase):
    """
    Two clients and a broker.
    """

    def test_answered(self) -> None:
        """
        Whoever asks gets the response to what he asked, at every QoS, whatever order they come in.
        """
        server, client = self.mqtt.client(), self.mqtt.client()
        waiting: list[tuple[Message, Deferred[bytes]]] = []

        def handler(message: Message) -> Deferred[bytes]:
            waiting.append((message, Deferred()))
            return waiting[-1][1]

        self.mqtt.run(server.serve("double", handler, 2))
        answers = [client.request("double", b"%d" % number, qos=number % 3) for number in range(9)]
        self.mqtt.flush()
        for message, answer in reversed(waiting):
            answer.callback(message.payload * 2)
            self.mqtt.flush()
        got = [self.successResultOf(answer) for answer in answers]
        self.assertEqual([message.payload for message in got], [b"%d" % number * 2 for number in range(9)])
        self.assertEqual([message.qos for message in got], [number % 3 for number in range(9)])
        self.assertEqual((len(client.requests), client.requests.late), (0, 0))
        keys = {message.properties.correlation_data for message, _ in waiting}
        self.assertEqual({len(key or b"") for key in keys}, {16})
        self.assertEqual(len(keys), 9)

    def test_awaited(self) -> None:
        """
        It reads as it should.
        """

        async def program() -> bytes:
            server, client = await self.mqtt.connect(), await self.mqtt.connect()

            @server.serves("time")
            async def tell(message: Message) -> bytes:
                return b"noon"

            return (await client.request("time")).payload

        self.assertEqual(self.mqtt.run(program()), b"noon")

    def test_nobody_serves(self) -> None:
        """
        At QoS 1 and 2 the server knows that nobody serves it, and so does whoever asks, at once; at QoS 0 he waits.
        """
        client = self.mqtt.client()
        for qos in (1, 2):
            with self.assertRaisesRegex(RequestFailed, "nobody serves 'nothing'") as caught:
                self.mqtt.run(client.request("nothing", qos=qos))
            self.assertEqual(caught.exception.reason, 0x10)
        with self.assertRaisesRegex(TimeoutError, "no response on 'nothing' within 5 s"):
            self.mqtt.run(client.request("nothing", timeout=5), within=5)

    def test_too_late(self) -> None:
        """
        A response that comes too late is counted, and nothing else; nor is a request served that waited too long.
        """
        server, client = self.mqtt.client(), self.mqtt.client(client_id="asks")
        answer: Deferred[bytes] = Deferred()
        self.mqtt.run(server.serve("slow", lambda message: answer))
        asked = client.request("slow", timeout=5)
        self.mqtt.advance(5)
        self.failureResultOf(asked, TimeoutError)
        answer.callback(b"now")
        self.mqtt.flush()
        self.assertEqual(client.requests.late, 1)
        request = next(packet for packet in self.mqtt.connection(client).from_client if isinstance(packet, Publish))
        assert request.properties is not None
        self.assertEqual(request.properties.message_expiry_interval, 5)

    def test_stranger(self) -> None:
        """
        What else is said on the response topic, without or with correlation data of nobody, is counted and dropped.
        """
        client = self.mqtt.client()
        asked = client.request("nothing", timeout=60)
        self.mqtt.flush()
        self.mqtt.publish(client.requests.topic, b"psst")
        self.mqtt.publish(client.requests.topic, b"psst", properties=Properties(correlation_data=b"guess"))
        self.assertEqual(client.requests.late, 2)
        self.assertNoResult(asked)
        asked.cancel()
        self.failureResultOf(asked, CancelledError)

    def test_one_response_topic(self) -> None:
        """
        All responses come on one topic that has the client's name in it, below what the server said for that purpose,
        and is the same whenever the session is taken up again.
        """
        table = (
            ("", "me", None, "txmqtt/response/me"),
            ("", "a/b+#", None, "txmqtt/response/[0-9a-f]{16}"),
            ("", "x" * 201, None, "txmqtt/response/[0-9a-f]{16}"),
            ("replies/%c/", "me", None, "txmqtt/response/me"),
            ("replies/%c/", "me", Properties(request_response_information=1), "replies/me"),
            ("replies", "me", Properties(request_response_information=1), "replies/me"),
        )
        for information, name, properties, expected in table:
            with (
                self.subTest(name=name, expected=expected),
                MQTTWorld(policy=Policy(response_information=information)) as world,
            ):
                client = world.client(client_id=name, properties=properties)
                for _ in range(3):
                    client.request("nothing").addErrback(lambda _: None)
                world.flush()
                said = world.connection(client).from_client
                topics = [packet.subscriptions[0].filter for packet in said if isinstance(packet, Subscribe)]
                self.assertEqual(topics, [client.requests.topic.encode()])
                self.assertRegex(client.requests.topic, f"^{expected}$")
                world.run(client.disconnect())

    def test_session_goes_on(self) -> None:
        """
        The next connection of a session asks on the same topic, and subscribes to it again only if it must.
        """
        for present in (True, False):
            with self.subTest(present=present):
                service = self.mqtt.service(client_id="c", clean_start=False)
                server = self.mqtt.client()
                self.mqtt.run(server.serve("echo", lambda message: message.payload))
                self.mqtt.run(service.request("echo", b"1"))
                topic = service.requests.topic
                self.mqtt.restart(sessions=present, goodbye=False)
                server = self.mqtt.client()
                self.mqtt.run(server.serve("echo", lambda message: message.payload))
                self.mqtt.advance(5)
                self.assertEqual(self.mqtt.run(service.request("echo", b"2")).payload, b"2")
                self.assertEqual(service.requests.topic, topic)
                self.mqtt.run(service.stopService())

    def test_service_away(self) -> None:
        """
        A service that has lost its connection keeps what was asked, and so may still get the response; one that is
        stopped tells who waits.
        """
        service, server = self.mqtt.service(), self.mqtt.client()
        answers: list[Deferred[bytes]] = []

        def handler(message: Message) -> Deferred[bytes]:
            answers.append(Deferred())
            return answers[-1]

        self.mqtt.run(server.serve("slow", handler, 1))
        asked = service.request("slow", qos=1, timeout=60)
        self.mqtt.flush()
        self.mqtt.connection(service.client_id).cut()
        answers[0].callback(b"later")
        self.mqtt.advance(10)
        self.assertEqual(self.successResultOf(asked).payload, b"later")
        asked = service.request("slow", qos=1, timeout=60)
        self.mqtt.flush()
        self.mqtt.run(service.stopService())
        self.failureResultOf(asked, ConnectionClosed)


class ScriptedTests(ClientTestCase):
    """
    A server that does as the test says.
    """

    def asking(self) -> Deferred[Message]:
        """
        A client that has asked on topic C{t}; its SUBSCRIBE has left.
        """
        return self.open().request("t", b"p", qos=1)

    def one(self, kind: type[Any]) -> Any:
        """
        The one packet that has left.
        """
        (packet,) = self.said()
        self.assertIsInstance(packet, kind)
        return packet

    def test_in_order(self) -> None:
        """
        A request leaves when the response topic is subscribed to, not before; its properties say where and how to
        respond.
        """
        answer = self.asking()
        subscribe = self.one(Subscribe)
        self.hears(Suback(subscribe.packet_id, [2]))
        request = self.one(Publish)
        topic = subscribe.subscriptions[0].filter.decode()
        self.assertEqual((request.topic, request.payload, request.qos), (b"t", b"p", 1))
        self.assertEqual(request.properties.response_topic, topic)
        key = request.properties.correlation_data
        self.hears(Publish(topic.encode(), b"r", properties=Properties(correlation_data=key)))
        self.assertEqual(self.successResultOf(answer).payload, b"r")
        self.hears(Ack(4, request.packet_id, 0x10))
        self.assertEqual(self.client.requests.late, 0)

    def test_given_properties(self) -> None:
        """
        The caller's properties go with it.
        """
        given = Properties(content_type="text/plain", user_properties=(("a", "b"),), message_expiry_interval=7)
        answer = self.open().request("t", properties=given)
        self.hears(Suback(self.one(Subscribe).packet_id, [2]))
        said = self.one(Publish).properties
        self.assertEqual(
            (said.content_type, said.user_properties, said.message_expiry_interval), ("text/plain", (("a", "b"),), 7)
        )
        answer.cancel()
        self.failureResultOf(answer)

    def test_no_response_topic(self) -> None:
        """
        When the server does not grant the response topic, all who wait for it are told; the next request tries again.
        """
        answer = self.asking()
        also = self.client.request("t")
        self.hears(Suback(self.one(Subscribe).packet_id, [0x87]))
        for each in (answer, also):
            self.failureResultOf(each, Refused)
        again = self.client.request("t")
        self.hears(Suback(self.one(Subscribe).packet_id, [2]))
        self.one(Publish)
        again.cancel()
        self.failureResultOf(again)

    def test_refused(self) -> None:
        """
        A request that the server does not take fails as the publish does.
        """
        answer = self.asking()
        self.hears(Suback(self.one(Subscribe).packet_id, [2]))
        self.hears(Ack(4, self.one(Publish).packet_id, 0x87))
        self.assertEqual(self.failureResultOf(answer, Refused).value.reason, 0x87)

    def test_response_that_failed(self) -> None:
        """
        A response with the user property C{error} is no response.
        """
        for words, expected in (("no such room", "'t': no such room"), ("", "'t': it went wrong")):
            answer = self.asking()
            self.hears(Suback(self.one(Subscribe).packet_id, [2]))
            key = self.one(Publish).properties.correlation_data
            said = Properties(correlation_data=key, user_properties=(("a", "b"), ("error", words)))
            self.hears(Publish(self.client.requests.topic.encode(), b"", properties=said))
            error = self.failureResultOf(answer, RequestFailed).value
            assert isinstance(error, RequestFailed) and error.properties is not None
            self.assertEqual((str(error), error.properties.user_properties[0]), (expected, ("a", "b")))

    def test_lost(self) -> None:
        """
        When the connection ends, whoever waits for a response is told; so is who asks later.
        """
        for stage in range(3):
            with self.subTest(stage=stage):
                answer = self.asking()
                if stage:
                    self.hears(Suback(self.one(Subscribe).packet_id, [2]))
                if stage == 2:
                    self.hears(Ack(4, self.one(Publish).packet_id))
                self.said()
                self.lose()
                self.failureResultOf(answer, ConnectionClosed)
                self.failureResultOf(self.client.request("t"), ConnectionClosed)
                self.assertEqual(len(self.client.requests), 0)

    def test_next_connection(self) -> None:
        """
        A session that goes on has its response topic still; one that was lost subscribes to it again.
        """
        for present, expected in ((True, Publish), (False, Subscribe)):
            with self.subTest(present=present):
                self.make(clean_start=False)
                self.hears(Connack())
                self.said()
                answer = self.client.request("t")
                self.hears(Suback(self.one(Subscribe).packet_id, [2]))
                self.said()
                topic = self.client.requests.topic
                self.lose()
                self.failureResultOf(answer, ConnectionClosed)
                self.connect()
                self.said()
                self.hears(Connack(0, present))
                self.ignore(self.client.request("t"))  # type: ignore[arg-type] # whatever it is
                self.one(expected)
                self.assertEqual(self.client.requests.topic, topic)

    def test_cancelled(self) -> None:
        """
        Cancelling gives up waiting: what has not left does not leave, a response is late.
        """
        answer = self.asking()
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.hears(Suback(self.one(Subscribe).packet_id, [2]))
        self.assertEqual(self.said(), [])
        answer = self.client.request("t")
        key = self.one(Publish).properties.correlation_data
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.hears(Publish(self.client.requests.topic.encode(), b"", properties=Properties(correlation_data=key)))
        self.assertEqual(self.client.requests.late, 1)

    def test_time(self) -> None:
        """
        The time is for all of it, the subscription included; C{None} is for ever.
        """
        answer = self.asking()
        patient = self.client.request("t", timeout=None)
        self.clock.advance(9.9)
        self.assertNoResult(answer)
        self.clock.advance(0.1)
        self.assertEqual(str(self.failureResultOf(answer, TimeoutError).value), "no response on 't' within 10 s")
        self.assertNoResult(patient)
        patient.cancel()
        self.failureResultOf(patient)

    def test_limit(self) -> None:
        """
        So many requests may wait; one more is refused, until there is room again.
        """
        client = self.open()
        client.state.requests = Requests(client, self.clock, limit=2)
        first, second, third = (client.request("t") for _ in range(3))
        self.assertIn("2 requests wait", str(self.failureResultOf(third, LocalProtocolError).value))
        first.cancel()
        self.failureResultOf(first)
        fourth = client.request("t")
        self.assertNoResult(fourth)
        for each in (second, fourth):
            each.cancel()
            self.failureResultOf(each)

    def test_callbacks_meet_books_in_order(self) -> None:
        """
        What a callback does when it hears of the end, cancel a neighbour or ask anew, finds everything in order.
        """
        client = self.open()
        first, second = client.request("t"), client.request("t")
        later: list[Deferred[Message]] = []

        def then(_: object) -> None:
            second.cancel()
            later.append(client.request("t"))

        first.addErrback(then)
        self.said()
        self.lose()
        self.failureResultOf(second)
        self.failureResultOf(later[0], ConnectionClosed)
        self.assertEqual(len(client.requests), 0)

    def test_wrong_arguments(self) -> None:
        """
        What can't be asked is refused at once, and nothing is said.
        """
        ours = Properties(correlation_data=b"x")
        table: list[tuple[dict[str, Any], type[Exception], str]] = [
            ({"topic": "a/#"}, ValueError, "wildcard"),
            ({"topic": 5}, TypeError, "topic is int"),
            ({"payload": "text"}, TypeError, "payload is str"),
            ({"qos": 3}, ValueError, "qos is 3"),
            ({"timeout": 0}, ValueError, "timeout is 0; expected more than 0"),
            ({"timeout": float("inf")}, ValueError, "timeout is inf"),
            ({"timeout": "5"}, TypeError, "timeout is '5'"),
            ({"timeout": True}, TypeError, "timeout is True"),
            ({"properties": ours}, ValueError, "properties has correlation_data"),
            ({"properties": Properties(response_topic="x")}, ValueError, "properties has response_topic"),
            ({"properties": Properties(receive_maximum=5)}, ValueError, "receive_maximum"),
        ]
        client = self.open()
        for arguments, error, words in table:
            with self.subTest(arguments=arguments), self.assertRaisesRegex(error, words):
                client.request(**{"topic": "t", **arguments})
        self.assertEqual(self.said(), [])
        old = self.open(version=4)
        with self.assertRaisesRegex(ValueError, "request on protocol level 4; MQTT 5.0 has response topics"):
            old.request("t")
