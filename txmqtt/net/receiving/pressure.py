"""
When nothing is read from the server: while a buffer of QoS 0 messages is full and its reader wants none of them lost.

Reading stops for all that comes over the connection, also for what the application waits for; and an application that
awaits an answer within its handler would never make room. So nothing is held up while we have asked something that is
not answered, a ping among it: then what finds no room is dropped and counted, and when the answers are here, reading
stops again if there still is no room.
"""

from __future__ import annotations

from typing import Protocol


class Reading(Protocol):
    """
    A connection, as far as it can stop reading.
    """

    @property
    def awaits(self) -> bool:
        """
        Something that the server has to say is waited for.
        """

    def stop_reading(self) -> None:
        """
        Take no more from the server.
        """

    def read_on(self) -> None:
        """
        Take what there is, and what comes.
        """


class Pressure:
    """
    The full buffers of a session, and whether its connection is read.

    @ivar full: they, each by its identity. They outlive a connection.
    @ivar held: the connection is not read.
    """

    def __init__(self) -> None:
        self.full: set[object] = set()
        self.held = False
        self._connection: Reading | None = None

    def attach(self, connection: Reading) -> None:
        """
        This connection has the session now.
        """
        self._connection = connection
        self.held = False

    def detach(self, connection: Reading) -> None:
        """
        It is about to end, which must not go unread.
        """
        if self._connection is connection:
            self._connection = None
            if self.held:
                self.held = False
                connection.read_on()

    def check(self) -> None:
        """
        Stop or go on, as it should be now. To be called whenever something may have changed: a buffer is full or has
        room, something was asked, an answer came.
        """
        connection = self._connection
        if connection is None:
            return
        wanted = bool(self.full) and not connection.awaits
        if wanted and not self.held:
            self.held = True
            connection.stop_reading()
        elif self.held and not wanted:
            self.held = False  # before it reads on: what it reads may fill a buffer at once
            connection.read_on()
