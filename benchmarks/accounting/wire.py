"""
One TCP connection of a client: packets out, packets in.
"""

from __future__ import annotations

import selectors
import socket
import struct
from collections.abc import Callable

from benchmarks.accounting.loop import Loop
from txmqtt.codec import encode
from txmqtt.codec.decode import Decoder
from txmqtt.codec.errors import ProtocolError
from txmqtt.codec.packets import Packet

#: Closes with RST instead of FIN: what a machine that lost its power looks like when it is back.
_RESET = struct.pack("ii", 1, 0)


class Wire:
    """
    A connection.

    @ivar heard: called with all packets of one read; None once nobody listens any more, until the broker closes.
    @ivar lost: called when the broker has closed; with words when it broke the rules of the codec.
    """

    def __init__(
        self,
        loop: Loop,
        port: int,
        version: int,
        heard: Callable[[list[Packet]], None],
        lost: Callable[[str], None],
    ) -> None:
        """
        @raise OSError: nobody listens.
        """
        self.heard: Callable[[list[Packet]], None] | None = heard
        self._lost = lost
        self._loop = loop
        self._version = version
        self._decoder = Decoder(version)
        self._out: list[bytes] = []
        self._rest = b""
        self._open = True
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=1.0)
        if self._socket.getsockname() == self._socket.getpeername():  # TCP lets a socket connect to itself
            self._socket.close()
            raise ConnectionRefusedError("nobody but ourselves")
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        loop.selector.register(self._socket, selectors.EVENT_READ, self)

    @property
    def waiting(self) -> int:
        """
        Bytes that the broker has not taken yet.
        """
        return len(self._rest)

    def say(self, packet: Packet) -> None:
        """
        Send with the next C{flush}.
        """
        self._out.append(encode.packet(packet, self._version))

    def flush(self) -> None:
        if not self._open or not (self._out or self._rest):
            return
        data = self._rest + b"".join(self._out)
        self._out.clear()
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            return  # the next read tells
        self._rest = data[sent:]
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._rest else 0)
        if self._loop.selector.get_key(self._socket).events != wanted:
            self._loop.selector.modify(self._socket, wanted, self)

    def ready(self, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            self.flush()
        if not events & selectors.EVENT_READ or not self._open:
            return
        try:
            data = self._socket.recv(65_536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._over("")
        elif self.heard is not None:
            self._decode(data, self.heard)

    def _decode(self, data: bytes, heard: Callable[[list[Packet]], None]) -> None:
        self._decoder.feed(data)
        packets: list[Packet] = []
        wrong = ""
        try:
            while (packet := self._decoder.take()) is not None:
                packets.append(packet)
        except ProtocolError as error:
            wrong = str(error)
        heard(packets)
        if wrong:
            self._over(wrong)
        self.flush()

    def _over(self, wrong: str) -> None:
        listening = self.heard is not None
        self.close()
        if listening:
            self._lost(wrong)

    def abandon(self) -> None:
        """
        Nobody listens any more, but the connection stays until the broker closes it.
        """
        self.heard = None

    def close(self, abrupt: bool = False) -> None:
        """
        Nobody is told.
        """
        self.heard = None
        if self._open:
            self._open = False
            self._loop.selector.unregister(self._socket)
            if abrupt:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._socket.close()
