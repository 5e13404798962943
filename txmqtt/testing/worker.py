"""
What stores in a world run on: no thread, but the test's own.
"""

from __future__ import annotations

from collections.abc import Callable


class PromptWorker:
    """
    See C{txmqtt.backends.sqlite.worker.Worker}: does everything at once, so that what follows has its time too.
    """

    def do(self, job: Callable[[], None]) -> None:
        """
        See C{Worker.do}.
        """
        job()

    def stop(self) -> None:
        """
        See C{Worker.stop}.
        """
