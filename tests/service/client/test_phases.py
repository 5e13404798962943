"""
Whoever wants to know what a client is at.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txmqtt import Phase
from txmqtt.service.client.phases import Phases


class PhasesTests(SynchronousTestCase):
    def test_observers(self) -> None:
        """
        Each hears of each change, until it has heard enough; one that fails disturbs nobody.
        """
        phases = Phases()
        heard: list[object] = []

        def broken(phase: Phase, error: Exception | None) -> None:
            raise RuntimeError("broken")

        phases.observe(broken)
        stop = phases.observe(lambda phase, error: heard.append((phase, error)))
        phases.become(Phase.CONNECTING)
        phases.become(Phase.CONNECTING)
        error = OSError()
        phases.become(Phase.WAITING, error)
        stop()
        stop()
        phases.become(Phase.CONNECTING)
        self.assertEqual(heard, [(Phase.CONNECTING, None), (Phase.WAITING, error)])
        self.assertIs(phases.error, error)
        phases.become(Phase.CONNECTED)
        self.assertIsNone(phases.error)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 4)
