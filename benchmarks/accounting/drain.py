"""
The end: everybody comes back with what they remember, takes what is owed to them, and the verdict is spoken.
"""

from __future__ import annotations

import time

from benchmarks.accounting.accounts import Accounts
from benchmarks.accounting.peer import Peer
from benchmarks.accounting.verdict import Verdict, judge
from benchmarks.accounting.workload import Workload

#: Seconds without any event after which nothing more is expected.
QUIET = 4.0
#: Seconds in which what should not come may still come.
LINGER = 0.3


def drain(
    port: int, accounts: Accounts, patience: float = 120.0, one_by_one: bool = True, quiet: float = QUIET
) -> Verdict:
    """
    Everybody comes back to the broker on this port, from where C{accounts} have them, and nobody leaves before all
    is settled or nothing has moved for a while.

    First somebody new looks at what is retained, before anybody can publish anew what the broker may have lost. At the
    end each topic gets a message more, to see whether every subscription is still there and those that ended are not.

    @param patience: seconds for all of it.
    @param one_by_one: see whether each member of a group is still in it, by sending the others away. A broker may
        give a member what it can only have later; leave this out for one that does.
    @param quiet: seconds without any event after which nothing more is expected.
    """
    end = time.monotonic() + patience
    scout = Workload(port, accounts, 0, calm=True, peers=())
    survey = scout.survey(1.5 * quiet)
    scout.run(patience, lambda: survey.done)
    scout.stop()
    workload = Workload(port, accounts, 0, calm=True)
    try:
        _settle(workload, end, quiet)
        for name, peer in workload.peers.items():
            if not peer.connections:
                accounts.fault("sessions missing", f"{name} could not come back")
        _mark(workload)
        _settle(workload, end, quiet)
        if one_by_one and accounts.settled:
            _one_by_one(workload, end, quiet)
        survey = workload.survey(1.5 * quiet)
        workload.run(patience, lambda: survey.done)
    finally:
        workload.stop()
    return judge(accounts)


def _mark(workload: Workload) -> None:
    """
    A message to each topic that somebody may have subscribed to.
    """
    for peer in workload.peers.values():
        for topic in peer.person.topics:
            if peer.connected and not topic.cleared and not topic.rare:
                peer.publish(topic, marker=True)
        peer.flush()


def _one_by_one(workload: Workload, end: float, quiet: float) -> None:
    """
    Of each group, one member stays; then the next.
    """
    accounts = workload.accounts
    groups: dict[str, list[Peer]] = {}
    for name, ledger in accounts.ledgers.items():
        if accounts.receivers[ledger.receiver_name].shared:
            groups.setdefault(ledger.receiver_name, []).append(workload.peers[name])
    for place in range(max(map(len, groups.values()), default=0)):
        stays = {name: members[place % len(members)] for name, members in groups.items()}
        for name, members in groups.items():
            for peer in members:
                if peer is not stays[name]:
                    peer.leave(polite=True)
        _mark(workload)
        _settle(workload, end, quiet)
        for claim in accounts.claims:
            if claim.owed and claim.receiver.name in stays:
                who = stays[claim.receiver.name].person.name
                accounts.fault("subscriptions missing", f"{who} is no member of {claim.filter.decode()} any more")
        for peer in workload.peers.values():
            if peer.away:
                peer.come()
        _settle(workload, end, quiet)


def _settle(workload: Workload, end: float, quiet: float) -> None:
    """
    Until all is settled, and a little longer; or until nothing moves.
    """
    accounts = workload.accounts
    count = accounts.events
    since = time.monotonic()
    while True:
        workload.run(0.05)
        now = time.monotonic()
        if accounts.events != count:
            count, since = accounts.events, now
        everybody = all(peer.connected or peer.away for peer in workload.peers.values())
        if now - since > (LINGER if everybody and accounts.settled else quiet) or now > end:
            return
