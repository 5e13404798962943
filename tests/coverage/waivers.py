"""
Modules that do not reach yet what their floor promises, how much they do reach, and why.

It is a list to be worked off: none of them may reach less than it says, and one that reaches what its floor promises
has to leave.
"""

from __future__ import annotations

from typing import Final

_PROGRAM = "it runs programs against a broker with a real reactor, which tests/end_to_end does"
_PROCESS = "it is about processes and signals, which only tests/end_to_end has"
_STORE = "what a store adds to a client is tested with the service that has one, in tests/service/client"
_DISK = "what is left is mostly damage and failures of the disk at places where no test has made it fail yet"
_NETWORK = "what is left needs connections over the network, which tests/end_to_end makes"
_OWED = "nobody has come to it yet"

#: By module: how much its own tests reach, percent, and why it is not more.
WAIVED: Final[dict[str, tuple[int, str]]] = {
    "txmqtt/backends/sqlite/exchange/compact.py": (91, _DISK),
    "txmqtt/backends/sqlite/exchange/dump.py": (92, _DISK),
    "txmqtt/backends/sqlite/exchange/salvage.py": (78, _DISK),
    "txmqtt/backends/sqlite/exchange/soundness.py": (85, _DISK),
    "txmqtt/backends/sqlite/files.py": (87, _DISK),
    "txmqtt/backends/sqlite/ledger.py": (89, _DISK),
    "txmqtt/backends/sqlite/recovery.py": (93, _DISK),
    "txmqtt/backends/sqlite/writer.py": (94, _DISK),
    "txmqtt/cli/bench/command.py": (68, _PROGRAM),
    "txmqtt/cli/bench/measuring.py": (20, _PROGRAM),
    "txmqtt/cli/bench/plan.py": (61, _OWED),
    "txmqtt/cli/bench/roles.py": (77, _PROGRAM),
    "txmqtt/cli/bench/table.py": (66, _OWED),
    "txmqtt/cli/bench/worker.py": (22, _PROGRAM),
    "txmqtt/cli/output.py": (76, _OWED),
    "txmqtt/cli/pub/command.py": (82, _PROGRAM),
    "txmqtt/cli/pub/publishing.py": (71, _PROGRAM),
    "txmqtt/cli/request/command.py": (64, _PROGRAM),
    "txmqtt/cli/retained/command.py": (54, _PROGRAM),
    "txmqtt/cli/running.py": (70, _PROGRAM),
    "txmqtt/cli/sub/listening.py": (90, _PROGRAM),
    "txmqtt/net/access/web.py": (88, _NETWORK),
    "txmqtt/net/certificates.py": (93, _OWED),
    "txmqtt/net/client.py": (85, _STORE),
    "txmqtt/net/state.py": (81, _STORE),
    "txmqtt/net/websocket.py": (94, _OWED),
    "txmqtt/service/client/client.py": (92, _OWED),
    "txmqtt/service/logs.py": (94, _PROCESS),
    "txmqtt/service/process.py": (83, _PROCESS),
    "txmqtt/service/reloading.py": (87, _PROCESS),
    "txmqtt/service/tap.py": (85, _PROCESS),
}
