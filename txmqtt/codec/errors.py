"""
Everything that txmqtt raises, one class for each thing that a caller can do about it.

C{RemoteProtocolError}: the peer broke a rule; answer with C{reason} and close. C{LocalProtocolError}: our own caller
did; nothing was sent. C{Refused}: the peer understood and said no. C{ConnectionClosed}: the connection ended first;
C{TLSFailure} and C{ProxyFailure} are the ones that somebody must see to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from txmqtt.codec import reasons

if TYPE_CHECKING:
    from txmqtt.codec.properties import Properties


class MQTTError(Exception):
    """
    The root of everything that txmqtt raises on its own account.
    """


class ProtocolError(MQTTError):
    """
    A rule of MQTT was broken.

    @ivar reason: the reason code (MQTT 5.0, section 2.4) that names the breach.
    """

    def __init__(self, message: str, reason: int = reasons.PROTOCOL_ERROR) -> None:
        super().__init__(message)
        self.reason: Final = reason


class RemoteProtocolError(ProtocolError):
    """
    The peer broke a rule: it is told the reason (5.0), and the connection is closed.
    """


class UnsupportedVersion(RemoteProtocolError):
    """
    CONNECT asks for a protocol that we do not speak.

    @ivar level: the protocol level that CONNECT named.
    """

    def __init__(self, message: str, level: int) -> None:
        super().__init__(message, reasons.UNSUPPORTED_PROTOCOL_VERSION)
        self.level: Final = level


class LocalProtocolError(ProtocolError):
    """
    Our caller asked for something that MQTT, or what this peer announced, does not allow. Nothing was sent.
    """


class Refused(MQTTError):
    """
    The peer understood, and said no.

    @ivar reason: its reason code; on 3.x the nearest one of 5.0.
    @ivar reasons: where several things were asked for at once, what became of each, in the order asked.
    @ivar properties: what the peer said besides, 5.0; None: nothing.
    """

    def __init__(
        self, message: str, reason: int, reasons: tuple[int, ...] = (), properties: Properties | None = None
    ) -> None:
        super().__init__(message)
        self.reason: Final = reason
        self.reasons: Final = reasons or (reason,)
        self.properties: Final = properties

    @property
    def server_reference(self) -> str | None:
        """
        The other server that this one says to use; None: it names none.
        """
        return self.properties.server_reference if self.properties is not None else None


class RequestFailed(Refused):
    """
    A request to another client came to nothing: nobody serves it, or whoever does says that it went wrong. Who serves
    raises it to tell the other side so, in these words.
    """

    def __init__(
        self, message: str, reason: int = reasons.UNSPECIFIED_ERROR, properties: Properties | None = None
    ) -> None:
        super().__init__(message, reason, (), properties)


class ConnectionClosed(MQTTError):
    """
    The connection ended before the answer came.

    @ivar reason: the reason code with which one side ended it, or 0x80 where none was given.
    @ivar remote: the peer ended it, or the network between; otherwise we did.
    @ivar properties: what the peer said in its DISCONNECT, 5.0; None: nothing.
    """

    def __init__(
        self,
        message: str,
        reason: int = reasons.UNSPECIFIED_ERROR,
        remote: bool = False,
        properties: Properties | None = None,
    ) -> None:
        super().__init__(message)
        self.reason: Final = reason
        self.remote: Final = remote
        self.properties: Final = properties

    @property
    def server_reference(self) -> str | None:
        """
        The other server that this one says to use; None: it names none.
        """
        return self.properties.server_reference if self.properties is not None else None


class TLSFailure(ConnectionClosed):
    """
    TLS did not come about: the server could not prove who it is, or does not accept who we are.

    @ivar kind: what to look at. C{"name"}: the certificate of the server is for another name. C{"date"}: it has
        expired, or is not valid yet. C{"trust"}: whoever signed it is not known here, or it is otherwise not to be
        trusted. C{"client"}: the server wants a certificate of ours, or another one. C{"plain"}: the server does not
        seem to speak TLS there. C{"other"}: the message says what.
    """

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message, reasons.UNSPECIFIED_ERROR, True)
        self.kind: Final = kind


class ProxyFailure(ConnectionClosed):
    """
    The proxy was not reached, or did not connect us with the server; the message has its reason.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message, reasons.UNSPECIFIED_ERROR, True)
