"""
A connection that is made again when it is lost, for commands that go on; the first attempt must succeed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from txmqtt.cli.exits import Ended
from txmqtt.cli.options.properties import merged
from txmqtt.cli.options.server import Server, not_connected
from txmqtt.cli.running import Run
from txmqtt.codec import reasons
from txmqtt.codec.constants import DISCONNECT
from txmqtt.codec.errors import ConnectionClosed, Refused
from txmqtt.codec.properties import Properties
from txmqtt.service.client import MQTTClientService, Phase, Retry

#: Between attempts, seconds, at most.
_LONGEST_PAUSE: Final = 30.0

#: Why a server ends a connection that would only be ended again.
_FOR_GOOD: Final = (
    reasons.SESSION_TAKEN_OVER,
    reasons.NOT_AUTHORIZED,
    reasons.BANNED,
    reasons.ADMINISTRATIVE_ACTION,
    reasons.USE_ANOTHER_SERVER,
    reasons.SERVER_MOVED,
)


class Lasting:
    """
    The connection.

    @ivar service: has the verbs.
    @param connected: called once, when the server has accepted us for the first time.
    @param failed: called when it is over: the first attempt failed, or trying again is in vain.
    @param further: keywords of C{MQTTClientService}.
    """

    def __init__(
        self,
        reactor: Any,
        run: Run,
        server: Server,
        connected: Callable[[], None],
        failed: Callable[[Exception], None],
        **further: Any,
    ) -> None:
        self._run = run
        self._server = server
        self._connected = connected
        self._failed = failed
        self._was_connected = False
        self._leaving = False
        retry = Retry(maximum=_LONGEST_PAUSE)
        options = {**server.options, **further}
        self.service = MQTTClientService(server.address(reactor), reactor=reactor, retry=retry, **options)
        self.service.observe(self._became)

    def start(self) -> None:
        """
        Connect.
        """
        self.service.startService()

    def _became(self, phase: Phase, error: Exception | None) -> None:
        if self._leaving:
            return
        if phase is Phase.CONNECTED:
            if not self._was_connected:
                self._was_connected = True
                self._connected()
        elif error is None:
            return
        elif not self._was_connected:
            self._failed(not_connected(error, self._server.version))
        elif phase is Phase.GIVEN_UP or (isinstance(error, ConnectionClosed) and error.reason in _FOR_GOOD):
            reason = error.reason if isinstance(error, Refused | ConnectionClosed) else reasons.UNSPECIFIED_ERROR
            self._failed(Ended(reason, str(error)))
        else:
            self._run.say(f"{str(error).rstrip('.')}; connecting again")

    async def leave(self) -> None:
        """
        Say goodbye and close.
        """
        self._leaving = True
        said = self._server.properties.of(DISCONNECT)
        options = self._server.options
        client = self.service.client
        # By itself the service ends a session that began anew, also one that was asked to be kept.
        if client is not None and (said is not None or "session_expiry" in options):
            ends = options["clean_start"] and "session_expiry" not in options
            client.disconnect(properties=merged(said, Properties(session_expiry_interval=0) if ends else None))
        await self.service.stopService()
