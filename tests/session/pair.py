"""
A client's session and a server's, joined by a wire that anything may happen to, and books of what each was promised.

Both ends are the real ones. What stands around them is as little as it can be: a server with one session, which it
keeps between connections, and on both sides somebody who takes messages at once or later, or refuses them.
"""

from __future__ import annotations

from typing import Any

from tests.session.tap import Tap
from txmqtt.codec import reasons
from txmqtt.codec.constants import MQTT5
from txmqtt.codec.decode import Decoder
from txmqtt.codec.packets import Connack, Connect, Disconnect, Publish, Subscribe, Unsubscribe
from txmqtt.session.client import ClientSession
from txmqtt.session.conversation import Conversation
from txmqtt.session.incoming import Incoming
from txmqtt.session.outgoing import Outbound, Outgoing
from txmqtt.session.server import ServerSession
from txmqtt.session.sink import ServerSink
from txmqtt.session.tickets import DONE, WITHHELD, Ticket
from txmqtt.session.turn import Turn
from txmqtt.session.voice import CLOSED, NEVER

TOPICS = (b"a", b"b", b"c")

#: What neither end may ever accuse the other of.
_BLUNDERS = (
    reasons.MALFORMED_PACKET,
    reasons.PROTOCOL_ERROR,
    reasons.RECEIVE_MAXIMUM_EXCEEDED,
    reasons.TOPIC_ALIAS_INVALID,
    reasons.PACKET_TOO_LARGE,
)


class Letter:
    """
    One message.

    @ivar taken: in which lives of the receiver's session it was taken.
    @ivar told: the reason that the sender was told; -1: none yet.
    @ivar seen: it came, whatever was made of it.
    @ivar excused: it need not arrive: it has expired, was refused, or a session ended.
    """

    def __init__(self, number: int, qos: int, followed: bool) -> None:
        self.number = number
        self.topic = TOPICS[number % len(TOPICS)]
        self.qos = qos
        self.followed = followed
        self.taken: list[int] = []
        self.pending: list[int] = []
        self.told = -1
        self.seen = False
        self.excused = False

    def __repr__(self) -> str:
        return f"<{self.number}, QoS {self.qos}, taken {self.taken}, told {self.told}>"


class Way:
    """
    All letters of one direction.

    @ivar life: how often the receiver's session has begun anew.
    """

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.life = 0
        self._last = [-1, -1, -1]

    def write(self, qos: int, followed: bool, expires: bool) -> Letter:
        letter = Letter(len(self.letters), qos, followed)
        letter.excused = expires
        self.letters.append(letter)
        return letter

    def arrives(self, packet: Publish) -> Letter:
        letter = self.letters[int(packet.payload)]
        assert (packet.topic, packet.qos) == (letter.topic, letter.qos), f"{letter} came as {packet}"
        if not letter.seen:
            assert letter.number > self._last[letter.qos], f"{letter} comes after {self._last[letter.qos]}"
            letter.seen = True
        self._last[letter.qos] = max(self._last[letter.qos], letter.number)
        if letter.qos == 0:
            assert not letter.taken, f"{letter} comes again"
        if letter.qos == 2:
            assert self.life not in letter.pending + letter.taken, f"{letter} comes again"
        return letter

    def told(self, number: int, reason: int) -> None:
        """
        The sender is told what became of it.
        """
        letter = self.letters[number - 1]
        assert letter.told < 0, f"{letter} is told again: {reason}"
        letter.told = reason
        if letter.qos and reason < reasons.FAILURE:
            assert letter.taken, f"{letter} is said to have been taken"
        elif letter.qos == 2:
            assert self.life not in letter.taken, f"{letter} is said to have been refused: {reason}"

    def excuse(self) -> None:
        """
        The sender's session is over.
        """
        for letter in self.letters:
            letter.excused = letter.excused or letter.told < 0

    def check(self) -> None:
        """
        All is over, and nothing is missing.
        """
        for letter in self.letters:
            if not letter.qos:
                continue
            if letter.followed and not letter.excused:
                assert letter.told >= 0, f"{letter}: nobody was told"
            if not letter.excused and letter.told < reasons.FAILURE:
                assert letter.taken, f"{letter} is lost"


class End:
    """
    One end of one connection: the wire as a conversation sees it, and whoever takes what arrives.

    @ivar pipe: what has been written and has not arrived.
    @ivar cut: nothing that is written arrives any more.
    """

    def __init__(self, side: Side) -> None:
        self.side = side
        self.pipe = bytearray()
        self.cut = False
        self.alarm = NEVER
        self.knocking = False
        self.clean = False
        self.closed = False
        self.talk: Conversation | None = None
        self._parts = Decoder(side.tap.version)

    def write(self, data: bytes) -> None:
        self.side.tap.says(data)
        if not self.cut:
            self.pipe += data

    def hold(self) -> None: ...
    def release(self) -> None: ...

    def rearm(self, deadline: float) -> None:
        self.alarm = deadline

    def close(self, reason: int, message: str, abort: bool) -> None:
        assert not self.closed, "closed twice"
        assert reason not in _BLUNDERS, f"{self.side.name}: {reason:#x} {message}"
        self.closed = True
        if not abort and self.talk is not None:
            self.talk.paused = False
            self.talk.flush()

    def connecting(self, packet: Connect) -> None:
        self.knocking = True
        self.clean = packet.clean_start

    def admitted(self) -> None: ...
    def answering(self, data: bytes | None) -> None: ...
    def renewing(self, data: bytes | None) -> None: ...

    # The way in

    def hears(self, data: bytes) -> None:
        """
        Bytes arrive: packet by packet, so that the tap knows no more than the conversation.
        """
        talk = self.talk
        assert talk is not None
        piece = bytearray()
        for at in range(len(data)):
            piece += data[at : at + 1]
            self._parts.feed(data[at : at + 1])
            packet = self._parts.take()
            if packet is not None and talk.phase != CLOSED:
                self.side.tap.hears(packet)
                talk.feed(bytes(piece), self.side.turn.now)
                piece.clear()
        talk.feed(bytes(piece), self.side.turn.now)
        self.side.turn.flush()

    def lost(self) -> None:
        """
        The connection is gone, as this end sees it.
        """
        self.cut = True
        if self.talk is not None:
            if self.talk.out:
                self.side.tap.swallowed = True
            self.talk.lost()
        self.side.turn.flush()


class Side:
    """
    What outlives connections on one side, and its answers.

    @ivar mail: what this side gets; C{sent}: what it sends.
    @ivar slow: so many answers to come are given later.
    @ivar undecided: those, with the letter and the life that each is about; None: it is about a record.
    """

    def __init__(self, name: str, version: int, mail: Way, sent: Way) -> None:
        self.name = name
        self.turn = Turn()
        self.tap = Tap(version)
        self.mail = mail
        self.sent = sent
        self.slow = 0
        self.undecided: list[tuple[Ticket, Letter | None, int]] = []
        self.asked = 0
        self.answers = 0
        self.books: Outgoing | None = None
        self.inbox = Incoming()

    def renew(self) -> None:
        """
        A session begins.
        """
        self.books = Outgoing(20, 50, 10_000)
        self.inbox = Incoming()
        self.begin_life()

    def begin_life(self) -> None:
        self.tap.forget()
        self.mail.life += 1

    def _later(self, letter: Letter | None) -> Ticket:
        if not self.slow:
            return DONE
        self.slow -= 1
        ticket = Ticket()
        self.undecided.append((ticket, letter, self.mail.life))
        if letter is not None:
            letter.pending.append(self.mail.life)
        return ticket

    def decide(self, number: int, reason: int) -> None:
        """
        One of the answers that are owed is given.
        """
        ticket, letter, life = self.undecided.pop(number % len(self.undecided))
        if letter is not None:
            letter.pending.remove(life)
            if reason < reasons.FAILURE:
                letter.taken.append(life)
            elif reason < WITHHELD and self.tap.version == MQTT5:
                letter.excused = True
        elif reason >= WITHHELD:
            reason = reasons.UNSPECIFIED_ERROR
        ticket.settle(reason)
        self.turn.flush()

    # What both roles tell

    def published(self, session: object, packet: Publish) -> Ticket:
        letter = self.mail.arrives(packet)
        ticket = self._later(letter) if packet.qos else DONE
        if ticket.done:
            letter.taken.append(self.mail.life)
        return ticket

    def sending(self, session: object, item: Outbound) -> Ticket:
        return self._later(None)

    def received(self, session: object, item: Outbound) -> Ticket:
        return self._later(None)

    def releasing(self, session: object, packet_id: int) -> Ticket:
        return self._later(None)

    def settled(self, session: object, item: Outbound, reason: int, properties: object = None) -> None:
        self.sent.told(item.ref, reason)

    def left(self, session: object, goodbye: Disconnect | None) -> None: ...


class Client(Side):
    """
    The verbs of C{ClientSink}.

    @ivar sure: the server has said whether it has the session.
    """

    sure = True

    released = Side.received

    def forgotten(self, session: ClientSession) -> None:
        self.begin_life()
        if not session.lasting:
            self.sent.excuse()

    def accepted(self, session: ClientSession, packet: Connack) -> None:
        self.sure = True

    def answered(self, session: object, request: Any, codes: list[int], properties: object) -> None:
        self.answers += 1

    def lapsed(self, session: object, item: Outbound, reason: int, why: str) -> None:
        self.sent.letters[item.ref - 1].excused = True
        self.sent.told(item.ref, reasons.UNSPECIFIED_ERROR)

    def refused(self, session: object, packet: Connack) -> None:
        assert packet.reason not in _BLUNDERS, f"refused: {packet}"

    def challenged(self, session: object, data: bytes | None) -> None: ...
    def convinced(self, session: object, data: bytes | None) -> None: ...
    def ponged(self, session: object, ref: int) -> None: ...


class Server(Side, ServerSink):
    """
    The verbs of C{ServerSink}.
    """

    def subscribing(self, session: ServerSession, packet: Subscribe) -> None:
        session.suback(packet.packet_id, [each.qos for each in packet.subscriptions], self._later(None))

    def unsubscribing(self, session: ServerSession, packet: Unsubscribe) -> None:
        session.unsuback(packet.packet_id, [0] * len(packet.filters), self._later(None))

    def expired(self, session: object, item: Outbound) -> None: ...
    def drained(self, session: object) -> None: ...
