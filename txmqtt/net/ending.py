"""
How a client's connection ended: who ended it, why, and the errors that say so.
"""

from __future__ import annotations

from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from txmqtt.codec import reasons
from txmqtt.codec.constants import MQTT311
from txmqtt.codec.errors import ConnectionClosed, Refused, TLSFailure
from txmqtt.codec.packets import Connack, Disconnect
from txmqtt.codec.properties import Properties
from txmqtt.net.tls_failures import understood


class Ending:
    """
    The end of one connection, before and after it has come.

    @ivar known: it has come, and this is why.
    @ivar cause: what went wrong on our side, if that is why.
    """

    def __init__(self) -> None:
        self.known = False
        self.cause: BaseException | None = None
        self._words = "not connected yet"
        self._reason = reasons.UNSPECIFIED_ERROR
        self._remote = False
        self._properties: Properties | None = None
        self._refused = False
        self._distrust: TLSFailure | None = None

    def __str__(self) -> str:
        return self._words

    def refused(self, packet: Connack, version: int) -> None:
        """
        The server did not accept us, which is why it will end.
        """
        self._refused = True
        self._words = f"the server refused the connection: {reasons.name(packet.reason)}{told(packet.properties)}"
        if packet.reason == reasons.UNSUPPORTED_PROTOCOL_VERSION:
            self._words += f"; it does not take version {version}{_another(version)}"
        self._reason = packet.reason
        self._properties = packet.properties

    def closed(self, reason: int, message: str, goodbye: Disconnect | None) -> None:
        """
        We close it, or the server said that it does.

        @param message: what was wrong; empty: nothing.
        @param goodbye: of the server.
        """
        self.known = True
        if goodbye is not None:
            self._words = f"the server closed the connection: {reasons.name(reason)}{told(goodbye.properties)}"
            self._properties = goodbye.properties
            self._reason = reason
            self._remote = True
        elif self._refused:
            self._remote = True
        else:
            name = reasons.name(reason)
            self._words = f"we closed the connection: {message} ({name})" if message else "we disconnected"
            self._reason = reason

    def lost(self, reason: Failure, accepted: bool, version: int) -> None:
        """
        It is gone, without a word.

        @param accepted: the server had accepted us before.
        @param version: of MQTT.
        """
        self.known = self._remote = True
        when = "" if accepted else " before the server answered"
        self._distrust = understood(reason)
        self._words = f"the connection was lost{when}: {self._distrust or reason.getErrorMessage()}"
        if not accepted and reason.check(ConnectionDone):  # some close so when they do not know a version
            self._words += f" Perhaps it does not take version {version}{_another(version)}."
        self._reason = reasons.UNSPECIFIED_ERROR

    def error(self) -> ConnectionClosed:
        """
        For one who waited for an answer.
        """
        if self._distrust is not None:
            return TLSFailure(self._words, self._distrust.kind)
        error = ConnectionClosed(self._words, self._reason, self._remote, self._properties)
        if self.known and not self._remote:
            error.__cause__ = self.cause
        return error

    def refusal(self) -> Exception:
        """
        For one who waited to be accepted.
        """
        if self._refused:
            return Refused(self._words, self._reason, properties=self._properties)
        return self.error()


def _another(version: int) -> str:
    return "" if version == MQTT311 else ", try 4, which is MQTT 3.1.1"


def told(properties: Properties | None) -> str:
    """
    What the server had to say about it.
    """
    if properties is None:
        return ""
    words = f", {properties.reason_string!r}" if properties.reason_string else ""
    return words + (f", use {properties.server_reference!r}" if properties.server_reference else "")
