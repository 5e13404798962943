"""
The last message of each topic, for those who subscribe later.

Topics are kept in a tree by level, so that a filter finds what it matches without looking at the rest.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import Final

from txmqtt.session.message import Message

#: What a level of a topic costs in the tree, bytes; topics share those that they begin with.
NODE: Final = 256


class _Node:
    def __init__(self) -> None:
        self.children: dict[bytes, _Node] | None = None
        self.message: Message | None = None

    @property
    def bare(self) -> bool:
        return self.message is None and self.children is None


class _Branch:
    """
    The levels below one that are being looked through.

    @ivar at: which level of the filter they are held against.
    """

    def __init__(self, children: dict[bytes, _Node], at: int, first: bool) -> None:
        self.children = children
        self.names = list(children)
        self.position = 0
        self.at = at
        self.first = first


class Search:
    """
    Looks for what a filter matches, and stops where it is told to. A loop with its own stack, not a recursion: a policy
    may allow many levels. What changes meanwhile is found as it is then, or not: whoever searches has subscribed
    before, and is sent changes anyway.
    """

    def __init__(self, root: _Node, levels: list[bytes]) -> None:
        self._levels = levels
        self._branches: list[_Branch] = []
        self._root: _Node | None = root

    @property
    def over(self) -> bool:
        """
        There is no more.
        """
        return self._root is None and not self._branches

    def take(self, steps: int, wall: float) -> list[Message]:
        """
        Look at so many levels of topics.

        @return: the messages found there, without those whose time is over.
        """
        found: list[Message] = []
        root, self._root = self._root, None
        if root is not None:
            self._visit(root, 0, True, found)
        branches = self._branches
        while branches and steps > 0:
            branch = branches[-1]
            if branch.position == len(branch.names):
                branches.pop()
                continue
            steps -= 1
            name = branch.names[branch.position]
            branch.position += 1
            child = branch.children.get(name)
            # A leading wildcard does not see "$..." [MQTT5-4.7.2-1].
            if child is not None and not (branch.first and name.startswith(b"$")):
                self._visit(child, branch.at, False, found)
        return [message for message in found if not message.expired(wall)]

    def _visit(self, start: _Node, at: int, first: bool, found: list[Message]) -> None:
        levels = self._levels
        node: _Node | None = start
        while node is not None:
            level = levels[at] if at < len(levels) else None
            if (level is None or level == b"#") and node.message is not None:
                found.append(node.message)
            children = node.children
            if level is None or children is None:
                return
            if level == b"#" or level == b"+":
                self._branches.append(_Branch(children, at if level == b"#" else at + 1, first))
                return
            node = children.get(level)
            at += 1
            first = False


class Retained:
    """
    The retained messages of one mount point.

    @ivar count: messages kept.
    @ivar size: what they cost, bytes.
    """

    def __init__(self) -> None:
        self.count = 0
        self.size = 0
        self._root = _Node()
        self._mortal = 0  # so many of them expire
        self._due: list[tuple[float, int, bytes]] = []  # a heap of when, and which; some have been replaced since
        self._entries = 0

    def get(self, topic: bytes) -> Message | None:
        """
        The retained message of one topic.
        """
        node: _Node | None = self._root
        for level in topic.split(b"/"):
            if node is None or node.children is None:
                return None
            node = node.children.get(level)
        return node.message if node is not None else None

    def keep(self, message: Message) -> None:
        """
        From now on this is the topic's message.
        """
        node = self._root
        for level in message.topic.split(b"/"):
            if node.children is None:
                node.children = {}
            child = node.children.get(level)
            if child is None:
                child = node.children[level] = _Node()
                self.size += NODE
            node = child
        if node.message is not None:
            self._off(node.message)
        self.count += 1
        self.size += message.size
        node.message = message
        if message.expires_at:
            self._mortal += 1
            self._entries += 1
            heappush(self._due, (message.expires_at, self._entries, message.topic))
            if len(self._due) > 2 * self._mortal + 1_000:
                self._tidy()

    def _off(self, message: Message) -> None:
        self.count -= 1
        self.size -= message.size
        if message.expires_at:
            self._mortal -= 1

    def _tidy(self) -> None:
        """
        A topic whose message is replaced again and again must not fill the heap.
        """
        current: dict[bytes, tuple[float, int, bytes]] = {}
        for entry in self._due:
            message = self.get(entry[2])
            if message is not None and message.expires_at == entry[0]:
                current[entry[2]] = entry
        self._due = list(current.values())
        heapify(self._due)

    def clear(self, topic: bytes) -> bool:
        """
        The topic has no message any more; False if it had none.
        """
        levels = topic.split(b"/")
        path = [self._root]
        for level in levels:
            following = path[-1].children
            child = following.get(level) if following is not None else None
            if child is None:
                return False
            path.append(child)
        node = path[-1]
        message = node.message
        if message is None:
            return False
        node.message = None
        self._off(message)
        while levels and path.pop().bare:
            _cut(path[-1], levels.pop())
            self.size -= NODE
        return True

    def search(self, filter: bytes) -> Search:
        """
        Look for all messages whose topics the filter matches, a few at a time.
        """
        return Search(self._root, filter.split(b"/"))

    def find(self, filter: bytes, wall: float) -> list[Message]:
        """
        All of them at once.
        """
        search = self.search(filter)
        found: list[Message] = []
        while not search.over:
            found.extend(search.take(1_000, wall))
        return found

    def expire(self, wall: float) -> list[Message]:
        """
        Let go of all messages whose time is over.

        @return: those messages.
        """
        found: list[Message] = []
        due = self._due
        while due and due[0][0] <= wall:
            message = self.get(heappop(due)[2])
            if message is not None and message.expired(wall):
                self.clear(message.topic)
                found.append(message)
        return found


def _cut(node: _Node, level: bytes) -> None:
    children = node.children
    assert children is not None
    del children[level]
    if not children:
        node.children = None
