"""
From a command to its end: the reactor runs until its job is done, a signal ends it in good order, and whatever goes
wrong is one line and an exit status.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Final

import click
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.python.failure import Failure

from txmqtt.cli.exits import FAILED, OK, SIGNALLED, Ended, refusal
from txmqtt.cli.words import plain
from txmqtt.codec.errors import ConnectionClosed, MQTTError, Refused

#: What a command does; it is given the reactor and its run, and its result is the exit status.
Job = Callable[[Any, "Run"], Coroutine[Deferred[Any], Any, int | None]]

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Run:
    """
    One run of a command.

    @param quiet: say nothing of errors.
    @param debug: say what goes on, and where an unexpected error came from.
    @param version: of MQTT, for what a refusal means.
    @param endless: it has no end of its own, so a signal is how it ends.
    """

    def __init__(self, quiet: bool, debug: bool, version: int, endless: bool = False) -> None:
        self._quiet = quiet
        self._debug = debug
        self._version = version
        self._endless = endless
        self._work: Deferred[int | None] | None = None
        self._signal = 0
        self._heard = False
        self._unprinted = ""
        self.status = FAILED

    def stop(self) -> None:
        """
        The job has nothing more to do: it is cancelled, and closes what it opened.
        """
        if self._work is not None:
            self._work.cancel()

    def closed(self, why: OSError | None) -> None:
        """
        Nothing can be printed any more. With None whoever reads has had enough; otherwise the command has failed.
        """
        if why is not None:
            self._unprinted = f"standard output: {why.strerror}"

    def do(self, job: Job) -> int:
        """
        Run the reactor until the job is done.

        @return: the exit status.
        """
        from twisted.internet import reactor

        running: Any = reactor
        if self._debug:
            _log_to_stderr()
        # From within the loop, since the reactor installs handlers of its own as it starts; it needs the one for
        # processes that have ended.
        running.callLater(0, self._listen, running)
        running.callLater(0, self.start, running, job)
        running.run()
        return self.status

    def _listen(self, reactor: Any) -> None:
        def heard(number: int, _: object) -> None:
            if self._heard:  # again: it takes too long, or the reactor waits for whoever reads our output
                os._exit(SIGNALLED + number)
            self._heard = True
            reactor.callFromThread(self.signalled, number)

        for number in _SIGNALS:
            signal.signal(number, heard)

    def start(self, reactor: Any, job: Job) -> None:
        """
        Begin the job; the reactor is stopped when it is done.
        """

        async def begin() -> int | None:
            return await job(reactor, self)  # what goes wrong before it is a coroutine is its end, too

        self._work = Deferred.fromCoroutine(begin())
        self._work.addBoth(self._done)
        self._work.addBoth(lambda _: reactor.stop())

    def signalled(self, number: int) -> None:
        """
        A signal came: end in good order.
        """
        self._signal = number
        self.stop()

    def _done(self, result: int | Failure | None) -> None:
        if not isinstance(result, Failure):
            self.status = result or (FAILED if self._unprinted else OK)
            if self._unprinted:
                self.say(self._unprinted)
        elif self._signal and result.check(CancelledError, ConnectionClosed):
            self.status = OK if self._endless else SIGNALLED + self._signal
        else:
            self.status, words = self._explained(result)
            if words:
                self.say(words)

    def say(self, words: str) -> None:
        """
        Something that whoever looks on should know.
        """
        if not self._quiet:
            click.echo(f"Error: {plain(words)}", err=True)

    def _explained(self, failure: Failure) -> tuple[int, str]:
        """
        The exit status for what went wrong, and the words.
        """
        error = failure.value
        if isinstance(error, Ended):
            return error.status, str(error)
        if isinstance(error, Refused):
            return refusal(error.reason, self._version), str(error)
        if isinstance(error, CancelledError):
            return OK, ""  # stopped, because there was no more to do
        if isinstance(error, DNSLookupError):
            return FAILED, f"no such host: {error}"
        if isinstance(error, ConnectError):
            return FAILED, f"can't connect: {error}"
        if isinstance(error, MQTTError | OSError | ValueError | click.ClickException):
            return FAILED, error.message if isinstance(error, click.ClickException) else str(error)
        if self._debug:
            failure.printTraceback(file=sys.stderr)
        return FAILED, f"{type(error).__name__}: {error}"


def _log_to_stderr() -> None:
    from twisted.logger import globalLogBeginner, textFileLogObserver

    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stderr)], redirectStandardIO=False)


def run(job: Job, connection: Any, endless: bool = False) -> None:
    """
    Do a job and exit with its status.
    """
    status = Run(connection.quiet, connection.debug, connection.version, endless).do(job)
    if status:
        sys.exit(status)
