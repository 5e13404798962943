"""
What the brokers and clients that txmqtt learned from got wrong: each of it is tried with ours.
"""

from __future__ import annotations

import sys
from types import FrameType

from tests.conformance.case import BrokerCase, ClientCase
from txmqtt import Message
from txmqtt.broker.filters import Filters
from txmqtt.codec.constants import CONNECT, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, SUBSCRIBE
from txmqtt.codec.packets import Ack, Publish, Suback


class BrokerTests(BrokerCase):
    def test_quality_of_the_subscription(self) -> None:
        """
        A message is not delivered at a higher QoS than was asked for, whatever it was published at.
        """
        subscribers = [self.connect(f"s{qos}") for qos in range(3)]
        for qos, peer in enumerate(subscribers):
            peer.subscribe("t", qos=qos)
        publisher = self.connect("p")
        for published in range(3):
            publisher.publish("t", b"x", published)
            for granted, peer in enumerate(subscribers):
                self.assertEqual([each.qos for each in peer.messages()], [min(published, granted)])

    def test_quality_of_what_is_retained(self) -> None:
        """
        What is retained keeps the QoS at which it was published.
        """
        publisher = self.connect("p")
        for qos in range(3):
            publisher.publish(f"t/{qos}", b"x", qos, retain=True)
        peer = self.connect("s")
        peer.subscribe("t/#", qos=2)
        found = {each.topic: each.qos for each in peer.messages()}
        self.assertEqual(found, {b"t/0": 0, b"t/1": 1, b"t/2": 2})

    def test_empty_payload_deletes(self) -> None:
        """
        An empty payload removes what is retained, and is not retained itself.
        """
        publisher = self.connect("p")
        publisher.publish("t", b"x", 1, retain=True)
        publisher.publish("t", b"", 1, retain=True)
        peer = self.connect("s")
        peer.subscribe("t")
        self.assertEqual(peer.messages(), [])

    def test_session_after_disconnect(self) -> None:
        """
        DISCONNECT does not end a session that is to last, and what is published meanwhile is kept for it.
        """
        for version in (3, 4, 5):
            with self.case(f"level {version}"):
                name = f"s{version}"
                peer = self.connect(name, version=version, keep=True)
                peer.subscribe(f"t/{version}", qos=1)
                peer.leave()
                self.connect("p").publish(f"t/{version}", b"x", 1)
                peer = self.connect(name, version=version, keep=True)
                self.assertEqual([each.payload for each in peer.messages()], [b"x"])

    def test_nobody_waits_for_an_acknowledgement(self) -> None:
        """
        A subscriber that does not acknowledge what is retained holds up nobody, not even itself.
        """
        publisher = self.connect("p")
        for number in range(5):
            publisher.publish(f"t/{number}", b"x", 1, retain=True)
        peer = self.connect("s", receive_maximum=2)
        peer.subscribe("t/#", qos=1)
        for _ in range(2):
            peer.expect(PUBLISH, qos=1, retain=True)
        peer.alive()
        peer.subscribe("u")
        other = self.connect("o")
        other.subscribe("t/#", qos=1)
        self.assertEqual(len(other.messages()), 5)
        publisher.publish("u", b"live")
        peer.expect(PUBLISH, payload=b"live")

    def test_filters_that_do_not_match_cost_nothing(self) -> None:
        """
        Who gets a message is found without looking at the filters of all others.
        """
        self.assertEqual(self.steps(50), self.steps(10_000))

    @staticmethod
    def steps(count: int) -> int:
        """
        How many functions a search calls among so many filters of others. (Compiled, none that can be seen.)
        """
        filters = Filters()
        for number in range(count):
            filters.add(b"room/%d/+" % number)
        seen = 0

        def count_calls(frame: FrameType, event: str, argument: object) -> None:
            nonlocal seen
            seen += event in ("call", "c_call")

        before = sys.getprofile()
        sys.setprofile(count_calls)
        try:
            found = filters.match(b"room/7/temperature")
        finally:
            sys.setprofile(before)
        assert [interest.filter for interest in found] == [b"room/7/+"]
        return seen


class ClientTests(ClientCase):
    def test_qos_0_takes_no_identifier(self) -> None:
        """
        However many messages of QoS 0 are published, packet identifiers are there for others.
        """
        peer = self.accept()
        for _ in range(300):
            self.client.publish("t", b"")
        peer.everything()
        self.ignore(self.client.publish("t", b"", 1))
        peer.expect(PUBLISH, qos=1, packet_id=1)

    def test_no_will_no_qos(self) -> None:
        """
        Without a will CONNECT says nothing of its QoS, whatever else it says.
        """
        for version in (3, 4, 5):
            with self.case(f"level {version}"):
                peer = self.listen(version=version, username="u", password="p")
                peer.expect(CONNECT, will=None)
                flags = peer.raw[11] if version == 3 else peer.raw[9]
                self.assertEqual(flags, 0b1100_0010)

    def test_long_strings(self) -> None:
        """
        Strings longer than 255 bytes are said as they are, as far as 65,535 bytes.
        """
        for size in (255, 256, 65_535):
            with self.case(f"{size} bytes"):
                long = "a" * size
                peer = self.listen(client_id=long, username=long, password=long)
                peer.expect(CONNECT, client_id=long, username=long, password=long.encode())
                peer.say("20 [ 00 00 [] ]")
                self.client.publish(long, b"")
                peer.expect(PUBLISH, topic=long.encode())
                self.ignore(self.client.subscribe(long))
                self.assertEqual(peer.expect(SUBSCRIBE).subscriptions[0].filter, long.encode())

    def test_identifiers_of_each_client(self) -> None:
        """
        Two clients of one program do not share packet identifiers.
        """
        for name in ("a", "b"):
            peer = self.accept(client_id=name)
            self.ignore(self.client.publish("t", b"", 1), self.client.publish("t", b"", 2))
            peer.expect(PUBLISH, packet_id=1)
            peer.expect(PUBLISH, packet_id=2)

    def test_an_answer_to_nothing(self) -> None:
        """
        An acknowledgement that answers nothing does no harm: what was published before and after is answered.
        """
        peer = self.accept()
        first = self.client.publish("t", b"", 1)
        peer.expect(PUBLISH, packet_id=1)
        peer.say(Ack(PUBACK, 99), Ack(PUBACK, 65_535), Ack(PUBCOMP, 99))
        peer.say(Ack(PUBACK, 1), Ack(PUBACK, 1))
        self.successResultOf(first)
        second = self.client.publish("t", b"", 1)
        number = peer.expect(PUBLISH).packet_id
        peer.say(Ack(PUBACK, number))
        self.successResultOf(second)
        peer.silence()

    def test_no_message_twice(self) -> None:
        """
        A message of QoS 2 that is repeated before its PUBREL is given to the application once.
        """
        got: list[bytes] = []
        peer = self.accept(on_message=lambda message: got.append(message.payload))
        for dup in (False, True, True):
            peer.say(Publish(b"t", b"x", 2, dup=dup, packet_id=5))
            peer.expect(PUBREC, packet_id=5)
        peer.say(Ack(PUBREL, 5))
        peer.expect(PUBCOMP, packet_id=5)
        self.assertEqual(got, [b"x"])

    def test_message_before_suback(self) -> None:
        """
        A retained message that overtakes the SUBACK reaches the callback of its subscription.
        """
        got: list[Message] = []
        peer = self.accept()
        answer = self.client.subscribe("t", got.append, 1)
        number = peer.expect(SUBSCRIBE).packet_id
        peer.say(Publish(b"t", b"x", 1, True, packet_id=5), Suback(number, [1]))
        self.assertEqual([each.payload for each in got], [b"x"])
        self.successResultOf(answer)
