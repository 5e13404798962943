"""
What systemd is told, on a socket that writes down what it hears.
"""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from tests.service.support import FakeEndpoint, Stage
from txmqtt.service.notify import STATUS, Notifier, NotifyService, microseconds


class FakeSocket:
    """
    Writes down what is sent where, or fails.
    """

    def __init__(self, error: OSError | None = None) -> None:
        self.error = error
        self.sent: list[tuple[bytes, str]] = []
        self.closed = False

    def sendto(self, data: bytes, address: str, /) -> int:
        if self.error is not None:
            raise self.error
        self.sent.append((data, address))
        return len(data)

    def close(self) -> None:
        self.closed = True

    def heard(self) -> list[list[str]]:
        """
        The lines of each message since the last time.
        """
        sent, self.sent = self.sent, []
        return [data.decode().split("\n") for data, _ in sent]


class NotifierTests(SynchronousTestCase):
    def test_addresses(self) -> None:
        """
        A path is taken as it is, @NAME is an abstract address; everything else is refused with a word in the log.
        """
        for address, expected in (
            ("/run/systemd/notify", "/run/systemd/notify"),
            ("@/org/notify", "\0/org/notify"),
            ("", None),
            ("@", None),
            ("/", None),
            ("vsock:2:1", None),
            ("relative", None),
        ):
            socket = FakeSocket()
            with self.subTest(address=address), capturedLogs() as events:
                notifier = Notifier({"NOTIFY_SOCKET": address}, 1, lambda socket=socket: socket)  # type: ignore[misc]
                notifier.say(READY=1)
                self.assertEqual([where for _, where in socket.sent], [expected] if expected else [])
                self.assertEqual(notifier.wanted, expected is not None)
                self.assertEqual(bool(events), expected is None and address != "")

    def test_nobody(self) -> None:
        """
        Without systemd nothing is opened, nothing is said, and nothing is in the way.
        """

        def open() -> FakeSocket:
            raise AssertionError("opened")

        notifier = Notifier({"WATCHDOG_USEC": "1000000"}, 1, open)
        notifier.say(READY=1)
        notifier.close()
        self.assertEqual(notifier.interval, 0.0)

    def test_one_line_each(self) -> None:
        """
        A value can't smuggle in a second assignment, nor break on what is no character.
        """
        socket = FakeSocket()
        Notifier({"NOTIFY_SOCKET": "/n"}, 1, lambda: socket).say(STATUS="a\nMAINPID=1\r\udcff", READY=1)
        self.assertEqual(socket.sent, [(b"STATUS=a MAINPID=1 \\udcff\nREADY=1", "/n")])

    def test_deaf(self) -> None:
        """
        A socket that takes nothing is complained about once, and harms nobody.
        """
        socket = FakeSocket(ConnectionRefusedError(111, "Connection refused"))
        notifier = Notifier({"NOTIFY_SOCKET": "/n"}, 1, lambda: socket)
        with capturedLogs() as events:
            notifier.say(WATCHDOG=1)
            notifier.say(WATCHDOG=1)
        self.assertEqual([event["error"] for event in events], ["Connection refused"])

    def test_watchdog(self) -> None:
        """
        The watchdog is ours when it says no process or this one; nonsense is refused with a word in the log.
        """
        for environment, seconds, said in (
            ({}, 0.0, False),
            ({"WATCHDOG_USEC": "30000000"}, 30.0, False),
            ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 30.0, False),
            ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, 0.0, False),
            ({"WATCHDOG_USEC": "0"}, 0.0, True),
            ({"WATCHDOG_USEC": "-5"}, 0.0, True),
            ({"WATCHDOG_USEC": "soon"}, 0.0, True),
            ({"WATCHDOG_USEC": "9" * 40}, 0.0, True),
        ):
            with self.subTest(environment=environment), capturedLogs() as events:
                notifier = Notifier({"NOTIFY_SOCKET": "/n", **environment}, 7, FakeSocket)
                self.assertEqual((notifier.interval, bool(events)), (seconds, said))

    def test_clock(self) -> None:
        """
        The time that goes with RELOADING is that of the clock since the machine was started.
        """
        before = microseconds()
        uptime = float(Path("/proc/uptime").read_text().split()[0])
        self.assertGreaterEqual(microseconds(), before)
        self.assertGreater(before, 0)
        self.assertLess(before / 1e6, uptime + 60)


class NotifyServiceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.endpoint = FakeEndpoint(slow=True)
        self.stage = Stage(listen=[self.endpoint])
        self.broker = self.stage.service
        self.socket = FakeSocket()

    def started(self, **environment: str) -> NotifyService:
        made = NotifyService(self.broker, {"NOTIFY_SOCKET": "/n", **environment}, lambda: self.socket, lambda: 1234)
        self.broker.startService()
        made.startService()
        return made

    def ready(self, **environment: str) -> NotifyService:
        made = self.started(**environment)
        self.endpoint.opening.callback(self.endpoint.port)
        self.addCleanup(self.broker.stopService)
        self.socket.heard()
        return made

    def test_ready(self) -> None:
        """
        READY is said when every listener is open, not before, with a line for people.
        """
        made = self.started()
        self.assertEqual(self.socket.heard(), [])
        made.beat(0.0)
        self.assertEqual(self.socket.heard(), [])
        self.endpoint.opening.callback(self.endpoint.port)
        [(ready, status)] = self.socket.heard()
        self.assertEqual((ready, status), ("READY=1", "STATUS=0 clients connected, 0 sessions, 0 messages queued"))
        self.broker.stopService()

    def test_never_ready(self) -> None:
        """
        When it can't listen, that is the status, and READY is never said.
        """
        self.started()
        self.endpoint.opening.errback(OSError(98, "Address already in use"))
        self.assertEqual(self.socket.heard(), [["STATUS=cannot listen on fake: Address already in use"]])

    def test_stopped(self) -> None:
        """
        STOPPING is said once, and then nothing; a second start begins anew.
        """
        made = self.ready()
        made.stopService()
        self.assertEqual([lines[0] for lines in self.socket.heard()], ["STOPPING=1"])
        self.assertTrue(self.socket.closed)
        made.beat(100.0)
        made.reloading()
        self.assertEqual(self.socket.heard(), [])
        made.startService()
        self.assertEqual([lines[0] for lines in self.socket.heard()], ["READY=1"])

    def test_stopped_before_ready(self) -> None:
        """
        Stopped before it was ready, it is never said to be; and nobody waits any more.
        """
        made = self.started()
        made.stopService()
        self.assertEqual(self.broker._waiting, [])
        self.assertEqual([lines[0] for lines in self.socket.heard()], ["STOPPING=1"])
        self.broker.stopService()
        self.assertEqual(self.socket.heard(), [])

    def test_broker_stopped_first(self) -> None:
        """
        A broker that is stopped before it listened has no trouble to tell of.
        """
        self.started()
        self.broker.stopService()
        self.assertEqual(self.socket.heard(), [])

    def test_watchdog(self) -> None:
        """
        The watchdog hears of us at least once in half its time, as long as the beats come, and not otherwise.
        """
        made = self.ready(WATCHDOG_USEC="10000000", WATCHDOG_PID=str(os.getpid()))
        fed = []
        for second in range(31):
            made.beat(second * 1.0)
            if ["WATCHDOG=1"] in self.socket.heard():
                fed.append(second)
        self.assertEqual(fed[0], 0)
        self.assertLessEqual(max(b - a for a, b in pairwise(fed)), 5)
        self.assertLess(len(fed), 10)

    def test_impatient_watchdog(self) -> None:
        """
        A watchdog that is more impatient than the beats is fed with each, and the log warns.
        """
        with capturedLogs() as events:
            made = self.ready(WATCHDOG_USEC="1000000")
        self.assertIn(1.0, [event.get("seconds") for event in events])
        for second in range(3):
            made.beat(second * 1.0)
            self.assertIn(["WATCHDOG=1"], self.socket.heard())

    def test_no_watchdog(self) -> None:
        """
        Without a watchdog nothing is fed.
        """
        made = self.ready()
        made.beat(0.0)
        self.assertEqual(self.socket.heard(), [])

    def test_status(self) -> None:
        """
        The line for people follows what changes, not more often than every few seconds.
        """
        made = self.ready()
        made.beat(0.0)
        for count, now in ((1, 1.0), (2, STATUS), (2, STATUS * 2), (3, STATUS * 3)):
            self.broker.stats.connections = count
            made.beat(now)
        self.assertEqual(
            [line.split()[0] for [line] in self.socket.heard()],
            ["STATUS=2", "STATUS=3"],
        )

    def test_reload(self) -> None:
        """
        A reload is RELOADING with the time, then READY; one that failed says why.
        """
        made = self.ready()
        made.reloading()
        made.reloaded()
        made.reloading()
        made.reloaded("key.pem is no key")
        begun = ["RELOADING=1", "MONOTONIC_USEC=1234", "STATUS=reloading"]
        first, second, third, fourth = self.socket.heard()
        self.assertEqual((first, third), (begun, begun))
        self.assertEqual(second, ["READY=1", "STATUS=0 clients connected, 0 sessions, 0 messages queued"])
        self.assertEqual(fourth, ["READY=1", "STATUS=not reloaded: key.pem is no key"])

    def test_not_ours(self) -> None:
        """
        Under a shell nothing of this happens.
        """
        made = NotifyService(self.broker, {}, lambda: self.socket)
        self.broker.startService()
        made.startService()
        made.beat(0.0)
        made.reloading()
        made.reloaded()
        made.stopService()
        self.broker.stopService()
        self.assertEqual(self.socket.heard(), [])
