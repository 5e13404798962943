"""
The log as it is written: which lines, how often, and how they look.
"""

from __future__ import annotations

import json
import re
import sys
import warnings
from io import BytesIO, StringIO, TextIOWrapper
from math import nan
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.application.service import Application
from twisted.internet.task import Clock
from twisted.logger import (
    ILogObserver,
    LogBeginner,
    Logger,
    LoggingFile,
    LogLevel,
    LogPublisher,
)
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.service.support import scratch
from txmqtt.net.options import IReloadable
from txmqtt.service.logs import FIELD, MESSAGE, Log, LogSettings, begin, install, json_line, twistd_file
from txmqtt.service.repeats import KINDS, MINUTE, Repeats


class LogTestCase(SynchronousTestCase):
    """
    A log on a stream in memory, and loggers that speak to it.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.stream = StringIO()

    def logger(self, namespace: str = "txmqtt.net.server", **options: Any) -> Logger:
        """
        @param options: those of L{LogSettings}.
        """
        self.log = Log(LogSettings(**options), self.stream, self.clock.seconds)
        self.publisher = LogPublisher(self.log)
        return Logger(namespace, observer=self.publisher)

    def lines(self) -> list[str]:
        """
        What was written since the last time.
        """
        said = self.stream.getvalue().splitlines()
        self.stream.seek(0)
        self.stream.truncate()
        return said

    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines()]


class LevelTests(LogTestCase):
    def test_levels(self) -> None:
        """
        What is below the level is not written.
        """
        for level, expected in (("debug", 5), ("info", 4), ("warn", 3), ("error", 2), ("critical", 1)):
            logger = self.logger(level=level)
            for each in LogLevel.iterconstants():
                logger.emit(each, "said")
            with self.subTest(level=level):
                self.assertEqual(len(self.lines()), expected)

    def test_namespaces(self) -> None:
        """
        A part of the program has a level of its own, and so has a part of that; what only begins alike has not.
        """
        self.logger(level="warn", levels=("txmqtt.net=info", "txmqtt.net.server=debug", "other=error"))
        for namespace, expected in (
            ("txmqtt.net.server", "debug"),
            ("txmqtt.net.server.more", "debug"),
            ("txmqtt.net", "info"),
            ("txmqtt.net.client", "info"),
            ("txmqtt.network", "warn"),
            ("txmqtt", "warn"),
            ("other", "error"),
        ):
            logger = Logger(namespace, observer=self.publisher)
            for each in LogLevel.iterconstants():
                logger.emit(each, "said")
            with self.subTest(namespace=namespace):
                self.assertIn(f"[{namespace}#{expected}]", self.lines()[0])

    def test_chatty(self) -> None:
        """
        That a web service is asked is no line at each login, unless everything is wanted.
        """
        for level, count in (("info", 0), ("debug", 1)):
            self.logger(level=level)
            Logger("twisted.web.client._HTTP11ClientFactory", observer=self.publisher).info("Starting factory")
            with self.subTest(level=level):
                self.assertEqual(len(self.lines()), count)

    def test_refused(self) -> None:
        """
        What is no setting is refused, with what was expected.
        """
        for options, words in (
            ({"level": "loud"}, "level: 'loud' is no level; expected one of debug, info"),
            ({"levels": ("txmqtt.net=loud",)}, "levels, txmqtt.net: 'loud' is no level"),
            ({"levels": ("debug",)}, "'' is no level"),
            ({"levels": ("=debug",)}, "levels has '=debug'; expected NAMESPACE=LEVEL"),
            ({"levels": ("a b=debug",)}, "expected NAMESPACE=LEVEL"),
            ({"format": "xml"}, "format is 'xml'; expected text or json"),
        ):
            with self.subTest(options=options), self.assertRaisesRegex(ValueError, re.escape(words)):
                Log(LogSettings(**options), self.stream)


class TextTests(LogTestCase):
    def test_text(self) -> None:
        """
        Text is what twistd writes: time with zone, namespace and level, the message; a second line is indented.
        """
        self.logger().info("hello {who}", who="a\nb")
        first, second = self.lines()
        self.assertRegex(first, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} \[txmqtt.net.server#info\] hello a$")
        self.assertEqual(second, "\tb")

    def test_failure(self) -> None:
        """
        A failure is written with its traceback.
        """
        logger = self.logger()
        try:
            raise ZeroDivisionError("by zero")
        except ZeroDivisionError:
            logger.failure("it failed")
        said = "\n".join(self.lines())
        self.assertIn("it failed", said)
        self.assertIn("ZeroDivisionError: by zero", said)
        self.assertIn("Traceback", said)

    def test_narrow_stream(self) -> None:
        """
        A stream that knows fewer characters than the world has gets them escaped, and the broker goes on.
        """
        raw = BytesIO()
        log = Log(LogSettings(), TextIOWrapper(raw, "ascii"))
        Logger("x", observer=LogPublisher(log)).info("Grüße {name}", name="\udcff")
        self.assertIn(rb"Gr\xfc\xdfe \udcff", raw.getvalue())


class JSONTests(LogTestCase):
    def test_line(self) -> None:
        """
        One object a line: time with zone, level, namespace, message, and the plain fields of the event.
        """
        logger = self.logger(format="json")
        logger.warn(
            "{client!r} {n}", client="a\nb", n=5, ratio=0.5, ok=True, none=None, raw=b"\xff", odd=object(), nan=nan
        )
        (line,) = self.objects()
        self.assertRegex(line.pop("time"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$")
        self.assertEqual(
            line,
            {
                "level": "warn",
                "namespace": "txmqtt.net.server",
                "message": "'a\\nb' 5",
                "client": "a\nb",
                "n": 5,
                "ratio": 0.5,
                "ok": True,
                "none": None,
                "raw": "\\xff",
                "nan": "nan",
            },
        )

    def test_failure(self) -> None:
        """
        A failure is a word and a traceback, without the values of variables.
        """
        logger = self.logger(format="json")
        hidden = "hunter2"
        try:
            raise KeyError(len(hidden))
        except KeyError:
            logger.failure("it failed")
        (line,) = self.objects()
        self.assertEqual((line["message"], line["level"], line["error"]), ("it failed", "critical", "KeyError: 7"))
        self.assertIn("test_failure", line["traceback"])
        self.assertNotIn("'hunter2'", line["traceback"].replace('hidden = "hunter2"', ""))

    def test_secrets(self) -> None:
        """
        A field whose name says that it is secret is never written.
        """
        logger = self.logger(format="json")
        names = ("password", "passwd", "db_password", "Secret", "access_token", "credentials", "Authorization")
        for name in (*names, "private_key", "cookie", "apikey", "passphrase"):
            logger.info("said", **{name: "hunter2"})
            with self.subTest(name=name):
                self.assertNotIn("hunter2", self.stream.getvalue())

    def test_own_words_stay(self) -> None:
        """
        A field of the event can't pretend to be the time, the level or the namespace of the line.
        """
        self.logger(format="json")
        event = {"time": "never", "level": "none", "namespace": "elsewhere", "message": "other", "system": "-"}
        self.publisher({**event, "log_format": "said", "log_level": LogLevel.info, "log_namespace": "here"})
        (line,) = self.objects()
        self.assertEqual((line["level"], line["namespace"], line["message"]), ("info", "here", "said"))
        self.assertNotEqual(line["time"], "never")

    def test_long(self) -> None:
        """
        What a client sends can't make a line endless.
        """
        self.logger(format="json").info("{name}", name="x" * 1_000_000)
        (line,) = self.objects()
        self.assertEqual((len(line["message"]), len(line["name"])), (MESSAGE + 3, FIELD + 3))

    def test_bare_event(self) -> None:
        """
        An event that has next to nothing is a line too.
        """
        line = json.loads(json_line({}))
        self.assertEqual((line["time"], line["message"]), ("1970-01-01T00:00:00.000+00:00", ""))

    @settings(max_examples=50, deadline=None)
    @given(st.dictionaries(st.text(max_size=8), st.one_of(st.text(), st.binary(), st.floats(), st.integers())))
    def test_always_one_object(self, fields: dict[str, Any]) -> None:
        """
        Whatever the fields are, an event is one line and one object.
        """
        said = json_line({**fields, "log_format": "said", "log_time": 0.0, "log_level": LogLevel.info})
        self.assertEqual(said.count("\n"), 1)
        self.assertEqual(json.loads(said)["message"], "said")
        self.assertTrue(said.isascii())


class RepeatTests(LogTestCase):
    def test_limit(self) -> None:
        """
        So many of one kind are written a minute; then one line says how many more there were, as soon as it is over.
        """
        logger = self.logger(repeats=3)
        for number in range(10):
            logger.warn("no {number}", number=number)
        self.assertEqual(len(self.lines()), 3)
        self.clock.advance(MINUTE - 1)
        logger.warn("no {number}", number=10)
        self.assertEqual(self.lines(), [])
        self.clock.advance(1)
        logger.warn("no {number}", number=11)
        more, again = self.lines()
        self.assertRegex(more, r"\[txmqtt.net.server#warn\] \.\.\. 8 more like this in the last minute: no \{number\}$")
        self.assertTrue(again.endswith("no 11"))

    def test_silence(self) -> None:
        """
        The count is told though nothing else is said.
        """
        logger = self.logger(format="json", repeats=1)
        logger.warn("no")
        logger.warn("no")
        self.lines()
        self.log.beat(self.clock.seconds() + MINUTE - 1)
        self.assertEqual(self.lines(), [])
        self.log.beat(self.clock.seconds() + MINUTE)
        (line,) = self.objects()
        self.assertEqual((line["count"], line["like"], line["level"]), (1, "no", "warn"))
        self.assertFalse(line["time"].startswith("1970"))
        self.log.beat(self.clock.seconds() + 2 * MINUTE)
        self.assertEqual(self.lines(), [])

    def test_kinds(self) -> None:
        """
        Other lines, and the same words from elsewhere, are counted on their own; fields make no difference.
        """
        logger = self.logger(repeats=1)
        for name in ("a", "b", "c"):
            logger.info("x {name}", name=name)
            logger.info("y {name}", name=name)
            Logger("elsewhere", observer=self.publisher).info("x {name}", name=name)
        self.assertEqual(len(self.lines()), 3)

    def test_no_limit(self) -> None:
        """
        0 is no limit.
        """
        logger = self.logger(repeats=0)
        for _ in range(2_000):
            logger.info("x")
        self.assertEqual(len(self.lines()), 2_000)

    def test_what_is_not_wanted_is_not_counted(self) -> None:
        """
        Lines below the level do not use up the limit of others.
        """
        logger = self.logger(repeats=1)
        for _ in range(5):
            logger.debug("x")
        logger.info("x")
        self.assertEqual(len(self.lines()), 1)

    def test_bounded(self) -> None:
        """
        Lines of endless kinds take no endless memory, and are written.
        """
        repeats = Repeats(1)
        for number in range(KINDS + 10):
            self.assertTrue(repeats.admits({"log_format": str(number)}, 0.0))
        self.assertEqual(len(repeats._kinds), KINDS)
        self.assertEqual(repeats.over(MINUTE, 0.0), [])
        self.assertEqual(len(repeats._kinds), 0)

    def test_each_its_own_minute(self) -> None:
        """
        Each kind's minute begins with its first line.
        """
        repeats = Repeats(1)
        for now, kind in ((0.0, "a"), (0.0, "a"), (30.0, "b"), (30.0, "b")):
            repeats.admits({"log_format": kind}, now)
        self.assertEqual([event["like"] for event in repeats.over(MINUTE, 0.0)], ["a"])
        self.assertEqual(repeats.over(89.0, 0.0), [])
        self.assertEqual([event["like"] for event in repeats.over(90.0, 0.0)], ["b"])


class FileTests(LogTestCase):
    def test_file(self) -> None:
        """
        A log in a file goes on where it was, and is opened again on a reload, when logrotate has moved it.
        """
        path = scratch(self) / "broker.log"
        path.write_text("before\n")
        log = Log(LogSettings(file=str(path)))
        self.addCleanup(lambda: log._stream.close())
        verifyObject(IReloadable, log)
        verifyObject(ILogObserver, log)
        logger = Logger("x", observer=LogPublisher(log))
        logger.info("one")
        path.rename(path.with_suffix(".1"))
        logger.info("two")
        log.reload()
        logger.info("three")
        self.assertEqual(len(path.with_suffix(".1").read_text().splitlines()), 3)
        self.assertTrue(path.read_text().endswith("three\n"))

    def test_cannot_write(self) -> None:
        """
        A file that can't be written is refused; at a reload the old one is kept.
        """
        folder = scratch(self)
        with self.assertRaisesRegex(ValueError, "can't be written to .*: No such file or directory"):
            Log(LogSettings(file=str(folder / "none" / "log")))
        path = folder / "log"
        log = Log(LogSettings(file=str(path)))
        self.addCleanup(lambda: log._stream.close())
        path.unlink()
        path.mkdir()
        with self.assertRaisesRegex(ValueError, "Is a directory"):
            log.reload()
        Logger("x", observer=LogPublisher(log)).info("still there")
        self.assertFalse(log._stream.closed)

    def test_reload_of_a_stream(self) -> None:
        """
        A stream stays what it is.
        """
        logger = self.logger()
        self.log.reload()
        logger.info("x")
        self.assertEqual(len(self.lines()), 1)

    def test_twistd_file(self) -> None:
        """
        Without a file of its own the log goes where twistd's would have gone.
        """
        for ours, twistd, expected in (
            ("", {}, ""),
            ("", {"logfile": None, "nodaemon": True}, ""),
            ("", {"logfile": "-", "nodaemon": True}, ""),
            ("", {"logfile": "x.log", "nodaemon": True}, "x.log"),
            ("", {"logfile": None, "nodaemon": False}, "twistd.log"),
            ("mine.log", {"logfile": "x.log", "nodaemon": False}, "mine.log"),
        ):
            with self.subTest(ours=ours, twistd=twistd):
                self.assertEqual(twistd_file(LogSettings(file=ours), twistd).file, expected)
        with self.assertRaisesRegex(ValueError, "a daemon has no standard output"):
            twistd_file(LogSettings(), {"logfile": "-", "nodaemon": False})


class PlaceTests(LogTestCase):
    def test_install(self) -> None:
        """
        twistd finds the log where it looks for one.
        """
        self.logger()
        application: Any = Application("x")
        install(application, self.log)
        self.assertIs(application.getComponent(ILogObserver), self.log)

    def test_begin(self) -> None:
        """
        A program that begins to log gets what was said before, too; its output stays its own.
        """
        publisher = LogPublisher()
        before = sys.stdout
        beginner = LogBeginner(publisher, StringIO(), sys, warnings)
        showwarning = warnings.showwarning
        self.addCleanup(setattr, warnings, "showwarning", showwarning)
        Logger("x", observer=publisher).info("early")
        begin(LogSettings(format="json"), self.stream, beginner)
        Logger("x", observer=publisher).info("late")
        self.assertEqual([line["message"] for line in self.objects()], ["early", "late"])
        self.assertIs(sys.stdout, before)

    def test_not_into_itself(self) -> None:
        """
        A log that is made when twistd has the standard output logged does not write to that.
        """
        publisher = LogPublisher()
        self.patch(sys, "stdout", LoggingFile(Logger("stdout", observer=publisher)))
        self.patch(sys, "__stdout__", self.stream)
        publisher.addObserver(Log(LogSettings()))
        Logger("x", observer=publisher).info("once")
        self.assertEqual(len(self.lines()), 1)

    def test_speaking_fields(self) -> None:
        """
        A field that itself logs when it is shown does not stop everything.
        """
        logger = self.logger()

        class Talkative:
            def __str__(self) -> str:
                logger.info("inner")
                return "outer"

        logger.info("{it}", it=Talkative())
        self.assertEqual(len(self.lines()), 2)

    def test_broken_field(self) -> None:
        """
        Nor does one that can't be shown at all.
        """

        class Broken:
            def __str__(self) -> str:
                raise ZeroDivisionError

        for format in ("text", "json"):
            self.logger(format=format).info("{it}", it=Broken())
            with self.subTest(format=format):
                self.assertIn("Unable to format", "".join(self.lines()))
