"""
Our rules and mosquitto's own answers, from the same files.
"""

from __future__ import annotations

import signal
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import SynchronousTestCase

from tests.end_to_end.guest import Guest
from tests.end_to_end.support import Mosquitto, need_program
from txmqtt.codec.constants import MQTT311
from txmqtt.codec.packets import Ack, Suback, Subscribe, Subscription
from txmqtt.codec.topics import matches
from txmqtt.net.access.mosquitto_acl import read_acl
from txmqtt.net.access.rules import Rules

#: Who sees and may publish everything.
WATCHER = "user watcher\ntopic readwrite #\ntopic readwrite $own/#\n"

#: A file, who asks (user, client identifier), and about which topics. Three things are left out, where we are stricter,
#: or plainer: a user called "$own" gets topics like $own/... from mosquitto's patterns, one called "a/b" those of two
#: levels; and to a name with a wildcard it denies what patterns without a placeholder give to everybody.
FILES: dict[str, tuple[str, list[tuple[str | None, str]], list[str]]] = {
    "sections": (
        """
# anonymous
topic read news/#
topic open

user ann
topic read home/#
topic write home/+/set
topic deny home/secret/#

user ben jones
topic readwrite deep/+/x/#
topic deep/a
topic write with some spaces/#

user cat
topic deny #
topic readwrite #

user dan
topic readwrite #
topic readwrite $own/a/#

user ann
topic write more
        """,
        [(None, "c1"), ("ann", "c2"), ("ben jones", "c3"), ("cat", "c4"), ("dan", "c5"), ("eve", "c6")],
        [
            *("news", "news/a", "open", "open/a", "home", "home/a", "home/a/set", "home/secret", "home/secret/set"),
            *("home/secret/set/a", "deep/a", "deep/a/x", "deep/a/x/y/z", "deep/x", "with some spaces/a", "more"),
            *("/", "/a", "a//b", "$own", "$own/a", "$own/a/b", "$own/b"),
        ],
    ),
    "patterns": (
        """
pattern read %u/in/#
pattern write %u/out/%c
pattern readwrite by/%c/#
pattern deny by/%c/not
pattern all/x-%u
pattern write $own/%u/#
pattern readwrite self/%u
pattern deny self/ann
pattern %u

topic read anonymous/#

user ann
topic read ben/in/a
topic readwrite by/c2/not
topic readwrite self/ann
        """,
        [
            *((None, "c1"), ("ann", "c2"), ("ben", "c3"), ("a+", "c4"), ("#", "c5"), ("eve", "c+"), ("zoë", "c7")),
            *(("%c", "c8"), ("%u", "%u")),
        ],
        [
            *(
                "ann/in",
                "ann/in/a",
                "ann/out",
                "ann/out/c2",
                "ann/out/c3",
                "ben/in/a",
                "ben/out/c3",
                "by/c1",
                "by/c2/a",
            ),
            *("by/c2/not", "by/c1/not", "by/c3/not", "all/x-ann", "all/x-ben", "all/x-"),
            *("$own/ann", "$own/ann/a", "anonymous/a", "zoë/in/a", "/in/a", "self/ann", "self/ben"),
            *("ann", "$own", "$own/in/a", "$own/out/c7", "c8", "c8/in/a", "%c", "%c/in/a", "%u", "%u/out/%u", "by/%u"),
        ],
    ),
}

#: What everybody subscribes to, one after the other.
FILTERS = ["#", "+", "+/+", "+/+/#", "$own/#", "home/#", "home/+/set", "deep/#", "by/#", "ann/in/#"]


def real(port: int, who: list[tuple[str | None, str]], topics: list[str]) -> dict[tuple[str, str], set[str]]:
    """
    What everybody's messages reach, and what reaches everybody, by mosquitto.
    """
    found: dict[tuple[str, str], set[str]] = {}
    watcher = Guest(port, "watcher", MQTT311, username="watcher").come_in()
    watcher.subscribe(b"#").subscribe(b"$own/#")
    guests = {client: Guest(port, client, MQTT311, username=name).come_in() for name, client in who}
    for client, guest in guests.items():
        for number, topic in enumerate(topics, 1):
            guest.publish(topic.encode(), client.encode(), 1, number)
        for _ in topics:
            guest.take(Ack)
        found[client, "publish"] = {message.topic.decode() for message in watcher.catch_up()}
        guest.catch_up()
    for filter in FILTERS:
        for guest in guests.values():
            guest.say(Subscribe(1, [Subscription(filter.encode(), 0)]))
            guest.take(Suback)
        for number, topic in enumerate(topics, 1):
            watcher.publish(topic.encode(), b"w", 1, number)
        for _ in topics:
            watcher.take(Ack)
        watcher.catch_up()
        for client, guest in guests.items():
            found[client, filter] = {message.topic.decode() for message in guest.catch_up()}
    return found


def ours(rules: Rules, who: list[tuple[str | None, str]], topics: list[str]) -> dict[tuple[str, str], set[str]]:
    """
    Likewise by our rules.
    """
    found: dict[tuple[str, str], set[str]] = {}
    for name, client in who:
        user = rules.user(name, client)
        found[client, "publish"] = {topic for topic in topics if user.may_publish(topic)}
        so_far: list[bytes] = []
        for filter in FILTERS:
            if user.granted(filter, 0) < 0x80:
                so_far.append(filter.encode())
            found[client, filter] = {
                topic
                for topic in topics
                if any(matches(each, topic.encode()) for each in so_far) and user.may_receive(topic)
            }
    return found


class MosquittoAclTests(SynchronousTestCase):
    maxDiff = None

    def test_same_answers(self) -> None:
        """
        A file means here what it means to mosquitto: the same messages are let through, in both directions.
        """
        need_program("mosquitto", "mosquitto")
        for name, (text, who, topics) in FILES.items():
            with TemporaryDirectory() as folder:
                path = Path(folder, "acl")
                path.write_text(text + WATCHER)
                path.chmod(0o644)
                Path(folder).chmod(0o755)
                broker = Mosquitto(f"acl_file {path}")
                try:
                    theirs = real(broker.port, who, topics)
                finally:
                    broker.stop(signal.SIGTERM)
            mine = ours(Rules(read_acl((text + WATCHER).encode(), name)), who, topics)
            differences = {
                asked: f"only here {sorted(mine[asked] - expected)}, only there {sorted(expected - mine[asked])}"
                for asked, expected in theirs.items()
                if mine[asked] != expected
            }
            self.assertEqual(differences, {}, name)
