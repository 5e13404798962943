"""
A client's session and a server's, whatever happens to the wire between them: QoS 1 arrives, QoS 2 arrives once, both in
order; no identifier is used twice, no window exceeded; and once the wire is good nothing is left waiting.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from tests.models import model_settings
from tests.session.pair import Side
from tests.session.wires import Wires, seeds
from txmqtt.codec import reasons
from txmqtt.codec.constants import MQTT5
from txmqtt.codec.errors import LocalProtocolError
from txmqtt.codec.packets import Subscription
from txmqtt.codec.properties import Properties
from txmqtt.session.client import ClientSession
from txmqtt.session.message import Message
from txmqtt.session.outgoing import REFUSED, Outbound
from txmqtt.session.server import ServerSession
from txmqtt.session.tickets import WITHHELD
from txmqtt.session.voice import CLOSED, NEVER, OPEN

_FAILURES = (reasons.UNSPECIFIED_ERROR, reasons.QUOTA_EXCEEDED, WITHHELD)

qualities = st.sampled_from((0, 1, 1, 2, 2, 2))
some = st.integers(0, 1_000)


class Pair(Wires):
    # What is said

    @rule(qos=qualities, expiry=st.sampled_from((None, None, None, 0, 30)), count=st.integers(1, 4))
    def publish(self, qos: int, expiry: int | None, count: int) -> None:
        """
        The client publishes; one that lasts does so without a connection, too.
        """
        client = self.client
        self._told_the_time()
        session = self.near.talk if self.near is not None else None
        for _ in range(count):
            expires = expiry is not None and self.version == MQTT5
            letter = client.sent.write(qos, True, expires)
            payload = b"%d" % letter.number
            ref = letter.number + 1
            if isinstance(session, ClientSession) and session.phase == OPEN:
                properties = Properties(message_expiry_interval=expiry) if expires else None
                try:
                    session.publish(letter.topic, payload, qos, False, properties, ref)
                except LocalProtocolError:
                    letter.excused = True
                    letter.told = reasons.QUOTA_EXCEEDED
            elif self.lasting and client.books is not None:
                expires_at = self.now + max(expiry or 0, 1e-6) if expires else 0.0
                item = Outbound(Message(letter.topic, payload, qos, expires_at=expires_at), qos, ref=ref)
                if client.books.admit(item, True) == REFUSED:
                    letter.excused = True
                    letter.told = reasons.QUOTA_EXCEEDED
            else:
                client.sent.letters.pop()
        client.turn.flush()
        self._tidy()

    @rule(qos=qualities, expiry=st.sampled_from((None, None, None, 30)), count=st.integers(1, 4))
    def post(self, qos: int, expiry: int | None, count: int) -> None:
        """
        The server has something for its client, connected or not.
        """
        server = self.server
        self._told_the_time()
        if server.books is None:
            return
        end = self.far or self.stale
        session = end.talk if end is not None else None
        for _ in range(count):
            letter = server.sent.write(qos, self.followed, expiry is not None)
            message = Message(letter.topic, b"%d" % letter.number, qos)
            message.expires_at = self.now + expiry if expiry is not None else 0.0
            open_session = session if isinstance(session, ServerSession) and session.phase == OPEN else None
            if qos == 0:
                if open_session is not None:
                    open_session.deliver_own(message, False, ())
                continue
            item = Outbound(message, qos, ref=letter.number + 1 if self.followed else 0)
            verdict = open_session.post(item) if open_session is not None else server.books.admit(item, True)
            if verdict == REFUSED:
                letter.excused = True
        server.turn.flush()
        self._tidy()

    @rule(what=st.sampled_from(("subscribe", "unsubscribe", "ping")))
    def ask(self, what: str) -> None:
        session = self.near.talk if self.near is not None else None
        if not isinstance(session, ClientSession) or session.phase != OPEN:
            return
        self._told_the_time()
        self.client.asked += 1
        if what == "subscribe":
            session.subscribe([Subscription(b"a", 2), Subscription(b"b", 1)], None, 1)
        elif what == "unsubscribe":
            session.unsubscribe([b"a"], None, 1)
        else:
            session.ping(1)
        self._tidy()

    # What takes time

    @rule(client=st.booleans(), count=st.integers(1, 3))
    def hesitate(self, client: bool, count: int) -> None:
        """
        The next answers of one side are given later.
        """
        (self.client if client else self.server).slow = count

    @rule(client=st.booleans(), number=some, count=st.integers(1, 3), reason=st.sampled_from((0, 0, 0, *_FAILURES)))
    def decide(self, client: bool, number: int, count: int, reason: int) -> None:
        """
        Some of them are given, in any order.
        """
        side: Side = self.client if client else self.server
        for _ in range(min(count, len(side.undecided))):
            side.decide(number, reason if client or reason != WITHHELD else 0)
        self._tidy()

    @rule(client=st.booleans(), pause=st.booleans())
    def flow(self, client: bool, pause: bool) -> None:
        """
        A transport is full, or has room again.
        """
        end = self.near if client else self.far
        if end is None or end.talk is None or end.talk.phase == CLOSED:
            return
        if pause:
            end.talk.pause()
        else:
            end.talk.resume()
        self._tidy()

    @rule(seconds=st.sampled_from((1, 12, 25, 61, 100)))
    def wait(self, seconds: int) -> None:
        until = self.now + seconds
        ends = (self.near, self.far, self.stale)
        while (due := min((end.alarm for end in ends if end is not None), default=NEVER)) <= until:
            self.now = max(self.now, due)
            self._told_the_time()
            for end in ends:
                if end is not None and end.talk is not None and end.alarm <= self.now:
                    end.alarm = end.talk.alarm_at = NEVER
                    end.talk.tick(self.now)
                    if end.talk.phase != CLOSED:
                        end.talk.nearer(end.talk.deadline())
                    end.side.turn.flush()
        self.now = until
        self._told_the_time()
        self._tidy()

    @rule(seed=seeds, count=st.sampled_from((20, 60)))
    def storm(self, seed: int, count: int) -> None:
        """
        Many of these things in a row: what chance alone finds sooner than a search does.
        """
        chance = Random(seed)
        for name in chance.choices(_OFTEN, k=count):
            words = {word: chance.choice(choices) for word, choices in _WORDS[name].items()}
            note(f"  {name} {words}")
            getattr(self, name)(**words)
            self.books_agree()

    # What always holds

    @invariant()
    def books_agree(self) -> None:
        for side in self.sides:
            books = side.books
            if books is not None:
                assert 0 <= books.flying <= len(books.ids), f"{side.name}: {books.flying} of {len(books.ids)} fly"
                waiting = books.waiting or ()
                assert books.waiting_bytes == sum(item.message.size for item in waiting)
                assert not (books.idle and waiting)

    # The end

    def teardown(self) -> None:
        if not hasattr(self, "version"):
            return
        for _ in range(2):  # what the client withheld comes on another connection
            self._recover()
            if self._at_rest():
                break
            self.drop(0, 0, True)
        self._recover()
        for side in self.sides:
            books = side.books
            assert books is not None
            assert not books.everything() and not len(books.ids), f"{side.name} still has {books.everything()}"
            assert (books.flying, books.waiting, books.waiting_bytes, books.idle) == (0, None, 0, True)
            assert not len(side.inbox), f"{side.name} waits for PUBRELs"
            assert not side.tap.in_use, f"{side.name} uses {side.tap.in_use}"
            side.sent.check()
        last = self.client.sent.write(0, False, False)
        assert self.near is not None and isinstance(self.near.talk, ClientSession)
        self.near.talk.publish(last.topic, b"%d" % last.number, 0, False, None, 1)
        self._recover()
        assert last.taken, "what is sent at QoS 0 over a good wire arrives"

    def _at_rest(self) -> bool:
        return all(side.books is not None and not side.books.everything() for side in self.sides)

    def _recover(self) -> None:
        """
        The wire is good, and both sides answer.
        """
        for _ in range(1_000):
            moved = False
            for side in self.sides:
                side.slow = 0
                while side.undecided:
                    side.decide(0, 0)
                    moved = True
            for client in (True, False):
                self.flow(client, False)
            if self.near is None:
                moved = True
                self._connect()
            self.let_in()
            for up in (True, False):
                end = self.near if up else self.far
                if end is not None and end.pipe:
                    moved = True
                    self.carry(up, 10_000)
            self._tidy()
            if not moved:
                return
        raise AssertionError("they talk for ever")


_BOTH = (False, True)
_SOME = range(1_000)
_SIZES = (0, 1, 2, 3, 5, 7, 9, 12, 16, 25, 10_000, 10_000, 10_000, 10_000)

#: What may happen in a storm, with the words of each rule.
_WORDS: dict[str, dict[str, Sequence[Any]]] = {
    "publish": {"qos": (0, 1, 1, 2, 2), "expiry": (None, None, None, None, 0, 30), "count": (1, 2, 3)},
    "post": {"qos": (0, 1, 1, 2, 2), "expiry": (None, None, None, None, 30), "count": (1, 2, 3)},
    "exchange": {},
    "carry": {"up": _BOTH, "size": _SIZES},
    "drop": {"up": _SIZES, "down": _SIZES, "noticed": (False, True, True)},
    "meet": {"smoothly": (False, True, True, True)},
    "let_in": {},
    "ask": {"what": ("subscribe", "unsubscribe", "ping")},
    "hesitate": {"client": _BOTH, "count": (1, 2, 3)},
    "decide": {"client": _BOTH, "number": _SOME, "count": (1, 2, 3), "reason": (0, 0, 0, 0, *_FAILURES)},
    "flow": {"client": _BOTH, "pause": (False, False, True)},
    "wait": {"seconds": (1, 12, 25, 61)},
    "leave": {"client": _BOTH},
    "forget": {"who": ("server", "both")},
    "go_round": {},
}
_OFTEN = (
    *("publish", "post", "exchange", "carry", "meet", "decide") * 4,
    *("drop", "flow", "hesitate", "let_in") * 2,
    *("ask", "wait", "leave", "forget", "go_round"),
)

PairModelTests = Pair.TestCase
PairModelTests.settings = model_settings(40, 20)
