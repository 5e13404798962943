"""
What the process tells systemd that started it: ready, reloading, stopping, and that it is not stuck.

Without C{NOTIFY_SOCKET} in the environment nothing of this happens. See sd_notify(3) for the words.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from socket import AF_UNIX, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, socket
from time import CLOCK_MONOTONIC, clock_gettime_ns
from typing import Any, Final, Protocol

from twisted.application.service import Service
from twisted.internet.defer import CancelledError
from twisted.logger import Logger

from txmqtt.service.broker import BrokerService
from txmqtt.service.heartbeat import SWEEP

_log = Logger()

#: Seconds between two looks at whether the line that C{systemctl status} shows has changed.
STATUS: Final = 10.0


class Datagrams(Protocol):
    """
    What we need of a socket.
    """

    def sendto(self, data: bytes, address: str, /) -> int:
        """
        Send one datagram.
        """

    def close(self) -> None:
        """
        Let go of it.
        """


def _datagrams() -> Datagrams:
    return socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK)


def microseconds() -> int:
    """
    The time by the clock that systemd compares with.
    """
    return clock_gettime_ns(CLOCK_MONOTONIC) // 1000


class Notifier:
    """
    The way to who started us.

    @ivar interval: seconds within which we have to say that we are not stuck; 0.0 when nobody wants to know.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        pid: int,
        open: Callable[[], Datagrams] = _datagrams,
    ) -> None:
        """
        @param environment: that of the process.
        @param pid: its number.
        """
        address = environment.get("NOTIFY_SOCKET", "")
        self.interval = 0.0
        self._socket: Datagrams | None = None
        self._silent = False
        if not address:
            return
        if address[0] not in "/@" or len(address) == 1:
            _log.warn("NOTIFY_SOCKET is {address!r}, expected a path or @NAME: nobody is notified", address=address)
            return
        self._address = "\0" + address[1:] if address[0] == "@" else address
        self._socket = open()
        self.interval = _watchdog(environment, pid)

    @property
    def wanted(self) -> bool:
        """
        Whether anybody listens.
        """
        return self._socket is not None

    def say(self, **words: str | int) -> None:
        """
        Send one message: each name with what it is. It is never waited for, and what is lost is lost.
        """
        if self._socket is None:
            return
        lines = [f"{name}={' '.join(str(value).splitlines())}" for name, value in words.items()]
        try:
            self._socket.sendto("\n".join(lines).encode(errors="backslashreplace"), self._address)
        except OSError as error:
            if not self._silent:  # said once: the watchdog's answer would come again and again
                self._silent = True
                _log.warn("systemd can't be notified: {error}", error=error.strerror or str(error))

    def close(self) -> None:
        """
        Say nothing more.
        """
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _watchdog(environment: Mapping[str, str], pid: int) -> float:
    """
    How often the watchdog wants to hear from us, seconds.
    """
    words = environment.get("WATCHDOG_USEC", "")
    if not words or environment.get("WATCHDOG_PID", str(pid)) != str(pid):
        return 0.0
    if not (words.isascii() and words.isdigit()) or not 0 < int(words) < 1 << 64:
        _log.warn("WATCHDOG_USEC is {words!r}, expected microseconds: the watchdog is not fed", words=words)
        return 0.0
    return int(words) / 1e6


class NotifyService(Service):
    """
    Tells systemd what becomes of a broker. C{beat} is to be called by what the broker does every second, so that the
    watchdog hears nothing of one that is stuck.
    """

    def __init__(
        self,
        broker: BrokerService,
        environment: Mapping[str, str] | None = None,
        open: Callable[[], Datagrams] = _datagrams,
        clock: Callable[[], int] = microseconds,
    ) -> None:
        """
        @param environment: that of the process, unless given.
        @param open: makes a socket for datagrams.
        @param clock: microseconds of the monotonic clock.
        """
        self._broker = broker
        self._environment = os.environ if environment is None else environment
        self._open = open
        self._clock = clock
        self._notifier: Notifier | None = None
        self._waiting: Any = None
        self._ready = False
        self._next_watchdog = 0.0
        self._next_status = 0.0
        self._status = ""

    def startService(self) -> None:
        """
        See C{IService}: by now the process has the number that it will keep.
        """
        Service.startService(self)
        notifier = self._notifier = Notifier(self._environment, os.getpid(), self._open)
        if not notifier.wanted:
            return
        if notifier.interval and notifier.interval < 2 * SWEEP:
            _log.warn(
                "the watchdog wants to hear from us every {seconds} s; expected {least} at least: it may bite",
                seconds=notifier.interval,
                least=2 * SWEEP,
            )
        self._next_watchdog = self._next_status = 0.0
        self._waiting = self._broker.whenReady()
        self._waiting.addCallbacks(self._begun, self._failed)

    def _begun(self, _: object) -> None:
        self._waiting = None
        self._ready = True
        self._status = self._words()
        self._say(READY=1, STATUS=self._status)

    def _failed(self, failure: Any) -> None:
        self._waiting = None
        if failure.check(CancelledError) is None:
            self._say(STATUS=failure.getErrorMessage())

    def _say(self, **words: str | int) -> None:
        if self._notifier is not None:
            self._notifier.say(**words)

    def _words(self) -> str:
        stats = self._broker.stats
        return f"{stats.connections} clients connected, {stats.sessions} sessions, {stats.queued} messages queued"

    def beat(self, now: float) -> None:
        """
        The second's work was begun: we are not stuck.

        @param now: seconds of a clock that never jumps.
        """
        notifier = self._notifier
        if notifier is None or not notifier.wanted or not self._ready:
            return
        if notifier.interval and now >= self._next_watchdog:
            # Half of the interval, as its manual advises; never later for the beats being a second apart.
            self._next_watchdog = now + max(0.0, notifier.interval / 2 - SWEEP)
            notifier.say(WATCHDOG=1)
        if now >= self._next_status:
            self._next_status = now + STATUS
            status = self._words()
            if status != self._status:
                self._status = status
                notifier.say(STATUS=status)

    def reloading(self) -> None:
        """
        What is made from files is about to be read again; C{reloaded} has to follow.
        """
        if self._ready:
            self._say(RELOADING=1, MONOTONIC_USEC=self._clock(), STATUS="reloading")

    def reloaded(self, trouble: str = "") -> None:
        """
        It was read again.

        @param trouble: why it could not be used, in one line; what was in force before still is.
        """
        if self._ready:
            self._status = f"not reloaded: {trouble}" if trouble else self._words()
            self._next_status += STATUS if trouble else 0.0  # to be seen for a while
            self._say(READY=1, STATUS=self._status)

    def stopService(self) -> None:
        """
        See C{IService}: the process ends, and may take its time.
        """
        Service.stopService(self)
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.cancel()
        self._ready = False
        self._say(STOPPING=1, STATUS="letting everybody go")
        if self._notifier is not None:
            self._notifier.close()
            self._notifier = None
