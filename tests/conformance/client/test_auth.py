"""
AUTH (section 3.15): what our client says to prove who it is, and what it takes for that.
"""

from __future__ import annotations

from tests.conformance.case import ClientCase
from tests.conformance.client.codes import CODES
from tests.conformance.peer import Peer
from tests.conformance.states import states
from txmqtt import Authenticator, ConnectionClosed, Properties
from txmqtt.codec.constants import AUTH, CONNECT
from txmqtt.codec.packets import Auth, Connack

METHOD = Properties(authentication_method="m")


class Steps(Authenticator):
    """
    Repeats what it is asked.
    """

    method = "m"

    def begin(self) -> bytes:
        return b"first"

    def answer(self, challenge: bytes | None) -> bytes | None:
        return challenge


class AuthCase(ClientCase):
    def proving(self) -> Peer:
        """
        A client that has said CONNECT and is not in yet.
        """
        peer = self.listen(authentication=Steps, keep_alive=1, timeout=0)
        peer.expect(CONNECT, authentication_method="m", authentication_data=b"first")
        return peer

    def proven(self, limit: int = 1_000) -> Peer:
        """
        A client that is in.
        """
        peer = self.listen(authentication=Steps, keep_alive=0)
        peer.expect(CONNECT)
        announced = Properties(authentication_method="m", maximum_packet_size=limit)
        peer.say(Connack(properties=announced))
        self.successResultOf(self.client.whenReady())
        return peer


class SaidTests(AuthCase):
    @states("MQTT5-3.1.2-30")
    def test_nothing_else_before_connack(self) -> None:
        """
        A client that proves who it is says nothing but AUTH until it is in, whatever it is asked to say.
        """
        peer = self.proving()
        client = self.client
        for _ in range(2):
            for verb in (client.publish, client.subscribe, client.unsubscribe):
                self.failureResultOf(verb("a"), ConnectionClosed)
            self.failureResultOf(client.ping(), ConnectionClosed)
            self.wait(10)
            peer.silence()
            peer.say('f0 [ 18 [ 15 "m" 16 0001 78 ] ]')
            peer.expect('f0 [ 18 [ 15 "m" 16 0001 78 ] ]')
        self.ignore(client.disconnect())
        peer.closed()

    @states("MQTT5-3.1.2-30")
    def test_messages_before_connack(self) -> None:
        """
        Nor does it answer anything else: who says it is left.
        """
        for words in ('30 [ "t" [] ]', '32 [ "t" 0001 [] ]', "62 02 0001", "d0 00"):
            with self.case(words):
                peer = self.proving()
                peer.say(words)
                peer.closed()

    @states("MQTT5-3.15.2-1", "MQTT5-3.15.2-2", "MQTT5-3.15.2-3", "MQTT5-3.15.1-1")
    def test_bytes(self) -> None:
        """
        AUTH has flags 0, one of the reasons that a client may have, the method and its data, and no words that would
        make it too large.
        """
        peer = self.proven(limit=16)
        answer = self.client.reauthenticate()
        peer.expect("f0 [ 19 [ 15 \"m\" 16 0005 'first' ] ]")
        self.assertLessEqual(len(peer.raw), 16)
        peer.say('f0 [ 18 [ 15 "m" 16 0001 78 ] ]')
        peer.expect('f0 [ 18 [ 15 "m" 16 0001 78 ] ]')
        peer.say('f0 [ 18 [ 15 "m" ] ]')
        peer.expect('f0 [ 18 [ 15 "m" ] ]')
        peer.say('f0 [ 00 [ 15 "m" ] ]')
        self.successResultOf(answer)
        peer.silence()


class HeardTests(AuthCase):
    @states("MQTT5-3.15.2-1")
    def test_reasons(self) -> None:
        """
        A server that says another reason than it may have is left, before CONNACK and after.
        """
        for code in CODES:
            with self.case(f"{code:#04x}"):
                words = f'f0 [ {code:02x} [ 15 "m" ] ]'
                peer = self.proving()
                peer.say(words)
                if code == 0x18:
                    peer.expect(AUTH, reason=0x18)
                else:  # 0x00 is for those who are in
                    peer.closed()
                peer = self.proven()
                answer = self.client.reauthenticate()
                self.ignore(answer)
                peer.expect(AUTH, reason=0x19)
                peer.say(words)
                if code == 0x18:
                    peer.expect(AUTH, reason=0x18)
                elif code == 0:
                    self.successResultOf(answer)
                else:
                    peer.closed(0x81, 0x82)

    @states("MQTT5-3.15.1-1")
    def test_flags(self) -> None:
        """
        A server whose AUTH has flags is left.
        """
        for flags in range(1, 16):
            with self.case(f"{flags:04b}"):
                peer = self.proving()
                peer.say(f'{0xF0 | flags:02x} [ 18 [ 15 "m" ] ]')
                peer.closed()
                peer = self.proven()
                self.ignore(self.client.reauthenticate())
                peer.expect(AUTH)
                peer.say(f'{0xF0 | flags:02x} [ 18 [ 15 "m" ] ]')
                peer.closed(0x81)

    @states("MQTT5 3.15.2.2.2", "MQTT5 3.15.2.2.3", "MQTT5 3.15.2.2.4")
    def test_properties(self) -> None:
        """
        The method must stand there, once; data and reason may, once; and nothing else.
        """
        for name, spelling, reason in (
            ("no method", "", 0x82),
            ("method twice", '15 "m" 15 "m"', 0x82),
            ("data twice", '15 "m" 16 "a" 16 "a"', 0x82),
            ("data alone", '16 "a"', 0x82),
            ("reason twice", '15 "m" 1f "a" 1f "a"', 0x82),
            ("server reference", '15 "m" 1c "a"', 0x81),
        ):
            with self.case(name):
                peer = self.proven()
                self.ignore(self.client.reauthenticate())
                peer.expect(AUTH)
                peer.say(f"f0 [ 18 [ {spelling} ] ]")
                peer.closed(reason)

    @states("MQTT5 3.15.2.1")
    def test_empty(self) -> None:
        """
        An AUTH of two bytes means success, but without the method it is none.
        """
        peer = self.proven()
        answer = self.client.reauthenticate()
        peer.expect(AUTH)
        peer.say("f0 00")
        peer.closed(0x82)
        self.failureResultOf(answer, ConnectionClosed)

    @states("MQTT5 3.15", "MQTT5 3.2.2.3.17")
    def test_not_asked_for(self) -> None:
        """
        A server that says AUTH to a client which named no method is left.
        """
        peer = self.accept()
        peer.say(Auth(0x18, METHOD))
        peer.closed(0x82)
        peer = self.listen()
        peer.expect(CONNECT)
        peer.say(Auth(0x18, METHOD))
        peer.closed(0x82)
