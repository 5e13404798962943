"""
A client whose server says anything: everybody who waits hears how it ended, nothing hangs, and nothing wrong is said.

An input is a byte of options, and a script of what the server does; C{ASK} is what the application does. When the
connection is over the client connects again, and goes on with what it has kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

from tests.fuzz import script
from tests.fuzz.harness import Harness
from tests.fuzz.harnesses.logged import nothing_logged
from tests.fuzz.mutation import ScriptMutator
from tests.fuzz.packets import SERVERS
from tests.fuzz.script import AGAIN, ASK, CLOSE, CUT, DEAF, HEAR, SAY, TOGETHER, WAIT, Step
from tests.vectors import spell
from tests.vectors.bad import BAD
from tests.vectors.good import GOOD
from txmqtt import MQTTClient, MQTTClientFactory, MQTTError, Properties
from txmqtt.codec import encode
from txmqtt.codec.constants import CONNECT
from txmqtt.codec.decode import Decoder
from txmqtt.codec.packets import Connack
from txmqtt.net.settings import Options
from txmqtt.testing import Connection, WorldClock

_VERSIONS: Final = (5, 4, 3, 5)
_HERE, _THERE = IPv4Address("TCP", "127.0.0.1", 50_000), IPv4Address("TCP", "127.0.0.1", 1883)


def _version(head: bytes) -> int:
    return _VERSIONS[head[0] & 3]


def _options(how: int) -> Options:
    version = _VERSIONS[how & 3]
    options: Options = {"client_id": "me", "version": version, "keep_alive": 10, "max_queued_messages": 3}
    if how & 4:
        options["clean_start"] = False
    if how & 8:
        options |= {"receive_maximum": 2, "maximum_packet_size": 300, "max_inflight": 2, "write_buffer": 500}
        if version == 5:
            options |= {"topic_alias_maximum": 2, "topic_aliases": 2}
    if how & 16:
        options["downgrade"] = True
    return options


class _Server(Protocol):
    """
    Listens to what it is told, and says what the script says.
    """

    def __init__(self) -> None:
        self.heard = Decoder()

    def dataReceived(self, data: bytes) -> None:
        self.heard.feed(data)
        while self.heard.take() is not None:  # what a client says wrong is raised here
            pass


class _Application:
    """
    Asks for all that can be asked for.

    @ivar waiting: for whom nothing has come yet.
    @ivar surprises: failures that nobody could expect.
    """

    def __init__(self) -> None:
        self.waiting: dict[int, str] = {}
        self.surprises: list[Failure] = []
        self._asked = 0
        self._latest: Deferred[Any] = Deferred()
        self._latest.callback(None)

    def watch(self, name: str, answer: Deferred[Any]) -> None:
        """
        Note that it comes to an end.
        """
        self._asked += 1
        number = self._asked
        self.waiting[number] = name
        self._latest = answer
        answer.addBoth(self._end, number)

    def _end(self, result: Any, number: int) -> None:
        del self.waiting[number]
        if isinstance(result, Failure) and result.check(MQTTError, CancelledError, TimeoutError) is None:
            self.surprises.append(result)

    def ask(self, client: MQTTClient, step: Step) -> None:
        """
        Ask for something.
        """
        amount, qos = step.amount, min(step.who, 2)
        if amount == 0:
            self.watch("publish", client.publish("a/b", b"x" * 50, qos=qos, retain=step.who == 3))
        elif amount == 1:
            self.watch("subscribe", client.subscribe(["a/#", "b"][: 1 + (step.who & 1)], lambda message: None, qos))
        elif amount == 2:
            self.watch("unsubscribe", client.unsubscribe("a/#"))
        elif amount == 3:
            self.watch("ping", client.ping())
        elif amount == 4:
            self.watch("message", client.messages("a/+").receive())
        elif amount == 5:
            self._latest.cancel()
        elif amount == 6 and client.version == 5:
            self.watch("request", client.request("r/1", b"?", timeout=5))
        elif amount == 7:
            properties = Properties(reason_string="bye") if client.version == 5 and step.who else None
            self.watch("disconnect", client.disconnect(properties=properties))


class _Play:
    """
    One client, one connection after the other.
    """

    def __init__(self, how: int) -> None:
        self.clock = WorldClock()
        self.application = _Application()
        self._accepts = bool(how & 32)
        self._factory = MQTTClientFactory(self.clock, self.clock.seconds, **_options(how))
        self._last = b""
        self._connect()

    def _connect(self) -> None:
        client = self._factory.buildProtocol(None)
        assert client is not None
        self.client = client
        client.on_message = lambda message: None
        self.connection = Connection(self.clock, _HERE, _THERE)
        self.connection.begin(client, _Server())
        self.application.watch("ready", client.whenReady())
        self.application.watch("closed", client.whenClosed())
        self.clock.advance(0)
        if self._accepts:
            self.connection.server.write(encode.packet(Connack(), client.version))
            self.clock.advance(0)

    def step(self, step: Step) -> None:
        """
        What happens next.
        """
        server = self.connection.server
        if step.verb == WAIT:
            self.clock.advance(script.SECONDS[step.amount])
        elif step.verb == ASK:
            self.application.ask(self.client, step)
        elif not self.connection.is_open:
            self.connection.cut()
            self._connect()
        elif step.verb == CLOSE:
            server.loseConnection()
        elif step.verb == CUT:
            self.connection.cut()
        elif step.verb == DEAF:
            server.pauseProducing()
        elif step.verb == HEAR:
            server.resumeProducing()
        if step.verb in (SAY, AGAIN):
            self._last = step.data or self._last
            for piece in script.reads(step._replace(data=self._last)):
                self.connection.server.write(piece)
                if step.amount != TOGETHER:
                    self.clock.advance(0)
        else:
            self.clock.advance(0)

    def over(self) -> None:
        """
        The connection is gone, and with it all that waited for it.
        """
        self.clock.advance(0)
        self.connection.cut()
        self.clock.advance(60)
        assert not self.application.surprises, self.application.surprises[0].getTraceback()
        assert not self.application.waiting, f"nothing came of {sorted(self.application.waiting.values())}"
        calls = self.clock.getDelayedCalls()
        assert not calls, f"something still waits: {calls}"


def client(data: bytes) -> None:
    """
    See C{Harness.one_input}.
    """
    with nothing_logged():
        play = _Play(data[0] if data else 0)
        for step in script.read(data[1:]):
            play.step(step)
        play.over()


def _seeds() -> Iterator[bytes]:
    asks = [Step(ASK, 1, amount) for amount in (0, 1, 2, 3, 4, 6)]
    for number, (_, version, spelling, packet) in enumerate(GOOD):
        if packet.kind != CONNECT:
            said = Step(SAY, 0, number & 1, spell(spelling))
            yield bytes((32 + (5 - version) + 4 * (number & 3),)) + script.written((*asks, said))
    for number, (_, version, spelling, _) in enumerate(BAD):
        if version and number % 4 == 0:
            yield bytes((5 - version,)) + Step(SAY, 0, 0, spell(spelling)).written()


HARNESS: Final = Harness(
    "client",
    "whatever a server says, everybody who waits hears how it ended, and the client says nothing wrong",
    client,
    _seeds,
    mutate=ScriptMutator(SERVERS, 1, _version),
)
