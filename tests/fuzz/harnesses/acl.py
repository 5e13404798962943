"""
A file of rules as mosquitto has them: it is read, or the line that is wrong is named; and what was read is answered by.

The broker works its answers out beforehand. Here they are compared with the rules, asked one after the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from tests.fuzz.harness import Harness
from txmqtt.broker.routes import reserved
from txmqtt.codec.topics import matches, overlap
from txmqtt.net.access.answers import ACTIONS, PUBLISH, RECEIVE
from txmqtt.net.access.mosquitto_acl import read_acl
from txmqtt.net.access.rules import Rule, Rules

_WHERE: Final = "/etc/acl"
_PEOPLE: Final = ((None, "c1"), ("ann", "c1"), ("bob", ""), ("a/b", "+"), ("$SYS", "#"), ("%c", "%u"))
_TOPICS: Final = (b"a", b"a/b", b"ann/c1", b"$SYS/x", b"/", b"b/ann/c", b"%u")
_FILTERS: Final = (b"#", b"+", b"a/#", b"a/+", b"a", b"+/b", b"ann/#", b"$SYS/#", b"/#", b"+/+")


def _first(rules: list[Rule], action: str, topic: bytes) -> bool:
    """
    What the first rule says that matches a topic. Only for rules without placeholders.
    """
    for rule in rules:
        if action in rule.actions and any(matches(each.encode(), topic) for each in rule.topics):
            return rule.allow
    return False


def _ask(rules: Rules, name: str | None, client_id: str) -> None:
    user = rules.user(name, client_id)
    concerning = rules.concerning(name, client_id)
    plain = not any("%" in topic for rule in concerning for topic in rule.topics)
    for topic in _TOPICS:
        text = topic.decode()
        for action, answer in ((PUBLISH, user.may_publish(text)), (RECEIVE, user.may_receive(text))):
            expected = _first(concerning, ACTIONS[action], topic)
            assert not plain or answer == expected, (
                f"{name!r} may {ACTIONS[action]} {text!r}: {answer}; rules: {concerning}"
            )
            assert not (answer and reserved(topic)) or any(
                rule.allow and any(reserved(each.encode()) for each in rule.topics) for rule in concerning
            ), f"{name!r} sees {text!r}"
    for filter in _FILTERS:
        code = user.granted(filter.decode(), 1)
        assert code in (1, 0x87)
        if code == 1 and plain:
            allowed = [each.encode() for rule in concerning if rule.allow for each in rule.topics]
            assert any(overlap(each, filter) for each in allowed), (
                f"{name!r} may subscribe to {filter!r}; rules: {concerning}"
            )


def acl(data: bytes) -> None:
    """
    See C{Harness.one_input}.
    """
    try:
        found = read_acl(data, _WHERE)
    except ValueError as error:
        told = str(error)
        match = re.match(rf"{_WHERE}:(\d+): ", told)
        assert match is not None and 1 <= int(match[1]) <= data.count(b"\n") + 1, f"{told!r} does not say where"
        return
    rules = Rules(found)
    for name, client_id in _PEOPLE:
        _ask(rules, name, client_id)


def _seeds() -> Iterator[bytes]:
    rows = (
        *("topic a/#", "topic read a/+", "topic write a/b", "topic readwrite #", "topic deny a/b", "topic read $SYS/#"),
        *("user ann\ntopic ann/#\ntopic deny a", "pattern read a/%u/#", "pattern deny %c/b", "pattern write %u/%c"),
        *("# a comment\n\ntopic a", "user bob\npattern a\nuser ann\ntopic b", "topic\ta/b", "topic read  two words"),
        *("topic deny #\ntopic read #", "topic /", "topic +/+/#\ntopic deny +/b"),
    )
    for row in rows:
        yield row.encode() + b"\n"
    yield b"\xef\xbb\xbf" + "\r\n".join(rows[:6]).encode()


def _tokens() -> Iterator[bytes]:
    words = "topic user pattern read write readwrite deny ann bob a b c1 # + / %u %c $SYS $share/g/a topic:"
    for word in words.split():
        yield word.encode()
    yield from (b"\ntopic ", b"\nuser ann\n", b"\npattern ", b"topic deny ", b" ", b"\t", b"\n")


HARNESS: Final = Harness(
    "acl",
    "a mosquitto's rules are read, or the line that is wrong is named, and the answers are what the rules say",
    acl,
    _seeds,
    _tokens,
    longest=600,
)
