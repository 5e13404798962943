"""
A store with something of everything, and how the file of a version of the schema is kept as text.

What lands stays readable: when a version of the schema is new, C{python -m tests.backends.sqlite.support_versions}
writes its C{versions/N.sql}, once. Those of the versions before are never written again.
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.backends.sqlite.support_disk import DiskTestCase
from tests.broker.support import will
from txmqtt.backends.sqlite.schema import SCHEMA
from txmqtt.codec.constants import PUBREC
from txmqtt.codec.packets import Ack, Publish, Subscription

VERSIONS = Path(__file__).with_name("versions")

#: What every message of the life below carries.
SAID: dict[str, Any] = {"content_type": "text/plain", "user_properties": (("a", "1"), ("b", "2"))}


class Life(DiskTestCase):
    """
    What leaves a store with something of everything.
    """

    def live(self) -> None:
        """
        Everybody comes and goes; at the end the process is killed.
        """
        publisher = self.join("publisher", user="ann")
        # Two that are owed the same, one of them with more to tell about its subscriptions.
        sleeper = self.durable("sleeper", user="ann")
        sleeper.subscribe(Subscription(b"t/#", 2, no_local=True), identifier=7)
        sleeper.subscribe(Subscription(b"t/+", 1, retain_as_published=True), identifier=8)
        other = self.durable("other", version=4)
        other.subscribe("t/both", qos=1)
        for each in (sleeper, other):
            each.lose()
        publisher.publish("t/one", b"own", 2, message_expiry_interval=1800, **SAID)
        publisher.publish("t/both", b"both", 1, retain=True, **SAID)
        # One that has been sent messages: the last it has not answered, the first it has taken over.
        flier = self.durable("flier")
        flier.subscribe("f", qos=2)
        for payload, qos in ((b"taken", 2), (b"sent", 2), (b"acknowledge", 1)):
            publisher.publish("f", payload, qos)
        sent = [packet for packet in flier.heard() if isinstance(packet, Publish)]
        flier.say(Ack(PUBREC, sent[0].packet_id))
        flier.lose()
        # One whose message was taken and not released.
        sender = self.durable("sender")
        sender.say(Publish(b"t/three", b"exactly once", 2, packet_id=9))
        sender.lose()
        # A group that is owed something.
        member = self.durable("member")
        member.subscribe("$share/g/s", qos=1)
        member.lose()
        publisher.publish("s", b"shared", 1)
        # Wills: of somebody who is gone, of a session that lasts, of one that does not.
        self.durable("late", will=will("w/late", b"late", 1, will_delay_interval=900, **SAID)).lose()
        self.durable("lasting", will=will("w/lasting", b"lasting", 2, retain=True))
        self.join("passing", will=will("w/passing", b"passing"))
        # Another mount, where all of this is somebody else's.
        elsewhere = self.durable("sleeper", user="bob", mount="annex")
        elsewhere.subscribe("t/both", qos=0)
        elsewhere.publish("t/both", b"annex", 1, retain=True)
        self.town.backend.sweep(self.town.turn.wall)
        self.finish()


def dump(path: str) -> str:
    """
    A file as the statements that make it.
    """
    with closing(sqlite3.connect(path)) as connection:
        return "\n".join(connection.iterdump()) + "\n"


def build(version: int, path: str) -> None:
    """
    The file of an older version.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript((VERSIONS / f"{version}.sql").read_text())


def main() -> None:
    target = VERSIONS / f"{SCHEMA.version}.sql"
    if target.exists():
        sys.exit(f"{target} is there, and what has landed is not changed")
    life = Life("live")
    life.setUp()
    try:
        life.live()
        target.write_text(dump(life.machine.path))
    finally:
        life.machine.close()


if __name__ == "__main__":
    main()
