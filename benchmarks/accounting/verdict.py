"""
What the books say when everybody has come back and nothing moves any more.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.accounting.accounts import REMEMBERED, Accounts

#: Every kind of fault, in the order of the table.
KINDS = (
    "lost",
    "doubled",
    "out of order",
    "changed",
    "unwanted",
    "retained wrong",
    "sessions missing",
    "subscriptions missing",
    "unanswered",
)


@dataclass
class Verdict:
    """
    All counts, and the first few faults of each kind in words.

    @ivar repeats: QoS 1 messages that came again, which is allowed.
    """

    acknowledged: int
    refused: int
    delivered: int
    repeats: int
    faults: dict[str, int]
    details: dict[str, list[str]]

    @property
    def good(self) -> bool:
        return not any(self.faults.values())

    def rows(self) -> list[tuple[str, int]]:
        return [
            ("acknowledged", self.acknowledged),
            ("refused", self.refused),
            ("delivered", self.delivered),
            ("QoS 1 repeats", self.repeats),
            *self.faults.items(),
        ]

    def table(self) -> str:
        """
        For people.
        """
        lines = [f"{name:<24}{count:>10,}" for name, count in self.rows()]
        for kind, details in self.details.items():
            lines += [f"{kind}: {words}" for words in details]
            if self.faults[kind] > len(details):
                lines.append(f"{kind}: and {self.faults[kind] - len(details):,} more")
        return "\n".join(lines)


def judge(accounts: Accounts) -> Verdict:
    """
    The verdict. What is still owed or unanswered now is a fault.
    """
    faults = {kind: accounts.faults.get(kind, 0) for kind in KINDS}
    details = {kind: list(accounts.details.get(kind, ())) for kind in KINDS}

    def fault(kind: str, words: str) -> None:
        faults[kind] += 1
        if len(details[kind]) < REMEMBERED:
            details[kind].append(words)

    for claim in accounts.claims:
        owed = [accounts.entries[number].message for number in sorted(claim.owed)]
        if any(message.marker for message in owed):
            fault("subscriptions missing", f"{claim} does not hear of {claim.filter.decode()} any more")
        for message in owed:
            if not message.marker:
                fault("lost", f"{message}, acknowledged, never came to {claim}{_swallowed(accounts, message.number)}")
    for ledger in accounts.ledgers.values():
        for packet_id, outgoing in ledger.outgoing.items():
            last = "PUBREL" if outgoing.received else "PUBLISH"
            fault("unanswered", f"{last} {packet_id} of {ledger.name}: {outgoing.message}")
        for packet_id, number in ledger.received.items():
            fault("unanswered", f"{ledger.name} waits for PUBREL {packet_id}: {accounts.entries[number].message}")
        for standing in ledger.standings.values():
            if standing.state in ("asked", "leaving"):
                fault("unanswered", f"{ledger.name} {standing.state} {standing.filter.decode()}")
    return Verdict(
        accounts.acknowledged,
        accounts.refused,
        sum(receiver.deliveries for receiver in accounts.receivers.values()),
        sum(receiver.repeats for receiver in accounts.receivers.values()),
        faults,
        {kind: words for kind, words in details.items() if words},
    )


def _swallowed(accounts: Accounts, number: int) -> str:
    for ledger in accounts.ledgers.values():
        if number in ledger.swallowed:
            packet_id, other = ledger.swallowed[number]
            return f" (it came to {ledger.name} as packet {packet_id}, which still stood for message {other})"
    return ""
