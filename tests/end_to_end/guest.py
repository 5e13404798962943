"""
A client of which a test sees every packet: it sends what it is told to, and answers nothing by itself.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol, TypeVar

from tests.end_to_end.support import PATIENCE
from txmqtt.codec import encode
from txmqtt.codec.constants import MQTT5
from txmqtt.codec.decode import Decoder
from txmqtt.codec.packets import Connack, Connect, Packet, Pingreq, Pingresp, Publish, Suback, Subscribe, Subscription
from txmqtt.codec.properties import Properties

P = TypeVar("P", bound=Packet)

#: Seconds that a durable session lasts on 5.0.
EXPIRY = 3_600


class Wire(Protocol):
    """
    What we need of a connection.
    """

    def sendall(self, data: bytes, /) -> object: ...

    def recv(self, size: int, /) -> bytes: ...

    def close(self) -> object: ...


class Guest:
    """
    A connection to a broker on this machine, with CONNECT sent.

    @ivar heard: all packets that came and were not taken yet.
    @ivar closed: the broker has closed.
    """

    def __init__(
        self,
        port: int | Wire,
        name: str,
        version: int = MQTT5,
        durable: bool = False,
        username: str | None = None,
        password: bytes | None = None,
        properties: Properties | None = None,
    ) -> None:
        """
        @param port: of this machine; or a connection that is there already.
        """
        self.heard: list[Packet] = []
        self.closed = False
        self._version = version
        self._decoder = Decoder(version)
        self._socket = (
            socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) if isinstance(port, int) else port
        )
        if durable and version == MQTT5:
            properties = Properties(session_expiry_interval=EXPIRY)
        self.say(
            Connect(name, version, clean_start=not durable, properties=properties, username=username, password=password)
        )

    def say(self, packet: Packet) -> None:
        with suppress(ConnectionError):  # the next read tells
            self._socket.sendall(encode.packet(packet, self._version))

    def cut(self, packet: Packet, size: int) -> None:
        """
        Say so many bytes of a packet, and nothing more.
        """
        self._socket.sendall(encode.packet(packet, self._version)[:size])

    def take(self, kind: type[P], fits: Callable[[P], bool] = lambda packet: True) -> P:
        """
        Wait for the next packet of this kind; others stay in C{heard}.
        """
        end = time.monotonic() + PATIENCE
        while True:
            for packet in self.heard:
                if isinstance(packet, kind) and fits(packet):
                    self.heard.remove(packet)
                    return packet
            if self.closed or time.monotonic() > end:
                raise AssertionError(f"waited in vain for {kind.__name__}; closed: {self.closed}, heard {self.heard}")
            self.listen()

    def listen(self) -> None:
        """
        Wait for more.
        """
        try:
            data = self._socket.recv(65_536)
        except TimeoutError:
            raise AssertionError(f"heard nothing more for {PATIENCE:g} s after {self.heard}") from None
        except ConnectionError:
            data = b""
        self.closed = not data
        self._decoder.feed(data)
        while (packet := self._decoder.take()) is not None:
            self.heard.append(packet)

    def until_closed(self) -> None:
        """
        Wait until the broker closes.
        """
        while not self.closed:
            self.listen()

    def answer(self) -> int:
        """
        The reason code of CONNACK.
        """
        return self.take(Connack).reason

    def come_in(self) -> Guest:
        """
        Wait until it is let in.
        """
        if reason := self.answer():
            raise AssertionError(f"not let in: 0x{reason:02X}")
        return self

    def subscribe(self, filter: bytes, qos: int = 0) -> Guest:
        self.say(Subscribe(1, [Subscription(filter, qos)]))
        if (reasons := self.take(Suback).reasons) != [qos]:
            raise AssertionError(f"not subscribed to {filter.decode()}: {reasons}")
        return self

    def publish(self, topic: bytes, payload: bytes, qos: int = 0, packet_id: int = 0) -> None:
        self.say(Publish(topic, payload, qos, packet_id=packet_id))

    def is_there(self) -> bool:
        """
        Whether the broker has taken what we said, and not closed over it.
        """
        self.say(Pingreq())
        while not self.closed:
            for packet in self.heard:
                if isinstance(packet, Pingresp):
                    self.heard.remove(packet)
                    return True
            self.listen()
        return False

    def catch_up(self) -> list[Publish]:
        """
        All messages that had come before an answer to what we ask now.
        """
        if not self.is_there():
            raise AssertionError(f"the broker has closed, after {self.heard}")
        found = [packet for packet in self.heard if isinstance(packet, Publish)]
        self.heard = [packet for packet in self.heard if not isinstance(packet, Publish)]
        return found

    def leave(self) -> None:
        self._socket.close()
