"""
Who asked for what: subscriptions by filter, found again by topic.

Filters without wildcards are found by one look-up; the others live in a tree with a node for each level, so that
finding all that match a topic costs no more than its levels times the branches that truly match. A leading wildcard
does not see topics that begin with C{$} [MQTT5-4.7.2-1].
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from txmqtt.codec.packets import Subscription

if TYPE_CHECKING:
    from txmqtt.broker.registry import Member
    from txmqtt.broker.routes import Delivery
    from txmqtt.broker.shared import Group

_PLUS: Final = b"+"
_HASH: Final = b"#"

#: What a filter costs in memory beyond its bytes, and what each of its levels costs in the tree, bytes.
_OVERHEAD: Final = 600
_LEVEL: Final = 400


class Grant:
    """
    One subscription of one session: what it asked for and what it was given.

    @ivar filter: as the client wrote it, C{$share/...} included: the name under which it unsubscribes.
    @ivar below: the filter that topics are matched with.
    @ivar qos: the maximum QoS granted.
    @ivar identifier: the subscription identifier; 0 for none.
    @ivar group: the shared group that it makes its session a member of, or None.
    @ivar delivery: how its session gets what no other of its subscriptions matches: alike in all routes; None until one
        is asked for.
    """

    def __init__(
        self, member: Member, asked: Subscription, below: bytes, qos: int, identifier: int, group: Group | None
    ) -> None:
        self.member = member
        self.filter = asked.filter
        self.below = below
        self.qos = qos
        self.no_local = asked.no_local
        self.retain_as_published = asked.retain_as_published
        self.identifier = identifier
        self.identifiers: tuple[int, ...] = (identifier,) if identifier else ()
        self.group = group
        self.delivery: Delivery | None = None


class Interest:
    """
    One filter, and everybody who subscribed to it.
    """

    def __init__(self, filter: bytes) -> None:
        self.filter = filter
        self.grants: dict[Member, Grant] = {}
        self.groups: dict[bytes, Group] | None = None

    def sharing(self) -> dict[bytes, Group]:
        """
        The shared groups by their names.
        """
        if self.groups is None:
            self.groups = {}
        return self.groups

    @property
    def empty(self) -> bool:
        """
        Nobody is left.
        """
        return not self.grants and not self.groups


class _Node:
    def __init__(self) -> None:
        self.children: dict[bytes, _Node] | None = None
        self.plus: _Node | None = None
        self.here: Interest | None = None  # a filter that ends at this level
        self.below: Interest | None = None  # one that ends in "#" under it

    @property
    def bare(self) -> bool:
        return not self.children and self.plus is None and self.here is None and self.below is None


def wild(filter: bytes) -> bool:
    """
    Whether a filter has a wildcard.
    """
    return _PLUS in filter or _HASH in filter


def cost(filter: bytes) -> int:
    """
    What a subscription to this filter costs at most, bytes.
    """
    size = len(filter) + _OVERHEAD
    return size + _LEVEL * (filter.count(b"/") + 1) if wild(filter) else size


class Filters:
    """
    All subscriptions of one mount point.
    """

    def __init__(self) -> None:
        self._exact: dict[bytes, Interest] = {}
        self._root = _Node()

    def add(self, filter: bytes) -> Interest:
        """
        The interest in this filter, made if nobody has it yet.
        """
        if not wild(filter):
            interest = self._exact.get(filter)
            if interest is None:
                interest = self._exact[filter] = Interest(filter)
            return interest
        node = self._root
        levels = filter.split(b"/")
        if levels[-1] == _HASH:
            for level in levels[:-1]:
                node = _child(node, level)
            if node.below is None:
                node.below = Interest(filter)
            return node.below
        for level in levels:
            node = _child(node, level)
        if node.here is None:
            node.here = Interest(filter)
        return node.here

    def discard(self, filter: bytes) -> None:
        """
        Forget a filter in which nobody is interested any more, and the branch of the tree that only it needed.
        """
        if not wild(filter):
            self._exact.pop(filter, None)
            return
        levels = filter.split(b"/")
        below = levels[-1] == _HASH
        if below:
            levels.pop()
        path: list[_Node] = [self._root]
        for level in levels:
            node = path[-1]
            following = node.plus if level == _PLUS else (node.children or {}).get(level)
            if following is None:
                return
            path.append(following)
        if below:
            path[-1].below = None
        else:
            path[-1].here = None
        while levels and path[-1].bare:
            path.pop()
            parent = path[-1]
            level = levels.pop()
            if level == _PLUS:
                parent.plus = None
            else:
                children = parent.children
                assert children is not None
                del children[level]
                if not children:
                    parent.children = None

    def match(self, topic: bytes) -> list[Interest]:
        """
        Every interest that a message on this topic meets.
        """
        found: list[Interest] = []
        exact = self._exact.get(topic)
        if exact is not None:
            found.append(exact)
        root = self._root
        levels = topic.split(b"/")
        if topic.startswith(b"$"):
            child = root.children.get(levels[0]) if root.children is not None else None
            if child is not None:
                _walk(child, levels, 1, found)
        else:
            _walk(root, levels, 0, found)
        return found


def _child(node: _Node, level: bytes) -> _Node:
    if level == _PLUS:
        if node.plus is None:
            node.plus = _Node()
        return node.plus
    if node.children is None:
        node.children = {}
    child = node.children.get(level)
    if child is None:
        child = node.children[level] = _Node()
    return child


def _walk(start: _Node, levels: list[bytes], first: int, found: list[Interest]) -> None:
    """
    Collect what matches from here on. A loop, not a recursion: a policy may allow many levels.
    """
    last = len(levels)
    ahead = [(start, first)]
    while ahead:
        node, at = ahead.pop()
        if node.below is not None:  # "a/#" is about "a" too
            found.append(node.below)
        if at == last:
            if node.here is not None:
                found.append(node.here)
            continue
        if node.plus is not None:
            ahead.append((node.plus, at + 1))
        if node.children is not None:
            child = node.children.get(levels[at])
            if child is not None:
                ahead.append((child, at + 1))
