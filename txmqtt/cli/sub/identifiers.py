"""
C{%m}: the packet identifier of the message that is being printed, which is nothing that a program needs to know, so
messages do not carry it.
"""

from __future__ import annotations

from txmqtt.codec.packets import Publish
from txmqtt.net.receiving.handlers import Handlers
from txmqtt.session.tickets import Ticket


class Identifiers:
    """
    Looks over the shoulder of whoever hands out messages.

    @ivar latest: the packet identifier of the message that was handed out last; 0 at QoS 0.
    """

    def __init__(self, handlers: Handlers) -> None:
        self.latest = 0
        self._deliver = handlers.deliver
        handlers.deliver = self._look  # type: ignore[method-assign]

    def _look(self, packet: Publish) -> Ticket:
        self.latest = packet.packet_id
        return self._deliver(packet)
