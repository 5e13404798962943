"""
Errors (section 4.13; of 3.1.1 section 4.8): what the broker does about clients that break the rules.
"""

from __future__ import annotations

from tests.conformance.case import BrokerCase
from tests.conformance.states import states
from txmqtt.codec.constants import PUBLISH
from txmqtt.codec.packets import Connect, Publish, Subscribe, Subscription, Will

#: What nobody may say on 3.1.1, once it is let in.
ERRORS = (
    ("packet type 0", "00 00"),
    ("packet type 15", "f0 00"),
    ("a length of five bytes", "30 80 80 80 80 01"),
    ("CONNECT again", '10 [ "MQTT" 04 02 0000 "a" ]'),
    ("CONNACK", "20 02 0000"),
    ("PUBLISH that ends too soon", "30 02 0005"),
    ("PUBLISH without its packet identifier", '32 [ "t" ]'),
    ("PUBLISH with packet identifier 0", '32 [ "t" 0000 ]'),
    ("PUBLISH of QoS 3", '36 [ "t" 0001 ]'),
    ("PUBREL with flags 0", "60 02 0001"),
    ("PUBACK that ends too soon", "40 01 00"),
    ("PUBACK with packet identifier 0 and more", "40 03 0000 00"),
    ("SUBSCRIBE without a filter", "82 02 0001"),
    ("SUBSCRIBE with flags 0", '80 [ 0001 "t" 00 ]'),
    ("UNSUBSCRIBE without a filter", "a2 02 0001"),
    ("DISCONNECT with flags", "e1 00"),
    ("DISCONNECT with a reason", "e0 01 00"),
)

#: The same on 5.0, with the reason codes that apply.
ERRORS_5 = (
    ("packet type 0", "00 00", 0x81),
    ("a length of five bytes", "30 80 80 80 80 01", 0x81),
    ("CONNECT again", '10 [ "MQTT" 05 02 0000 [] "a" ]', 0x82),
    ("CONNACK", "20 03 0000 00", 0x82),
    ("PUBLISH that ends too soon", "30 02 0005", 0x81),
    ("PUBLISH of QoS 3", '36 [ "t" 0001 00 ]', 0x81),
    ("PUBLISH with alias 0", '30 [ "t" [ 23 0000 ] ]', 0x94),
    ("PUBLISH with alias 65535", '30 [ "t" [ 23 ffff ] ]', 0x94),
    ("PUBLISH to a wildcard", '30 [ "a/#" 00 ]', 0x90),
    ("PUBLISH with a property twice", '30 [ "t" [ 01 01 01 01 ] ]', 0x82),
    ("PUBREL with flags 0", "60 02 0001", 0x81),
    ("SUBSCRIBE without a filter", "82 03 0001 00", 0x82),
    ("SUBSCRIBE to a bad filter", '82 [ 0001 00 "a#" 00 ]', 0x8F),
    ("UNSUBSCRIBE without a filter", "a2 03 0001 00", 0x82),
    ("AUTH", "f0 00", 0x82),
    ("DISCONNECT with flags", "e1 00", 0x81),
    ("DISCONNECT that makes an ended session last", "e0 07 00 05 11 00000001", 0x82),
)


class ErrorTests(BrokerCase):
    @states("MQTT311-4.8.0-1")
    def test_closed(self) -> None:
        """
        Who violates the protocol is closed, without an answer.
        """
        for name, spelling in ERRORS:
            with self.case(name):
                peer = self.connect("a")
                peer.say(spelling)
                peer.closed()

    @states("MQTT5-4.13.2-1", "MQTT5-4.13.1-1")
    def test_closed_with_a_reason(self) -> None:
        """
        Where a reason code of 0x80 or more applies, the connection is closed, and our broker says the code.
        """
        for name, spelling, reason in ERRORS_5:
            with self.case(name):
                peer = self.connect("a")
                peer.say(spelling)
                peer.closed(*(reason, 0x81, 0x82) if self.target else (reason,))

    @states("MQTT5-4.13.2-1")
    def test_refused(self) -> None:
        """
        Who is refused with CONNACK is closed, whatever the reason.
        """
        self.begin(users={"joe": "secret"}, max_qos=1, retain_available=False, max_client_id_bytes=5)
        for name, words, reason in (
            ("nobody", Connect("a", 5), 0x87),
            ("wrong", Connect("a", 5, username="joe", password=b"x"), 0x86),
            ("long", Connect("abcdef", 5, username="joe", password=b"secret"), 0x85),
            ("QoS", Connect("a", 5, username="joe", password=b"secret", will=Will(b"t", b"x", 2)), 0x9B),
            ("retained", Connect("a", 5, username="joe", password=b"secret", will=Will(b"t", b"x", retain=True)), 0x9A),
        ):
            with self.case(name):
                peer = self.dial()
                peer.say(words)
                peer.closed(reason)

    @states("MQTT311-4.8.0-1", "MQTT5 4.13.1")
    def test_nothing_behind_it(self) -> None:
        """
        What a client says behind an error is not acted on; what it said before it is; and its will is published.
        """
        watcher = self.connect("w")
        watcher.subscribe("#", qos=1)
        peer = self.connect("a", will=Will(b"will", b"gone"))
        peer.say(Publish(b"t", b"before"), "00 00", Publish(b"t", b"behind"), Subscribe(1, [Subscription(b"t")]))
        peer.closed(0x81, 0x82)
        self.assertEqual([each.payload for each in watcher.messages()], [b"before", b"gone"])

    @states("MQTT311-4.8.0-1", "MQTT5 4.13.1")
    def test_nobody_else(self) -> None:
        """
        The errors of one client are no trouble for another.
        """
        watcher = self.connect("w")
        watcher.subscribe("t", qos=1)
        publisher = self.connect("p")
        for number in range(20):
            peer = self.connect(f"a{number}")
            peer.say("00 00" if number % 2 else "82 00")
            peer.closed(0x81, 0x82)
            publisher.publish("t", b"%d" % number, 1)
            watcher.acknowledge(watcher.expect(PUBLISH, payload=b"%d" % number))

    @states("MQTT311-4.8.0-1", "MQTT5 4.13.1")
    def test_the_session_stays(self) -> None:
        """
        A session outlives the error of its client.
        """
        peer = self.connect("a", keep=True)
        peer.subscribe("t", qos=1)
        peer.say("00 00")
        peer.closed(0x81, 0x82)
        self.connect("p").publish("t", b"x", 1)
        again = self.connect("a", keep=True, present=True)
        self.assertEqual([each.payload for each in again.messages()], [b"x"])
