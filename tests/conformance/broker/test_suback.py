"""
SUBACK (section 3.9): how the broker answers a SUBSCRIBE.
"""

from __future__ import annotations

from tests.conformance.case import BrokerCase
from tests.conformance.states import states
from txmqtt.codec.constants import SUBACK
from txmqtt.codec.packets import Subscribe, Subscription


class AnswerTests(BrokerCase):
    @states(
        *("MQTT311-3.8.4-1", "MQTT311-3.8.4-2", "MQTT311-3.9.3-1", "MQTT311-2.3.1-7", "MQTT31 3.9"),
        *("MQTT5-3.8.4-1", "MQTT5-3.8.4-2", "MQTT5-3.9.3-1", "MQTT5-3.8.4-6", "MQTT5-2.2.1-6"),
    )
    def test_bytes(self) -> None:
        """
        A SUBACK has the packet identifier of its SUBSCRIBE, and a code for each filter, in their order.
        """
        peer = self.connect("a")
        for packet_id in ("0001", "fffe", "000a", "ffff"):
            with self.case(packet_id):
                if self.version == 5:
                    peer.say(f'82 [ {packet_id} 00 "a" 02 "b" 00 "c" 01 "d" 02 ]')
                    peer.expect(f"90 07 {packet_id} 00 02 00 01 02")
                else:
                    peer.say(f'82 [ {packet_id} "a" 02 "b" 00 "c" 01 "d" 02 ]')
                    peer.expect(f"90 06 {packet_id} 02 00 01 02")

    @states("MQTT311-3.8.4-1", "MQTT311-3.8.4-2", "MQTT5-3.8.4-1", "MQTT5-3.8.4-2")
    def test_many_at_once(self) -> None:
        """
        Each of many SUBSCRIBEs has its answer, also when they come in one write.
        """
        peer = self.connect("a")
        peer.say(*(Subscribe(number, [Subscription(b"t/%d" % number, number % 3)]) for number in range(1, 51)))
        for number in range(1, 51):
            peer.take(SUBACK, packet_id=number, reasons=[number % 3])
        peer.silence()

    @states(*("MQTT311-3.8.4-5", "MQTT311-3.9.3-1", "MQTT311-3.9.3-2", "MQTT311-3.8.4-4"))
    def test_refused(self) -> None:
        """
        What is refused is told so in its place, with 0x80, and the other filters of the SUBSCRIBE count.
        """
        self.begin(max_topic_levels=2)
        watcher = self.connect("w")
        watcher.say('82 [ 0007 "a" 01 "a/b/c" 01 "b" 00 ]')
        watcher.expect("90 05 0007 01 80 00")
        self.connect("p").publish("b", b"x")
        self.assertEqual(len(watcher.messages()), 1)

    @states(*("MQTT5-3.8.4-6", "MQTT5-3.8.4-7", "MQTT5-3.9.3-1", "MQTT5-3.9.3-2", "MQTT5-3.8.4-5"))
    def test_reason_codes(self) -> None:
        """
        What is refused is told why in its place, and the other filters of the SUBSCRIBE count.
        """
        self.begin(max_topic_levels=2, max_subscriptions=2, max_filters_per_packet=5)
        watcher = self.connect("w")
        codes = watcher.subscribe("a", "a/b/c", "b", "c", "a", "d", qos=1)
        self.assertEqual(codes, [1, 0x8F, 1, 0x97, 1, 0x97])
        self.connect("p").publish("b", b"x")
        self.assertEqual(len(watcher.messages()), 1)

    @states("MQTT5-3.9.2-1", "MQTT5-3.9.2-2")
    def test_small_packets(self) -> None:
        """
        What would make a SUBACK larger than the client takes is left out of it.
        """
        self.begin(max_topic_levels=2)
        peer = self.connect("a")
        asked = '82 [ 0007 [ 26 "k" "v" ] "a/b/c" 01 ]'
        peer.say(asked)
        answer = peer.expect(SUBACK, reasons=[0x8F])
        self.assertTrue(answer.properties is not None and answer.properties.reason_string)
        size = len(peer.raw)
        for most, whole in ((size, True), (size - 1, False)):
            with self.case(f"{most} bytes"):
                peer = self.connect("a", maximum_packet_size=most)
                peer.say(asked)
                peer.expect(answer if whole else "90 04 0007 00 8f")

    @states("MQTT5-3.9.2-1", "MQTT5-3.9.2-2")
    def test_no_more_than_needed(self) -> None:
        """
        A client that takes no more bytes than the codes need gets those.
        """
        peer = self.connect("a", maximum_packet_size=40)
        filters = " ".join(f'"{name}" 01' for name in "abcdefghijklmnopqrstuvwxyz012345678")
        peer.say(f'82 [ 0007 [ 26 "k" "v" ] {filters} ]')
        peer.expect(f"90 26 0007 00 {'01' * 35}")

    @states("MQTT5 3.1.2.11.7")
    def test_no_problem_information(self) -> None:
        """
        A client that wants no problem information gets none with a SUBACK.
        """
        self.begin(max_topic_levels=2)
        peer = self.connect("a", request_problem_information=0)
        peer.say('82 [ 0007 00 "a/b/c" 01 ]')
        peer.expect("90 04 0007 00 8f")

    @states("MQTT31 3.9")
    def test_refused_on_31(self) -> None:
        """
        On 3.1, which has no code for it, a subscription that is refused is acknowledged like the others.
        """
        self.begin(max_topic_levels=2)
        peer = self.connect("a")
        peer.say('82 [ 0007 "a" 01 "a/b/c" 01 ]')
        peer.expect("90 04 0007 01 00")
