"""
Everybody at once: people publish, listen, move, vanish and come back.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from random import Random

from benchmarks.accounting.accounts import Accounts
from benchmarks.accounting.loop import Loop
from benchmarks.accounting.peer import Peer
from benchmarks.accounting.surveyor import PATIENCE, Surveyor
from txmqtt.codec.constants import PUBACK, PUBCOMP, PUBREC, PUBREL

#: Seconds between two rounds of publishing.
TICK = 0.01
#: Rounds that may be made up for when the broker was away.
BURST = 5
#: How often a rare topic gets a message when it is its turn.
RARELY = 0.05
#: Answers that a client may hold back: all, or those of one kind.
HELD_BACK = (0, PUBACK, PUBREC, PUBREL, PUBCOMP)
#: Seconds, on average, between two tricks of one client.
RESTLESS = 1.5


class Workload:
    """
    Clients of a broker on this machine, run for as long as somebody says; between two runs they do nothing.

    What they did and heard stands in C{accounts}, whose ledgers they go on from: they may be those of an earlier
    workload.

    @ivar peers: by name.
    @ivar rate: messages published in a second, by all together; as many as the windows allow if that is less.
    """

    def __init__(
        self,
        port: int,
        accounts: Accounts,
        seed: int,
        rate: float = 1_000.0,
        calm: bool = False,
        peers: Collection[str] | None = None,
    ) -> None:
        """
        @param calm: nobody publishes by itself, and nobody plays tricks.
        @param peers: who takes part, by name; None for all.
        """
        self.accounts = accounts
        self.random = Random(seed)
        self.loop = Loop()
        self._port = port
        self.rate = rate
        self._allowance = 0.0
        self._surveyor: Surveyor | None = None
        self.peers = {
            name: Peer(person, accounts, self.loop, Random(self.random.random()), port)
            for name, person in accounts.people.items()
            if peers is None or name in peers
        }
        self._publishers = [peer for peer in self.peers.values() if peer.person.topics]
        for peer in self.peers.values():
            peer.come()
            if not calm:
                self._plan(peer)
        if not calm:
            self._publish()

    def run(self, seconds: float, until: Callable[[], bool] | None = None) -> bool:
        """
        Let them live for so long, or until something is so.

        @return: whether it is so.
        """
        return self.loop.run(seconds, until)

    def stop(self) -> None:
        """
        All connections break, and nobody comes back.
        """
        for peer in self.peers.values():
            peer.leave()
        if self._surveyor is not None:
            self._surveyor.close()
        self.loop.close()

    @property
    def connections(self) -> int:
        """
        How often a CONNACK said yes.
        """
        return sum(peer.connections for peer in self.peers.values())

    def survey(self, patience: float = PATIENCE) -> Surveyor:
        """
        Somebody new asks for all that is retained.

        @param patience: seconds after which what has not come is not retained.
        """
        if self._surveyor is not None:
            self._surveyor.close()
        self._surveyor = Surveyor(self.accounts, self.loop, self._port, patience)
        return self._surveyor

    def provoke(self) -> None:
        """
        Just before something happens to the broker: many are in the middle of something.
        """
        for peer in self.peers.values():
            if self.random.random() < 0.3:
                peer.hold(1.0, self.random.choice(HELD_BACK))
            for wish in peer.person.wishes:
                if wish.extra and self.random.random() < 0.5:
                    peer.toggle(wish)

    # Publishing

    def _publish(self) -> None:
        per_tick = self.rate * TICK
        self._allowance = min(self._allowance + per_tick, BURST * per_tick)
        ready = [peer for peer in self._publishers if peer.ready]
        while self._allowance >= 1.0 and ready:
            peer = self.random.choice(ready)
            self._allowance -= 1.0
            topic = self.random.choice(peer.person.topics)
            if not topic.rare or self.random.random() < RARELY:
                peer.publish(topic)
            if not peer.ready:
                ready.remove(peer)
        for peer in self._publishers:
            peer.flush()
        self.loop.later(TICK, self._publish)

    # Tricks

    def _plan(self, peer: Peer) -> None:
        self.loop.later(self.random.expovariate(1 / RESTLESS), lambda: self._trick(peer))

    def _trick(self, peer: Peer) -> None:
        """
        One of the things that clients do to brokers.
        """
        random = self.random
        extras = [wish for wish in peer.person.wishes if wish.extra]
        choice = random.random()
        if peer.away:
            pass
        elif extras and choice < 0.3:
            peer.toggle(random.choice(extras))
        elif choice < 0.5:
            peer.hold(random.uniform(0.005, 0.3), random.choice(HELD_BACK))
        elif choice < 0.65:
            peer.take_over()
        elif choice < 0.85:
            peer.leave(polite=random.random() < 0.3, abrupt=random.random() < 0.5)
            peer.come()
        else:
            peer.leave(polite=random.random() < 0.3, abrupt=random.random() < 0.5)
            self.loop.later(random.uniform(0.1, 1.5), peer.come)
        self._plan(peer)
