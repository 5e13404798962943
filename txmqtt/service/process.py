"""
The broker as the whole of a process: how it ends, and what it asks of the system.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.error import ReactorNotRunning
from twisted.logger import Logger
from twisted.python.components import Componentized
from twisted.python.failure import Failure
from twisted.python.usage import UsageError

from txmqtt.backends.sqlite.errors import StoreError
from txmqtt.net.memory import keep_some
from txmqtt.service.broker import BrokerService
from txmqtt.service.config import allow_open_files, make_private
from txmqtt.service.listener import CannotListen
from txmqtt.service.logs import Log, LogSettings, install
from txmqtt.service.metrics import MetricsService
from txmqtt.service.notify import NotifyService
from txmqtt.service.reloading import Reloader

_log = Logger()

#: Files that a process opens besides its connections.
_FILES = 100


class BrokerProcess(MultiService):
    """
    The broker as the whole of a process: what keeps it from starting ends it with one line and status 1, SIGTERM ends
    it with status 0.
    """

    def __init__(
        self, broker: BrokerService, reactor: Any, directory: Path | None = None, log: LogSettings | None = None
    ) -> None:
        """
        @param directory: where the store is; made when it is not there.
        @param log: how and where C{twistd} is to log; None: as it likes.
        """
        MultiService.__init__(self)
        self._log_settings = log
        self._log: Log | None = None
        self.broker = broker
        self.reloader: Reloader | None = None
        self._reactor = reactor
        self._directory = directory
        MultiService.addService(self, broker)
        self._notify = NotifyService(broker)
        MultiService.addService(self, self._notify)
        broker.beats.append(self._notify.beat)

    def setServiceParent(self, parent: Any) -> None:
        """
        See C{IService}: the parent is C{twistd}'s application, which logs to whom it is told.
        """
        MultiService.setServiceParent(self, parent)
        if self._log_settings is not None and isinstance(parent, Componentized):
            try:
                log = self._log = Log(self._log_settings)
            except ValueError as error:
                sys.exit(f"mqtt-broker: {error}")
            install(parent, log)
            self.broker.beats.append(log.beat)

    def watch(self, reloader: Reloader) -> None:
        """
        Have the configuration read again when somebody sends SIGHUP.
        """
        self.reloader = reloader
        MultiService.addService(self, reloader)

    def serve(self, metrics: MetricsService) -> None:
        """
        Let others see how the broker is.
        """
        MultiService.addService(self, metrics)
        metrics.whenListening().addErrback(self._too_late)

    def privilegedStartService(self) -> None:
        """
        See C{IService}: the listeners open their ports here.
        """
        self._heed_more_signals()
        try:
            MultiService.privilegedStartService(self)
        except CannotListen:
            sys.excepthook = _one_line
            raise

    def startService(self) -> None:
        """
        See C{IService}: by now the process is who it will be.
        """
        self._heed_more_signals()  # twist, unlike twistd, begins here
        try:
            self._make_directory()
            MultiService.startService(self)
        except (CannotListen, StoreError, UsageError):
            sys.excepthook = _one_line
            raise
        self._allow_connections()
        keep_some()
        self.broker.whenReady().addErrback(self._too_late)
        self._reactor.callWhenRunning(self._heed_signals)

    def _make_directory(self) -> None:
        directory = self._directory
        if directory is None:
            return
        try:
            make_private(directory)
        except OSError as error:
            raise UsageError(
                f"--state-dir {str(directory)!r}: {error.strerror}; expected a directory to write to"
            ) from error

    def _allow_connections(self) -> None:
        wanted = self.broker.policy.max_connections + self.broker.policy.max_half_open
        allowed = allow_open_files(wanted + _FILES) - _FILES
        if allowed < wanted:
            _log.info(
                "at most {allowed} connections are possible, not {wanted}: the system lets this process open no more "
                "files (ulimit -Hn, systemd: LimitNOFILE)",
                allowed=allowed,
                wanted=wanted,
            )

    def _heed_signals(self) -> None:
        """
        SIGTERM stops. Left to itself, twistd stops cleanly and then kills itself with the signal that it got: for those
        who look at its exit status it has crashed. It sets its own handler when it begins to run, so ours comes later.
        """
        signal.signal(signal.SIGTERM, self._sigterm)

    def _heed_more_signals(self) -> None:
        """
        SIGHUP has the configuration read again, SIGUSR1 opens the log again, as it does with twistd's own. Unheeded
        they kill, so they are heeded before anybody can know that we are here.
        """
        if self.reloader is not None:
            signal.signal(signal.SIGHUP, self._sighup)
        if self._log is not None or not signal.getsignal(signal.SIGUSR1):
            signal.signal(signal.SIGUSR1, self._sigusr1)

    def _sigusr1(self, number: int, frame: FrameType | None) -> None:
        self._reactor.callFromThread(self._reopen)

    def _reopen(self) -> None:
        if self._log is not None:
            try:
                self._log.reload()
            except ValueError as error:
                _log.error("{error}", error=str(error))

    def _sighup(self, number: int, frame: FrameType | None) -> None:
        self._reactor.callFromThread(self._reload)

    def _reload(self) -> None:
        assert self.reloader is not None
        self._notify.reloading()
        self._reopen()
        self.reloader.reload().addCallbacks(self._reloaded, self._not_reloaded)

    def _reloaded(self, done: bool) -> None:
        self._notify.reloaded("" if done else "the log says why")

    def _not_reloaded(self, failure: Failure) -> None:
        _log.failure("the reload failed", failure=failure)
        self._notify.reloaded("the log says why")

    def _sigterm(self, number: int, frame: FrameType | None) -> None:
        self._reactor.callFromThread(self._stop)

    def _stop(self) -> None:
        with suppress(ReactorNotRunning):  # a second SIGTERM makes it no faster
            self._reactor.stop()

    def _too_late(self, failure: Failure) -> None:
        """
        A listener of the kind that takes its time could not be opened after all. twistd would end with status 0.
        """
        _say(failure.getErrorMessage())
        atexit.register(_fail)
        self._reactor.callWhenRunning(self._stop)


def _say(message: str) -> None:
    """
    One line to the person at the terminal: C{sys.stderr} itself is the log by now.
    """
    if sys.__stderr__ is not None:
        sys.__stderr__.write(f"mqtt-broker: {message}\n")
        sys.__stderr__.flush()


def _one_line(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """
    A C{sys.excepthook}: what went wrong is the user's to mend, and a traceback would not help.
    """
    _say(str(error))


def _fail() -> None:
    sys.stdout.flush()
    os._exit(1)
