"""
What is owed to one receiver, and what it got: nothing lost, QoS 2 once, each topic in order.

A receiver is a client, or all the members of a shared subscription together: the group is owed one copy.
"""

from __future__ import annotations

from benchmarks.accounting.messages import Message

#: A subscription that has not ended reaches this far.
FOREVER = 1 << 62


class Receiver:
    """
    An application that messages are delivered to.

    @ivar shared: a group. Its order is not judged: the standard orders non-shared subscriptions only [MQTT5-4.6.0-6].
    """

    def __init__(self, name: str, shared: bool) -> None:
        self.name = name
        self.shared = shared
        self.deliveries = 0
        self.repeats = 0
        self._seen: dict[int, int] = {}
        self._last: dict[tuple[str, bytes, int], int] = {}

    def __contains__(self, number: int) -> bool:
        return number in self._seen

    def deliver(self, message: Message, qos: int) -> str:
        """
        The application gets a message.

        @return: what is wrong: "doubled", "out of order" or nothing.
        """
        self.deliveries += 1
        number = message.number
        before = self._seen.get(number)
        if before is not None:
            if before == qos == 2:
                return "doubled"
            self.repeats += 1
            return ""
        self._seen[number] = qos
        if self.shared:
            return ""
        line = (message.publisher, message.topic, message.qos)
        last = self._last.get(line, -1)
        if number < last:
            return "out of order"
        self._last[line] = number
        return ""


class Claim:
    """
    A subscription that was acknowledged, from the SUBACK until an UNSUBSCRIBE is sent: its receiver is owed whatever is
    first sent in between and acknowledged.

    When UNSUBSCRIBE is sent, what has not come is owed no longer: a server may drop what waits [section 3.10.4].

    @ivar owed: the numbers of the acknowledged messages that have not come.
    """

    def __init__(self, receiver: Receiver, filter: bytes) -> None:
        self.receiver = receiver
        self.filter = filter
        self.owed: set[int] = set()
        self.open = True

    def __str__(self) -> str:
        return f"{self.receiver.name}, subscribed to {self.filter.decode()}"

    def acknowledged(self, number: int) -> None:
        if self.open and number not in self.receiver:
            self.owed.add(number)

    def close(self) -> None:
        self.open = False
        self.owed.clear()


class Standing:
    """
    Where one client stands with one filter.

    @ivar state: what was said last: C{ASKED}, C{HELD}, C{LEAVING} or C{GONE}.
    @ivar leaving: how many UNSUBSCRIBEs have had no answer.
    @ivar reach: when it ended, for sure, as the number of an event; what is first sent later must not come.
    """

    def __init__(self, filter: bytes, identifier: int) -> None:
        self.filter = filter
        self.identifier = identifier
        self.state = ASKED
        self.granted = 0
        self.leaving = 0
        self.reach = FOREVER
        self.claim: Claim | None = None


ASKED = "asked"
HELD = "held"
LEAVING = "leaving"
GONE = "gone"
