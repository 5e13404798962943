"""
Enhanced authentication on a client's side: it shows who it is, and learns whether the server is who it should be,
before the connection is open and again whenever it likes [MQTT5-4.12.1-1].

What is said means something to somebody above only; here is who may speak when. The client has said its first words in
CONNECT, or in the AUTH that begins anew. From then on the server asks and the client answers [MQTT5-4.12.0-3], until
the server is convinced. Its last word may be a proof of its own: nothing else is said or heard before somebody above
trusts it. While a client that is in proves itself again, all else goes on.
"""

from __future__ import annotations

from typing import Final

from txmqtt.codec import encode, reasons
from txmqtt.codec.errors import LocalProtocolError, RemoteProtocolError
from txmqtt.codec.packets import Auth, Connack, Packet
from txmqtt.codec.properties import Properties
from txmqtt.session.verbs import Verbs
from txmqtt.session.voice import NEVER, OPEN, OPENING

#: Where an exchange is: there is none; the server has the word; we owe an answer; its last word is being judged.
_IDLE: Final = 0
_SAID: Final = 1
_ASKED: Final = 2
_JUDGING: Final = 3

#: So often a server may ask within one exchange. No mechanism that is in use needs more than three.
_MOST_ROUNDS: Final = 16

#: So much that follows the server's last word is kept while it is judged; then reading stops, bytes.
_KEPT: Final = 65_536


class ClientProof(Verbs):
    """
    The part of a client's conversation in which it proves who it is.

    @ivar method: the authentication method that CONNECT named; None for none.
    @ivar exchange_timeout: how long it may take to prove it again, seconds; 0.0 for ever.
    """

    method: str | None = None
    exchange_timeout = 0.0
    _exchange = _IDLE
    _rounds = 0
    _exchange_due = NEVER
    _greeting: Connack | None = None  # what came while its sender is not trusted yet
    _holding = False

    @property
    def proving(self) -> bool:
        """
        An exchange is under way.
        """
        return self._exchange != _IDLE

    @property
    def awaits(self) -> bool:
        """
        Something that was asked or sent is not answered.
        """
        return self._exchange != _IDLE or len(self._pings) > 0 or len(self.books.ids.taken) > 0

    def _begun(self) -> None:
        """
        CONNECT says our first words.
        """
        self._exchange = _SAID
        self._rounds = 0

    def _awaited(self) -> str:
        """
        What has not come when the time until CONNACK is up.
        """
        return _MISSING[self._exchange]

    # What we say

    def answer(self, data: bytes | None) -> None:
        """
        Answer what the server asked [MQTT5-4.12.0-3].

        @raise LocalProtocolError: it has not asked, or the answer can't be said.
        """
        if self._exchange != _ASKED:
            raise LocalProtocolError(f"an answer when {_STANDS[self._exchange]}")
        self._send_auth(reasons.CONTINUE_AUTHENTICATION, data)

    def reauthenticate(self, data: bytes | None) -> None:
        """
        Begin to prove again who we are, by the method of CONNECT [MQTT5-4.12.1-1].

        @raise LocalProtocolError: the connection is not open, CONNECT named no method [MQTT5-4.12.0-7], or an exchange
            is under way.
        """
        self._must_be_open("reauthenticate")
        if self.method is None:
            raise LocalProtocolError("reauthenticate after a CONNECT without an authentication method")
        if self._exchange != _IDLE:
            raise LocalProtocolError("reauthenticate while the last one is under way")
        self._rounds = 0
        self._send_auth(reasons.RE_AUTHENTICATE, data)
        if self.exchange_timeout:
            self._exchange_due = self.turn.now + self.exchange_timeout
            self.nearer(self._exchange_due)

    def trust(self) -> None:
        """
        The server is who it should be: go on.
        """
        if self._exchange != _JUDGING:
            return
        self._exchange = _IDLE
        self._exchange_due = NEVER
        greeting, self._greeting = self._greeting, None
        if greeting is not None and self.phase == OPENING:
            if self._holding:
                self._holding = False
                self.link.release()
            self._open(greeting)
            self.proceed()

    def _send_auth(self, reason: int, data: bytes | None) -> None:
        frame = encode.auth(reason, Properties(authentication_method=self.method, authentication_data=data))
        self._exchange = _SAID
        self.send(frame)

    # What we hear

    def _auth(self, packet: Packet) -> None:
        """
        AUTH from the server.
        """
        assert isinstance(packet, Auth)
        if self.method is None:  # [MQTT5-4.12.0-6]
            raise self.unexpected(packet)
        data = self._data(packet.properties, "AUTH")
        if self._exchange != _SAID:
            raise RemoteProtocolError(f"AUTH when {_STANDS[self._exchange]}")
        if packet.reason == reasons.CONTINUE_AUTHENTICATION:  # [MQTT5-4.12.0-2]
            self._rounds += 1
            if self._rounds > _MOST_ROUNDS:
                raise RemoteProtocolError(f"more than {_MOST_ROUNDS} challenges in one authentication")
            self._exchange = _ASKED
            self.sink.challenged(self, data)
        elif packet.reason == reasons.SUCCESS and self.phase == OPEN:
            self._exchange = _JUDGING
            self.sink.convinced(self, data)
        else:
            raise RemoteProtocolError(f"AUTH with {reasons.name(packet.reason)} when {_STANDS[_SAID]}")

    def _greeted(self, packet: Connack) -> None:
        """
        A CONNACK lets us in: if CONNECT named a method, the server may have to be judged first.
        """
        if self.method is None:
            if packet.properties is not None and packet.properties.authentication_method is not None:
                # [MQTT5-4.12.0-6]
                raise RemoteProtocolError("CONNACK with an authentication method, CONNECT had none")
            self._open(packet)
            return
        data = self._data(packet.properties, "CONNACK")
        if self._exchange != _SAID:
            raise RemoteProtocolError(f"CONNACK when {_STANDS[self._exchange]}")
        self._exchange = _JUDGING
        self._greeting = packet
        self.reading = False
        self.sink.convinced(self, data)

    def _data(self, said: Properties | None, name: str) -> bytes | None:
        """
        The authentication data, if the method is ours.
        """
        if said is None or said.authentication_method != self.method:  # [MQTT5-4.12.0-5]
            raise RemoteProtocolError(f"{name} with another authentication method than CONNECT, or none")
        return said.authentication_data

    def _kept(self) -> None:
        if self.phase == OPENING and not self._holding and self.decoder.held > _KEPT:
            self._holding = True
            self.link.hold()

    def _exchange_overdue(self, now: float) -> bool:
        """
        Does it take too long to prove ourselves again? Then the conversation ends [MQTT5-4.12.1-2].
        """
        if self._exchange_due > now:
            return False
        self.end(
            reasons.UNSPECIFIED_ERROR,
            f"re-authentication took longer than {self.exchange_timeout:g} s, {_STANDS[self._exchange]}",
        )
        return True

    def _over(self) -> None:
        self._exchange = _IDLE
        self._exchange_due = NEVER
        self._greeting = None
        super()._over()

    def _open(self, packet: Connack) -> None:
        """
        The server accepts us, and is trusted.
        """
        raise NotImplementedError


#: How things stand, by where the exchange is.
_STANDS: Final = (
    "no authentication is under way",
    "the server has the word",
    "our answer is due",
    "the server has said its last word",
)

#: What has not come by then.
_MISSING: Final = (
    "no CONNACK",
    "no CONNACK",
    "no answer of ours to the server's challenge",
    "no judgement of ours on the server's last word",
)
