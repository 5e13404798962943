"""
Every way in which the broker ends a connection, and the reason that it gives.

What ends one before CONNACK is with those who let clients in: C{test_arrival}, C{test_features}, C{test_explanations}
and C{tests.net.test_login}; what a store that fails does, with C{test_failures}.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.broker.support import BrokerTestCase, Peer, Town, will
from txmqtt.broker.policy import Policy
from txmqtt.codec import reasons
from txmqtt.codec.constants import PUBACK, PUBCOMP, PUBREC
from txmqtt.codec.packets import (
    Ack,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingresp,
    Publish,
    Suback,
    Subscribe,
    Subscription,
)
from txmqtt.codec.properties import Properties


def _rude(data: str) -> Callable[[Peer], None]:
    return lambda peer: peer.feed(bytes.fromhex(data))


def _says(*packets: Packet) -> Callable[[Peer], None]:
    return lambda peer: peer.say(*packets)


def _properties(**said: Any) -> Properties:
    return Properties(**said)


def _delivered(qos: int, *answers: Packet) -> Callable[[Peer], None]:
    def do(peer: Peer) -> None:
        peer.subscribe("t", qos=2)
        peer.town.broker.publish(b"t", b"x", qos)
        peer.town.turn.flush()
        peer.say(*answers)

    return do


def _silent(peer: Peer) -> None:
    peer.town.turn.now += 16
    peer.session.tick(peer.town.turn.now)
    peer.town.turn.flush()


def _flooded(peer: Peer) -> None:
    # Each is kept on hold by the store, so it stays under way.
    peer.say(*[Publish(b"t", b"x", 2, packet_id=number) for number in range(1, 102)])


def _shut(peer: Peer) -> None:
    peer.town.broker.shut("bye")
    peer.town.turn.flush()


def _taken_over(peer: Peer) -> None:
    other = Peer(peer.town)
    other.connect("c")


#: What happens, the reason that 5.0 is told, and whether 3.1.1 has it too (there nothing is told).
ENDINGS: list[tuple[str, Callable[[Peer], None], int, bool]] = [
    # Malformed packets [MQTT5-4.13.1-1]
    ("a reserved packet type", _rude("00 00"), 0x81, True),
    ("reserved flags of DISCONNECT [MQTT5-3.14.1-1]", _rude("e1 00"), 0x81, True),
    ("reserved flags of PINGREQ", _rude("c1 00"), 0x81, True),
    ("reserved flags of SUBSCRIBE [MQTT5-3.8.1-1]", _rude("80 06 0001 00 0001 61"), 0x81, True),
    ("QoS 3 [MQTT5-3.3.1-4]", _rude("36 03 0001 61"), 0x81, True),
    ("a length of five bytes", _rude("30 ff ff ff ff 01"), 0x81, True),
    ("a topic that is not UTF-8 [MQTT5-1.5.4-1]", _rude("30 03 0001 ff"), 0x81, True),
    ("reserved flags of AUTH [MQTT5-3.15.1-1]", _rude("f1 00"), 0x81, False),
    ("an unknown property", _rude("30 06 0001 61 02 7f 00"), 0x81, False),
    ("a property of another packet", _rude("30 06 0001 61 02 24 01"), 0x81, False),
    # Rules of the protocol
    ("a second CONNECT [MQTT5-3.1.0-2]", lambda peer: peer.say(Connect("c", peer.version)), 0x82, True),
    ("CONNACK from a client", _says(Connack(0)), 0x82, True),
    ("SUBACK from a client", _says(Suback(1, [0])), 0x82, True),
    ("UNSUBACK from a client", _rude("b0 04 0001 00 00"), 0x82, False),
    ("PINGRESP from a client", _says(Pingresp()), 0x82, True),
    ("AUTH without a method in CONNECT", _rude("f0 06 19 04 15 0001 78"), 0x82, False),
    ("AUTH with success from a client", _rude("f0 00"), 0x82, False),
    ("a property twice", _rude("30 08 0001 61 04 01 00 01 00"), 0x82, False),
    ("a payload format indicator of 2", _rude("30 06 0001 61 02 01 02"), 0x82, False),
    ("a response topic with a wildcard [MQTT5-3.3.2-14]", _rude("30 08 0001 61 04 08 0001 23"), 0x82, False),
    (
        "a subscription identifier in PUBLISH [MQTT5-3.3.4-6]",
        _says(Publish(b"t", b"", properties=_properties(subscription_identifiers=(1,)))),
        0x82,
        False,
    ),
    ("SUBSCRIBE without a filter [MQTT5-3.8.3-2]", _rude("82 03 0001 00"), 0x82, False),
    ("a share with no local [MQTT5-3.8.3-4]", _rude("82 10 0001 00 000a 2473686172652f672f74 04"), 0x82, False),
    ("PUBACK for QoS 2", _delivered(2, Ack(PUBACK, 1)), 0x82, True),
    ("PUBREC for QoS 1", _delivered(1, Ack(PUBREC, 1)), 0x82, True),
    ("PUBCOMP before PUBREL", _delivered(2, Ack(PUBCOMP, 1)), 0x82, True),
    (
        "a session made longer at its end",
        _says(Disconnect(0, _properties(session_expiry_interval=5))),
        0x82,
        False,
    ),
    # Codes of their own
    ("a topic with a wildcard [MQTT5-3.3.2-2]", _rude("30 04 0001 23 00"), 0x90, True),
    ("an empty topic and no alias", _rude("30 03 0000 00"), 0x82, False),
    ("a filter that is none [MQTT5-4.7.1-1]", _rude("82 09 0001 00 0003 61 23 62 00"), 0x8F, False),
    ("a share without a name [MQTT5-4.8.2-1]", _rude("82 0f 0001 00 0009 2473686172652f2f74 00"), 0x8F, False),
    ("alias 0 [MQTT5-3.3.2-8]", _rude("30 07 0001 61 03 23 0000"), 0x94, False),
    ("an alias beyond the maximum [MQTT5-3.3.2-9]", _rude("30 07 0001 61 03 23 0021"), 0x94, False),
    ("an alias that was never set", _rude("30 06 0000 03 23 0001"), 0x82, False),
    ("a packet too large [MQTT5-3.2.2-15]", _rude("30 ff ff 7f"), 0x95, True),
    ("more than the receive maximum [MQTT5-3.3.4-9]", _flooded, 0x93, False),
    ("an answer too large for the client [MQTT5-3.1.2-24]", lambda peer: _too_large(peer), 0x95, False),
    # Neither's fault
    ("silence [MQTT5-3.1.2-22]", _silent, 0x8D, True),
    ("another connection of the same client [MQTT5-3.1.4-3]", _taken_over, 0x8E, True),
    ("the end of the broker", _shut, 0x8B, True),
]


def _too_large(peer: Peer) -> None:
    peer.session.send_limit = 60
    peer.say(Subscribe(1, [Subscription(b"t%d" % number) for number in range(100)]))


class EndingTests(BrokerTestCase):
    limits = {"max_packet_size": 1_000}

    def ended(self, version: int, do: Callable[[Peer], None]) -> tuple[Peer, list[int], list[bytes]]:
        """
        The peer, what the last words said, and the wills of it that were published.
        """
        watcher = self.join("watcher")
        watcher.subscribe("wills/#")
        peer = self.join("c", version, keep_alive=10, will=will("wills/c"))
        peer.last_id = 0
        peer.heard()
        do(peer)
        codes = [each.reason for each in peer.heard() if isinstance(each, Disconnect)]
        return peer, codes, [each.payload for each in watcher.heard() if isinstance(each, Publish)]

    def test_table(self) -> None:
        """
        On 5.0 the last thing a client hears is why, once; on 3.x nothing; the connection is closed, and the will is
        published [MQTT5-4.13.2-1] [MQTT5-3.14.2-1] [MQTT5-3.14.4-1] [MQTT5-3.14.4-2] [MQTT311-4.8.0-1].
        """
        for what, do, reason, also_old in ENDINGS:
            for version in (5, 4) if also_old else (5,):
                with self.subTest(what=what, version=version):
                    self.setUp()
                    peer, codes, wills = self.ended(version, do)
                    self.assertEqual(codes, [reason] if version == 5 else [])
                    assert peer.closed is not None
                    self.assertEqual((peer.closed[0], peer.closed[2]), (reason, False))
                    # A store keeps wills over the end of the broker, for the clients to return.
                    kept = reason == reasons.SERVER_SHUTTING_DOWN and self.broker.backend.lasting
                    self.assertEqual(wills, [] if kept else [b"gone"])
                    said = self.town.turn.packets_sent
                    peer.feed(b"\xc0\x00")
                    self.assertEqual((peer.heard(), self.town.turn.packets_sent), ([], said))

    def test_no_expiry_from_us(self) -> None:
        """
        The broker's DISCONNECT has no session expiry interval [MQTT5-3.14.2-2], and its words fit [MQTT5-3.14.2-3].
        """
        for limit in (5, 20, 1_000):
            peer = self.join("c", maximum_packet_size=1_000)
            peer.session.send_limit = limit
            peer.feed(b"\x00\x00")
            (goodbye,) = peer.heard()
            assert isinstance(goodbye, Disconnect)
            self.assertEqual(goodbye.reason, 0x81)
            self.assertEqual(goodbye.properties is not None, limit == 1_000)
            if goodbye.properties is not None:
                self.assertIsNone(goodbye.properties.session_expiry_interval)

    def test_goodbye(self) -> None:
        """
        A client's own DISCONNECT is answered by closing, without a word.
        """
        for version in (3, 4, 5):
            peer, codes, wills = self.ended(version, lambda peer: peer.say(Disconnect()))
            self.assertEqual((codes, wills, peer.closed), ([], [], (0, "", False)))

    def test_goodbye_with_will(self) -> None:
        """
        With 0x04 the will is published all the same, at once or when its delay is over.
        """
        watcher = self.join("watcher")
        watcher.subscribe("#")
        for delay in (0, 5):
            peer = self.join("c", will=will("w", will_delay_interval=delay), session_expiry_interval=100)
            peer.leave(0x04)
            self.assertEqual(len(watcher.payloads()), not delay)
            self.town.wait(6)
            self.assertEqual(len(watcher.payloads()), bool(delay))

    def test_deaf(self) -> None:
        """
        Who does not read is cut off without a word: nobody would hear it.
        """
        peer = Peer(Town(Policy(write_buffer=10_000)))
        peer.connect("c")
        peer.pause()
        while peer.closed is None:
            peer.feed(b"\xc0\x00" * 1_000)
        self.assertEqual((peer.closed[0], peer.closed[2]), (0x97, True))
