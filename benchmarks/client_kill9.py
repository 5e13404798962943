"""
Is anything that a client promised lost, or doubled, when its program is killed at any moment?

Run it with C{python -m benchmarks.client_kill9 [--kills 100] [--seed N] [--broker mosquitto] [--version 5]} in the
checkout. A program publishes numbered messages with keys at QoS 1 and 2 through C{MQTTClientService} with a store, and
receives what another publishes at QoS 2; it gets SIGKILL again and again, and is started on what it left behind (see
C{benchmarks/client_kills}). In the end it may finish what was begun. Then:

  - each message that the store had taken, or whose Deferred had fired, has reached a subscriber that was there all the
    time; at QoS 2 exactly once, at QoS 1 at least once; those of a topic in their order;
  - each of them is found by its key in the next life, and ends in one way;
  - each message that was to be received has been handled; twice only where the kill came between the handler and the
    disk, and then the second time with the DUP flag.

Exit status 1 when anything was wrong; the table says what. C{--kills 0} only runs for C{--seconds}.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random, SystemRandom

import txmqtt
from benchmarks.accounting.loop import Loop
from benchmarks.client_kills.diary import Reading
from benchmarks.client_kills.verdict import Verdict
from benchmarks.client_kills.witnesses import Listener, Sender
from benchmarks.processes import Broker, mosquitto_command, txmqtt_command

#: Seconds that anything may take.
PATIENCE = 60.0
#: One kill in so many comes while the program has only just been started.
EARLY = 5
#: Seconds between two looks at what is to be sent.
_TICK = 0.01


class Hunt:
    """
    One program, killed again and again.
    """

    def __init__(self, broker: Broker, seed: int, version: int, rate: float, forgetful: bool) -> None:
        self.kills = 0
        self._forgetful = forgetful
        self._random = Random(seed)
        self._broker = broker
        self._version = version
        self._rate = rate
        self._loop = Loop()
        self._program: subprocess.Popen[bytes] | None = None
        self._diary = str(broker.folder / "diary")
        self._store = str(broker.folder / "app.db")
        self._log = broker.folder / "victim.log"
        self.diary = Reading(self._diary)
        self.listener = Listener(self._loop, broker.port)
        self.sender = Sender(self._loop, broker.port)
        self._run(PATIENCE, lambda: self.listener.ready and self.sender.ready, "the broker")

    def _run(self, seconds: float, until: object = None, what: str = "") -> None:
        """
        Let the others go on; with C{what}, until something is so, which must come.
        """
        if not self._loop.run(seconds, until if callable(until) else None) and what:
            self.stop()
            said = self._log.read_text(errors="replace")[-2000:] if self._log.exists() else ""
            raise SystemExit(f"waited {seconds:g} s for {what}\n{self._broker.last_words()}\n{said}")

    def start(self, rate: float | None = None) -> None:
        if self._forgetful:
            for suffix in ("", "-wal", "-shm"):
                Path(self._store + suffix).unlink(missing_ok=True)
        home = str(Path(txmqtt.__file__ or "").resolve().parent.parent)
        here = str(Path(__file__).resolve().parent.parent)
        command = [sys.executable, "-P", "-m", "benchmarks.client_kills.victim", str(self._broker.port), self._store]
        command += [self._diary, str(self._random.randrange(1 << 32)), str(self._version)]
        command.append(str(self._rate if rate is None else rate))
        with self._log.open("ab") as log:
            self._program = subprocess.Popen(
                command, env={**os.environ, "PYTHONPATH": os.pathsep.join((home, here))}, stdout=log, stderr=log
            )

    def _alive(self) -> bool:
        return self._program is not None and self._program.poll() is None

    def _look(self) -> bool:
        if not self._alive():
            raise SystemExit(f"the program ended by itself\n{self._log.read_text(errors='replace')[-2000:]}")
        self.diary.go_on()
        return self.diary.life > self._lives

    def live(self) -> None:
        """
        A life, up to its end.
        """
        self._lives = self.diary.life
        self.start()
        if self.kills and self._random.randrange(EARLY) == 0:
            self._run(self._random.uniform(0.0, 1.0))
        else:
            self._run(PATIENCE, self._look, "the program to begin")
            self._traffic(self._random.choice((0.05, 0.2, 0.5, 1.0)) * self._random.uniform(0.5, 1.5))
            if self._forgetful:  # there must be something to forget: promises that nobody acknowledges
                os.kill(self._broker.pid, signal.SIGSTOP)
                self._run(0.3)
        self.kill()
        os.kill(self._broker.pid, signal.SIGCONT)

    def _traffic(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.diary.go_on()
            if self.diary.subscribed:
                self.sender.send(self._random.randrange(round(self._rate * _TICK) + 1))
            self._run(_TICK)

    def kill(self) -> None:
        assert self._program is not None
        self._program.send_signal(signal.SIGKILL)
        self._program.wait()
        self.kills += 1
        self._run(self._random.uniform(0.0, 0.05))

    def run_on(self, seconds: float) -> None:
        self.start()
        self._traffic(seconds)

    def finish(self) -> Verdict:
        """
        The last life ends what was begun.
        """
        self.stop()
        self._lives = self.diary.life
        self.start(0.0)

        def done() -> bool:
            self._look()
            return (
                self.diary.idle
                and not self.sender.under_way
                and len(self.diary.handled) >= self.sender.number
                and not self.diary.kept.keys() - self.listener.numbers
            )

        self._loop.run(5.0 if self._forgetful else PATIENCE / 2, done)
        self._run(0.2)
        self.stop(signal.SIGTERM)
        self.diary.go_on()
        return Verdict(self.diary, self.listener.heard_of, self.sender.number)

    def stop(self, number: int = signal.SIGKILL) -> None:
        program, self._program = self._program, None
        if program is not None and program.poll() is None:
            program.send_signal(number)
            program.wait()


def main() -> int:
    parser = argparse.ArgumentParser(description="kill -9 a client again and again; is anything lost, or doubled?")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long to run when nobody is killed")
    parser.add_argument("--seed", type=int, help="for everything that is left to chance; printed")
    parser.add_argument("--rate", type=float, default=600.0, help="messages published in a second, each way")
    parser.add_argument("--broker", choices=("txmqtt", "mosquitto"), default="txmqtt")
    parser.add_argument("--version", type=int, choices=(4, 5), default=5, help="of MQTT, as the client speaks it")
    parser.add_argument("--forgetful", action="store_true", help="remove the store before each start: must be noticed")
    parser.add_argument("--keep", action="store_true", help="leave store, diary and log where they are, and say where")
    arguments = parser.parse_args()
    seed = SystemRandom().randrange(1 << 32) if arguments.seed is None else arguments.seed
    print(f"--seed {seed}", flush=True)
    broker = Broker(mosquitto_command() if arguments.broker == "mosquitto" else txmqtt_command("memory", None))
    began = time.monotonic()
    hunt: Hunt | None = None
    try:
        broker.start()
        if not broker.answers(PATIENCE):
            raise SystemExit(f"the broker answers nobody:\n{broker.last_words()}")
        hunt = Hunt(broker, seed, arguments.version, arguments.rate, arguments.forgetful)
        if not arguments.kills:
            hunt.run_on(arguments.seconds)
        while hunt.kills < arguments.kills:
            hunt.live()
        verdict = hunt.finish()
    finally:
        if hunt is not None:
            hunt.stop()
        if arguments.keep:
            print(broker.folder)
            broker.kill()
        else:
            broker.remove()
    print(f"{'kills':<62}{hunt.kills:>10,}")
    print(verdict.table())
    print(f"{time.monotonic() - began:.0f} s")
    print("nothing lost" if verdict.good else "FAULTS")
    return 0 if verdict.good else 1


if __name__ == "__main__":
    sys.exit(main())
