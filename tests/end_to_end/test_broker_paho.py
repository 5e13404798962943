"""
Our broker with paho-mqtt, in every version of the protocol.
"""

from __future__ import annotations

import queue
import socket
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.end_to_end.support import PATIENCE, OurBroker, need_module, our_broker

try:
    from paho.mqtt import client as paho
    from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode
    from paho.mqtt.subscribeoptions import SubscribeOptions
except ImportError:
    VERSIONS: dict[str, MQTTProtocolVersion] = {}
else:
    FIVE = MQTTProtocolVersion.MQTTv5
    VERSIONS = {"3.1": MQTTProtocolVersion.MQTTv31, "3.1.1": MQTTProtocolVersion.MQTTv311, "5.0": FIVE}


def told(kind: int, **values: Any) -> Properties:
    """
    The properties of a packet.
    """
    made = Properties(kind)
    for name, value in values.items():
        setattr(made, name, value)
    return made


class Peer:
    """
    One paho client on a thread of its own, with everything it hears in queues.
    """

    def __init__(self, version: MQTTProtocolVersion, name: str = "", clean: bool = True, expiry: int = 0) -> None:
        self.five = version == FIVE
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2,
            name,
            None if self.five else clean,
            protocol=version,
            reconnect_on_failure=False,
        )
        self._clean = clean
        self._expiry = expiry
        self.messages: queue.Queue[paho.MQTTMessage] = queue.Queue()
        self._connected: queue.Queue[tuple[bool, Any]] = queue.Queue()
        self.disconnected: queue.Queue[ReasonCode] = queue.Queue()
        self._answers: queue.Queue[list[ReasonCode]] = queue.Queue()
        self.client.on_message = lambda client, userdata, message: self.messages.put(message)
        self.client.on_connect = lambda client, userdata, flags, reason, properties: self._connected.put(
            (flags.session_present, properties)
        )
        self.client.on_disconnect = lambda client, userdata, flags, reason, properties: self.disconnected.put(reason)
        self.client.on_subscribe = lambda client, userdata, mid, reasons, properties: self._answers.put(reasons)

    def connect(self, port: int) -> Peer:
        if self.five:
            self.client.connect(
                "127.0.0.1",
                port,
                clean_start=self._clean,
                properties=told(PacketTypes.CONNECT, SessionExpiryInterval=self._expiry),
            )
        else:
            self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        self.session_present, self.properties = self._connected.get(timeout=PATIENCE)
        return self

    def subscribe(self, topic: str, qos: int = 0, **options: Any) -> list[int]:
        if self.five:
            properties = options.pop("properties", None)
            self.client.subscribe(topic, options=SubscribeOptions(qos, **options), properties=properties)
        else:
            self.client.subscribe(topic, qos)
        return [reason.value for reason in self._answers.get(timeout=PATIENCE)]

    def publish(self, topic: str, payload: bytes, qos: int = 0, retain: bool = False, **values: Any) -> None:
        properties = told(PacketTypes.PUBLISH, **values) if values else None
        self.client.publish(topic, payload, qos, retain, properties).wait_for_publish(PATIENCE)

    def hear(self) -> Any:
        """
        Wait for a message; its properties are an attribute each, which paho's types do not know.
        """
        return self.messages.get(timeout=PATIENCE)

    def heard(self, count: int) -> list[tuple[str, int, bool, bytes]]:
        messages = [self.hear() for _ in range(count)]
        return [(message.topic, message.qos, message.retain, message.payload) for message in messages]

    def disconnect(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def vanish(self) -> None:
        """
        Close the connection without a word.
        """
        sock = self.client.socket()
        assert sock is not None
        sock.shutdown(socket.SHUT_RDWR)  # type: ignore[attr-defined]


class PahoCase(SynchronousTestCase):
    def setUp(self) -> None:
        need_module("paho", "paho-mqtt")

    def peer(self, version: MQTTProtocolVersion, name: str = "", clean: bool = True, expiry: int = 0) -> Peer:
        made = Peer(version, name, clean, expiry)
        self.addCleanup(made.disconnect)
        return made

    def connected(self, version: MQTTProtocolVersion, name: str = "", clean: bool = True, expiry: int = 0) -> Peer:
        return self.peer(version, name, clean, expiry).connect(our_broker().port)


class PahoTests(PahoCase):
    """
    What every version has.
    """

    def test_every_quality(self) -> None:
        """
        What is published at one QoS and subscribed to at another arrives once, at the lower of the two.
        """
        for name, version in VERSIONS.items():
            for granted in (0, 1, 2):
                with self.subTest(version=name, granted=granted):
                    topic = f"paho/quality/{name}/{granted}"
                    subscriber, publisher = self.connected(version), self.connected(version)
                    self.assertEqual(subscriber.subscribe(f"{topic}/+", granted), [granted])
                    for qos in (0, 1, 2):
                        publisher.publish(f"{topic}/{qos}", b"word", qos)
                    expected = [(f"{topic}/{qos}", min(qos, granted), False, b"word") for qos in (0, 1, 2)]
                    self.assertEqual(sorted(subscriber.heard(3)), expected)

    def test_large_payload(self) -> None:
        """
        A message of a megabyte arrives as it was sent.
        """
        payload = bytes(range(256)) * 4096
        for name, version in VERSIONS.items():
            with self.subTest(version=name):
                peer = self.connected(version)
                peer.subscribe(f"paho/large/{name}", 1)
                peer.publish(f"paho/large/{name}", payload, 1)
                self.assertTrue(peer.hear().payload == payload)

    def test_retained(self) -> None:
        """
        A retained message reaches who subscribes later, marked as such; an empty one removes it.
        """
        for name, version in VERSIONS.items():
            with self.subTest(version=name):
                topic = f"paho/retained/{name}"
                publisher = self.connected(version)
                publisher.publish(topic, b"kept", 2, True)
                later = self.connected(version)
                later.subscribe(topic, 2)
                self.assertEqual(later.heard(1), [(topic, 2, True, b"kept")])
                publisher.publish(topic, b"", 1, True)
                self.assertEqual(later.heard(1), [(topic, 1, False, b"")])
                last = self.connected(version)
                last.subscribe(topic, 2)
                publisher.publish(topic, b"end", 1)
                self.assertEqual(last.heard(1), [(topic, 1, False, b"end")])

    def test_will(self) -> None:
        """
        The will of a client that vanishes is published, that of one that disconnects is not.
        """
        for name, version in VERSIONS.items():
            with self.subTest(version=name):
                topic = f"paho/will/{name}"
                watcher = self.connected(version)
                watcher.subscribe(f"{topic}/+", 1)
                for leave in ("disconnect", "vanish"):
                    mortal = self.peer(version)
                    mortal.client.will_set(f"{topic}/{leave}", b"gone", 1)
                    mortal.connect(our_broker().port)
                    getattr(mortal, leave)()
                self.assertEqual(watcher.heard(1), [(f"{topic}/vanish", 1, False, b"gone")])

    def test_session_resumed(self) -> None:
        """
        A client with a persistent session gets what it missed when it returns, QoS 1 and 2 once each and in order.
        """
        for name, version in VERSIONS.items():
            with self.subTest(version=name):
                topic = f"paho/session/{name}"
                first = self.connected(version, f"paho-{name}", clean=False, expiry=60)
                self.assertFalse(first.session_present)
                first.subscribe(topic, 2)
                first.disconnect()
                publisher = self.connected(version)
                for number in range(60):
                    publisher.publish(topic, b"%d" % number, number % 3)
                second = self.connected(version, f"paho-{name}", clean=False, expiry=60)
                self.assertEqual(second.session_present, name != "3.1")  # which can't say it
                heard = second.heard(40)
                for qos in (1, 2):  # each in its order: paho hands out QoS 2 when it is released
                    expected = [(topic, qos, False, b"%d" % number) for number in range(qos, 60, 3)]
                    self.assertEqual([message for message in heard if message[1] == qos], expected)
                publisher.publish(topic, b"end")
                self.assertEqual(second.heard(1), [(topic, 0, False, b"end")])

    def test_shared_subscription(self) -> None:
        """
        Each message for a shared subscription reaches exactly one of its members.
        """
        for name, version in VERSIONS.items():
            for qos in (0, 1, 2):
                with self.subTest(version=name, qos=qos):
                    topic = f"paho/shared/{name}/{qos}"
                    members = [self.connected(version) for _ in range(3)]
                    for member in members:
                        self.assertEqual(member.subscribe(f"$share/crew/{topic}", qos), [qos])
                        member.subscribe(f"{topic}/end", qos)
                    publisher = self.connected(version)
                    for number in range(30):
                        publisher.publish(topic, b"%d" % number, qos)
                    # At their own QoS, because paho hands on a QoS 2 message when its PUBREL comes, and not before.
                    publisher.publish(f"{topic}/end", b"end", qos)
                    shares = []
                    for member in members:
                        share = []
                        while (message := member.hear()).topic == topic:
                            share.append(int(message.payload))
                        shares.append(share)
                    self.assertEqual(sorted(number for share in shares for number in share), list(range(30)))
                    self.assertTrue(all(shares), shares)


class PahoFiveTests(PahoCase):
    """
    What only 5.0 has.
    """

    def test_properties(self) -> None:
        """
        What a publisher says about its message reaches the subscriber unaltered, user properties in their order
        [MQTT5-3.3.2-4] [MQTT5-3.3.2-15] [MQTT5-3.3.2-16] [MQTT5-3.3.2-17] [MQTT5-3.3.2-18] [MQTT5-3.3.2-20].
        """
        peer = self.connected(FIVE)
        identified = told(PacketTypes.SUBSCRIBE, SubscriptionIdentifier=268_435_455)
        peer.subscribe("paho/properties", 1, properties=identified)
        peer.publish(
            "paho/properties",
            "grüße".encode(),
            1,
            PayloadFormatIndicator=1,
            MessageExpiryInterval=100,
            ContentType="text/plain",
            ResponseTopic="paho/answers",
            CorrelationData=b"\x00\xff",
            UserProperty=[("b", "1"), ("a", "2"), ("b", "3")],
        )
        heard = peer.hear().properties
        self.assertEqual(heard.PayloadFormatIndicator, 1)
        self.assertIn(heard.MessageExpiryInterval, (99, 100))
        self.assertEqual(heard.ContentType, "text/plain")
        self.assertEqual(heard.ResponseTopic, "paho/answers")
        self.assertEqual(heard.CorrelationData, b"\x00\xff")
        self.assertEqual(heard.UserProperty, [("b", "1"), ("a", "2"), ("b", "3")])
        self.assertEqual(heard.SubscriptionIdentifier, [268_435_455])

    def test_assigned_identifier(self) -> None:
        """
        Who brings no client identifier is told the one that was assigned [MQTT5-3.1.3-6] [MQTT5-3.1.3-7].
        """
        first, second = self.connected(FIVE), self.connected(FIVE)
        self.assertNotEqual(first.properties.AssignedClientIdentifier, second.properties.AssignedClientIdentifier)

    def test_options_of_a_subscription(self) -> None:
        """
        No-local spares a client its own messages; retain-as-published keeps the flag; retain handling 2 asks for none
        [MQTT5-3.8.3-3] [MQTT5-3.3.1-11] [MQTT5-3.3.1-13].
        """
        peer, other = self.connected(FIVE), self.connected(FIVE)
        other.publish("paho/options", b"old", 1, True)
        peer.subscribe("paho/options", 1, noLocal=True, retainAsPublished=True, retainHandling=2)
        peer.publish("paho/options", b"own", 1)
        other.publish("paho/options", b"new", 1, True)
        self.assertEqual(peer.heard(1), [("paho/options", 1, True, b"new")])
        other.publish("paho/options", b"", 1, True)

    def test_overlapping_subscriptions(self) -> None:
        """
        A message that several subscriptions of a client match comes once, at the highest QoS, with all identifiers
        [MQTT5-3.3.4-2] [MQTT5-3.3.4-4].
        """
        peer = self.connected(FIVE)
        for number, (topic, qos) in enumerate((("paho/+", 1), ("paho/overlap", 0), ("paho/overlap/#", 2)), 1):
            peer.subscribe(topic, qos, properties=told(PacketTypes.SUBSCRIBE, SubscriptionIdentifier=number))
        peer.publish("paho/overlap", b"once", 2)
        peer.publish("paho/other", b"end", 1)
        once, end = peer.hear(), peer.hear()
        self.assertEqual((once.qos, sorted(once.properties.SubscriptionIdentifier)), (2, [1, 2, 3]))
        self.assertEqual(end.topic, "paho/other")

    def test_taken_over(self) -> None:
        """
        A client whose identifier connects again is told that its session was taken over [MQTT5-3.1.4-3].
        """
        first = self.connected(FIVE, "paho-twin")
        self.connected(FIVE, "paho-twin")
        self.assertEqual(first.disconnected.get(timeout=PATIENCE).value, 0x8E)
        first.client.loop_stop()


class PahoStopTests(PahoCase):
    def test_sigterm(self) -> None:
        """
        When the broker is stopped, a client of 5.0 hears why: 0x8B, server shutting down; and with nothing kept on
        disk, who watches for a will sees it before.
        """
        broker = OurBroker("--store", "memory")
        watcher = self.peer(FIVE).connect(broker.port)
        watcher.subscribe("wills")
        mortal = self.peer(FIVE, expiry=100)
        mortal.client.will_set("wills", b"gone", properties=told(PacketTypes.WILLMESSAGE, WillDelayInterval=100))
        mortal.connect(broker.port)
        self.assertEqual(broker.stop(), 0)
        self.assertEqual(watcher.heard(1), [("wills", 0, False, b"gone")])
        for peer in (watcher, mortal):
            self.assertEqual(peer.disconnected.get(timeout=PATIENCE).value, 0x8B)
