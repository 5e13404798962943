"""
What happens later, by the wall clock: sessions that expire, and wills that are due.

One sweep asks C{due} now and then; nothing here starts a timer.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from txmqtt.broker.registry import Member


class Appointment:
    """
    Something that happens to a session at a time, unless it is called off.

    @ivar due: seconds of the wall clock.
    @ivar ending: the session expires then; otherwise its will is due.
    """

    def __init__(self, due: float, member: Member, ending: bool) -> None:
        self.due = due
        self.member = member
        self.ending = ending
        self.cancelled = False


class Calendar:
    """
    All appointments, the nearest first.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Appointment]] = []
        self._count = 0
        self._cancelled = 0

    def __len__(self) -> int:
        return len(self._heap) - self._cancelled

    def add(self, due: float, member: Member, ending: bool) -> Appointment:
        """
        Something is to happen at C{due}.
        """
        appointment = Appointment(due, member, ending)
        self._count += 1
        heappush(self._heap, (due, self._count, appointment))
        return appointment

    def cancel(self, appointment: Appointment) -> None:
        """
        It is not to happen after all.
        """
        if appointment.cancelled:
            return
        appointment.cancelled = True
        self._cancelled += 1
        if self._cancelled > 1_000 and self._cancelled > len(self._heap) // 2:
            # Sessions that come and go all day must not fill the heap with what was called off.
            self._heap = [entry for entry in self._heap if not entry[2].cancelled]
            self._cancelled = 0
            heapify(self._heap)

    def due(self, wall: float) -> list[Appointment]:
        """
        What should have happened by now, in its order. It is not told again.
        """
        found: list[Appointment] = []
        heap = self._heap
        while heap and heap[0][0] <= wall:
            appointment = heappop(heap)[2]
            if appointment.cancelled:
                self._cancelled -= 1
            else:
                appointment.cancelled = True
                found.append(appointment)
        return found
