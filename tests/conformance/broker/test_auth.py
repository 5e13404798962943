"""
AUTH (section 3.15): what the broker says and takes as a client proves who it is.
"""

from __future__ import annotations

from tests.conformance.broker.tables import TableCase
from tests.conformance.peer import Peer, field
from tests.conformance.states import states
from txmqtt.codec.constants import AUTH, CONNACK, DISCONNECT
from txmqtt.codec.packets import Auth, Connect
from txmqtt.codec.properties import Properties
from txmqtt.net.access.mechanisms import Challenge, Success


class Echo:
    """
    A method C{M} that asks for more as often as it is told C{more}.
    """

    name = "M"

    def begin(self, credentials: object) -> Echo:
        return self

    def step(self, data: bytes | None) -> Challenge | Success:
        return Challenge(b"go on") if data == b"more" else Success(b"joe", b"welcome")


#: The method and the data of an AUTH.
SAID = '15 "M" 16 "more"'


class AuthCase(TableCase):
    def knock(self, data: bytes = b"more", **properties: int) -> Peer:
        """
        A client that has begun to prove who it is.
        """
        peer = self.dial()
        said = Properties(authentication_method="M", authentication_data=data, **properties)  # type: ignore[arg-type]
        peer.say(Connect("a", 5, properties=said))
        return peer

    def enter(self, **properties: int) -> Peer:
        """
        A client that is in.
        """
        peer = self.knock(b"", **properties)
        peer.expect(CONNACK, reason=0, authentication_method="M")
        return peer

    def offer(self) -> None:
        """
        Our broker offers the method.
        """
        self.begin(mechanisms=(Echo(),))  # type: ignore[arg-type] # which is not declared, for brevity


class UninvitedTests(TableCase):
    @states("MQTT5-3.15.1-1")
    def test_flags(self) -> None:
        """
        Whoever says AUTH with flags is disconnected.
        """
        self.refuses(((first, f'{first} [ 19 [ 15 "M" ] ]') for first in ("f1", "f2", "f4", "f8", "ff")), 0x81)

    @states("MQTT5 3.15")
    def test_uninvited(self) -> None:
        """
        Whoever says AUTH and named no authentication method in CONNECT is disconnected.
        """
        table = (("re-authenticate", f"f0 [ 19 [ {SAID} ] ]"), ("go on", f"f0 [ 18 [ {SAID} ] ]"), ("success", "f0 00"))
        self.refuses(table, 0x82)

    @states("MQTT5 3.15")
    def test_first(self) -> None:
        """
        Whoever begins with AUTH is closed without an answer.
        """
        peer = self.dial()
        peer.say(f"f0 [ 19 [ {SAID} ] ]")
        self.assertEqual(peer.everything(), b"")
        self.assertTrue(peer.wire.over)


class ExchangeTests(AuthCase):
    def setUp(self) -> None:
        super().setUp()
        self.offer()

    @states("MQTT5-3.15.2-1", "MQTT5-3.15.1-1", "MQTT5 3.15.2.1")
    def test_reasons(self) -> None:
        """
        The broker asks for more with 0x18, and answers a client that has proven itself again with 0; both have no
        flags.
        """
        peer = self.knock()
        peer.expect(f"f0 [ 18 [ {SAID.replace('more', 'go on')} ] ]")
        peer.say(f"f0 [ 18 [ {SAID} ] ]")
        peer.expect(AUTH, reason=0x18)
        peer.say('f0 [ 18 [ 15 "M" 16 "done" ] ]')
        peer.expect(CONNACK, reason=0, authentication_method="M", authentication_data=b"welcome")
        for _ in range(2):
            peer.say(f"f0 [ 19 [ {SAID} ] ]")
            peer.expect(AUTH, reason=0x18, authentication_method="M", authentication_data=b"go on")
            peer.alive()
            peer.say('f0 [ 18 [ 15 "M" 16 "done" ] ]')
            peer.expect('f0 [ 00 [ 15 "M" 16 "welcome" ] ]')
        peer.alive()

    @states("MQTT5-3.15.2-1", "MQTT5 3.15.2.1")
    def test_reasons_of_others(self) -> None:
        """
        Whoever says AUTH with a reason that is no client's, that there is not, or that is not its turn is
        disconnected.
        """
        for reason in ("00", "18", "01", "80", "1a", "87", "ff"):
            with self.case(reason):
                peer = self.enter()
                peer.say(f"f0 [ {reason} [ {SAID} ] ]")
                peer.closed(0x82)
        with self.case("nothing at all, which is 0"):
            peer = self.enter()
            peer.say("f0 00")
            peer.closed(0x82)
        for reason in ("00", "19", "80"):
            with self.case(f"{reason} before it is in"):
                peer = self.knock()
                peer.expect(AUTH)
                peer.say(f"f0 [ {reason} [ {SAID} ] ]")
                peer.closed(0x82)

    @states("MQTT5 3.15", "MQTT5 3.15.2.2.2", "MQTT5 3.15.2.2.3", "MQTT5 3.15.2.2.4")
    def test_properties(self) -> None:
        """
        Whoever says AUTH without a method, with another one than in CONNECT, or with a property twice is
        disconnected.
        """
        for name, said in (
            ("no method", '16 "x"'),
            ("no properties", ""),
            ("another method", '15 "N"'),
            ("no name", "15 0000"),
            ("method twice", '15 "M" 15 "M"'),
            ("data twice", '15 "M" 16 "x" 16 "x"'),
            ("reason twice", '15 "M" 1f "x" 1f "x"'),
        ):
            with self.case(name):
                peer = self.enter()
                peer.say(f"f0 [ 19 [ {said} ] ]")
                peer.closed(0x82)
        with self.case("what may be there"):
            peer = self.enter()
            peer.say('f0 [ 19 [ 15 "M" 1f "why" 26 "n" "v" 26 "n" "v" ] ]')
            peer.expect(AUTH, reason=0)

    @states("MQTT5-3.15.2-2", "MQTT5-3.15.2-3")
    def test_size(self) -> None:
        """
        An AUTH of the broker has no explanation that the client could not take.
        """
        peer = self.knock(maximum_packet_size=60)
        for reason in (0x18, 0x18):
            found = peer.expect(AUTH, reason=reason)
            self.assertLessEqual(len(peer.raw), 60)
            self.assertEqual((field(found, "reason_string"), field(found, "user_properties")), (None, ()))
            peer.say(Auth(0x18, Properties(authentication_method="M", authentication_data=b"more")))
        peer.expect(AUTH)
        peer.say(Auth(0x18, Properties(authentication_method="M")))
        peer.expect(CONNACK, reason=0)
        self.assertLessEqual(len(peer.raw), 60)

    @states("MQTT5 3.15")
    def test_cut_off(self) -> None:
        """
        Whoever says AUTH without its properties, or with something behind them, is disconnected.
        """
        for said in ("f0 01 19", "f0 02 19 05", 'f0 [ 19 [ 15 "M" ] 00 ]'):
            with self.case(said):
                peer = self.enter()
                peer.say(said)
                peer.closed(0x81, 0x82)
                self.assertEqual(peer.raw[0], DISCONNECT << 4)
