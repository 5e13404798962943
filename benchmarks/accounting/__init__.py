"""
Who was promised what, who got it, and what was wrong: the books of a workload of durable MQTT clients.

The books (C{events}, C{accounts} and the rooms beside it) know no socket and read no clock: they are told what happened
and when, and can tell what was so at any earlier time. C{workload} and C{drain} are the clients that have it happen.
They speak through C{txmqtt.codec} alone, so that what they find is not what txmqtt's own client thinks.

Another harness does this::

    accounts = Accounts(townsfolk(), keep_history=True)
    workload = Workload(port, accounts, seed=1)
    workload.run(10.0)  # by then, accounts.history has what happened, by time.monotonic()
    workload.stop()
    past = accounts.as_of(moment)  # what the clients had sent and heard by then
    print(drain(port_of_a_broker_on_the_disk_of_that_moment, past).table())
"""

from benchmarks.accounting.accounts import Accounts
from benchmarks.accounting.drain import drain
from benchmarks.accounting.people import Person, townsfolk
from benchmarks.accounting.verdict import Verdict
from benchmarks.accounting.workload import Workload

__all__ = ["Accounts", "Person", "Verdict", "Workload", "drain", "townsfolk"]
