"""
Enhanced authentication (section 4.12): clients that prove in several steps who they are.
"""

from __future__ import annotations

from twisted.cred.error import LoginFailed
from zope.interface import implementer

from tests.conformance.case import BrokerCase
from tests.conformance.peer import Peer, field
from tests.conformance.states import states
from txmqtt.codec.constants import AUTH, CONNACK, DISCONNECT, PUBACK, PUBLISH
from txmqtt.codec.packets import Auth, Connect, Disconnect, Packet, Pingreq, Publish, Subscribe, Subscription
from txmqtt.codec.properties import Properties
from txmqtt.net.access.mechanisms import Challenge, IExchange, IMechanism, Success
from txmqtt.net.auth import IMQTTCredentials

#: What is right to say, step by step, and what the broker says to it.
_RIGHT = ((b"joe", b"1 + 1"), (b"2", b"2 + 2"), (b"4", b"welcome"))


@implementer(IMechanism)
class Riddles:
    """
    Who knows the answers may come in.
    """

    name = "riddles"

    def begin(self, credentials: IMQTTCredentials) -> IExchange:
        exchange: IExchange = _Riddles()
        return exchange


@implementer(IExchange)
class _Riddles:
    def __init__(self) -> None:
        self.steps = iter(_RIGHT)

    def step(self, data: bytes | None) -> Challenge | Success:
        right, answer = next(self.steps)
        if data != right:
            raise LoginFailed("wrong")
        return Success(b"joe", answer) if answer == _RIGHT[-1][1] else Challenge(answer)


def hello(method: str | None, data: bytes | None = None) -> Connect:
    """
    CONNECT of somebody who wants to prove who he is.
    """
    return Connect("a", 5, properties=Properties(authentication_method=method, authentication_data=data))


def auth(reason: int, data: bytes | None = None, method: str | None = "riddles") -> Auth:
    return Auth(reason, Properties(authentication_method=method, authentication_data=data))


class RiddleCase(BrokerCase):
    """
    Before a broker that knows riddles.
    """

    def answers(self, peer: Peer, many: int = 3) -> None:
        """
        So many right steps to come in, of three.
        """
        for step, (right, answer) in enumerate(_RIGHT[:many]):
            peer.say(auth(0x18, right) if step else hello("riddles", right))
            if step < 2:
                peer.expect(AUTH, reason=0x18, authentication_method="riddles", authentication_data=answer)
            else:
                peer.expect(CONNACK, reason=0, authentication_method="riddles", authentication_data=answer)

    def enter(self, many: int = 3) -> Peer:
        """
        Who has come so far.
        """
        if self._world is None:
            self.begin(mechanisms=[Riddles()])
        peer = self.dial()
        self.answers(peer, many)
        return peer


class EntryTests(RiddleCase):
    @states("MQTT5-4.12.0-1")
    def test_unknown(self) -> None:
        """
        A way to prove who one is that the broker does not know is refused, and the connection closed.
        """
        for method in ("nobody knows this", ""):
            with self.case(method):
                peer = self.dial()
                peer.say(hello(method, b"\0joe"))
                peer.closed(0x8C, 0x87)

    @states("MQTT5-4.12.0-1")
    def test_another(self) -> None:
        """
        So it is before a broker that knows another; and names are compared as they are.
        """
        self.begin(mechanisms=[Riddles()])
        for method in ("Riddles", "riddle", "riddles "):
            with self.case(method):
                peer = self.dial()
                peer.say(hello(method, b"joe"))
                peer.expect(CONNACK, reason=0x8C)
                peer.closed()

    @states("MQTT5-4.12.0-2", "MQTT5-4.12.0-5")
    def test_steps(self) -> None:
        """
        The broker asks with AUTH 0x18, and each of its steps, CONNACK included, names the way that CONNECT named.
        """
        peer = self.enter()
        peer.alive()

    @states("MQTT5-4.12.0-4", "MQTT5-4.13.2-1")
    def test_wrong(self) -> None:
        """
        Who is not believed is closed, at whatever step, and is told with CONNACK.
        """
        for step in range(3):
            with self.case(str(step)):
                peer = self.enter(step)
                peer.say(auth(0x18, b"wrong") if step else hello("riddles", b"wrong"))
                peer.expect(CONNACK, reason=0x87)
                peer.closed()

    @states("MQTT5-4.12.0-6")
    def test_without(self) -> None:
        """
        Who names no way to prove who it is hears nothing of one, neither in AUTH nor in CONNACK.
        """
        if self.target is None:
            self.begin(mechanisms=[Riddles()])
        peer = self.connect("a")
        self.assertIsNone(field(peer.connack, "authentication_method"))
        self.assertIsNone(field(peer.connack, "authentication_data"))
        peer.alive()
        peer.publish("t", b"x", 1)
        self.wait(2)
        peer.silence()

    @states("MQTT5 4.12", "MQTT5-4.12.0-5")
    def test_out_of_order(self) -> None:
        """
        Until it is let in, a client says AUTH 0x18 when it is asked, in the way that it named, or goes.
        """
        for name, words in (
            ("another way", auth(0x18, b"2", "secrets")),
            ("no way", "f0 02 18 00"),
            ("success", auth(0x00, b"2")),
            ("anew", auth(0x19, b"joe")),
            ("PINGREQ", Pingreq()),
            ("PUBLISH", Publish(b"t", b"x")),
            ("SUBSCRIBE", Subscribe(1, [Subscription(b"t")])),
            ("CONNECT", hello("riddles", b"joe")),
        ):
            with self.case(name):
                peer = self.enter(1)
                peer.say(words)
                peer.closed(0x82)
        peer = self.enter(1)
        peer.say(Disconnect())
        peer.closed()


class AgainTests(RiddleCase):
    @states("MQTT5 4.12.1", "MQTT5-4.12.0-2", "MQTT5-4.12.0-5")
    def test_again(self) -> None:
        """
        A client may prove again who it is, as often as it likes; meanwhile all else goes on as before.
        """
        peer = self.enter()
        for _ in range(2):
            for step, (right, answer) in enumerate(_RIGHT):
                peer.say(auth(0x18 if step else 0x19, right))
                reason = 0x18 if step < 2 else 0
                peer.expect(AUTH, reason=reason, authentication_method="riddles", authentication_data=answer)
                peer.alive()
                peer.subscribe("t", qos=1)
                self.connect("p").publish("t", b"x", 1)
                peer.acknowledge(peer.expect(PUBLISH, payload=b"x"))
                peer.say(Publish(b"u", b"x", 1, packet_id=77))
                peer.expect(PUBACK, packet_id=77)

    @states("MQTT5-4.12.1-2", "MQTT5-4.12.0-4")
    def test_fails(self) -> None:
        """
        Who is not believed again is disconnected, at whatever step.
        """
        for step in range(3):
            with self.case(str(step)):
                peer = self.enter()
                for before in range(step):
                    peer.say(auth(0x18 if before else 0x19, _RIGHT[before][0]))
                    peer.expect(AUTH, reason=0x18)
                peer.say(auth(0x18 if step else 0x19, b"wrong"))
                peer.expect(DISCONNECT, reason=0x87)
                peer.closed()

    @states("MQTT5-4.12.1-2", "MQTT5 4.12.1", "MQTT5-4.12.0-5")
    def test_out_of_order(self) -> None:
        """
        A client begins anew with AUTH 0x19, in the way that its CONNECT named.
        """
        for name, words in (
            ("another way", auth(0x19, b"joe", "secrets")),
            ("no way", "f0 02 19 00"),
            ("nothing", "f0 00"),
            ("not asked", auth(0x18, b"joe")),
            ("success", auth(0x00, b"joe")),
        ):
            with self.case(name):
                peer = self.enter()
                peer.say(words)
                peer.closed(0x82)
        with self.case("twice"):
            peer = self.enter()
            peer.say(auth(0x19, b"joe"))
            peer.expect(AUTH, reason=0x18)
            peer.say(auth(0x19, b"joe"))
            peer.closed(0x82)

    @states("MQTT5 4.12.1", "MQTT5 4.12")
    def test_without(self) -> None:
        """
        A client that named no way to prove who it is can't say AUTH.
        """
        if self.target is None:
            self.begin(mechanisms=[Riddles()])
        for reason in (0x18, 0x19):
            with self.case(f"{reason:#04x}"):
                words: Packet = auth(reason, b"joe")
                peer = self.connect("a")
                peer.say(words)
                peer.closed(0x82, 0x8C)
