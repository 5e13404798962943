"""
The steps that docs/publish.rst tells of a message are those that it takes.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from types import FrameType

from twisted.trial.unittest import SynchronousTestCase

import txmqtt
from tests.house import ROOT
from tests.named import locate, mentions
from tests.service.support import scratch
from txmqtt import Message, Policy
from txmqtt.net.auth import Realm, User
from txmqtt.service.broker import BrokerService
from txmqtt.testing import MQTTWorld
from txmqtt.testing.network import HERE
from txmqtt.testing.worker import PromptWorker
from txmqtt.testing.world import PORT

PAGE = ROOT / "docs" / "publish.rst"

#: A call: the file below the root of the project, and the qualified name.
Call = tuple[str, str]


class StoringWorld(MQTTWorld):
    """
    A world whose broker has a store.
    """

    path = ""

    def _new_broker(self) -> BrokerService:
        return BrokerService(
            self.clock,
            [f"tcp:{PORT}:interface={HERE}"],
            self._portal,
            self._policy,
            self.clock.seconds,
            self._world_time,
            store=self.path,
            workers=lambda name: PromptWorker(),
        )


class Asked(User):
    """
    May do everything, and is asked about it.
    """

    unrestricted = False


class Trace:
    """
    Which functions of ours are called meanwhile.
    """

    def __init__(self) -> None:
        self.calls: set[Call] = set()
        self._root = os.fspath(ROOT) + os.sep

    def __enter__(self) -> Trace:
        self._before = sys.getprofile()
        sys.setprofile(self._note)
        return self

    def __exit__(self, *about: object) -> None:
        sys.setprofile(self._before)

    def _note(self, frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(self._root):
            self.calls.add((code.co_filename.removeprefix(self._root), code.co_qualname))


def sections() -> dict[str, str]:
    """
    The parts of the page by their titles.
    """
    parts = re.split(r"^(.+)\n-+\n", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def places(text: str) -> Iterator[Call]:
    """
    The functions that a part of the page names.
    """
    for role, name in mentions(text):
        place = locate(role, name)
        if role == "src" and place.member:
            yield place.path, place.member


class WayTests(SynchronousTestCase):
    def setUp(self) -> None:
        if not PAGE.is_file():
            self.skipTest("no documentation beside the tests")

    def test_pictures_and_steps(self) -> None:
        """
        Each step in a picture is explained below it, and no other.
        """
        for title, text in sections().items():
            drawn = [int(number) for number in re.findall(r"^   (\d+) \w", text, re.MULTILINE)]
            told = re.findall(r"^#\. ", text, re.MULTILINE)
            with self.subTest(title):
                self.assertEqual(drawn, list(range(1, len(told) + 1)))

    def test_each_place_is_come_by(self) -> None:
        """
        A message at QoS 1 calls every function that is named on its way, and one at QoS 2 likewise.
        """
        if txmqtt.compiled:
            self.skipTest("what is compiled can't be looked at")
        told = sections()
        for qos, title in ((1, "At least once"), (2, "Exactly once")):
            wanted = set(places(told[title]))
            self.assertGreater(len(wanted), 20)
            with self.subTest(title):
                self.assertEqual(sorted(wanted - self.publish(qos)), [])

    def publish(self, qos: int) -> set[Call]:
        """
        What is called while messages go from one client to two others: to one whose session lasts, and to one whose
        session does not. Only one may be under way to each, so that the others wait for their turn.
        """
        path = os.fspath(scratch(self) / "mqtt.db")
        policy = Policy(max_inflight_5=1)
        with type("World", (StoringWorld,), {"path": path})(policy=policy, realm=Realm(Asked)) as mqtt:
            clients = [
                mqtt.client(client_id=name, clean_start=not lasts, session_expiry=3600 if lasts else 0)
                for name, lasts in (("publisher", True), ("lasting", True), ("passing", False))
            ]
            heard: list[Message] = []
            for client in clients[1:]:
                mqtt.run(client.subscribe("a/#", heard.append, qos))
            with Trace() as trace:
                published = [clients[0].publish("a/b", b"", qos) for _ in range(3)]
                mqtt.advance(1.0)
            for each in published:
                self.successResultOf(each)
            self.assertEqual(len(heard), 6)
        return trace.calls
