"""
Wilder clients for a while: those of C{benchmarks.accounting}, who take over, vanish and answer late; then all is
drained, judged, and tidied up, so that nothing of them is left at the broker.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.threads import deferToThread

from benchmarks.accounting import Accounts, Verdict, Workload, drain, townsfolk
from txmqtt import connect


def _live(port: int, seed: int, rate: float, seconds: float) -> Verdict:
    accounts = Accounts(townsfolk())
    workload = Workload(port, accounts, seed, rate)
    workload.run(seconds)
    workload.stop()
    return drain(port, accounts, quiet=2.0)


async def live(reactor: Any, port: int, seed: int, rate: float, seconds: float) -> Verdict:
    """
    @param rate: messages published in a second.
    """
    verdict: Verdict = await deferToThread(_live, port, seed, rate, seconds)
    for person in townsfolk():
        client = await connect(
            reactor, f"mqtt://127.0.0.1:{port}", client_id=person.name, version=person.version, clean_start=True
        )
        for topic in person.topics:
            if topic.retain:
                await client.publish(topic.name, b"", 1, True)
        await client.disconnect()
    return verdict
