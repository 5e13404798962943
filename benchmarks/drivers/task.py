"""
What a driver is to do, the same for every library: its one argument, as JSON.

At QoS 1 and 2 no more than C{window} publishes are under way; what is published at QoS 0 ends with one at QoS 1, whose
acknowledgement shows that the server has read them all. Whoever receives says so after each C{step} messages, on
C{GO}, and once when it is subscribed: so the load is never further ahead than the server may keep.

The first messages, C{warm}, are not counted. Before the others, and at the end, a driver makes a C{mark}: how much
processor time its process has taken so far, user and system, seconds, and the memory that it has, KiB.
"""

import json
import sys
from pathlib import Path
from time import process_time
from typing import Final

TOPIC: Final = "bench/load"
GO: Final = "bench/go"


class Task:
    """
    @ivar publish: it publishes; otherwise it receives.
    @ivar version: of MQTT, as CONNECT has it: 4 for 3.1.1, 5.
    """

    def __init__(self, words: str = sys.argv[-1]) -> None:
        told = json.loads(words)
        self.port: int = told["port"]
        self.publish: bool = told["verb"] == "publish"
        self.qos: int = told["qos"]
        self.warm: int = told["warm"]
        self.total: int = told["warm"] + told["count"]
        self.version: int = told["version"]
        self.window: int = told["window"]
        self.step: int = told["step"]
        self.payload = bytes(told["payload"])

    @staticmethod
    def mark() -> None:
        status = Path("/proc/self/status").read_text()
        print(process_time(), status.partition("VmRSS:")[2].split()[0], flush=True)
