"""
The broker on a disk that fails, and gets well again: nothing is acknowledged that is not kept, and what needs no disk
goes on.
"""

from __future__ import annotations

import errno
import shutil
import signal
import sys
from itertools import count
from pathlib import Path
from tempfile import mkdtemp

from twisted.trial.unittest import SynchronousTestCase

from tests.disk.shim import Shim
from tests.end_to_end.guest import Guest
from tests.end_to_end.support import OurBroker
from txmqtt.codec.constants import MQTT5, MQTT311, PUBACK, PUBCOMP, PUBREC, PUBREL
from txmqtt.codec.packets import Ack, Connack, Packet, Publish
from txmqtt.codec.reasons import QUOTA_EXCEEDED, SERVER_UNAVAILABLE

ALARM = b"$SYS/broker/store/alarm"


class DiskTestCase(SynchronousTestCase):
    """
    A broker on a disk that fails when told to, with somebody parked who is owed what is published on C{kept/#}.

    @cvar OPTIONS: of the broker.
    @ivar acknowledged: what must come to the one who is parked.
    @ivar watcher: subscribed to the alarm.
    """

    OPTIONS: tuple[str, ...] = ()

    def setUp(self) -> None:
        if not sys.platform.startswith("linux"):
            self.skipTest("the shim is for Linux")
        self.folder = Path(mkdtemp(prefix="txmqtt-disk-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.state = self.folder / "watched"
        self.state.mkdir()
        shim = Shim(self.state, self.folder)
        self.faults = shim.faults
        self.acknowledged: list[bytes] = []
        self._numbers = count(1)
        self.broker = self.start(shim.surroundings())
        self.guest("parked", durable=True).subscribe(b"kept/#", 2).leave()
        self.talker = self.guest("talker")
        self.listener = self.guest("listener").subscribe(b"passing/#")
        self.watcher = self.guest("watcher").subscribe(ALARM)
        self.publisher = self.guest("publisher")
        self.publish_well(10)

    def start(self, surroundings: dict[str, str] | None = None) -> OurBroker:
        broker = OurBroker("--state-dir", str(self.state), *self.OPTIONS, surroundings=surroundings)
        self.addCleanup(broker.stop, signal.SIGKILL)
        return broker

    def guest(self, name: str, version: int = MQTT5, durable: bool = False) -> Guest:
        made = Guest(self.broker.port, name, version, durable)
        self.addCleanup(made.leave)
        return made.come_in()

    def publish(self, guest: Guest, qos: int) -> bytes:
        """
        Something new for the one who is parked; its number is its packet identifier.
        """
        number = next(self._numbers)
        payload = b"%d " % number + b"x" * 500
        guest.publish(b"kept/%d" % qos, payload, qos, number)
        return payload

    def answer(self, guest: Guest, qos: int, payload: bytes) -> int:
        """
        Wait for what becomes of it, and write that down.

        @return: the reason code.
        """
        number = int(payload.split()[0])
        answer = guest.take(Ack, lambda ack: ack.packet_id == number and ack.kind in (PUBACK, PUBREC))
        self.assertEqual(answer.kind, PUBACK if qos == 1 else PUBREC)
        if not answer.reason:
            self.acknowledged.append(payload)
            if qos == 2:
                guest.say(Ack(PUBREL, number))
        return answer.reason

    def publish_well(self, times: int) -> None:
        """
        At both qualities, and all of it is kept.
        """
        for _ in range(times):
            for qos in (1, 2):
                self.assertEqual(self.answer(self.publisher, qos, self.publish(self.publisher, qos)), 0)
                if qos == 2:
                    self.publisher.take(Ack, lambda ack: ack.kind == PUBCOMP)

    def qos_0_goes_on(self) -> None:
        words = b"%d" % next(self._numbers)
        self.talker.publish(b"passing/by", words)
        self.listener.take(Publish, lambda packet: packet.payload == words)

    def alarm(self) -> list[bytes]:
        """
        What somebody new finds under the topic of the alarm.
        """
        newcomer = self.guest("newcomer").subscribe(ALARM)
        found = newcomer.catch_up()
        newcomer.leave()
        self.assertEqual([packet.retain for packet in found], [True] * len(found))
        return [packet.payload for packet in found]

    def nothing_is_lost(self) -> None:
        """
        After a kill -9 and a restart on a disk that is well, all that was acknowledged waits for the one who was
        parked, once.
        """
        self.broker.process.kill()
        self.broker.process.wait()
        self.broker = self.start()
        parked = Guest(self.broker.port, "parked", durable=True)
        self.addCleanup(parked.leave)
        welcome = parked.take(Connack)
        self.assertEqual((welcome.reason, welcome.session_present), (0, True))
        self.publisher = self.guest("publisher")
        self.publish_well(1)  # what was kept before comes before this
        found: list[bytes] = []
        while set(self.acknowledged) - set(found):
            packet = parked.take(Packet)
            if isinstance(packet, Publish):
                found.append(packet.payload)
                parked.say(Ack(PUBACK if packet.qos == 1 else PUBREC, packet.packet_id))
            elif isinstance(packet, Ack) and packet.kind == PUBREL:
                parked.say(Ack(PUBCOMP, packet.packet_id))
        found += [packet.payload for packet in parked.catch_up()]
        self.assertEqual(len(found), len(set(found)))


class FaultTests(DiskTestCase):
    def survive(self, words: str) -> None:
        """
        All that is promised about a failing disk; C{words} tell the alarm.
        """
        doubtful = [(qos, self.publish(self.publisher, qos)) for qos in (1, 2)]
        said = self.watcher.take(Publish)
        self.assertEqual((said.topic, said.retain), (ALARM, False))
        self.assertIn(words, said.payload.decode())
        self.broker.says(rf"nothing more can be stored: .*{words}")
        self.assertEqual(self.alarm(), [said.payload])
        other = self.guest("other")
        for qos in (1, 2):
            self.assertEqual(self.answer(other, qos, self.publish(other, qos)), QUOTA_EXCEEDED)
            old = self.guest(f"old{qos}", MQTT311)
            self.publish(old, qos)
            old.until_closed()
            self.assertEqual(old.heard, [])
        self.qos_0_goes_on()
        durable = Guest(self.broker.port, "new", durable=True)
        self.addCleanup(durable.leave)
        self.assertEqual(durable.take(Connack).reason, SERVER_UNAVAILABLE)
        self.assertEqual(self.watcher.catch_up(), [])
        self.faults.heal()
        self.assertEqual(self.watcher.take(Publish).payload, b"")
        self.broker.says("can be written again")
        self.assertEqual(self.alarm(), [])
        for qos, payload in doubtful:
            self.answer(self.publisher, qos, payload)
        self.publish_well(10)
        self.qos_0_goes_on()
        self.assertEqual(self.broker.log.count("nothing more can be stored: "), 1)
        self.nothing_is_lost()

    def test_full(self) -> None:
        """
        A disk that is full.
        """
        self.faults.full()
        self.survive("full")

    def test_full_in_the_middle(self) -> None:
        """
        A disk that has room for some of a transaction.
        """
        self.faults.full(left=5_000)
        self.survive("full")

    def test_writes_fail(self) -> None:
        """
        A disk that takes no more writes.
        """
        self.faults.fail("write", errno.EIO)
        self.survive("I/O error")

    def test_syncs_fail(self) -> None:
        """
        A disk that takes writes and does not sync them.
        """
        self.faults.lose_syncs()
        self.faults.fail("sync", errno.EIO)
        self.survive("I/O error")

    def test_read_only(self) -> None:
        """
        A file system that the kernel has made read-only.
        """
        self.faults.read_only()
        self.survive("I/O error")


class SlowTests(DiskTestCase):
    OPTIONS = ("--store-delay", "0.5")

    def test_slow(self) -> None:
        """
        A disk that takes three seconds for a sync delays acknowledgements, and holds nothing else back. When it is
        further behind than the broker may be, new messages are refused until it has caught up.
        """
        self.faults.slow(sync=3.0)
        first = self.publish(self.publisher, 1)
        self.qos_0_goes_on()
        self.assertEqual((self.publisher.catch_up(), self.publisher.heard), ([], []))  # a PINGRESP, and no PUBACK
        self.assertEqual(self.answer(self.publisher, 1, first), 0)
        self.faults.heal()
        self.publish_well(10)
        self.assertEqual((self.watcher.catch_up(), self.alarm()), ([], []))
        self.assertNotIn("can be stored", self.broker.log)
        self.nothing_is_lost()

    def test_far_behind(self) -> None:
        """
        While a disk is further behind than the broker may be, new messages are refused: 5.0 hears 0x97, 3.x is closed.
        The alarm says so. What was taken before is kept, and acknowledged when the disk has caught up.
        """
        self.faults.slow(sync=3.0)
        first = self.publish(self.publisher, 1)
        olds: list[tuple[Guest, bytes]] = []
        while not olds or olds[-1][0].is_there():
            old = self.guest(f"old{len(olds)}", MQTT311)
            olds.append((old, self.publish(old, 1)))
        self.assertEqual(olds.pop()[0].heard, [])
        other = self.guest("other")
        for qos in (1, 2):
            self.assertEqual(self.answer(other, qos, self.publish(other, qos)), QUOTA_EXCEEDED)
        self.qos_0_goes_on()
        said = self.watcher.take(Publish)
        self.assertEqual(self.alarm(), [said.payload])
        self.assertIn("too slow", said.payload.decode())
        self.faults.heal()
        self.assertEqual(self.watcher.take(Publish).payload, b"")
        self.assertEqual(self.alarm(), [])
        for guest, payload in ((self.publisher, first), *olds):
            self.assertEqual(self.answer(guest, 1, payload), 0)
        self.publish_well(10)
        self.nothing_is_lost()
