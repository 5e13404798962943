"""
Publishes for a client that receives, no further ahead of it than two of its steps. All its packets are made
beforehand, so that it takes little from the broker, with which it shares a processor.
"""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import Self

from txmqtt.codec import encode
from txmqtt.codec.packets import Connect, Publish, Subscribe, Subscription

TOPIC, GO = b"bench/load", b"bench/go"

#: So many it has under way at QoS 1 and 2: mosquitto drops what is more than it may have.
_SOME = 100

#: How a PUBLISH at QoS 0 to us looks, and how long it is.
_GONE = len(encode.packet(Publish(GO, b""), 4))


class Pacer:
    """
    A publisher on a thread of its own.

    @param count: how many messages the client waits for.
    @param step: after how many it says so.
    """

    def __init__(self, port: int, qos: int, count: int, step: int) -> None:
        self._qos = qos
        self._step = step
        self._steps = count // step
        self._some = min(step, _SOME) if qos else step
        ids = range(1, self._some + 1) if qos else [0] * step
        self._load = b"".join(encode.packet(Publish(TOPIC, bytes(64), qos, packet_id=each), 4) for each in ids)
        self._releases = b"".join(b"\x62\x02" + each.to_bytes(2, "big") for each in ids)
        self._publisher = self._dial(port, "pacer")
        self._ears = self._dial(port, "ears")
        self._ears.sendall(encode.packet(Subscribe(1, [Subscription(GO, 0)]), 4))
        self._ears.recv(5, socket.MSG_WAITALL)
        self._thread = threading.Thread(target=self._run)

    @staticmethod
    def _dial(port: int, name: str) -> socket.socket:
        wire = socket.create_connection(("127.0.0.1", port), 60)
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire.sendall(encode.packet(Connect(name, 4), 4))
        wire.recv(4, socket.MSG_WAITALL)
        return wire

    def _run(self) -> None:
        self._heard()  # it is subscribed
        for number in range(self._steps):
            if number > 1:
                self._heard()
            for _ in range(0, self._step, self._some):
                self._publisher.sendall(self._load)
                for answer in (b"", self._releases)[: self._qos]:
                    self._publisher.sendall(answer)
                    self._publisher.recv(4 * self._some, socket.MSG_WAITALL)

    def _heard(self) -> None:
        if len(self._ears.recv(_GONE, socket.MSG_WAITALL)) != _GONE:
            raise SystemExit("the broker let the pacer go")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._thread.join(60)
        self._publisher.close()
        self._ears.close()
