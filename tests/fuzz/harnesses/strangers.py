"""
Clients that say anything, to a broker in a world in memory.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from twisted.internet.protocol import Factory, Protocol

from tests.fuzz import script
from tests.fuzz.script import AGAIN, ASK, CLOSE, CUT, DEAF, HEAR, SAY, TOGETHER, WAIT, Step
from txmqtt import Refused
from txmqtt.codec.decode import Decoder
from txmqtt.codec.errors import RemoteProtocolError
from txmqtt.testing import Connection, MQTTWorld

#: How often C{AGAIN} says it, by its amount, and how much it says in all, bytes.
_TIMES: Final = (1, 2, 3, 5, 8, 12, 20, 30)
_MUCH: Final = 6_000
#: What a CONNECT is looked for in, of all that somebody has said, bytes.
_BEGINNING: Final = 5_000
#: How long the broker may take to answer whoever it serves, seconds.
_PATIENCE: Final = 2.0


class _Stranger(Protocol):
    """
    A client without manners.

    @ivar said: the beginning of what it has said.
    """

    def __init__(self) -> None:
        self.gone = False
        self.said = b""
        self._heard = bytearray()

    def dataReceived(self, data: bytes) -> None:
        self._heard += data

    def check(self) -> None:
        """
        What the broker said to it is MQTT, of the version that it was spoken to.
        """
        asked = Decoder(limit=_BEGINNING)
        asked.feed(self.said)
        with suppress(RemoteProtocolError):
            asked.take()
        if asked.version:
            answers = Decoder(asked.version)
            answers.feed(bytes(self._heard))
            while answers.take() is not None:
                pass
            assert self.gone or not answers.held, "the broker has said half a packet"
        else:
            assert len(self._heard) <= 5, f"{bytes(self._heard)!r} was said before a version was known"

    def connectionLost(self, reason: object = None) -> None:
        self.gone = True


class Strangers:
    """
    Those who say anything.
    """

    def __init__(self, world: MQTTWorld) -> None:
        self._world = world
        self._people: dict[int, tuple[_Stranger, Connection]] = {}
        self._everybody: list[_Stranger] = []
        self._last: dict[int, bytes] = {}

    def who(self, number: int) -> tuple[_Stranger, Connection]:
        """
        Their connection, a new one if the last is over.
        """
        found = self._people.get(number)
        if found is None or found[0].gone or not found[1].client.connected:
            stranger = _Stranger()
            world = self._world
            endpoint = world.endpoint("192.0.2.7" if number else "127.0.0.1")
            endpoint.connect(Factory.forProtocol(lambda: stranger))
            world.flush()
            found = self._people[number] = stranger, world.connections[-1]
            self._everybody.append(stranger)
        return found

    def check(self) -> None:
        """
        None of them heard anything wrong.
        """
        for stranger in self._everybody:
            stranger.check()

    def step(self, step: Step) -> None:
        """
        What happens next.
        """
        world = self._world
        if step.verb == SAY:
            for piece in script.reads(step):
                self._say(step.who, piece, step.amount == TOGETHER)
            self._last[step.who] = step.data
        elif step.verb == AGAIN:
            if last := self._last.get(step.who):
                self._say(step.who, last * min(_TIMES[step.amount], 1 + _MUCH // len(last)), False)
        elif step.verb == WAIT:
            world.advance(script.SECONDS[step.amount])
        elif step.verb == ASK:
            self._ask(step)
        elif step.who in self._people:
            _, connection = self._people[step.who]
            if step.verb == CLOSE:
                connection.client.loseConnection()
            elif step.verb == CUT:
                connection.cut()
            elif step.verb == DEAF:
                connection.client.pauseProducing()
            elif step.verb == HEAR:
                connection.client.resumeProducing()
            world.flush()

    def _say(self, number: int, data: bytes, held: bool) -> None:
        stranger, connection = self.who(number)
        if len(stranger.said) < _BEGINNING:
            stranger.said += data
        connection.client.write(data)
        if not held:
            self._world.flush()

    def _ask(self, step: Step) -> None:
        world = self._world
        if step.amount < 5:
            with suppress(Refused):  # nobody has room
                published = world.broker.publish("a/b", b"x" * 30, step.who % 3, step.amount == 4)
                world.run(published, within=_PATIENCE)
        else:
            world.restart(sessions=step.amount != 6, goodbye=step.amount != 7)
