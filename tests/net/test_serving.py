"""
Tests of txmqtt.net.serving: a client answers what others ask.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed

from tests.testing.support import WorldTestCase, payloads
from txmqtt import Message, MQTTClient, Policy, Properties, Refused
from txmqtt.codec.errors import RequestFailed
from txmqtt.codec.packets import Ack, Publish
from txmqtt.net.serving import Service
from txmqtt.testing import MQTTWorld


class ServingTests(WorldTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.server = self.mqtt.client(client_id="server")
        self.client = self.mqtt.client(client_id="client")

    def serve(self, handler: Callable[[Message], Any], topic: str = "t", qos: int = 2, **options: Any) -> Service:
        """
        Something is served.
        """
        return self.mqtt.run(self.server.serve(topic, handler, qos, **options))

    def ask(self, payload: bytes = b"", topic: str = "t", qos: int = 0) -> Message:
        """
        It is asked.
        """
        return self.mqtt.run(self.client.request(topic, payload, qos=qos))

    def fails(self, words: str, topic: str = "t") -> None:
        """
        It is asked, and the other side hears that it failed.
        """
        with self.assertRaises(RequestFailed) as caught:
            self.ask(topic=topic)
        self.assertEqual(str(caught.exception), f"{topic!r}: {words}")

    def test_replies(self) -> None:
        """
        A handler returns bytes, or bytes and properties, now, later, or as a coroutine; nothing is an empty payload.
        """

        async def coroutine(message: Message) -> bytes:
            return await succeed(b"c")

        typed = Properties(content_type="text/plain", user_properties=(("a", "b"),))
        table: tuple[tuple[Callable[[Message], Any], bytes, str | None], ...] = (
            (lambda message: b"r", b"r", None),
            (lambda message: None, b"", None),
            (lambda message: (b"r", typed), b"r", "text/plain"),
            (lambda message: succeed(b"d"), b"d", None),
            (lambda message: succeed((b"d", typed)), b"d", "text/plain"),
            (coroutine, b"c", None),
        )
        for number, (handler, payload, content_type) in enumerate(table):
            topic = f"t/{number}"
            service = self.serve(handler, topic)
            for qos in (0, 1, 2):
                answer = self.ask(topic=topic, qos=qos)
                self.assertEqual((answer.payload, answer.qos), (payload, qos))
                self.assertEqual(answer.properties.content_type, content_type)
            self.assertEqual((service.served, service.failures, service.running), (3, 0, 0))
        self.assertIsNone(typed.correlation_data)

    def test_failures(self) -> None:
        """
        What goes wrong in a handler is logged and counted; the other side hears that it failed, and not why.
        """
        table: tuple[tuple[Callable[[Message], Any], type[Exception]], ...] = (
            (lambda message: vars(message)["sesame"], TypeError),
            (lambda message: fail(KeyError("sesame")), KeyError),
            (lambda message: "text", TypeError),
            (lambda message: (b"r", "x"), TypeError),
            (lambda message: (b"r", Properties(), 1), TypeError),
            (lambda message: (b"r", Properties(response_topic="x")), ValueError),
            (lambda message: (b"r", Properties(receive_maximum=1)), ValueError),
        )
        for number, (handler, error) in enumerate(table):
            service = self.serve(handler, f"t/{number}")
            self.fails("the request failed", f"t/{number}")
            self.assertEqual((service.served, service.failures), (1, 1))
            self.assertEqual(len(self.mqtt.flush_errors(error)), 1)
            self.assertEqual(len(self.flushLoggedErrors(error)), 1)

    def test_words_for_the_other_side(self) -> None:
        """
        A handler may say what went wrong; nothing is logged, for nothing went wrong in it.
        """

        def handler(message: Message) -> bytes:
            raise RequestFailed("no such room")

        service = self.serve(handler)
        self.fails("no such room")
        self.assertEqual((service.served, service.failures), (1, 0))

    def test_acknowledged_when_answered(self) -> None:
        """
        A request is acknowledged when its response is with the broker, so that none is forgotten by a server that goes.
        """
        reply: Deferred[bytes] = Deferred()
        self.serve(lambda message: reply)
        asked = self.client.request("t", qos=1)
        self.mqtt.flush()
        said = self.mqtt.connection("server")
        self.assertEqual([packet for packet in said.from_client if isinstance(packet, Ack)], [])
        reply.callback(b"r")
        self.mqtt.flush()
        self.successResultOf(asked)
        kinds = [type(packet) for packet in said.from_client[-2:]]
        self.assertEqual(kinds, [Publish, Ack])

    def test_no_response_topic(self) -> None:
        """
        What is published without a response topic, by whichever version, is dealt with, and nothing is said.
        """
        got: list[Message] = []

        def handler(message: Message) -> bytes:
            got.append(message)
            return b"r"

        everything = self.mqtt.watch("#")
        service = self.serve(handler)
        for version in (3, 4, 5):
            other = self.mqtt.client(version=version, client_id=f"v{version}")
            self.mqtt.run(other.publish("t", b"do it", 1))
        self.mqtt.flush()
        self.assertEqual(payloads(got), [b"do it"] * 3)
        self.assertEqual((len(everything), service.unanswered, service.served), (3, 0, 3))

    def test_where_responses_may_go(self) -> None:
        """
        Who asks does not make a server publish where it should not: not to the server's own topics, and with
        C{respond_to} to nothing else.
        """
        seen = self.mqtt.watch("#")
        table = ((None, "house/door", True), ("replies/#", "house/door", False), ("replies/#", "replies/me", True))
        for number, (respond_to, where, allowed) in enumerate((*table, (None, "$SYS/x", False))):
            with self.subTest(respond_to=respond_to, where=where):
                service = self.serve(lambda message: b"open", f"t/{number}", respond_to=respond_to)
                seen.clear()
                self.mqtt.publish(f"t/{number}", b"", properties=Properties(response_topic=where))
                self.assertEqual([message.topic for message in seen], [f"t/{number}", *([where] if allowed else [])])
                self.assertEqual(service.unanswered, int(not allowed))

    def test_response_not_taken(self) -> None:
        """
        A response that the broker does not take, or that finds no connection any more, is counted; the service goes on.
        """
        with MQTTWorld() as world:
            server, client = world.client(), world.client()
            service = world.run(server.serve("t", lambda message: (b"x" * 10, Properties(content_type="x" * 70_000))))
            asked = client.request("t")
            world.flush()
            self.assertEqual((service.served, service.failures), (1, 1))
            self.failureResultOf(asked, RequestFailed)
            self.assertEqual(len(world.flush_errors()), 1)
            self.flushLoggedErrors()
            reply: Deferred[bytes] = Deferred()
            service = world.run(server.serve("u", lambda message: reply))
            client.request("u").addErrback(lambda _: None)
            world.flush()
            world.connection(server).cut()
            reply.callback(b"r")
            self.assertEqual((service.unanswered, service.running), (1, 0))

    def test_limit(self) -> None:
        """
        More requests at once than the limit are told so; when there is room, requests are served again.
        """
        replies: list[Deferred[bytes]] = []

        def handler(message: Message) -> Deferred[bytes]:
            replies.append(Deferred())
            return replies[-1]

        service = self.serve(handler, limit=2)
        asked = [self.client.request("t") for _ in range(3)]
        self.mqtt.flush()
        error = self.failureResultOf(asked[2], RequestFailed).value
        self.assertIn("too many requests at once", str(error))
        self.assertEqual((service.running, service.refused), (2, 1))
        for reply in replies:
            reply.callback(b"r")
        self.mqtt.flush()
        self.assertEqual([self.successResultOf(each).payload for each in asked[:2]], [b"r", b"r"])
        asked.append(self.client.request("t"))
        self.mqtt.flush()
        replies[-1].callback(b"r")
        self.mqtt.flush()
        self.successResultOf(asked[-1])

    def test_shared(self) -> None:
        """
        Of a group that serves the same, one member answers each request.
        """
        calls = [0, 0]

        def member(number: int) -> Callable[[Message], bytes]:
            def handler(message: Message) -> bytes:
                calls[number] += 1
                return b"r"

            return handler

        other = self.mqtt.client()
        self.serve(member(0), share="group")
        self.mqtt.run(other.serve("t", member(1), 2, share="group"))
        for _ in range(10):
            self.ask()
        self.assertEqual((sum(calls), min(calls) > 0, self.client.requests.late), (10, True, 0))

    def test_stop(self) -> None:
        """
        A service that is stopped is not asked any more.
        """
        service = self.serve(lambda message: b"r")
        self.ask()
        self.mqtt.run(service.stop())
        with self.assertRaisesRegex(RequestFailed, "nobody serves"):
            self.ask(qos=1)

    def test_decorator(self) -> None:
        """
        C{serves} serves, and leaves the function as it was; that the broker does not agree is logged.
        """

        @self.server.serves("t")
        def handler(message: Message) -> bytes:
            return message.payload

        self.assertEqual(self.ask(b"x").payload, b"x")
        self.assertTrue(callable(handler))
        old = self.mqtt.client(client_id="gone")
        self.mqtt.run(old.disconnect())
        old.serves("t")(handler)
        self.assertEqual(len(self.mqtt.flush_errors()), 1)
        self.flushLoggedErrors()

    def test_of_a_service(self) -> None:
        """
        A client that connects again and again serves and asks with the same verbs, before it is connected too.
        """
        self.mqtt.down()
        server, client = self.mqtt.service(), self.mqtt.service()
        server.serves("u", qos=1)(lambda message: message.payload + b"!")
        self.mqtt.up()
        self.mqtt.advance(10)
        for number in range(3):
            asked = client.request("u", b"%d" % number, qos=1, timeout=60)
            self.assertEqual(self.mqtt.run(asked).payload, b"%d!" % number)
            self.mqtt.restart(sessions=False)
            self.mqtt.advance(20)

    def test_wrong_arguments(self) -> None:
        """
        What can't be served is refused at once.
        """

        def handler(message: Message) -> bytes:
            return b""

        table: list[tuple[tuple[Any, ...], dict[str, Any], type[Exception], str]] = [
            ((b"t", handler), {}, TypeError, "topic is bytes; expected str"),
            (("t", 5), {}, TypeError, "handler is 5; expected a callable"),
            (("t", handler, 3), {}, ValueError, "qos is 3"),
            (("a#", handler), {}, ValueError, "#"),
            (("t", handler), {"share": 5}, TypeError, "share is int"),
            (("t", handler), {"share": "a/b+"}, ValueError, "."),
            (("t", handler), {"respond_to": 5}, TypeError, "respond_to is int"),
            (("t", handler), {"respond_to": "a#"}, ValueError, "respond_to 'a#'"),
            (("t", handler), {"limit": 0}, ValueError, "limit is 0"),
            (("t", handler), {"limit": "5"}, TypeError, "limit is '5'"),
        ]
        for arguments, options, error, words in table:
            with self.subTest(words), self.assertRaisesRegex(error, words):
                self.server.serve(*arguments, **options)
        old: MQTTClient = self.mqtt.client(version=4, client_id="old")
        with self.assertRaisesRegex(ValueError, "serve on protocol level 4; MQTT 5.0 has response topics"):
            old.serve("t", handler)

    def test_not_granted(self) -> None:
        """
        Whoever may not serve is told.
        """
        with MQTTWorld(policy=Policy(max_subscriptions=1)) as world:
            client = world.client()
            world.run(client.serve("t", lambda message: b""))
            with self.assertRaises(Refused):
                world.run(client.serve("u", lambda message: b""))
