"""
One connection between a client and the broker, as whoever holds the cable has it: to look at, to cut, to stall.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IAddress, IProtocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from txmqtt.codec.packets import Connack, Connect, Packet
from txmqtt.testing.record import Record
from txmqtt.testing.wire import MemoryTransport


class Connection:
    """
    What is done to a connection is done when the method returns, and all that follows from it at once has happened.

    @ivar client: the transport of the client.
    @ivar server: that of the broker.
    """

    def __init__(
        self, clock: Clock, client: IAddress, server: IAddress, lost: Callable[[Failure], object] | None = None
    ) -> None:
        """
        @param client: where the client is.
        @param lost: called when the client has lost it.
        """
        self._clock = clock
        asked = Record()
        self.client = MemoryTransport(clock, client, asked, lost)
        self.server = MemoryTransport(clock, server, Record(asked), None)
        self.client.other, self.server.other = self.server, self.client

    def begin(self, client: IProtocol | None, server: IProtocol | None) -> None:
        """
        It is made; one of them may not want it.
        """
        if client is None or server is None:
            self.client.loseConnection()
            self.server.loseConnection()
        if server is not None:
            self.server.begin(server)
        if client is not None:
            self.client.begin(client)

    # To look at

    @property
    def from_client(self) -> list[Packet]:
        """
        What the client has said, whether it has arrived or not.
        """
        return self.client.record.look()

    @property
    def from_server(self) -> list[Packet]:
        """
        What the broker has said, likewise.
        """
        return self.server.record.look()

    @property
    def client_id(self) -> str:
        """
        Who the client is, the name included that the broker may have given it; empty while it has none.
        """
        for packet in self.from_client[:1]:
            if isinstance(packet, Connect) and packet.client_id:
                return packet.client_id
        for answer in self.from_server[:1]:
            if isinstance(answer, Connack) and answer.properties is not None:
                return answer.properties.assigned_client_identifier or ""
        return ""

    @property
    def is_open(self) -> bool:
        """
        Whether both sides have it.
        """
        return self.client.connected and self.server.connected

    # To do something to

    def cut(self) -> None:
        """
        Both sides lose it at once, and what was under way is gone. Nobody says goodbye: the broker publishes the will.
        """
        self.client.cut()
        self.server.cut()
        self._clock.advance(0)

    def stall(self, *, to_server: bool = True, to_client: bool = True) -> None:
        """
        From now on nothing arrives, though nobody is told: as if a cable were pulled out. Both sides find out by their
        keep-alive. Without one of the directions the other goes on.
        """
        self.client.stalled = self.client.stalled or to_server
        self.server.stalled = self.server.stalled or to_client
        self._look_again()

    def resume(self) -> None:
        """
        Everything arrives again, and first what was held up.
        """
        self.client.stalled = self.server.stalled = False
        self._look_again()

    def slow(self, bytes_per_second: float) -> None:
        """
        From now on no more arrives than that, in either direction; 0 for as fast as can be.
        """
        if bytes_per_second < 0:
            raise ValueError(f"bytes_per_second is {bytes_per_second!r}; expected 0 or more")
        self.client.rate = self.server.rate = bytes_per_second
        self._look_again()

    def _look_again(self) -> None:
        self.client.look_again()
        self.server.look_again()
        self._clock.advance(0)

    def __repr__(self) -> str:
        return f"<connection from {self.client.getHost()}, {'open' if self.is_open else 'over'}>"
