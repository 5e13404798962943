"""
CONNECT and CONNACK of MQTT 3.1 (its sections 3.1 and 3.2), where 3.1.1 says something else or nothing.
"""

from __future__ import annotations

from tests.conformance.broker.connects import connect, refused
from tests.conformance.case import BrokerCase
from tests.conformance.states import states
from txmqtt.codec.constants import PUBLISH
from txmqtt.codec.packets import Will


class OldTests(BrokerCase):
    @states("MQTT31 3.1", "MQTT31 3.2")
    def test_name_and_level(self) -> None:
        """
        The protocol is called MQIsdp and its level is 3.
        """
        peer = self.dial()
        peer.say("10 [ 0006 'MQIsdp' 03 02 0000 0001 'a' ]")
        peer.expect("20 02 00 00")
        peer.alive()

    @states("MQTT31 3.1", "MQTT31 3.2")
    def test_another_level(self) -> None:
        """
        Who names another level, or the new name with the old level, hears return code 1 if anything, and is closed.
        """
        for name, level in (("MQIsdp", 2), ("MQIsdp", 4), ("MQTT", 3), ("MQIsdq", 3)):
            with self.case(f"{name} {level}"):
                peer = self.dial()
                peer.say(f'10 [ "{name}" {level:02x} 02 0000 "a" ]')
                refused(peer, 1)

    @states("MQTT31 3.2")
    def test_session_is_not_mentioned(self) -> None:
        """
        A client that finds its session is not told: the first byte of CONNACK is reserved, and stays 0.
        """
        peer = self.dial()
        peer.say(connect(3, flags=0x00))
        peer.expect("20 02 00 00")
        peer.subscribe("t", qos=1)
        peer.drop()
        self.connect("p").publish("t", b"waits", 1)
        peer = self.dial()
        peer.say(connect(3, flags=0x00))
        peer.expect("20 02 00 00")
        self.assertEqual([each.payload for each in peer.messages()], [b"waits"])
        self._tidy.add("a")

    @states("MQTT31 2.1", "MQTT31 3.1")
    def test_bits_that_are_not_used(self) -> None:
        """
        DUP, QoS and RETAIN are not used in CONNECT, and its reserved bit means nothing: all may have any value.
        """
        for first in (0x11, 0x12, 0x18, 0x1F):
            with self.case(f"{first:#x}"):
                peer = self.dial()
                peer.say(connect(3, first=first))
                peer.expect("20 02 00 00")
        peer = self.dial()
        peer.say(connect(3, flags=0x03))
        peer.expect("20 02 00 00")

    @states("MQTT31 3.1")
    def test_bits_of_no_will(self) -> None:
        """
        Without a will its QoS and retain bits are disregarded.
        """
        for flags in (0x0A, 0x12, 0x22, 0x32):
            with self.case(f"{flags:#x}"):
                peer = self.dial()
                peer.say(connect(3, flags=flags))
                peer.expect("20 02 00 00")
                peer.drop()

    @states("MQTT31 3.1")
    def test_user_name_that_is_missing(self) -> None:
        """
        The length of the packet is stronger than the flags: user name and password may be missing all the same.
        """
        for name, payload, flags in (
            ("no user name", '"a"', 0x82),
            ("no user name and no password", '"a"', 0xC2),
            ("no password", '"a" "joe"', 0xC2),
            ("behind a will", '"a" "w" "x"', 0xC6),
        ):
            with self.case(name):
                peer = self.dial()
                peer.say(connect(3, payload, flags))
                peer.expect("20 02 00 00")
                peer.leave()

    @states("MQTT31 3.1")
    def test_password_alone(self) -> None:
        """
        A password without a user name is not valid.
        """
        peer = self.dial()
        peer.say(connect(3, '"a" "secret"', 0x42))
        refused(peer, 4, 5)

    @states("MQTT31 3.1", "MQTT31 3.2")
    def test_login(self) -> None:
        """
        A wrong password is return code 4, no name where one is needed 5.
        """
        self.begin(users={"joe": "secret"})
        for payload, flags, answer in (
            ('"a" "joe" "secret"', 0xC2, "20 02 00 00"),
            ('"a" "joe" "guess"', 0xC2, "20 02 00 04"),
            ('"a"', 0x02, "20 02 00 05"),
        ):
            with self.case(payload):
                peer = self.dial()
                peer.say(connect(3, payload, flags))
                peer.expect(answer)
                if answer[-1] != "0":
                    peer.closed()

    @states("MQTT31 3.1", "MQTT31 3.2")
    def test_no_name(self) -> None:
        """
        An empty client identifier is refused with return code 2, with and without a clean session.
        """
        for flags in (0x00, 0x02):
            with self.case(f"{flags:#x}"):
                peer = self.dial()
                peer.say(connect(3, '""', flags))
                peer.expect("20 02 00 02")
                peer.closed()

    @states("MQTT31 3.1", "MQTT31 3.2")
    def test_long_name(self) -> None:
        """
        A client identifier that is too long is refused with return code 2; by the letter 24 characters are.
        """
        self.begin(max_client_id_bytes=23)
        self.connect("x" * 23).leave()
        peer = self.dial()
        peer.say(connect(3, f'"{"x" * 24}"'))
        peer.expect("20 02 00 02")
        peer.closed()

    @states("MQTT31 3.1")
    def test_taken_over(self) -> None:
        """
        Of two clients with one name the older has to go before the newer is let in.
        """
        older = self.connect("a")
        newer = self.connect("a")
        older.closed()
        newer.alive()

    @states("MQTT31 3.1")
    def test_silent_client(self) -> None:
        """
        A client that says nothing for one and a half times its keep-alive is disconnected, and its will published.
        """
        watcher = self.connect("w")
        watcher.subscribe("will", qos=1)
        peer = self.connect("a", keep_alive=2, will=Will(b"will", b"gone", 1))
        self.wait(2.5)
        watcher.silence()
        self.wait(1)
        peer.closed(late=6)
        watcher.expect(PUBLISH, topic=b"will", payload=b"gone", qos=1)  # as bytes, without a length of their own

    @states("MQTT31 3.1")
    def test_clean_session(self) -> None:
        """
        A clean session forgets what there was; without one subscriptions stay, and messages of QoS 1 and 2 wait.
        """
        peer = self.connect("a", keep=True)
        peer.subscribe("t", qos=2)
        peer.leave()
        publisher = self.connect("p")
        for qos in (1, 2):
            publisher.publish("t", b"%d" % qos, qos)
        peer = self.connect("a", keep=True)
        self.assertEqual([each.payload for each in peer.messages()], [b"1", b"2"])
        peer.leave()
        publisher.publish("t", b"forgotten", 1)
        peer = self.connect("a", clean=True)
        publisher.publish("t", b"not wanted", 1)
        peer.silence()

    @states("MQTT31 3.1")
    def test_malformed(self) -> None:
        """
        A CONNECT that ends too early is not let in.
        """
        for name, spelling in (
            ("no client identifier", '10 [ "MQIsdp" 03 02 0000 ]'),
            ("no keep-alive", '10 [ "MQIsdp" 03 02 ]'),
            ("half a name", "10 [ 0006 'MQIs' ]"),
            ("no will", connect(3, '"a"', 0x06)),
            ("will of QoS 3", connect(3, '"a" "w" "x"', 0x1E)),
        ):
            with self.case(name):
                peer = self.dial()
                peer.say(spelling)
                refused(peer, 1, 2)

    @states("MQTT31 3.2")
    def test_versions_live_together(self) -> None:
        """
        A session of 3.1 goes on when its client comes back with 3.1.1, which is told of it.
        """
        peer = self.connect("a", keep=True)
        peer.subscribe("t", qos=1)
        peer.drop()
        self.connect("p", version=5).publish("t", b"x", 1)
        peer = self.connect("a", keep=True, version=4, present=True)
        self.assertEqual([each.payload for each in peer.messages()], [b"x"])
