"""
The life of a client's connection: ready, closed, and why.
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone

from tests.net.support_client import ClientTestCase
from txmqtt import Acknowledgement, ConnectionClosed, Message, Properties, Refused
from txmqtt.codec.constants import PUBACK, PUBCOMP, PUBREC, PUBREL
from txmqtt.codec.packets import Ack, Connack, Connect, Disconnect, Pingresp, Publish, Suback, Unsuback


class OpeningTests(ClientTestCase):
    def test_ready(self) -> None:
        """
        A client is ready when the server has accepted it; everybody who waits is told, and who asks later too.
        """
        client = self.make()
        waiters = [client.whenReady(), client.whenReady()]
        self.assertNoResult(waiters[0])
        self.hears(Connack())
        for waiter in (*waiters, client.whenReady()):
            self.assertIs(self.successResultOf(waiter), client)

    def test_what_the_server_said(self) -> None:
        """
        The client knows its name, whether its session goes on, and what the server announced.
        """
        client = self.make(client_id="", clean_start=False)
        announced = Properties(assigned_client_identifier="auto-7", maximum_qos=1)
        self.hears(Connack(0, True, announced))
        self.assertEqual((client.client_id, client.session_present), ("auto-7", True))
        self.assertEqual(client.server_properties, announced)

    def test_verbs_before_ready(self) -> None:
        """
        What is asked before the server has accepted fails, and nothing is sent.
        """
        client = self.make()
        self.written()
        for answer in (client.publish("t"), client.subscribe("t", print), client.unsubscribe("t"), client.ping()):
            self.assertEqual(str(self.closed(answer)), "not connected yet")
        self.assertEqual(self.said(), [])

    def test_refused(self) -> None:
        """
        A refusal fails with the reason, and with what the server had to say about it.
        """
        said = Properties(reason_string="wrong key", server_reference="other:1883")
        for version, packet, reason, words in (
            (3, Connack(2), 0x85, "0x85 client identifier not valid"),
            (4, Connack(4), 0x86, "0x86 bad user name or password"),
            (5, Connack(0x87, False, said), 0x87, "0x87 not authorized, 'wrong key', use 'other:1883'"),
        ):
            with self.subTest(version=version):
                client = self.make(version=version)
                ready = client.whenReady()
                self.hears(packet)
                error = self.failureResultOf(ready, Refused).value
                self.assertEqual(error.reason, reason)
                self.assertEqual(str(error), f"the server refused the connection: {words}")
                self.failureResultOf(client.whenReady(), Refused)
                self.assertTrue(self.transport.disconnecting)
                self.lose(ConnectionDone())
                why = self.successResultOf(client.whenClosed())
                self.assertEqual((why.reason, why.remote), (reason, True))
                for told in (error, why):
                    expected = (said, "other:1883") if version == 5 else (None, None)
                    self.assertEqual((told.properties, told.server_reference), expected)

    def test_version_refused(self) -> None:
        """
        A server that does not speak 5.0 says so, and the error says what to try.
        """
        ready = self.make().whenReady()
        self.hears(Connack(0x84))
        self.assertIn("try 4, which is MQTT 3.1.1", self.failureResultOf(ready, Refused).getErrorMessage())

    def test_no_answer(self) -> None:
        """
        A server that takes the connection and says nothing is given up after C{timeout}.
        """
        ready = self.make(timeout=7).whenReady()
        self.clock.advance(6.9)
        self.assertNoResult(ready)
        self.clock.advance(0.1)
        error = self.failureResultOf(ready, ConnectionClosed).value
        self.assertIn("no CONNACK within 7 s", str(error))
        self.assertTrue(self.transport.disconnecting)

    def test_closed_before_the_answer(self) -> None:
        """
        A server that hangs up instead of answering CONNECT is the reason that is given.
        """
        ready = self.make().whenReady()
        self.lose(ConnectionDone())
        error = self.failureResultOf(ready, ConnectionClosed).value
        self.assertIn("lost before the server answered", str(error))
        self.assertTrue(error.remote)

    def test_cancel(self) -> None:
        """
        Who does not want to wait any more does not keep others from it.
        """
        client = self.make()
        first, second = client.whenReady(), client.whenReady()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.hears(Connack())
        self.assertIs(self.successResultOf(second), client)

    def test_first_callback_in_time(self) -> None:
        """
        Who subscribes as soon as the client is ready misses nothing of a session that goes on, even what came in the
        same read as the CONNACK.
        """
        client = self.make(clean_start=False)
        got: list[bytes] = []
        subscribed = client.whenReady().addCallback(
            lambda client: client.subscribe("t", lambda message: got.append(message.payload), qos=1)
        )
        self.hears(Connack(0, True), Publish(b"t", b"p", 1, packet_id=1))
        self.assertEqual(got, [b"p"])
        self.hears(Suback(1, [1]))
        self.successResultOf(subscribed)

    def test_packets_after_refusal(self) -> None:
        """
        Nothing that follows a refusal is believed.
        """
        client = self.make()
        got: list[Message] = []
        client.on_message = got.append
        ready = client.whenReady()
        self.client.dataReceived(b"\x20\x03\x00\x87\x00" + b"\x20\x03\x00\x00\x00" + b"\x30\x04\x00\x01t\x00")
        self.failureResultOf(ready, Refused)
        self.assertEqual(got, [])


class EndTests(ClientTestCase):
    def pending(self) -> list[Deferred[Acknowledgement]]:
        """
        One of each kind that waits for an answer, one of them still in the queue, one for the server to read.
        """
        client = self.client
        answers = [
            client.publish("t", b"p", qos=1),
            client.publish("t", b"p", qos=2),
            client.publish("t", b"p", qos=2),
            client.publish("t", b"queued", qos=1),
            client.subscribe("t", print),
            client.unsubscribe("t"),
            client.ping(),
        ]
        self.hears(Ack(PUBREC, 3))
        client.pauseProducing()
        return [*answers, client.publish("t", b"p")]

    def test_lost(self) -> None:
        """
        When the connection is lost everything that is pending fails, with an error of its own that says why.
        """
        client = self.open(max_inflight=3)
        answers = self.pending()
        self.lose()
        errors = [self.closed(answer) for answer in answers]
        self.assertEqual(len({id(error) for error in errors}), len(answers))
        for error in errors:
            self.assertEqual((error.reason, error.remote), (0x80, True))
            self.assertIn("the connection was lost: Connection to the other side was lost", str(error))
        for answer in (client.publish("t"), client.publish("t", qos=2), client.subscribe("t", print), client.ping()):
            self.closed(answer)

    def test_server_says_why(self) -> None:
        """
        What the server says when it closes is the reason with which everything fails, at once.
        """
        client = self.open(max_inflight=3)
        answers = self.pending()
        self.hears(Disconnect(0x8E, Properties(reason_string="you are elsewhere")))
        for answer in answers[:-1]:
            error = self.closed(answer)
            self.assertEqual((error.reason, error.remote), (0x8E, True))
            self.assertEqual(
                str(error), "the server closed the connection: 0x8E session taken over, 'you are elsewhere'"
            )
        self.assertTrue(self.transport.disconnecting)
        gone = client.whenClosed()
        self.assertNoResult(gone)
        self.lose(ConnectionDone())
        self.assertEqual(self.successResultOf(gone).reason, 0x8E)

    def test_closed(self) -> None:
        """
        Everybody who waits for the end is told, once it has come; who asks later too.
        """
        client = self.open()
        waiters = [client.whenClosed() for _ in range(3)]
        waiters[1].cancel()
        self.failureResultOf(waiters[1], CancelledError)
        self.lose()
        for waiter in (waiters[0], waiters[2], client.whenClosed()):
            self.assertIsInstance(self.successResultOf(waiter), ConnectionClosed)

    def test_subscription_never_answered(self) -> None:
        """
        A subscription that was not answered leaves no callback behind for the session's next connection.
        """
        client = self.open(clean_start=False)
        self.ignore(client.subscribe("t", lambda message: self.fail("never granted")))
        self.lose()
        client = self.connect()
        got: list[Message] = []
        client.on_message = got.append
        self.hears(Connack(0, True), Publish(b"t", b"p"))
        self.assertEqual(len(got), 1)


class HostileServerTests(ClientTestCase):
    """
    Whatever a server does, the client ends the connection with a reason or goes on; nothing is left hanging.
    """

    def test_garbage(self) -> None:
        """
        Bytes that are no MQTT end the connection; what was pending fails with the reason that the server is told.
        """
        client = self.open()
        answer = client.publish("t", b"p", qos=1)
        client.dataReceived(b"\x00\x00")
        error = self.closed(answer)
        self.assertEqual((error.reason, error.remote), (0x81, False))
        self.assertEqual(self.said()[-1], Disconnect(0x81))
        self.assertTrue(self.transport.disconnecting)
        client.dataReceived(b"\x30\x04\x00\x01t\x00")

    def test_closes_in_the_middle(self) -> None:
        """
        Half a packet is no packet.
        """
        client = self.open()
        got: list[Message] = []
        client.on_message = got.append
        client.dataReceived(b"\x30\x10\x00\x01")
        self.lose(ConnectionDone())
        self.assertEqual(got, [])

    def test_answers_to_nothing(self) -> None:
        """
        Acknowledgements of what was never sent reach nobody.
        """
        client = self.open()
        self.hears(Ack(PUBACK, 7), Ack(PUBCOMP, 7), Ack(PUBREC, 7), Pingresp())
        self.assertEqual(self.said(), [Ack(PUBREL, 7, 0x92)])
        self.hears(Suback(7, [0]))
        self.assertEqual(self.said(), [Disconnect(0x82)])
        self.failureResultOf(client.publish("t"), ConnectionClosed)

    def test_wrong_number_of_answers(self) -> None:
        """
        An answer that does not fit its question fails it.
        """
        client = self.open()
        answer = client.subscribe(["a", "b"], print)
        self.hears(Suback(1, [0]))
        self.assertEqual(self.closed(answer).reason, 0x82)
        client = self.open()
        answer = client.subscribe(["a", "b"], print)
        self.hears(Unsuback(1, [0, 0]))
        self.assertEqual(self.closed(answer).reason, 0x82)

    def test_more_than_we_take(self) -> None:
        """
        A server that sends more than our Receive Maximum while callbacks are busy is let go with 0x93.
        """
        client = self.open(receive_maximum=3)
        client.on_message = lambda message: Deferred()
        for packet_id in range(1, 5):
            self.hears(Publish(b"t", b"p", 2, packet_id=packet_id))
        self.assertEqual(self.said(), [Disconnect(0x93)])

    def test_too_large(self) -> None:
        """
        A packet larger than we take is not waited for.
        """
        client = self.open(maximum_packet_size=1000)
        client.dataReceived(b"\x30\xe8\x07")
        self.assertEqual(self.said(), [Disconnect(0x95)])

    def test_silent(self) -> None:
        """
        A server that falls silent is given up, and everything that waits for it fails.
        """
        client = self.open(keep_alive=60)
        answer = client.publish("t", b"p", qos=1)
        self.said()
        self.clock.advance(44)
        self.assertNoResult(answer)
        self.clock.advance(1)
        self.clock.advance(15)
        self.assertEqual(self.closed(answer).reason, 0x8D)

    def test_connect_again(self) -> None:
        """
        A server that speaks like a client is let go.
        """
        self.open()
        self.hears(Connect("x", 5))
        self.assertEqual(self.said(), [Disconnect(0x82)])

    def test_one_answer_fires_once(self) -> None:
        """
        A second acknowledgement of the same message changes nothing.
        """
        client = self.open()
        answer = client.publish("t", b"p", qos=2)
        self.hears(Ack(PUBREC, 1), Ack(PUBREC, 1), Ack(PUBCOMP, 1), Ack(PUBCOMP, 1), Ack(PUBACK, 1))
        self.assertEqual(self.answer(answer), [0])
