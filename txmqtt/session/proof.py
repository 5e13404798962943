"""
Enhanced authentication on a server's side: challenges and answers, before the client is in and as often as it likes
afterwards [MQTT5-4.12.0-1].

What they mean is for somebody above to know; here is who may speak when. A client speaks only when it was asked, but
for the first words. Until it is in, nothing of what it says is acted on but its answers; while it proves itself again
all else goes on, by what was proven before.
"""

from __future__ import annotations

from typing import Final, cast

from txmqtt.codec import encode, reasons
from txmqtt.codec.errors import RemoteProtocolError
from txmqtt.codec.packets import Auth, Packet
from txmqtt.codec.properties import Properties
from txmqtt.session.conversation import Conversation
from txmqtt.session.sink import ServerLink
from txmqtt.session.voice import CLOSED, NEVER, OPEN, OPENING

#: Where an exchange is: nobody owes an answer; the client does; we do.
_IDLE: Final = 0
_ASKED: Final = 1
_JUDGING: Final = 2


class Proof(Conversation):
    """
    The part of a server's conversation in which a client proves who it is.

    @ivar method: the authentication method that CONNECT names; None for none.
    @ivar last_word: of the method, for the CONNACK.
    @ivar exchange_timeout: how long a client that is in may take to prove itself again, seconds.
    """

    method: str | None = None
    exchange_timeout = 0.0
    last_word: bytes | None = None
    _exchange = _IDLE
    _renewal_due = NEVER

    @property
    def _door(self) -> ServerLink:
        return cast(ServerLink, self.link)

    def challenge(self, data: bytes | None) -> None:
        """
        Ask the client for more [MQTT5-4.12.0-2].
        """
        if self.phase == CLOSED:
            return
        self._exchange = _ASKED
        self._send_auth(reasons.CONTINUE_AUTHENTICATION, data)
        if self.phase == OPENING:
            self._listen()

    def renewed(self, data: bytes | None) -> None:
        """
        The client has proven again who it is.

        @param data: the last word of the method.
        """
        if self.phase == OPEN:
            self._proven()
            self._send_auth(reasons.SUCCESS, data)

    def _proven(self) -> None:
        self._exchange = _IDLE
        self._renewal_due = NEVER

    def _send_auth(self, reason: int, data: bytes | None) -> None:
        said = Properties(authentication_method=self.method, authentication_data=data)  # [MQTT5-4.12.0-5]
        self.send(encode.auth(reason, said))

    def _auth(self, packet: Packet) -> None:
        """
        AUTH from the client.
        """
        assert isinstance(packet, Auth)
        said = packet.properties
        method = said.authentication_method if said is not None else None
        if self.method is None:  # [MQTT5-4.12.0-7]
            raise RemoteProtocolError("AUTH after a CONNECT without an authentication method")
        if method != self.method:  # [MQTT5-4.12.0-5] [MQTT5-4.12.1-1]
            raise RemoteProtocolError("AUTH with another authentication method than CONNECT")
        data = said.authentication_data if said is not None else None
        if self._exchange == _ASKED and packet.reason == reasons.CONTINUE_AUTHENTICATION:  # [MQTT5-4.12.0-3]
            self._exchange = _JUDGING
            if self.phase == OPENING:
                self.reading = False
            self._door.answering(data)
        elif self._exchange == _IDLE and packet.reason == reasons.RE_AUTHENTICATE and self.phase == OPEN:
            self._exchange = _JUDGING
            self._renewal_due = self.turn.now + self.exchange_timeout
            self.nearer(self._renewal_due)
            self._door.renewing(data)
        else:
            raise RemoteProtocolError(f"AUTH with {reasons.name(packet.reason)} when {_EXPECTED[self._exchange]}")

    def _renewal_overdue(self, now: float) -> bool:
        """
        Has the client taken too long to prove itself again? Then the conversation ends [MQTT5-4.12.1-2].
        """
        if self._renewal_due > now:
            return False
        self.end(reasons.NOT_AUTHORIZED, f"re-authentication took longer than {self.exchange_timeout:g} s")
        return True

    def _listen(self) -> None:
        """
        Read on until the client has answered.
        """
        raise NotImplementedError


#: What may come, by where the exchange is.
_EXPECTED: Final = (
    f"{reasons.name(reasons.RE_AUTHENTICATE)} may begin an exchange",
    f"an answer, {reasons.name(reasons.CONTINUE_AUTHENTICATION)}, is due",
    "the last one is not answered yet",
)
