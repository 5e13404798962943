"""
CONNECT and CONNACK (sections 3.1 and 3.2): how the broker lets clients in.
"""

from __future__ import annotations

from tests.conformance.case import BrokerCase
from tests.conformance.states import states
from txmqtt.codec.constants import CONNACK, DISCONNECT
from txmqtt.codec.packets import Connect, Publish, Will

#: 3.1.1 and 5.0 differ in one byte of the version and one for the properties.
_LEVELS = {4: ("04", ""), 5: ("05", "[]")}

#: What is wrong with a CONNECT, and its bytes: V for the version, P for the properties of 5.0.
MALFORMED = (
    ("no client identifier", '10 [ "MQTT" V 02 0000 P ]'),
    ("client identifier cut off", '10 [ "MQTT" V 02 0000 P 0002 61 ]'),
    ("bytes after the client identifier", '10 [ "MQTT" V 02 0000 P "a" 00 ]'),
    ("flags in the first byte", '12 [ "MQTT" V 02 0000 P "a" ]'),
)


class FirstPacketTests(BrokerCase):
    @states("MQTT311-3.1.0-1", "MQTT5-3.1.0-1")
    def test_connect_comes_first(self) -> None:
        """
        A client that begins with anything but CONNECT is not answered but closed.
        """
        for name, data in (("PUBLISH", "30 03 0001 61"), ("PINGREQ", "c0 00"), ("SUBSCRIBE", "82 06 0001 0001 61 00")):
            with self.case(name):
                peer = self.dial(version=4)  # nobody has said 5.0 yet
                peer.say(data)
                peer.closed()

    @states("MQTT311-3.1.0-2", "MQTT5-3.1.0-2")
    def test_second_connect(self) -> None:
        """
        A client that says CONNECT twice is disconnected.
        """
        peer = self.connect("a")
        peer.say(Connect("a", self.version))
        peer.closed(0x82)

    @states("MQTT311-3.2.0-1", "MQTT5-3.2.0-1", "MQTT5-3.2.0-2", "MQTT311-3.1.4-4", "MQTT5-3.1.4-5")
    def test_connack_comes_first(self) -> None:
        """
        The broker says CONNACK before anything else, and only once.
        """
        keeper = self.connect("a", keep=True)
        keeper.subscribe("t", qos=1)
        keeper.drop()
        self.connect("b").publish("t", b"waits", 1)
        again = self.connect("a", keep=True, present=True)  # has heard CONNACK
        self.assertEqual([each.payload for each in again.messages()], [b"waits"])


class MalformedTests(BrokerCase):
    @states("MQTT311-3.1.4-1", "MQTT5-3.1.4-1", "MQTT5-4.13.1-1")
    def test_malformed(self) -> None:
        """
        A CONNECT that breaks the format is not let in.
        """
        with self.case("nothing in it"):
            peer = self.dial()
            peer.say("10 00")
            peer.closed()
        level, properties = _LEVELS[self.version]
        for name, spelling in MALFORMED:
            with self.case(name):
                peer = self.dial()
                peer.say(spelling.replace("V", level).replace("P", properties))
                peer.closed(0x81)

    @states("MQTT311-3.1.2-3", "MQTT5-3.1.2-3")
    def test_reserved_flag(self) -> None:
        """
        The lowest bit of the connect flags must be 0.
        """
        level, properties = _LEVELS[self.version]
        peer = self.dial()
        peer.say(f'10 [ "MQTT" {level} 03 0000 {properties} "a" ]')
        peer.closed(0x81)

    @states("MQTT311-3.1.2-2")
    def test_unknown_level(self) -> None:
        """
        A protocol level that nobody speaks is answered with return code 1.
        """
        peer = self.dial()
        peer.say('10 [ "MQTT" 02 02 0000 "a" ]')
        peer.expect("20 02 00 01")
        peer.closed()

    @states("MQTT5-3.1.2-2")
    def test_unknown_version(self) -> None:
        """
        A protocol version that nobody speaks is refused.
        """
        peer = self.dial()
        peer.say('10 [ "MQTT" 06 02 0000 [] "a" ]')
        peer.closed(0x84)

    @states("MQTT5 3.1.2.11")
    def test_property_twice(self) -> None:
        """
        A property that may stand once must not stand twice.
        """
        for name, spelling in (
            ("session expiry", "11 00000001 11 00000001"),
            ("receive maximum", "21 0001 21 0001"),
            ("maximum packet size", "27 00001000 27 00001000"),
        ):
            with self.case(name):
                peer = self.dial()
                peer.say(f'10 [ "MQTT" 05 02 0000 [ {spelling} ] "a" ]')
                peer.closed(0x82)


class TakeoverTests(BrokerCase):
    @states("MQTT311-3.1.4-2", "MQTT5-3.1.4-3")
    def test_same_client_identifier(self) -> None:
        """
        Of two clients with one name the older has to go, and on 5.0 is told why.
        """
        older = self.connect("a")
        newer = self.connect("a")
        if self.version == 5:
            older.expect(DISCONNECT, reason=0x8E)
        older.closed()
        newer.alive()


class RefusedTests(BrokerCase):
    @states("MQTT311-3.1.4-5", "MQTT5-3.1.4-6", "MQTT311-3.2.2-5", "MQTT5-3.2.2-7", "MQTT311-3.2.2-4", "MQTT5-3.2.2-6")
    def test_nothing_after_a_refusal(self) -> None:
        """
        What a client says right behind a CONNECT that is refused is not acted on.
        """
        self.begin(users={"joe": "secret"})
        watcher = self.connect("w", username="joe", password=b"secret")
        watcher.subscribe("#")
        peer = self.dial()
        peer.say(Connect("a", self.version, username="joe", password=b"wrong"), Publish(b"t", b"slipped in"))
        peer.expect(CONNACK, reason=0x86 if self.version == 5 else 4, session_present=False)
        peer.closed()
        watcher.silence()


class KeepAliveTests(BrokerCase):
    @states("MQTT311-3.1.2-24", "MQTT5-3.1.2-22")
    def test_silent_client(self) -> None:
        """
        A client that says nothing for one and a half times its keep-alive is dropped, and its will published.
        """
        watcher = self.connect("w")
        watcher.subscribe("will")
        peer = self.connect("a", keep_alive=2, will=Will(b"will", b"gone"))
        self.wait(2.5)
        watcher.silence()
        self.wait(1)
        peer.closed(0x8D, late=6)
        self.assertEqual([each.payload for each in watcher.messages()], [b"gone"])

    @states("MQTT5-3.2.2-22")
    def test_the_clients_keep_alive_counts(self) -> None:
        """
        Where the broker names no keep-alive of its own, that of the client counts.
        """
        peer = self.connect("a", keep_alive=2)
        if peer.connack.properties is not None and peer.connack.properties.server_keep_alive is not None:
            self.only_ours("the broker names a keep-alive of its own")
        self.wait(1.5)
        peer.alive()
        self.wait(2.5)
        peer.alive()
        self.wait(3.5)
        peer.closed(0x8D, late=6)
