"""
Tests of txmqtt.net.memory: what happens when memory runs short.
"""

from __future__ import annotations

import os
from resource import RUSAGE_SELF, getrusage

from tests.net.support import BrokerTestCase
from tests.service.support import scratch
from txmqtt.broker.policy import Policy
from txmqtt.codec.packets import Publish, Subscribe, Subscription
from txmqtt.net.auth import LocalUser, Realm
from txmqtt.net.memory import ALARM, MemoryWatch, available_memory, give_back, keep_some, resident_memory


class WatchTests(BrokerTestCase):
    used = 0
    trimmed = 0

    def watch(self, available: int = 0) -> MemoryWatch:
        return MemoryWatch(self.broker, lambda: self.used, lambda: available, self.trim)

    def trim(self) -> None:
        self.trimmed += 1

    def test_short_and_well_again(self) -> None:
        """
        Beyond the limit it is short until a twentieth of it is free again; each change is one line in the log and one
        retained message.
        """
        self.begin(realm=Realm(LocalUser), policy=Policy(max_memory=1_000))
        listener = self.connect()
        listener.say(Subscribe(1, [Subscription(ALARM)]))
        listener.heard()
        watch = self.watch()
        said = len(self.log.said)
        short = []
        for used in (1_000, 1_001, 960, 1_100, 951, 950, 949, 1_000):
            self.used = used
            watch.look()
            short.append(self.broker.shedding)
        self.broker.turn.flush()
        self.assertEqual(short, [False, True, True, True, True, True, False, False])
        told = [packet.payload for packet in listener.heard() if isinstance(packet, Publish)]
        self.assertEqual(told, [b"0 MiB of memory are used, 0 MiB at most", b""])
        self.assertEqual((len(self.log.said) - said, self.stats.heap_current), (2, 1_000))

    def test_by_default(self) -> None:
        """
        Without a limit nine tenths of what there is may be used; where nobody knows how much that is, all.
        """
        self.assertEqual((self.watch(1_000).limit, self.watch(0).limit), (900, 0))
        self.used = 1 << 60
        self.watch(0).look()
        self.assertFalse(self.broker.shedding)

    def test_reload(self) -> None:
        """
        The limit may change while it is short.
        """
        watch = self.watch(1_000)
        self.used = 901
        watch.look()
        self.broker.terms.policy = Policy(max_memory=2_000)
        watch.look()
        self.assertFalse(self.broker.shedding)

    def test_given_back(self) -> None:
        """
        While it is short the allocator is asked at once, and then now and then, for what it keeps for later.
        """
        watch = self.watch(1_000)
        self.used = 950
        for _ in range(21):
            watch.look()
        self.assertEqual(self.trimmed, 3)


class AvailableTests(BrokerTestCase):
    def machine(self, files: dict[str, str]) -> str:
        root = scratch(self)
        for name, words in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(words)
        return str(root)

    def test_available(self) -> None:
        """
        What there is is the least that the machine or a control group above the process allows, of either version.
        """
        total = {"proc/meminfo": "MemFree: 5 kB\nMemTotal:       1000 kB\n"}
        new = {**total, "proc/self/cgroup": "0::/system.slice/mqtt.service\n"}
        old = {**total, "proc/self/cgroup": "5:cpu,memory:/box\n1:name=systemd:/\nnonsense\n"}
        for files, expected in (
            ({}, 0),
            (total, 1_024_000),
            (new, 1_024_000),
            ({**new, "sys/fs/cgroup/system.slice/mqtt.service/memory.max": "4096\n"}, 4_096),
            ({**new, "sys/fs/cgroup/system.slice/mqtt.service/memory.max": "max\n"}, 1_024_000),
            ({**new, "sys/fs/cgroup/system.slice/memory.max": "8192\n"}, 8_192),
            ({**new, "sys/fs/cgroup/memory.max": "16384\n"}, 16_384),
            ({**old, "sys/fs/cgroup/memory/box/memory.limit_in_bytes": "512\n"}, 512),
            ({**old, "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 1_024_000),
        ):
            with self.subTest(files=files):
                self.assertEqual(available_memory(self.machine(files)), expected)

    def test_here(self) -> None:
        """
        This process takes some memory, less than there is; giving some back does no harm.
        """
        give_back()
        self.assertGreater(resident_memory(), 1_000_000)
        self.assertGreater(available_memory(), resident_memory())

    def test_kept(self) -> None:
        """
        What some large packets took serves those that follow: the system is not asked for its pages again.
        """
        if glibc() is None:
            self.skipTest("only glibc can be told")
        keep_some()
        size, before = 1 << 20, 0
        for attempt in range(10):
            if attempt == 1:
                before = getrusage(RUSAGE_SELF).ru_minflt
            packets = [b"x" * size for _ in range(4)]
            del packets
        self.assertLess(getrusage(RUSAGE_SELF).ru_minflt - before, size // 4096)


def glibc() -> str | None:
    """
    Which glibc this is, None for another library.
    """
    try:
        return os.confstr("CS_GNU_LIBC_VERSION")
    except (ValueError, OSError):
        return None
