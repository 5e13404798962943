"""
The variable header of CONNECT (section 3.1.2): its name, level and flags, and what stands in the payload by them.
"""

from __future__ import annotations

from tests.conformance.broker.connects import connect, refused
from tests.conformance.case import BrokerCase
from tests.conformance.peer import field
from tests.conformance.states import states
from txmqtt.codec.constants import CONNACK, PUBLISH
from txmqtt.codec.packets import Connect, Publish

#: Protocol names and levels that nobody speaks, by the version in whose words they are refused.
LEVELS = {
    4: (("MQTT", 0), ("MQTT", 2), ("MQTT", 3), ("MQIsdp", 2), ("MQIsdp", 4)),
    5: (("MQTT", 6), ("MQTT", 7), ("MQTT", 0x7F), ("MQIsdp", 5)),
}

#: What says that there is no will, and says something of it: flags and payload.
WILLESS = (
    ("QoS 1", 0x0A, '"a"'),
    ("QoS 2", 0x12, '"a"'),
    ("QoS 3", 0x1A, '"a"'),
    ("retain", 0x22, '"a"'),
    ("QoS and retain", 0x32, '"a"'),
)

#: Flags and a payload that do not belong together.
MISMATCHED = (
    ("no user name", 0x82, '"a"'),
    ("a user name without its flag", 0x02, '"a" "joe"'),
    ("no password", 0xC2, '"a" "joe"'),
    ("a password without its flag", 0x82, '"a" "joe" "secret"'),
    ("neither user name nor password", 0xC2, '"a"'),
    ("both without their flags", 0x02, '"a" "joe" "secret"'),
)


class NameTests(BrokerCase):
    @states("MQTT311-3.1.2-1", "MQTT5-3.1.2-1")
    def test_wrong_name(self) -> None:
        """
        Under a protocol name that is not MQTT, letter by letter, nobody gets in.
        """
        properties = "[]" if self.version == 5 else ""
        for name in ('"MQTX"', '"mqtt"', '"MQTT "', '"MQT"', '"HTTP"', '""', "0006 4d51 4545 d454"):
            with self.case(name):
                peer = self.dial()
                peer.say(f'10 [ {name} {self.version:02x} 02 0000 {properties} "a" ]')
                refused(peer, 0x01, 0x80, 0x81, 0x82, 0x84)

    @states("MQTT311-3.1.2-2", "MQTT5-3.1.2-2")
    def test_no_such_level(self) -> None:
        """
        The levels around those that exist, and those of the other name, are refused.
        """
        for name, level in LEVELS[self.version]:
            with self.case(f"{name} {level}"):
                peer = self.dial()
                peer.say(f'10 [ "{name}" {level:02x} 02 0000 "a" ]')
                refused(peer, 0x01, 0x80, 0x81, 0x82, 0x84)


class WillFlagTests(BrokerCase):
    @states("MQTT311-3.1.2-11", "MQTT311-3.1.2-13", "MQTT311-3.1.2-15", "MQTT5-3.1.2-11", "MQTT5-3.1.2-13")
    def test_bits_of_no_will(self) -> None:
        """
        Who has no will must not give its QoS or retain bit, nor the will itself.
        """
        for name, flags, payload in WILLESS:
            with self.case(name):
                peer = self.dial()
                peer.say(connect(self.version, payload, flags))
                peer.closed(0x81)
        with self.case("a will without its flag"):
            peer = self.dial()
            peer.say(connect(self.version, '"a" P "w" "gone"'))
            peer.closed(0x81)

    @states("MQTT311-3.1.2-14", "MQTT5-3.1.2-12")
    def test_will_qos_3(self) -> None:
        """
        A will of QoS 3 keeps its client out; one of QoS 2 does not.
        """
        peer = self.dial()
        peer.say(connect(self.version, '"a" P "w" "gone"', 0x1E))
        peer.closed(0x81)
        peer = self.dial()
        peer.say(connect(self.version, '"a" P "w" "gone"', 0x16))
        peer.expect(CONNACK, reason=0)

    @states("MQTT311-3.1.2-9", "MQTT5-3.1.2-9")
    def test_will_is_there(self) -> None:
        """
        Who says that there is a will has to give its topic and its payload.
        """
        for name, payload in (("neither", '"a" P '), ("no payload", '"a" P "w"'), ("cut off", '"a" P "w" 0005 61')):
            with self.case(name):
                peer = self.dial()
                peer.say(connect(self.version, payload, 0x06))
                peer.closed(0x81)


class LoginFlagTests(BrokerCase):
    @states(
        *("MQTT311-3.1.2-18", "MQTT311-3.1.2-19", "MQTT311-3.1.2-20", "MQTT311-3.1.2-21"),
        *("MQTT5-3.1.2-16", "MQTT5-3.1.2-17", "MQTT5-3.1.2-18", "MQTT5-3.1.2-19"),
    )
    def test_flags_and_payload(self) -> None:
        """
        User name and password are there if and only if their flags say so.
        """
        for name, flags, payload in MISMATCHED:
            with self.case(name):
                peer = self.dial()
                peer.say(connect(self.version, payload, flags))
                peer.closed(0x81)

    @states("MQTT311-3.1.2-19", "MQTT311-3.1.2-21", "MQTT5-3.1.2-17", "MQTT5-3.1.2-19")
    def test_login(self) -> None:
        """
        User name and password are what the client is let in by.
        """
        self.begin(users={"joe": "secret"})
        for payload, good in (
            ('"a" "joe" "secret"', True),
            ('"a" "joe" "secre"', False),
            ('"a" "secret" "joe"', False),
        ):
            with self.case(payload):
                peer = self.dial()
                peer.say(connect(self.version, payload, 0xC2))
                if good:
                    peer.expect(CONNACK, reason=0)
                else:
                    refused(peer, 4, 5, 0x86, 0x87)

    @states("MQTT311-3.1.2-22")
    def test_password_alone(self) -> None:
        """
        A password without a user name breaks the format.
        """
        peer = self.dial()
        peer.say(connect(self.version, '"a" "secret"', 0x42))
        peer.closed()

    @states("MQTT5 3.1.2.9", "MQTT5-3.1.2-19")
    def test_password_alone_is_allowed(self) -> None:
        """
        On 5.0 a password may come without a user name: it is something secret of any kind.
        """
        peer = self.dial()
        peer.say(connect(self.version, '"a" "secret"', 0x42))
        peer.expect(CONNACK, reason=0)

    @states("MQTT5-3.1.4-2", "MQTT311 3.1.4")
    def test_who_may_not_come_in(self) -> None:
        """
        Who gives a wrong password, another's name or none is refused, told why, and closed.
        """
        self.begin(users={"joe": "secret"})
        for name, username, password, code in (
            ("wrong password", "joe", b"guess", 0x86),
            ("no password", "joe", None, 0x86),
            ("unknown user", "eve", b"secret", 0x86),
            ("nobody", None, None, 0x87),
        ):
            with self.case(name):
                peer = self.dial()
                peer.say(Connect("a", self.version, username=username, password=password))
                told = code if self.version == 5 else 4 if code == 0x86 else 5
                peer.expect(CONNACK, reason=told, session_present=False)
                peer.closed()


class KeepAliveTests(BrokerCase):
    @states("MQTT311 3.1.2.10", "MQTT5 3.1.2.10", "MQTT31 3.1")
    def test_none(self) -> None:
        """
        A client whose keep-alive is 0 may say nothing for as long as it likes.
        """
        peer = self.connect("a")
        if field(peer.connack, "server_keep_alive") is None:
            self.wait(3_600 if self.target is None else 4)
            peer.alive()

    @states("MQTT311 3.1.2.10", "MQTT5 3.1.2.10", "MQTT311-3.1.2-24", "MQTT5-3.1.2-22")
    def test_whatever_it_says(self) -> None:
        """
        Any packet of the client's counts, not only PINGREQ; those that it is sent do not.
        """
        talker = self.connect("a", keep_alive=2)
        listener = self.connect("b", keep_alive=2)
        listener.subscribe("t")
        for payload in (b"1", b"2"):
            self.wait(1)
            talker.say(Publish(b"t", payload))
            listener.expect(PUBLISH, payload=payload)
        self.wait(2)
        talker.alive()
        listener.closed(0x8D, late=6)
