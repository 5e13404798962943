"""
The numbered statements of MQTT 3.1.1 and 5.0, in our own words; and those that are shown by something else than a test.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent

#: By what the table says: on which sides a statement can be tested.
_SIDES = {"broker": ("broker",), "client": ("client",), "both": ("broker", "client"), "inspect": ()}


@dataclass(frozen=True)
class Statement:
    """
    @ivar id: such as C{MQTT5-3.1.2-24}.
    @ivar who: must obey it: C{server}, C{client} or C{both}, or whoever is C{sender} or C{receiver}.
    @ivar subject: the packet type, upper case, or what else it is about.
    @ivar sides: where it can be tested: C{broker}, C{client}, both or neither.
    @ivar words: what it asks.
    """

    id: str
    who: str
    subject: str
    sides: tuple[str, ...]
    words: str


@cache
def statements() -> dict[str, Statement]:
    """
    All of them by identifier, in the order of the standards, 3.1.1 first.
    """
    found: dict[str, Statement] = {}
    for line in (HERE / "statements.tsv").read_text("utf-8").splitlines()[1:]:
        name, who, subject, testable, words = line.split("\t")
        if name in found:
            raise ValueError(f"{name} stands twice in the table")
        found[name] = Statement(name, who, subject, _SIDES[testable], words)
    return found


#: Where no test is, and why: by identifier and side (C{inspect} for what can't be tested from outside).
ELSEWHERE: dict[tuple[str, str], str] = {
    ("MQTT311-4.8.0-2", "inspect"): (
        "Faults are injected where they can happen: a full or failing disk (tests/disk, tests/end_to_end/"
        "test_disk_faults.py), callbacks and plugins that raise; the connection they came on ends."
    ),
    ("MQTT311-7.0.0-1", "inspect"): "txmqtt's broker opens no connections to other servers: there is no bridge in it.",
    ("MQTT311-7.0.0-2", "inspect"): (
        "The broker is tested with paho, gmqtt, MQTT.js and mosquitto's clients, the client with mosquitto and other "
        "brokers, as they are (tests/end_to_end)."
    ),
}


@cache
def pending() -> frozenset[tuple[str, str]]:
    """
    Identifiers and sides for which the tests are still to be written. The list only ever becomes shorter.
    """
    lines = [line.split() for line in (HERE / "pending.txt").read_text().splitlines()]
    return frozenset((words[0], words[1]) for words in lines if len(words) == 2 and words[0].startswith("MQTT"))
