"""
The log: as text or as JSON, as much of it as is wanted, and not the same line a thousand times.

An observer of Twisted's own logging. C{install} gives it to C{twistd} before that begins to log, C{begin} is for
programs that begin themselves.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import isfinite
from threading import RLock
from time import monotonic
from typing import IO, Annotated, Any, Final, Literal, get_args

from twisted.logger import (
    ILogObserver,
    LogBeginner,
    LogEvent,
    LoggingFile,
    LogLevel,
    LogLevelFilterPredicate,
    PredicateResult,
    formatEvent,
    formatEventAsClassicLogText,
    globalLogBeginner,
)
from twisted.python.components import Componentized
from twisted.python.failure import Failure
from zope.interface import implementer

from txmqtt.net.options import IReloadable, Range
from txmqtt.service.repeats import Repeats

#: Characters of a field and of a message that are written; the rest is not.
FIELD: Final = 1_000
MESSAGE: Final = 10_000

#: Fields whose name says that they are nobody's business.
_SECRET = re.compile(r"pass(word|phrase|wd)?|secret|token|credential|authori[sz]ation|private|cookie|api_?key", re.I)

#: What the old log of Twisted adds to events, and what a line has of its own.
_NOT_FIELDS = frozenset(("message", "time", "system", "format", "isError", "failure", "level", "namespace"))

#: Says twice for each question to a web service that it asks it.
_CHATTY = "twisted.web.client._HTTP11ClientFactory"

#: So many kinds of events are remembered, as wanted or not; a program has some dozens.
_KINDS = 1_000

_NAMESPACE = re.compile(r"[\w.]+")


Format = Literal["text", "json"]
Level = Literal["debug", "info", "warn", "error", "critical"]
FORMATS: tuple[str, ...] = get_args(Format)
LEVELS: tuple[str, ...] = get_args(Level)


@dataclass(frozen=True)
class LogSettings:
    """
    How the broker logs.

    @ivar format: text, lines for people as twistd writes them; json, one object a line for machines, with time, level,
        namespace, message and the fields of the event. Text, because somebody reads it first.
    @ivar level: the least that is written: debug, info, warn, error or critical. At info each connection is a line when
        it comes and one when it goes.
    @ivar levels: the same for parts of the program, as NAMESPACE=LEVEL: txmqtt.net=debug holds for all below
        C{txmqtt.net}, and the longest that fits is taken. None by default.
    @ivar repeats: so many lines of one kind are written a minute, then one that says how many more there were; 0 is no
        limit. The default leaves a busy broker readable when a thousand clients are turned away each second.
    @ivar file: where it is written, and opened again on a reload, so that logrotate may move it away. By default what
        twistd's --logfile says, or the standard output.
    """

    format: Format = "text"
    level: Level = "info"
    levels: tuple[str, ...] = ()
    repeats: Annotated[int, Range(0, 1_000_000)] = 600
    file: str = ""


@implementer(ILogObserver, IReloadable)
class Log:
    """
    Writes what is worth it.

    @ivar path: of the file that it writes to; empty where it was given a stream.
    """

    def __init__(
        self, settings: LogSettings, stream: IO[str] | None = None, seconds: Callable[[], float] = monotonic
    ) -> None:
        """
        @param stream: where to write, unless the settings have a file; the standard output by default.
        @param seconds: a clock that never jumps.
        @raise ValueError: a setting can't be used, or the file can't be written.
        """
        self._wanted = check(settings)
        self._known: dict[tuple[object, object], bool] = {}  # what it has said, by namespace and level: it is slow
        self.path = os.path.abspath(settings.file) if settings.file else ""
        self._line = json_line if settings.format == "json" else text_line
        self._repeats = Repeats(settings.repeats)
        self._seconds = seconds
        self._lock = RLock()  # threads log too, and so may what is formatted
        self._stream = self._opened() if self.path else stream or _standard_output()

    def _opened(self) -> IO[str]:
        try:
            return open(self.path, "a", encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise ValueError(f"the log can't be written to {self.path}: {error.strerror}") from error

    def __call__(self, event: LogEvent) -> None:
        """
        See C{ILogObserver}.
        """
        kind = (event.get("log_namespace"), event.get("log_level"))
        wanted = self._known.get(kind)
        if wanted is None:
            wanted = self._wanted(event) is not PredicateResult.no
            if len(self._known) < _KINDS:
                self._known[kind] = wanted
        if not wanted:
            return
        with self._lock:
            now = self._seconds()
            written = [*self._repeats.over(now, event.get("log_time", 0.0))]
            if self._repeats.admits(event, now):
                written.append(event)
            self._write(written)

    def beat(self, now: float) -> None:
        """
        A second has passed: say what was left out, though nothing else is said.

        @param now: by the clock of the constructor.
        """
        with self._lock:
            self._write(self._repeats.over(now, datetime.now(UTC).timestamp()))

    def _write(self, events: list[LogEvent]) -> None:
        lines = "".join([self._line(event) for event in events]) if events else ""
        if lines:
            try:
                self._stream.write(lines)
            except UnicodeEncodeError:  # a terminal or pipe that knows fewer characters than the world has
                self._stream.write(lines.encode("ascii", "backslashreplace").decode())
            self._stream.flush()

    def changed(self) -> bool:
        """
        See C{IReloadable}: whether somebody has moved the file away.
        """
        if not self.path:
            return False
        try:
            return not os.path.samestat(os.stat(self.path), os.fstat(self._stream.fileno()))
        except OSError:
            return True

    def reload(self) -> None:
        """
        See C{IReloadable}: open the file again, because somebody may have moved it.
        """
        if self.path:
            fresh = self._opened()
            with self._lock:
                old, self._stream = self._stream, fresh
            old.close()


def _standard_output() -> IO[str]:
    """
    Where people look, though C{twistd} has the program's own output logged.
    """
    stream: IO[str] | None = sys.__stdout__ if isinstance(sys.stdout, LoggingFile) else sys.stdout
    if stream is None:
        raise ValueError("there is no standard output to log to; expected a file")
    return stream


def check(settings: LogSettings) -> LogLevelFilterPredicate:
    """
    Whether settings make sense, before anything is opened.

    @return: what decides by level.
    @raise ValueError: there is no such format or level, or an entry of C{levels} has no namespace.
    """
    if settings.format not in ("text", "json"):
        raise ValueError(f"format is {settings.format!r}; expected text or json")
    chosen = LogLevelFilterPredicate(_level(settings.level, "level"))
    if settings.level != "debug":
        chosen.setLogLevelForNamespace(_CHATTY, LogLevel.warn)
    for entry in settings.levels:
        namespace, _, level = entry.partition("=")
        if not _NAMESPACE.fullmatch(namespace):
            raise ValueError(f"levels has {entry!r}; expected NAMESPACE=LEVEL, such as txmqtt.net=debug")
        chosen.setLogLevelForNamespace(namespace, _level(level, f"levels, {namespace}"))
    return chosen


def _level(name: str, where: str) -> Any:
    if name not in LEVELS:
        raise ValueError(f"{where}: {name!r} is no level; expected one of {', '.join(LEVELS)}")
    return LogLevel.levelWithName(name)


# Lines


def text_line(event: LogEvent) -> str:
    """
    An event as twistd writes it; empty when there is nothing to say.
    """
    return formatEventAsClassicLogText(event) or ""


def json_line(event: LogEvent) -> str:
    """
    An event as one JSON object: C{time} (ISO 8601, UTC), C{level}, C{namespace}, C{message}, the plain fields of the
    event, and C{error} and C{traceback} where it tells of a failure. Whatever somebody sent is escaped.
    """
    message = formatEvent(event)
    line: dict[str, Any] = {
        "time": datetime.fromtimestamp(event.get("log_time", 0.0), UTC).isoformat(timespec="milliseconds"),
        "level": getattr(event.get("log_level"), "name", "info"),
        "namespace": event.get("log_namespace", "-"),
        "message": _cut(message, MESSAGE),
    }
    for name, value in event.items():
        if name.startswith("log_") or name in _NOT_FIELDS or _SECRET.search(name):
            continue
        if isinstance(value, bytes):
            value = value.decode("utf-8", "backslashreplace")
        if isinstance(value, str):
            line[name] = _cut(value, FIELD)
        elif isinstance(value, float) and not isfinite(value):
            line[name] = str(value)  # JSON has no word for it
        elif value is None or isinstance(value, (bool, int, float)):
            line[name] = value
    failure = event.get("log_failure")
    if isinstance(failure, Failure):
        line["error"] = _cut(f"{type(failure.value).__name__}: {failure.getErrorMessage()}", FIELD)
        line["traceback"] = _cut(failure.getTraceback(), MESSAGE)
    return json.dumps(line, default=str) + "\n"


def _cut(words: str, length: int) -> str:
    return words if len(words) <= length else f"{words[:length]}..."


# Into place


def install(application: Componentized, log: Log) -> None:
    """
    Let C{twistd} log to this, and to nothing else; to be called before it begins, with the application that a service
    gets as its parent. C{twistd --logger} still goes before it.
    """
    application.setComponent(ILogObserver, log)


def begin(settings: LogSettings, stream: IO[str] | None = None, beginner: LogBeginner = globalLogBeginner) -> Log:
    """
    Begin to log in a program of your own, what has been said so far included. Call it once; standard output and error
    stay what they are.

    @raise ValueError: as L{Log}.
    """
    log = Log(settings, stream)
    beginner.beginLoggingTo([log], redirectStandardIO=False)
    return log


def twistd_file(settings: LogSettings, twistd: Any) -> LogSettings:
    """
    The same settings with the file that C{twistd} was asked for, where they have none.

    @param twistd: the options of C{twistd}; empty under another program.
    @raise ValueError: a daemon was asked to log to the standard output, which it does not have.
    """
    name = twistd.get("logfile") or ""
    if not twistd.get("nodaemon", True) and not settings.file:
        if name == "-":
            raise ValueError("a daemon has no standard output to log to; expected a file")
        name = name or "twistd.log"
    return settings if settings.file or name in ("", "-") else replace(settings, file=name)
