"""
What a broker does once a second: it is told the time, and does what is due by the wall clock.

Every connection has its own alarm for what is more urgent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from txmqtt._build import __version__
from txmqtt.backends.memory import MemoryBackend
from txmqtt.backends.sqlite.backend import SqliteBackend
from txmqtt.broker.core import Broker
from txmqtt.net.door import Door
from txmqtt.net.memory import MemoryWatch
from txmqtt.service.pulse import Pulse

_log = Logger()

#: Seconds between two looks at what expires slowly, and between two at what expires unseen.
SWEEP = 1.0
BACKEND_SWEEP = 60.0

#: Under which name the store notes who is banned.
BANS = "bans"


class Heartbeat:
    """
    Keeps one broker's time.

    @ivar memory: what happens when memory runs short.
    """

    def __init__(
        self,
        broker: Broker,
        backend: MemoryBackend | SqliteBackend,
        door: Door,
        seconds: Callable[[], float],
        wall: Callable[[], float],
        beats: Iterable[Callable[[float], object]],
    ) -> None:
        """
        @param seconds: a clock that never jumps.
        @param wall: what time it is for the world.
        @param beats: called each time, with seconds of the first clock.
        """
        self.memory = MemoryWatch(broker)
        self._broker = broker
        self._backend = backend
        self._door = door
        self._seconds = seconds
        self._wall = wall
        self._beats = beats
        self._pulse = Pulse(broker.stats, SWEEP)
        self._beating: LoopingCall | None = None
        self._started_at = 0.0
        self._next_stats = 0.0
        self._next_backend_sweep = 0.0

    def start(self, reactor: Any) -> None:
        """
        Begin.
        """
        self._started_at = self._next_stats = self._seconds()
        self._next_backend_sweep = self._started_at + BACKEND_SWEEP
        self._beating = LoopingCall(self._beat)
        self._beating.clock = reactor
        self._beating.start(SWEEP)

    def stop(self) -> None:
        """
        End.
        """
        beating, self._beating = self._beating, None
        if beating is not None:
            beating.stop()

    def tell_time(self) -> None:
        """
        Tell the broker what time it is.
        """
        turn = self._broker.turn
        turn.now = self._seconds()
        turn.skew = self._wall() - turn.now

    def note(self) -> None:
        """
        Have the store keep what is not the broker's own.
        """
        self._backend.note(BANS, self._door.state())

    def _beat(self) -> None:
        broker, turn = self._broker, self._broker.turn
        try:
            self.tell_time()
            self._pulse.beat(turn.now)
            for beat in self._beats:
                beat(turn.now)
            self.memory.look()
            self.note()
            broker.sweep()
            if turn.now >= self._next_backend_sweep:
                self._next_backend_sweep = turn.now + BACKEND_SWEEP
                self._backend.sweep(turn.wall)
            interval = broker.policy.sys_interval
            if interval and turn.now >= self._next_stats:
                self._next_stats = turn.now + interval
                broker.publish_stats(turn.now - self._started_at, __version__)
            turn.flush()
        except Exception:
            # One session that can't be expired must not stop the time for all others.
            _log.failure("the sweep failed, and goes on")
