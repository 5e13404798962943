"""
Is anything that was acknowledged lost when the broker is killed, at any moment?

Run it with C{python -m benchmarks.kill9 [--kills 100] [--seed N] [--store mqtt.db] [--durability full]} in the
checkout. Durable clients publish and listen (see C{benchmarks/accounting}), the broker gets SIGKILL again and again and
is started on what it left behind. At the end everybody comes back and takes what is owed. Exit status 1 when anything
was wrong; the table says what.

C{--kills 0} only runs the clients, for C{--seconds}. C{--broker mosquitto} or C{--command "... {port} ... {dir}"} put
other brokers to the same test.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from random import Random, SystemRandom

from benchmarks.accounting import Accounts, Verdict, Workload, drain, townsfolk
from benchmarks.accounting.drain import QUIET
from benchmarks.processes import Broker, mosquitto_command, txmqtt_command

#: Seconds that a broker may take to answer after its start.
PATIENCE = 60.0
#: One kill in so many comes before the broker has answered anybody.
EARLY = 6
#: How often nobody publishes anew after a kill until somebody has looked at what is retained.
PATIENT = 0.7
#: How busy the broker is when it is killed, as parts of the rate.
PACES = (0.1, 0.5, 1.0, 2.5)


class Murder:
    """
    One broker, killed again and again.

    @ivar kills: how many there were.
    @ivar starts: seconds from the start of a process after a kill to its first CONNACK.
    """

    def __init__(self, broker: Broker, seed: int, rate: float) -> None:
        self.broker = broker
        self.accounts = Accounts(townsfolk())
        self.kills = 0
        self.starts: list[float] = []
        self._random = Random(seed)
        self._rate = rate
        broker.start()
        self.workload = Workload(broker.port, self.accounts, seed, rate)

    def until_it_answers(self, first: bool = False) -> None:
        before = self.workload.connections
        if not self.workload.run(PATIENCE, lambda: self.workload.connections > before or not self.broker.running):
            raise SystemExit(f"the broker answers nobody:\n{self.broker.last_words()}")
        if not self.broker.running:
            raise SystemExit(f"the broker ended by itself:\n{self.broker.last_words()}")
        if first:
            return
        self.starts.append(time.monotonic() - self.broker.started)
        survey = self.workload.survey()
        if self._random.random() < PATIENT:
            self.workload.rate = 0.0  # a topic that is published to again hides what was lost
            self.workload.run(2.0, lambda: survey.done)

    def kill(self, most: int) -> None:
        """
        Let it run for a moment, kill it, start it again; sometimes kill that one too before it answers.
        """
        self.workload.rate = self._rate * self._random.choice(PACES)
        self.workload.run(self._random.uniform(0.05, 2.0))
        self.workload.provoke()
        self._random.choice((self._in_a_moment, self._at_an_acknowledgement, self._at_a_suback))()
        self._strike()
        while self.kills < most and self._random.randrange(EARLY) == 0:
            self.workload.run(self._random.uniform(0.0, 1.2 * (statistics.median(self.starts) if self.starts else 0.5)))
            self._strike()

    def _in_a_moment(self) -> None:
        self.workload.run(self._random.choice((0.002, 0.01, 0.05, 0.2)))

    def _at_an_acknowledgement(self) -> None:
        """
        As soon as it has promised to keep a message.
        """
        before = self.accounts.acknowledged
        self.workload.run(0.2, lambda: self.accounts.acknowledged > before)

    def _at_a_suback(self) -> None:
        """
        As soon as it has promised to keep a subscription.
        """
        before = self.accounts.subscribed
        self.workload.run(0.2, lambda: self.accounts.subscribed > before)

    def _strike(self) -> None:
        if not self.broker.running:
            raise SystemExit(f"the broker ended by itself:\n{self.broker.last_words()}")
        self.broker.kill()
        self.kills += 1
        self.workload.run(self._random.uniform(0.0, 0.1))
        self.broker.start()

    def verdict(self, one_by_one: bool, quiet: float) -> Verdict:
        self.workload.run(0.5)
        self.workload.stop()
        return drain(self.broker.port, self.accounts, one_by_one=one_by_one, quiet=quiet)


def main() -> int:
    parser = argparse.ArgumentParser(description="kill -9 a broker again and again; is anything lost?")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long to run when nobody is killed")
    parser.add_argument("--seed", type=int, help="for everything that is left to chance; printed")
    parser.add_argument("--rate", type=float, default=2_000.0, help="messages published in a second")
    parser.add_argument("--store", default="mqtt.db", help="as mqtt-broker takes it; empty for none")
    parser.add_argument("--durability", help="as mqtt-broker takes it")
    parser.add_argument("--broker", choices=("txmqtt", "mosquitto"), default="txmqtt")
    parser.add_argument("--command", help="another broker, with {port} and {dir} where they belong")
    parser.add_argument("--quiet", type=float, default=QUIET, help="seconds after which what has not come is lost")
    arguments = parser.parse_args()
    seed = SystemRandom().randrange(1 << 32) if arguments.seed is None else arguments.seed
    print(f"--seed {seed}", flush=True)
    command = arguments.command or (
        mosquitto_command()
        if arguments.broker == "mosquitto"
        else txmqtt_command(arguments.store or None, arguments.durability)
    )
    broker = Broker(command)
    began = time.monotonic()
    try:
        murder = Murder(broker, seed, arguments.rate)
        murder.until_it_answers(first=True)
        if not arguments.kills:
            murder.workload.run(arguments.seconds)
        while murder.kills < arguments.kills:
            murder.kill(arguments.kills)
            murder.until_it_answers()
        ran = time.monotonic() - began
        verdict = murder.verdict(arguments.broker == "txmqtt" and not arguments.command, arguments.quiet)
    finally:
        broker.remove()
    print(f"{'kills':<24}{murder.kills:>10,}")
    print(verdict.table())
    if murder.starts:
        middle, longest = statistics.median(murder.starts), max(murder.starts)
        print(f"start-up after a kill   {middle:>10.2f} s median, {longest:.2f} s at most")
    print(f"{ran:.0f} s of running, {time.monotonic() - began - ran:.0f} s until all was settled")
    print("nothing lost" if verdict.good else "FAULTS")
    return 0 if verdict.good else 1


if __name__ == "__main__":
    sys.exit(main())
