"""
Somebody new, who subscribes to all that is retained and compares it with what should be.
"""

from __future__ import annotations

from benchmarks.accounting.accounts import Accounts
from benchmarks.accounting.loop import Loop
from benchmarks.accounting.messages import number_in
from benchmarks.accounting.wire import Wire
from txmqtt.codec.constants import MQTT5
from txmqtt.codec.packets import Connack, Connect, Disconnect, Packet, Publish, Suback, Subscribe, Subscription

#: All topics with a retained message, see C{people}.
FILTERS = (b"r/#", b"c/#", b"k/#")
#: Seconds until what has not come is missing.
PATIENCE = 6.0
#: Seconds in which what should not come may still come.
LINGER = 0.2


class Surveyor:
    """
    One survey, over one connection.

    @ivar done: the result is in the books, or the connection was lost and there is none.
    """

    def __init__(self, accounts: Accounts, loop: Loop, port: int, patience: float = PATIENCE) -> None:
        """
        @param patience: seconds after which what has not come is not retained.
        """
        self.done = False
        self._accounts = accounts
        self._loop = loop
        self._survey = accounts.survey()
        self._listed = False
        self._wire: Wire | None = None
        try:
            self._wire = Wire(loop, port, MQTT5, self._heard, lambda _: self.close())
        except OSError:
            self.done = True
            return
        self._wire.say(Connect(version=MQTT5))
        self._wire.flush()
        loop.later(patience, self._judge)

    def close(self) -> None:
        """
        No result.
        """
        self.done = True
        if self._wire is not None:
            self._wire.close()

    def _heard(self, packets: list[Packet]) -> None:
        assert self._wire is not None
        for packet in packets:
            if isinstance(packet, Connack):
                if packet.reason:
                    self.close()
                    return
                self._survey = self._accounts.survey()
                self._wire.say(Subscribe(1, [Subscription(filter) for filter in FILTERS]))
            elif isinstance(packet, Suback):
                self._listed = True
            elif isinstance(packet, Publish) and packet.retain:
                self._survey.hear(packet.topic, number_in(packet.payload), packet.payload)
            elif isinstance(packet, Disconnect):
                self.close()
                return
        if self._listed and self._survey.complete:
            self._listed = False
            self._loop.later(LINGER, self._judge)

    def _judge(self) -> None:
        if self.done:
            return
        for wrong in self._survey.faults():
            self._accounts.fault("retained wrong", wrong)
        self.close()
