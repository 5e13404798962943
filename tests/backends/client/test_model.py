"""
Whatever a client tells its store, and whenever its program is killed or its disk fails: what is recalled is what was on
disk, and what was on disk is what the tickets said.
"""

from __future__ import annotations

from copy import deepcopy

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from tests.backends.client.support import BROKEN, NO_ROOM, Program
from tests.models import model_settings
from txmqtt.session.tickets import Ticket

NAMES = st.integers(0, 10**6)
KEYS = st.sampled_from(("", "", "k", "l"))


class State:
    """
    What should be kept.

    @ivar promises: packet identifier (0: none), whether it was released, and key, by name, as they were queued.
    @ivar marks: when each left or was released.
    """

    def __init__(self) -> None:
        self.promises: dict[str, tuple[int, bool, str]] = {}
        self.marks: dict[str, int] = {}
        self.received: set[int] = set()
        self.wishes: dict[bytes, int] = {}
        self.outcomes: dict[str, int] = {}
        self.client_id = ""

    def summary(self) -> list[str]:
        """
        As C{Program.summary} says it.
        """
        said = [f"called {self.client_id}"] if self.client_id else []
        gone = [name for name, (packet_id, _, _) in self.promises.items() if packet_id]
        gone.sort(key=lambda name: (not self.promises[name][1], self.marks[name]))
        for name in gone + [name for name in self.promises if name not in gone]:
            packet_id, released, key = self.promises[name]
            how = f"{'released' if released else 'sent'} {packet_id}" if packet_id else "queued"
            said.append(f"{name} {how}{f' key={key}' if key else ''}")
        said += [f"received {packet_id}" for packet_id in sorted(self.received)]
        said += [f"wish {filter.decode()} {qos} 0" for filter, qos in self.wishes.items()]
        return in_order(said + [f"outcome {key} {reason}" for key, reason in self.outcomes.items()])


def in_order(said: list[str]) -> list[str]:
    """
    Of subscriptions and outcomes the order is of no matter.
    """
    unordered = ("wish", "outcome")
    return sorted(said, key=lambda line: line if line.startswith(unordered) else "")


class Client(RuleBasedStateMachine):
    """
    @ivar now: what the client has said.
    @ivar disk: what was said up to the last transaction; C{offered}: to the one that the writer may take.
    """

    def __init__(self) -> None:
        super().__init__()
        self.program = Program()
        self.now, self.disk = State(), State()
        self.offered: State | None = None
        self.failing = False
        self.number = 0
        self.asked: list[tuple[Ticket, str]] = []  # publishes, and subscriptions, that may yet be refused
        self.refusable: set[Ticket] = set()  # those, and all that were

    def teardown(self) -> None:
        self.program.end()

    def pick(self, number: int, left: bool | None = None, released: bool = False) -> str | None:
        """
        One of the publishes that have left and were released, or not.
        """
        some = [
            name
            for name, (packet_id, done, _) in self.now.promises.items()
            if left is None or (bool(packet_id), done) == (left, released)
        ]
        return some[number % len(some)] if some else None

    # Steps

    @rule(qos=st.integers(0, 2), key=KEYS, at_once=st.booleans())
    def queue(self, qos: int, key: str, at_once: bool) -> None:
        if key and any(key == other for _, _, other in self.now.promises.values()):
            return
        self.number += 1
        name = f"m{self.number}"
        self.program.queue(name, qos, key)
        if self.refused(name):
            return
        now = self.now
        now.promises[name] = (0, False, key)
        now.outcomes.pop(key, None)
        if at_once:
            self.leave(name)

    def refused(self, name: str = "") -> bool:
        """
        Whether the last step was refused at once; if not, it may be later.
        """
        ticket = self.program.tickets[-1]
        assert ticket.failed == (not self.program.store.healthy)
        self.refusable.add(ticket)
        if not ticket.done:
            self.asked.append((ticket, name))
        return ticket.failed

    def leave(self, name: str) -> None:
        taken = {packet_id for packet_id, _, _ in self.now.promises.values()}
        packet_id = next(number for number in range(1, 1000) if number not in taken)
        self.number += 1
        self.program.send(name, packet_id)
        if name not in self.disk.promises:
            self.refusable.add(self.program.tickets[-1])
        now = self.now
        now.promises[name] = (packet_id, False, now.promises[name][2])
        now.marks[name] = self.number

    @rule(number=NAMES)
    def send(self, number: int) -> None:
        if name := self.pick(number, left=False):
            self.leave(name)

    @rule(number=NAMES)
    def release(self, number: int) -> None:
        if name := self.pick(number, left=True):
            self.number += 1
            self.program.release(name)
            now = self.now
            packet_id, _, key = now.promises[name]
            now.promises[name] = (packet_id, True, key)
            now.marks[name] = self.number

    @rule(number=NAMES, reason=st.sampled_from((0, 0, 16, 151)))
    def settle(self, number: int, reason: int) -> None:
        if name := self.pick(number):
            self.program.settle(name, reason)
            now = self.now
            _, _, key = now.promises.pop(name)
            if key:
                now.outcomes[key] = reason

    @rule(key=KEYS)
    def told(self, key: str) -> None:
        self.program.told(key)
        if key in self.now.outcomes:
            del self.now.outcomes[key]

    @rule(packet_id=st.integers(1, 4))
    def receive(self, packet_id: int) -> None:
        self.program.receive(packet_id)
        self.now.received.add(packet_id)

    @rule(packet_id=st.integers(1, 4))
    def finish(self, packet_id: int) -> None:
        self.program.finish(packet_id)
        self.now.received.discard(packet_id)

    @rule(filter=st.sampled_from((b"a", b"b/#")), qos=st.integers(0, 2))
    def wish(self, filter: bytes, qos: int) -> None:
        self.program.wish(filter, qos)
        if not self.refused():
            self.now.wishes[filter] = qos

    @rule(filter=st.sampled_from((b"a", b"b/#")))
    def unwish(self, filter: bytes) -> None:
        self.program.unwish(filter)
        if not self.refused():
            self.now.wishes.pop(filter, None)

    @rule(name=st.sampled_from(("me", "you")))
    def called(self, name: str) -> None:
        self.program.name(name)
        self.now.client_id = name

    @rule()
    def lose(self) -> None:
        self.program.lose()
        now = self.now
        now.received.clear()
        for name, (_, released, key) in now.promises.items():
            if not released:
                now.promises[name] = (0, False, key)

    # The disk

    @rule()
    def end_turn(self) -> None:
        """
        The writer may have what was said, and has no time yet.
        """
        self.program.reactor.advance(0)
        if not self.failing:
            self.offered = deepcopy(self.now)

    @rule()
    def commit(self) -> None:
        """
        The writer works, and nobody hears of it yet.
        """
        if not self.failing:
            for worker in self.program.workers:
                worker.work()
            if self.offered is not None and self.program.store.books.draft is None:  # what grows again is not taken
                self.disk, self.offered = self.offered, None

    @rule()
    def write(self) -> None:
        """
        The disk has its time. What was asked for in a transaction that failed is refused, and nothing else is.
        """
        self.program.write()
        self.offered = None
        firm = [ticket for ticket in self.program.tickets if ticket not in self.refusable]
        for ticket, name in self.asked:
            if ticket.failed:
                self.now.promises.pop(name, None)
                self.now.wishes = dict(self.disk.wishes)
        healthy = self.program.store.healthy
        self.asked = [asked for asked in self.asked if not asked[0].done]
        assert not (self.asked and healthy)
        assert not any(ticket.failed for ticket in firm)
        if healthy:
            self.disk = deepcopy(self.now)
            assert all(ticket.done for ticket in firm)
            assert self.program.store.waiting == (0, 0)

    @precondition(lambda self: not self.failing)
    @rule(
        where=st.sampled_from(("BEGIN", "INSERT INTO promise", "INSERT INTO flight", "UPDATE meta", "COMMIT")),
        how=st.sampled_from((BROKEN, NO_ROOM)),
    )
    def fail(self, where: str, how: tuple[str, int]) -> None:
        """
        The disk fails from now on.
        """
        self.write()
        self.program.disk.fail(where, *how)
        self.failing = True

    @precondition(lambda self: self.failing)
    @rule()
    def heal(self) -> None:
        """
        It works again.
        """
        self.program.disk.heal()
        self.failing = False
        self.write()
        self.program.wait(1.0)
        self.write()

    @precondition(lambda self: not self.failing)
    @rule(where=st.sampled_from(("BEGIN", "COMMIT")), how=st.sampled_from((BROKEN, NO_ROOM)))
    def trouble(self, where: str, how: tuple[str, int]) -> None:
        """
        It fails for a moment, for what has been said since the last transaction.
        """
        self.program.disk.fail(where, *how)
        self.failing = True
        self.write()
        self.heal()

    # The program

    @rule()
    def kill(self) -> None:
        self.program.kill()
        self.restarted()

    @rule()
    def stop(self) -> None:
        self.program.disk.heal()
        if self.program.store.healthy:
            self.disk = deepcopy(self.now)
        self.program.stop()
        self.restarted()

    def restarted(self) -> None:
        assert in_order(self.program.summary()) == self.disk.summary()
        self.now, self.offered, self.failing, self.asked = deepcopy(self.disk), None, False, []


ClientModelTests = Client.TestCase
ClientModelTests.settings = model_settings(30, 30, shrink=False)
