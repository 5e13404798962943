"""
Tests of tests.fuzz.script and tests.fuzz.mutation.
"""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import script
from tests.fuzz.harness import Mutate
from tests.fuzz.mutation import ScriptMutator, stream_of
from tests.fuzz.packets import CLIENTS, SERVERS, frame
from tests.fuzz.script import ASK, SAY, WAIT, Step
from txmqtt.codec.constants import CONNECT
from txmqtt.codec.decode import Decoder


def unchanged(data: bytes, most: int) -> bytes:
    return data[:most]


class ScriptTests(SynchronousTestCase):
    def test_any_bytes(self) -> None:
        """
        Any bytes are a script, and a script that is written is read again.
        """
        chance = Random(1)
        for _ in range(200):
            steps = list(script.read(chance.randbytes(chance.randrange(60))))
            self.assertEqual(list(script.read(script.written(steps))), steps)

    def test_pieces(self) -> None:
        """
        What is said is said in full, in however many pieces.
        """
        for amount in range(8):
            step = Step(SAY, 0, amount, bytes(range(200)))
            self.assertEqual(b"".join(script.reads(step)), step.data)
            self.assertEqual(script.reads(step._replace(data=b"")), [])


class MutationTests(SynchronousTestCase):
    def test_same_again(self) -> None:
        """
        The same chance makes the same input, so that a run can be repeated; it is never longer than allowed.
        """
        start = b"\1" + script.written([Step(SAY, 0, 0, b"\xc0\0"), Step(WAIT, 1, 3), Step(ASK)])
        mutators: tuple[Mutate, ...] = (
            ScriptMutator(CLIENTS, 1),
            ScriptMutator(SERVERS, 1, lambda head: 4),
            stream_of(CLIENTS, 2, lambda head: 5),
        )
        for mutate in mutators:
            seen = set()
            for seed in range(100):
                made = mutate(start, 300, seed, unchanged)
                self.assertEqual(mutate(start, 300, seed, unchanged), made)
                self.assertTrue(len(made) <= 300)
                seen.add(made)
            self.assertTrue(len(seen) > 5)

    def test_gets_past_connect(self) -> None:
        """
        Whoever says something for the first time says CONNECT first, so that the fuzzer sees more than refusals.
        """
        mutate = ScriptMutator(CLIENTS, 1)
        data = b"\0"
        for seed in range(40):
            data = mutate(data, 4000, seed, unchanged)
        steps = list(script.read(data[1:]))
        self.assertTrue(sum(step.verb == SAY and step.data[:1] == bytes((CONNECT << 4,)) for step in steps) > 1)
        self.assertTrue(sum(step.verb == SAY and step.data[:1] != bytes((CONNECT << 4,)) for step in steps) > 3)


class PacketTests(SynchronousTestCase):
    def test_legal(self) -> None:
        """
        Every packet by chance is one that can be read.
        """
        chance = Random(1)
        for version in (3, 4, 5):
            for _ in range(300):
                data = frame(chance, version, CLIENTS + SERVERS)
                decoder = Decoder(0 if data[0] >> 4 == CONNECT else version)
                decoder.feed(data)
                self.assertIsNotNone(decoder.take())
