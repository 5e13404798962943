"""
Enhanced authentication (section 4.12): how our client proves in several steps who it is.
"""

from __future__ import annotations

from tests.conformance.case import ClientCase
from tests.conformance.peer import Peer
from tests.conformance.states import states
from txmqtt import Authenticator, ConnectionClosed, LocalProtocolError, Refused
from txmqtt.codec.constants import AUTH, CONNECT, PUBACK, PUBLISH
from txmqtt.codec.packets import Ack, Publish


class Echo(Authenticator):
    """
    Answers each challenge with its own words, backwards; that of nothing not at all.
    """

    method = "echo"

    def begin(self) -> bytes:
        return b"hi"

    def answer(self, challenge: bytes | None) -> bytes | None:
        if not challenge:
            raise ValueError("a challenge of nothing")
        return challenge[::-1]

    def finish(self, data: bytes | None) -> None:
        if data == b"lie":
            raise ValueError("not whom we know")


#: The property that names the method, and one that says data.
_ECHO = '15 "echo"'
_DATA = "16"


class EntranceTests(ClientCase):
    def entering(self) -> Peer:
        peer = self.listen(authentication=Echo)
        peer.expect(CONNECT, authentication_method="echo", authentication_data=b"hi")
        return peer

    @states("MQTT5-4.12.0-3", "MQTT5-4.12.0-5")
    def test_steps(self) -> None:
        """
        Each challenge is answered with AUTH 0x18 and the method of CONNECT; after CONNACK the client is in.
        """
        peer = self.entering()
        for said, answer in (("abc", "cba"), ("de", "ed")):
            peer.say(f'f0 [ 18 [ {_ECHO} {_DATA} "{said}" ] ]')
            peer.expect(f'f0 [ 18 [ {_ECHO} {_DATA} "{answer}" ] ]')
        self.assertNoResult(self.client.whenReady())
        peer.say(f'20 [ 00 00 [ {_ECHO} {_DATA} "fine" ] ]')
        self.successResultOf(self.client.whenReady())
        peer.silence()

    @states("MQTT5-4.12.0-5")
    def test_another_method(self) -> None:
        """
        A server that names another method than CONNECT did, or none, is left; the client says nothing of itself to it.
        """
        for name, words in {
            "AUTH, another method": 'f0 [ 18 [ 15 "plain" 16 "a" ] ]',
            "AUTH, no method": 'f0 [ 18 [ 16 "a" ] ]',
            "AUTH, nothing": "f0 00",
            "CONNACK, another method": '20 [ 00 00 [ 15 "plain" ] ]',
            "CONNACK, no method": "20 [ 00 00 [] ]",
        }.items():
            with self.case(name):
                peer = self.entering()
                peer.say(words)
                peer.closed()
                self.failureResultOf(self.client.whenReady(), ConnectionClosed)

    @states("MQTT5 4.12", "MQTT5 3.15.2.1")
    def test_out_of_place(self) -> None:
        """
        A server that says AUTH with another reason than the step has, or twice, is left.
        """
        challenge = f'f0 [ 18 [ {_ECHO} {_DATA} "ab" ] ]'
        for name, words in {
            "success before CONNACK": f"f0 [ 00 [ {_ECHO} ] ]",
            "begin again": f"f0 [ 19 [ {_ECHO} ] ]",
            "no such reason": f"f0 [ 01 [ {_ECHO} ] ]",
            "the method twice": f"f0 [ 18 [ {_ECHO} {_ECHO} ] ]",
            "the data twice": f'f0 [ 18 [ {_ECHO} {_DATA} "a" {_DATA} "a" ] ]',
            "wrong flags": f"f1 [ 18 [ {_ECHO} ] ]",
        }.items():
            with self.case(name):
                peer = self.entering()
                peer.say(words)
                peer.closed()
        peer = self.accept()
        peer.say(challenge)
        peer.closed(0x82)

    @states("MQTT5 4.12")
    def test_refused(self) -> None:
        """
        A server may refuse at any step: then it is over.
        """
        peer = self.entering()
        peer.say(f'f0 [ 18 [ {_ECHO} {_DATA} "ab" ] ]')
        peer.expect(AUTH)
        peer.say("20 [ 00 87 [] ]")
        peer.closed()
        self.failureResultOf(self.client.whenReady(), Refused)

    @states("MQTT5 4.12")
    def test_the_server_is_not_trusted(self) -> None:
        """
        A server whose last word is a lie is left before it hears anything.
        """
        peer = self.entering()
        peer.say(f'20 [ 00 00 [ {_ECHO} {_DATA} "lie" ] ]')
        peer.closed()
        self.failureResultOf(self.client.whenReady(), ConnectionClosed)
        self.flushLoggedErrors(ValueError)

    @states("MQTT5-4.12.0-7")
    def test_without(self) -> None:
        """
        A client that named no method says no AUTH, even when it is asked to; and whoever says AUTH to it is left.
        """
        peer = self.accept()
        self.failureResultOf(self.client.reauthenticate(), LocalProtocolError)
        peer.silence()
        for words in ("f0 00", f"f0 [ 18 [ {_ECHO} ] ]", f"f0 [ 00 [ {_ECHO} ] ]"):
            with self.case(words):
                peer = self.accept()
                peer.say(words)
                peer.closed(0x82)
        peer = self.listen()
        peer.expect(CONNECT, authentication_method=None, authentication_data=None)
        peer.say(f"20 [ 00 00 [ {_ECHO} ] ]")  # [MQTT5-4.12.0-6]
        peer.closed()


class AgainTests(ClientCase):
    def entered(self) -> Peer:
        peer = self.listen(authentication=Echo)
        peer.expect(CONNECT)
        peer.say(f"20 [ 00 00 [ {_ECHO} ] ]")
        return peer

    @states("MQTT5-4.12.1-1", "MQTT5-4.12.0-3", "MQTT5-4.12.0-5")
    def test_again(self) -> None:
        """
        A client that is in proves who it is again, in the way that it named first; all else goes on meanwhile.
        """
        peer = self.entered()
        for _ in range(2):
            answer = self.client.reauthenticate()
            peer.expect(f'f0 [ 19 [ {_ECHO} {_DATA} "hi" ] ]')
            self.ignore(self.client.publish("t", b"x", 1))
            number = peer.expect(PUBLISH).packet_id
            peer.say(Publish(b"t", b"y", 1, packet_id=7), Ack(PUBACK, number), f'f0 [ 18 [ {_ECHO} {_DATA} "abc" ] ]')
            peer.expect(PUBACK, packet_id=7)
            peer.expect(f'f0 [ 18 [ {_ECHO} {_DATA} "cba" ] ]')
            self.assertNoResult(answer)
            peer.say(f"f0 [ 00 [ {_ECHO} ] ]")
            self.successResultOf(answer)
        peer.silence()

    @states("MQTT5-4.12.1-2")
    def test_fails(self) -> None:
        """
        When proving anew fails, whoever notices closes the connection.
        """
        for name, words in {
            "a challenge that it can't answer": f"f0 [ 18 [ {_ECHO} ] ]",
            "a lie": f'f0 [ 00 [ {_ECHO} {_DATA} "lie" ] ]',
            "another method": 'f0 [ 18 [ 15 "plain" 16 "a" ] ]',
            "a reason that has no place": f"f0 [ 19 [ {_ECHO} ] ]",
        }.items():
            with self.case(name):
                peer = self.entered()
                answer = self.client.reauthenticate()
                peer.expect(AUTH, reason=0x19)
                peer.say(words)
                peer.closed(0x80, 0x81, 0x82, 0x83, 0x87)
                self.failureResultOf(answer, ConnectionClosed)
        self.flushLoggedErrors(ValueError)

    @states("MQTT5 4.12.1")
    def test_the_server_begins(self) -> None:
        """
        Only the client begins anew: a server that says AUTH unasked is left.
        """
        for words in (f"f0 [ 19 [ {_ECHO} ] ]", f"f0 [ 18 [ {_ECHO} ] ]", f"f0 [ 00 [ {_ECHO} ] ]"):
            with self.case(words):
                peer = self.entered()
                peer.say(words)
                peer.closed(0x82)
