"""
The client's role: how it opens, what it hears, how it stays alive and how it ends.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.session.support_client import Client
from txmqtt.codec.constants import PUBACK, PUBCOMP, PUBREC, PUBREL
from txmqtt.codec.errors import LocalProtocolError
from txmqtt.codec.packets import (
    Ack,
    Auth,
    Connack,
    Connect,
    Disconnect,
    Pingreq,
    Pingresp,
    Publish,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
)
from txmqtt.codec.properties import Properties
from txmqtt.session.outgoing import Outgoing
from txmqtt.session.tickets import Ticket

VERSIONS = (3, 4, 5)


class OpeningTests(SynchronousTestCase):
    def test_connect_leaves_first(self) -> None:
        """
        CONNECT is the first thing that a client says, on every version.
        """
        for version in VERSIONS:
            with self.subTest(version=version):
                client = Client(version)
                self.assertEqual(client.said(), [client.connect])

    def test_one_connect(self) -> None:
        """
        There is one CONNECT for each connection.
        """
        client = Client()
        with self.assertRaisesRegex(LocalProtocolError, "CONNECT while opening"):
            client.session.connect(client.connect, client.now)

    def test_impossible_connect_leaves_no_trace(self) -> None:
        """
        A CONNECT that cannot be said is not said.
        """
        client = Client()
        client.said()
        fresh = Client().session
        fresh.phase = 0
        with self.assertRaisesRegex(LocalProtocolError, "client identifier is empty"):
            fresh.connect(Connect("", 3), client.now)
        self.assertEqual(fresh.phase, 0)

    def test_nothing_before_connack(self) -> None:
        """
        What is asked before the server has accepted is refused, and nothing is sent.
        """
        client = Client()
        client.said()
        for verb in (
            client.publish,
            lambda: client.session.subscribe([Subscription(b"t")], None, 1),
            lambda: client.session.unsubscribe([b"t"], None, 1),
            lambda: client.session.ping(1),
        ):
            with self.assertRaisesRegex(LocalProtocolError, "while opening"):
                verb()
        self.assertEqual(client.said(), [])

    def test_accepted(self) -> None:
        """
        With CONNACK the conversation is open.
        """
        client = Client(clean_start=False)
        client.hears(Connack(0, True))
        self.assertEqual(client.events(), [("accepted", True)])
        client.publish()
        self.assertEqual(client.said()[1:], [Publish(b"t", b"p", 1, packet_id=1)])

    def test_only_connack_opens(self) -> None:
        """
        A server that begins with anything but CONNACK is let go.
        """
        for packet in (
            Publish(b"t", b"p"),
            Ack(PUBACK, 1),
            Suback(1, [0]),
            Pingresp(),
            Publish(b"t", b"p", 1, packet_id=1),
        ):
            with self.subTest(packet=packet):
                client = Client()
                client.hears(packet)
                assert client.link.closed is not None
                self.assertEqual(client.link.closed[0], 0x82)
                self.assertIn("while opening", client.link.closed[1])
                self.assertEqual(client.events(), [("left", None)])

    def test_one_connack(self) -> None:
        """
        A second CONNACK is a breach, and the server is told so.
        """
        client = Client().opened()
        client.hears(Connack())
        self.assertEqual(client.said(), [Disconnect(0x82)])
        self.assertEqual(client.link.closed, (0x82, "unexpected CONNACK while open", False))

    def test_refused(self) -> None:
        """
        A refusal is told in the terms of 5.0 on every version, and ends the conversation.
        """
        for version, code, reason in ((3, 1, 0x84), (4, 2, 0x85), (4, 4, 0x86), (4, 5, 0x87), (5, 0x87, 0x87)):
            with self.subTest(version=version, code=code):
                client = Client(version)
                client.said()
                client.hears(Connack(code))
                self.assertEqual(client.events(), [("refused", reason), ("left", None)])
                assert client.link.closed is not None
                self.assertEqual(client.link.closed[0], reason)
                self.assertEqual(client.said(), [])

    def test_no_connack(self) -> None:
        """
        A server that does not answer CONNECT in time is given up; with a timeout of 0 it may take for ever.
        """
        client = Client(connect_timeout=10)
        client.wait(9.9)
        self.assertEqual(client.link.closed, None)
        client.wait(0.1)
        self.assertEqual(client.link.closed, (0x80, "no CONNACK within 10 s", False))
        patient = Client(connect_timeout=0)
        patient.wait(1e6)
        self.assertEqual(patient.link.closed, None)

    def test_early_alarm(self) -> None:
        """
        An alarm that rings before the CONNACK is due changes nothing.
        """
        for timeout in (0.0, 10.0):
            client = Client(connect_timeout=timeout)
            client.session.tick(client.now + 9.9)
            self.assertIsNone(client.link.closed)

    def test_packet_limit(self) -> None:
        """
        No server makes us keep a packet larger than we said, on any version.
        """
        for version in VERSIONS:
            with self.subTest(version=version):
                client = Client(version, packet_limit=100).opened()
                client.session.feed(b"\x30\x80\x01", client.now)
                assert client.link.closed is not None
                self.assertEqual(client.link.closed[0], 0x95)


class SessionTests(SynchronousTestCase):
    """
    What outlives a connection.
    """

    def books(self) -> Outgoing:
        """
        A message of QoS 1 on its way, one of QoS 2 likewise, and one whose PUBREC has come.
        """
        first = Client(clean_start=False).opened()
        first.publish(payload=b"1", qos=1, ref=0)
        first.publish(payload=b"2", qos=2, ref=0)
        first.publish(payload=b"3", qos=2, ref=0)
        first.hears(Ack(PUBREC, 3))
        first.session.lost()
        return first.outgoing

    def test_goes_on(self) -> None:
        """
        What was not acknowledged is sent again under its old identifier, with DUP, in its old order; what was received
        is only released [MQTT5-4.4.0-1] [MQTT5-4.6.0-1] [MQTT311-4.4.0-1] [MQTT311-4.6.0-1].
        """
        client = Client(clean_start=False, outgoing=self.books())
        client.said()
        client.hears(Connack(0, True))
        self.assertEqual(
            client.said(),
            [
                Ack(PUBREL, 3),
                Publish(b"t", b"1", 1, dup=True, packet_id=1),
                Publish(b"t", b"2", 2, dup=True, packet_id=2),
            ],
        )

    def test_forgotten_by_the_server(self) -> None:
        """
        When the server has no session, what was left of ours is gone too [MQTT5-3.2.2-5].
        """
        for version in (4, 5):
            with self.subTest(version=version):
                client = Client(version, clean_start=False, outgoing=self.books())
                client.incoming.resume(7)
                client.opened(session_present=False)
                self.assertEqual(client.outgoing.everything(), [])
                self.assertEqual(len(client.incoming), 0)

    def test_31_cannot_say(self) -> None:
        """
        On 3.1 CONNACK does not tell whether there was a session: whoever asked for one goes on.
        """
        client = Client(3, clean_start=False, outgoing=self.books())
        client.said()
        client.hears(Connack())
        self.assertEqual(len(client.said()), 3)

    def test_clean_start(self) -> None:
        """
        A clean start forgets what was left [MQTT5-3.1.2-4].
        """
        for version in VERSIONS:
            with self.subTest(version=version):
                client = Client(version, outgoing=self.books()).opened()
                self.assertEqual(client.outgoing.everything(), [])

    def test_session_out_of_nowhere(self) -> None:
        """
        A server that goes on with a session after a clean start is let go [MQTT5-3.2.2-4].
        """
        client = Client()
        client.hears(Connack(0, True))
        assert client.link.closed is not None
        self.assertEqual(client.link.closed[0], 0x82)
        self.assertEqual(client.events(), [("left", None)])

    def test_received_twice(self) -> None:
        """
        A QoS 2 message that was received before the connection broke is not told again [MQTT5-4.3.3-10]
        [MQTT311-4.3.3-2].
        """
        first = Client(clean_start=False).opened()
        first.hears(Publish(b"t", b"p", 2, packet_id=7))
        first.session.lost()
        client = Client(clean_start=False, incoming=first.incoming)
        client.opened(session_present=True)
        client.hears(Publish(b"t", b"p", 2, dup=True, packet_id=7), Ack(PUBREL, 7))
        self.assertEqual(client.events(), [])
        self.assertEqual(client.said(), [Ack(PUBREC, 7), Ack(PUBCOMP, 7)])


class ReceivingTests(SynchronousTestCase):
    def test_acknowledged(self) -> None:
        """
        Every message is acknowledged as its QoS wants it [MQTT5-4.5.0-2] [MQTT311-4.5.0-2].
        """
        for version in VERSIONS:
            with self.subTest(version=version):
                client = Client(version).opened()
                client.hears(
                    Publish(b"t", b"0"),
                    Publish(b"t", b"1", 1, packet_id=5),
                    Publish(b"t", b"2", 2, packet_id=6),
                    Ack(PUBREL, 6),
                )
                self.assertEqual(client.said(), [Ack(PUBACK, 5), Ack(PUBREC, 6), Ack(PUBCOMP, 6)])
                self.assertEqual([payload for _, _, payload in client.events()], [b"0", b"1", b"2"])

    def test_acknowledged_in_order(self) -> None:
        """
        A message that is still being handled holds the acknowledgement of the later ones of its kind, and nothing else
        [MQTT5-4.6.0-2] [MQTT5-4.6.0-3].
        """
        client = Client().opened()
        slow = Ticket()
        client.sink.tickets = [slow]
        client.hears(Publish(b"t", b"1", 1, packet_id=1), Publish(b"t", b"2", 1, packet_id=2))
        client.hears(Publish(b"t", b"3", 2, packet_id=3))
        self.assertEqual(client.said(), [Ack(PUBREC, 3)])
        slow.settle()
        self.assertEqual(client.said(), [Ack(PUBACK, 1), Ack(PUBACK, 2)])

    def test_receive_maximum(self) -> None:
        """
        A server that sends more than we take at a time is let go with 0x93 [MQTT5-3.3.4-9]; on 3.x, where it could not
        be told, too.
        """
        for version in VERSIONS:
            with self.subTest(version=version):
                client = Client(version, receive_maximum=2).opened()
                client.sink.tickets = [Ticket(), Ticket()]
                for packet_id in (1, 2, 3):
                    self.assertEqual(client.link.closed, None)
                    client.hears(Publish(b"t", b"p", 1, packet_id=packet_id))
                assert client.link.closed is not None
                self.assertEqual(client.link.closed[0], 0x93)

    def test_aliases(self) -> None:
        """
        The server may abbreviate as many topics as CONNECT said [MQTT5-3.3.2-10], and no more [MQTT5-3.1.2-26].
        """
        client = Client(properties=Properties(topic_alias_maximum=1)).opened()
        client.hears(Publish(b"long", b"1", properties=Properties(topic_alias=1)))
        client.hears(Publish(b"", b"2", properties=Properties(topic_alias=1)))
        self.assertEqual(client.events(), [("published", b"long", b"1"), ("published", b"long", b"2")])
        client.hears(Publish(b"other", b"3", properties=Properties(topic_alias=2)))
        assert client.link.closed is not None
        self.assertEqual(client.link.closed[0], 0x94)

    def test_disconnect_inside_a_message(self) -> None:
        """
        Whoever disconnects while a message is told hears no more, and the message is acknowledged.
        """
        client = Client().opened()
        client.sink.upon = lambda verb: client.session.disconnect() if verb == "published" else None
        client.hears(Publish(b"t", b"1", 1, packet_id=1), Publish(b"t", b"2", 1, packet_id=2))
        self.assertEqual(client.events(), [("published", b"t", b"1"), ("left", None)])
        self.assertEqual(client.said(), [Ack(PUBACK, 1), Disconnect()])


class HostileServerTests(SynchronousTestCase):
    """
    Whatever a server does, the conversation ends with a reason or goes on; it never breaks.
    """

    def test_not_for_clients(self) -> None:
        """
        What only clients say is no business of a server.
        """
        for version in VERSIONS:
            for packet in (Connect("x", version), Subscribe(1, [Subscription(b"t")]), Pingreq()):
                with self.subTest(version=version, packet=packet):
                    client = Client(version).opened()
                    client.hears(packet)
                    assert client.link.closed is not None
                    self.assertEqual(client.link.closed[0], 0x82)

    def test_authentication_out_of_nothing(self) -> None:
        """
        A server that begins an authentication which nobody asked for is let go; no AUTH answers it [MQTT5-4.12.0-7].
        """
        challenge = Auth(0x18, Properties(authentication_method="m"))
        for client in (Client(), Client().opened()):
            client.said()
            client.hears(challenge)
            self.assertEqual(client.said(), [Disconnect(0x82)])
            assert client.link.closed is not None
            self.assertEqual(client.link.closed[0], 0x82)

    def test_answers_to_nothing(self) -> None:
        """
        An acknowledgement of what was never sent does no harm: a PUBREC is answered so that it ends, SUBACK and
        UNSUBACK are breaches.
        """
        client = Client().opened()
        client.hears(Ack(PUBACK, 9), Ack(PUBCOMP, 9), Ack(PUBREL, 9), Ack(PUBREC, 9), Pingresp())
        self.assertEqual(client.said(), [Ack(PUBCOMP, 9, 0x92), Ack(PUBREL, 9, 0x92)])
        self.assertEqual(client.events(), [])
        for packet in (Suback(9, [0]), Unsuback(9, [0])):
            with self.subTest(packet=packet):
                client = Client().opened()
                client.hears(packet)
                assert client.link.closed is not None
                self.assertIn("which asked for none", client.link.closed[1])

    def test_a_pubrel_that_comes_too_late(self) -> None:
        """
        A server that has forgotten a message which it had taken over is done with it: that is no failure.
        """
        client = Client().opened()
        client.publish(qos=2)
        client.hears(Ack(PUBREC, 1))
        client.events()
        client.hears(Ack(PUBCOMP, 1, 0x92))
        self.assertEqual([event[0] for event in client.events()], ["settled"])
        client.publish(qos=2)
        client.hears(Ack(PUBREC, 2), Ack(PUBCOMP, 2, 0x92))
        self.assertEqual(client.events()[-1][-1], 0)

    def test_wrong_acknowledgements(self) -> None:
        """
        An acknowledgement of the wrong kind ends the conversation.
        """
        for qos, packet in ((2, Ack(PUBACK, 1)), (1, Ack(PUBREC, 1)), (1, Ack(PUBCOMP, 1)), (2, Ack(PUBCOMP, 1))):
            with self.subTest(qos=qos, packet=packet):
                client = Client().opened()
                client.publish(qos=qos)
                client.hears(packet)
                assert client.link.closed is not None
                self.assertEqual(client.link.closed[0], 0x82)

    def test_less_than_qos_2(self) -> None:
        """
        On 3.x a server may take QoS 2 for QoS 1, and that is what is said: it could not announce it. Once it has begun
        with QoS 2 it has to end it.
        """
        for version in (3, 4):
            with self.subTest(version=version):
                client = Client(version).opened()
                client.publish(qos=2)
                client.hears(Ack(PUBACK, 1))
                self.assertIsNone(client.link.closed)
                self.assertEqual(
                    [event[::2] for event in client.sink.events if "settled" in event], [("settled", 0x01)]
                )
                client = Client(version).opened()
                client.publish(qos=2)
                client.hears(Ack(PUBREC, 1), Ack(PUBACK, 1))
                assert client.link.closed is not None
                self.assertEqual(client.link.closed[0], 0x82)

    def test_garbage(self) -> None:
        """
        Bytes that are no MQTT end the conversation, with DISCONNECT where there is one.
        """
        for version in VERSIONS:
            with self.subTest(version=version):
                client = Client(version).opened()
                client.session.feed(b"\xff\xff\xff\xff\xff\xff", client.now)
                self.assertEqual(client.said(), [Disconnect(0x81)] if version == 5 else [])
                self.assertEqual(client.events(), [("left", None)])
                client.session.feed(b"\x30\x03\0\1a", client.now)
                self.assertEqual(client.events(), [])

    def test_does_not_read(self) -> None:
        """
        A server that never reads what it makes us answer is let go before the answers fill the memory.
        """
        client = Client(write_limit=1000).opened()
        client.session.pause()
        for _ in range(100):
            client.hears(Ack(PUBREC, 9))
        self.assertEqual(client.session.phase, 3)
        assert client.link.closed is not None
        self.assertTrue(client.link.closed[2])


class RecordTests(SynchronousTestCase):
    """
    A session that is kept, on a second connection, while what happened on the first is not on record yet.
    """

    def again(self, before: Client, *records: Ticket) -> Client:
        before.session.disconnect()
        client = Client(clean_start=False, outgoing=before.outgoing, incoming=before.incoming)
        client.session.kept = True
        client.sink.records = list(records)
        client.opened(session_present=True)
        return client

    def test_pubrel(self) -> None:
        """
        A PUBREL leaves when it is on record that the PUBREC came, on whatever connection: a PUBLISH must not follow it.
        """
        ticket = Ticket()
        first = Client(clean_start=False)
        first.session.kept = True
        first.opened()
        for _ in range(2):
            first.publish(qos=2)
        first.sink.records = [ticket]
        first.hears(Ack(PUBREC, 1), Ack(PUBREC, 2))
        first.said()
        second = self.again(first, ticket)
        self.assertEqual(second.said(), [])
        ticket.settle()
        second.turn.flush()
        self.assertEqual(second.said(), [Ack(PUBREL, 1), Ack(PUBREL, 2)])

    def test_pubcomp(self) -> None:
        """
        A PUBCOMP leaves when it is on record that the PUBREL came: the identifier means a new message from then on.
        """
        ticket = Ticket()
        first = Client(clean_start=False)
        first.session.kept = True
        first.opened()
        first.hears(Publish(b"t", b"1", 2, packet_id=7))
        first.sink.records = [ticket]
        first.hears(Ack(PUBREL, 7))
        self.assertEqual(first.said(), [Ack(PUBREC, 7)])
        second = self.again(first, ticket)
        second.hears(Ack(PUBREL, 7))
        self.assertEqual(second.said(), [])
        ticket.settle()
        second.turn.flush()
        self.assertEqual(second.said(), [Ack(PUBCOMP, 7, 0x92)])


class KeepingAliveTests(SynchronousTestCase):
    def test_ping_and_answer(self) -> None:
        """
        A client with nothing to say pings within the keep-alive, as long as the server answers [MQTT5-3.1.2-20]
        [MQTT311-3.1.2-23].
        """
        for version in VERSIONS:
            with self.subTest(version=version):
                client = Client(version, keep_alive=60).opened()
                for _ in range(3):
                    client.wait(47)
                    self.assertEqual(client.said(), [Pingreq()])
                    client.hears(Pingresp())
                self.assertEqual(client.link.closed, None)
                self.assertEqual(client.events(), [])

    def test_no_answer(self) -> None:
        """
        A server that does not answer within a quarter of the keep-alive is given up; the reason is one that a client
        may say.
        """
        client = Client(keep_alive=60).opened()
        client.wait(59)
        self.assertEqual(client.link.closed, None)
        client.said()
        client.wait(1)
        self.assertEqual(client.link.closed, (0x8D, "no PINGRESP within 15 s", False))
        self.assertEqual(client.said(), [Disconnect(0x80)])

    def test_ping_timeout(self) -> None:
        """
        C{ping_timeout} says how long an answer may take.
        """
        client = Client(keep_alive=60, ping_timeout=3).opened()
        client.wait(47)
        self.assertEqual(client.link.closed, None)
        client.wait(1)
        assert client.link.closed is not None
        self.assertEqual(client.link.closed[0], 0x8D)

    def test_traffic_needs_no_ping(self) -> None:
        """
        Who publishes does not ping.
        """
        client = Client(keep_alive=60).opened()
        for _ in range(10):
            client.wait(30)
            client.publish(qos=0)
            self.assertEqual(client.said(), [Publish(b"t", b"p")])

    def test_server_keep_alive(self) -> None:
        """
        The server's keep-alive takes the place of ours [MQTT5-3.1.2-21] [MQTT5-3.2.2-21].
        """
        client = Client(keep_alive=60).opened(server_keep_alive=20)
        client.wait(16)
        self.assertEqual(client.said(), [Pingreq()])

    def test_turned_off(self) -> None:
        """
        Without a keep-alive nothing is sent, however long it takes.
        """
        for client in (Client(keep_alive=0).opened(), Client(keep_alive=60).opened(server_keep_alive=0)):
            client.wait(1e6)
            self.assertEqual(client.said(), [])
            self.assertEqual(client.link.closed, None)

    def test_resend_on_3(self) -> None:
        """
        On 3.x what is unanswered for C{resend_interval} goes again with DUP; a live 5.0 connection never sends twice
        [MQTT5-4.4.0-1].
        """
        for version, again in ((3, 1), (4, 1), (5, 0)):
            with self.subTest(version=version):
                client = Client(version, keep_alive=0, resend_interval=20).opened()
                client.publish(qos=1)
                client.said()
                client.wait(19.9)
                self.assertEqual(client.said(), [])
                client.wait(0.2)
                self.assertEqual(client.said(), [Publish(b"t", b"p", 1, dup=True, packet_id=1)] * again)


class EndTests(SynchronousTestCase):
    def test_disconnect(self) -> None:
        """
        DISCONNECT is the last thing said, and the connection is closed after it [MQTT5-3.14.4-1] [MQTT5-3.14.4-2]
        [MQTT311-3.14.4-1] [MQTT311-3.14.4-2].
        """
        for version in VERSIONS:
            with self.subTest(version=version):
                client = Client(version).opened()
                client.publish(qos=0)
                client.session.disconnect()
                client.session.disconnect()
                client.hears(Publish(b"t", b"p", 1, packet_id=1))
                self.assertEqual(client.said(), [Publish(b"t", b"p"), Disconnect()])
                self.assertEqual(client.link.closed, (0, "", False))

    def test_disconnect_before_connack(self) -> None:
        """
        Who disconnects before he is accepted just closes.
        """
        client = Client()
        client.said()
        client.session.disconnect()
        self.assertEqual(client.said(), [])
        self.assertEqual(client.link.closed, (0, "", False))

    def test_reason(self) -> None:
        """
        On 5.0 DISCONNECT may say why, and change the session's expiry; what cannot be said is refused, and the
        connection stays.
        """
        client = Client(properties=Properties(session_expiry_interval=60)).opened()
        for wrong in (0x05, 0x8B, 0x8E, 0x100):
            with self.assertRaises(LocalProtocolError):
                client.session.disconnect(wrong)
        self.assertEqual(client.link.closed, None)
        properties = Properties(session_expiry_interval=0)
        client.session.disconnect(0x04, properties)
        self.assertEqual(client.said(), [Disconnect(0x04, properties)])
        old = Client(4).opened()
        with self.assertRaises(LocalProtocolError):
            old.session.disconnect(0x04)
        self.assertEqual(old.link.closed, None)

    def test_breach_before_connack(self) -> None:
        """
        A 5.0 server that breaks a rule before it has let us in is told so; one that refuses us, or of 3.x, is told
        nothing.
        """
        for version, heard, said in (
            (5, Pingresp(), [Disconnect(0x82)]),
            (4, Pingresp(), []),
            (5, Connack(0x87), []),
            (4, Connack(5), []),
        ):
            with self.subTest(version=version, heard=heard):
                client = Client(version)
                client.said()
                client.hears(heard)
                self.assertEqual(client.said(), said)
                self.assertIsNotNone(client.link.closed)

    def test_words_that_do_not_fit(self) -> None:
        """
        What only explains a DISCONNECT is left out where the server takes no packet of that size [MQTT5-3.14.2-3]
        [MQTT5-3.14.2-4].
        """
        said = Properties(session_expiry_interval=1, reason_string="x" * 50, user_properties=(("a", "b"),))
        for limit, expected in ((100, said), (30, Properties(session_expiry_interval=1)), (8, None)):
            client = Client(properties=Properties(session_expiry_interval=60))
            client.opened(maximum_packet_size=limit)
            client.session.disconnect(0x04, said)
            self.assertEqual(client.said(), [Disconnect(0x04, expected)])

    def test_expiry_out_of_nothing(self) -> None:
        """
        A session that was to end with the connection cannot be kept at the last moment (5.0, 3.14.2.2.2).
        """
        client = Client().opened()
        with self.assertRaisesRegex(LocalProtocolError, "session expiry interval after a CONNECT without one"):
            client.session.disconnect(0, Properties(session_expiry_interval=60))
        self.assertEqual(client.link.closed, None)

    def test_server_says_goodbye(self) -> None:
        """
        On 5.0 the server says why it closes; on 3.x it has no DISCONNECT.
        """
        client = Client().opened()
        client.hears(Disconnect(0x8E))
        self.assertEqual(client.events(), [("left", 0x8E)])
        self.assertEqual(client.link.closed, (0x8E, "the server said 0x8E session taken over", False))
        self.assertEqual(client.said(), [])
        old = Client(4).opened()
        old.hears(Disconnect())
        assert old.link.closed is not None
        self.assertEqual(old.link.closed[0], 0x82)

    def test_lost(self) -> None:
        """
        A lost connection is told once, and nothing is said any more.
        """
        client = Client().opened()
        client.publish(qos=0)
        client.session.lost()
        client.session.lost()
        self.assertEqual(client.events(), [("left", None)])
        self.assertEqual(client.said(), [])
        self.assertEqual(client.link.closed, None)
        self.assertEqual(client.session.deadline(), float("inf"))

    def test_requests_die_with_the_connection(self) -> None:
        """
        A SUBSCRIBE that will not be answered any more gives its identifier back.
        """
        client = Client().opened()
        client.session.subscribe([Subscription(b"t")], None, 1)
        client.publish()
        client.session.lost()
        self.assertEqual(list(client.outgoing.ids.taken), [2])
