"""
The broker as the whole of a process, without being one.
"""

from __future__ import annotations

import atexit
import signal
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any, cast

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from tests.service.support import FakeEndpoint, scratch
from txmqtt.backends.sqlite.errors import StoreError
from txmqtt.broker.policy import Policy
from txmqtt.service import process
from txmqtt.service.broker import BrokerService
from txmqtt.service.listener import CannotListen
from txmqtt.service.process import BrokerProcess


class Reactor(MemoryReactorClock):
    """
    Runs when told to, and counts how often it is stopped.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stops = 0

    def callFromThread(self, callable: Callable[[], object]) -> None:
        callable()

    def stop(self) -> None:
        self.stops += 1
        if self.stops > 1:
            raise ReactorNotRunning

    def begin(self) -> None:
        """
        What waits for the reactor to run may go.
        """
        self.hasRun = True
        for call, words, settings in self.whenRunningHooks:
            call(*words, **settings)


class ProcessTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = Reactor()
        self.said = StringIO()
        self.handlers: dict[int, Callable[[int, object], None]] = {}
        self.files = 10**9
        self.patch(sys, "__stderr__", self.said)
        self.patch(sys, "excepthook", sys.excepthook)
        self.patch(signal, "signal", self.handlers.__setitem__)
        self.patch(process, "allow_open_files", lambda wanted: min(wanted, self.files))

    def process(self, *endpoints: FakeEndpoint, directory: Path | None = None) -> BrokerProcess:
        broker = BrokerService(self.reactor, endpoints, None, Policy(), self.reactor.seconds, self.reactor.seconds)
        return BrokerProcess(broker, self.reactor, directory)

    def started(self, *endpoints: FakeEndpoint, directory: Path | None = None) -> BrokerProcess:
        made = self.process(*endpoints, directory=directory)
        made.privilegedStartService()
        made.startService()
        self.addCleanup(made.stopService)
        self.reactor.begin()
        return made

    def shown(self, error: BaseException) -> str:
        """
        What the person at the terminal sees of an exception that ends the process.
        """
        sys.excepthook(type(error), error, error.__traceback__)
        return self.said.getvalue()

    def test_listener(self) -> None:
        """
        A listener that can't be opened ends the process with one line on the real standard error, not a traceback.
        """
        bad = FakeEndpoint(error=OSError(98, "Address already in use"))
        with self.assertRaises(CannotListen) as caught:
            self.process(bad).privilegedStartService()
        self.assertEqual(self.shown(caught.exception), "mqtt-broker: cannot listen on fake: Address already in use\n")

    def test_signals_from_the_first_moment(self) -> None:
        """
        Whoever sees that a port is open may send SIGHUP or SIGUSR1: both are heeded by then, and do not kill.
        """
        heeded: list[set[int]] = []

        class Watched(FakeEndpoint):
            def listen(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
                heeded.append(set(handlers))
                return super().listen(protocolFactory)

        handlers = self.handlers
        for start in (BrokerProcess.privilegedStartService, BrokerProcess.startService):  # as twistd begins, and twist
            handlers.clear()
            heeded.clear()
            made = self.process(Watched())
            made.watch(cast(Any, Service()))
            start(made)
            self.assertEqual(heeded, [{signal.SIGHUP, signal.SIGUSR1}])

    def test_store(self) -> None:
        """
        So does a store that can't be opened.
        """
        path = scratch(self) / "nowhere" / "mqtt.db"
        endpoint = FakeEndpoint()
        broker = BrokerService(self.reactor, [endpoint], None, Policy(), store=path)
        made = BrokerProcess(broker, self.reactor)
        made.privilegedStartService()
        with self.assertRaises(StoreError) as caught:
            made.startService()
        self.assertEqual(
            self.shown(caught.exception), f"mqtt-broker: {path} can't be made: there is no directory {path.parent}\n"
        )
        self.assertFalse(endpoint.port.listening)

    def test_listener_too_late(self) -> None:
        """
        One that fails later stops the reactor, and the exit status is not that of success.
        """
        exits: list[object] = []
        self.patch(atexit, "register", exits.append)
        slow = FakeEndpoint(slow=True)
        self.started(slow)
        slow.opening.errback(OSError(98, "Address already in use"))
        self.assertEqual(self.said.getvalue(), "mqtt-broker: cannot listen on fake: Address already in use\n")
        self.reactor.begin()
        self.assertGreaterEqual(self.reactor.stops, 1)
        self.assertEqual(exits, [process._fail])

    def test_state_directory(self) -> None:
        """
        The state directory is made when the process has become who it will be; if it can't be, that is one line too.
        """
        wanted = scratch(self) / "state"
        made = self.process(FakeEndpoint(), directory=wanted)
        made.privilegedStartService()
        self.assertFalse(wanted.exists())
        made.startService()
        self.assertTrue(wanted.is_dir())
        self.successResultOf(made.stopService())
        file = scratch(self) / "file"
        file.touch()
        with self.assertRaises(UsageError) as caught:
            self.process(FakeEndpoint(), directory=file / "below").startService()
        self.assertEqual(
            self.shown(caught.exception),
            f"mqtt-broker: --state-dir '{file}/below': Not a directory; expected a directory to write to\n",
        )

    def test_sigterm(self) -> None:
        """
        SIGTERM stops the reactor, and a second one does no harm. The handler is ours, so that the exit status is 0.
        """
        self.started(FakeEndpoint())
        for _ in range(2):
            self.handlers[signal.SIGTERM](signal.SIGTERM, None)
        self.assertEqual(self.reactor.stops, 2)
        self.assertNotIn(signal.SIGINT, self.handlers)

    def test_few_files(self) -> None:
        """
        The log says when the system allows fewer connections than the policy.
        """
        self.files = 1124
        with capturedLogs() as events:
            self.started(FakeEndpoint())
        [said] = [event for event in events if "allowed" in event]
        self.assertEqual((said["allowed"], said["wanted"]), (1024, Policy().max_connections + Policy().max_half_open))
