"""
Every program that a page shows runs, as far as there is what it needs.
"""

from __future__ import annotations

import ast
import doctest
import inspect
import io
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

from twisted.cred.portal import Portal
from twisted.internet.defer import succeed
from twisted.trial.unittest import SynchronousTestCase

import txmqtt
from tests.house import ROOT
from txmqtt.net.auth import Realm
from txmqtt.testing import MQTTWorld

#: Beginnings of what is not run, and why.
NOT_RUN = {
    "from twisted.internet.task import react\n": "it takes the reactor; test_examples runs its like",
    "from txmqtt import TLS, connect": "TLS, for which there are no certificates in a world",
    'client = await connect(reactor, "wss:': "likewise",
    "from txmqtt import connect_over": "its transport is yours",
    "from txmqtt import ScramSHA256": "a broker with SCRAM; test_enhanced_authentication has one",
    "from txmqtt import Authenticator": "a broker with that method",
    "from twisted.internet.endpoints import TCP4ServerEndpoint": "certificates; test_tls_endpoints has some",
    "import time\n\nimport paho": "it is what there was before",
    "from mqtt.client.factory": "likewise",
    "client = paho": "it is paho's; test_broker_paho runs it",
    "from txmqtt.codec.packets import Publish\n": "a message that was sent twice",
    "await client.reauthenticate()": "a connection with authentication",
}

#: What goes on until somebody ends it.
ENDLESS = ("async with client.messages(",)


def blocks(page: Path) -> Iterator[str]:
    """
    The programs of a page.
    """
    pattern = r"^\.\. code-block:: python\n((?:    :.*\n)*)\n((?:    .*\n|\n)+)"
    for _, text in re.findall(pattern, page.read_text("utf-8"), re.MULTILINE):
        yield textwrap.dedent(text).strip() + "\n"


class ProgramTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.pages = [*sorted((ROOT / "docs").glob("*.rst")), ROOT / "README.rst"]
        if len(self.pages) < 2:
            self.skipTest("no documentation beside the tests")

    def test_programs(self) -> None:
        """
        Each runs in a world of its own, where the names that its page has spoken of are there.
        """
        unused = set(NOT_RUN)
        for page in self.pages:
            for number, text in enumerate(blocks(page)):
                beginning = next((each for each in NOT_RUN if text.startswith(each)), None)
                if beginning is not None:
                    unused.discard(beginning)
                    continue
                with self.subTest(page=page.name, block=number), MQTTWorld() as mqtt:
                    try:
                        self.execute(text, mqtt)
                    except Exception as error:
                        self.fail(f"{page.name}, program {number}: {error!r}\n{text}")
        self.assertEqual(unused, set(), "these are on no page any more")

    def execute(self, text: str, mqtt: MQTTWorld) -> None:
        names = self.names(mqtt)
        if ">>>" in text:
            test = doctest.DocTestParser().get_doctest(text, names, "a page", None, None)
            said: list[str] = []
            result = doctest.DocTestRunner().run(test, out=said.append)
            self.assertEqual(result.failed, 0, "".join(said))
            return
        code = compile(text, "a page", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        if not code.co_flags & inspect.CO_COROUTINE:
            exec(code, names)
        elif text.startswith(ENDLESS):
            with self.assertRaisesRegex(AssertionError, "nothing came of it"):
                mqtt.run(eval(code, names), within=1.0)
        else:
            mqtt.run(eval(code, names), within=60.0)
        mqtt.flush()

    def names(self, mqtt: MQTTWorld) -> dict[str, Any]:
        """
        What a program finds.
        """
        client = mqtt.client(client_id="sensor")
        client.publish("alarms/attic", b"on", 1, retain=True)
        service = mqtt.service(client_id="service")
        portal = Portal(Realm())
        return {
            **{name: getattr(txmqtt, name) for name in txmqtt.__all__},
            **{"__name__": "a page", "reactor": mqtt.clock, "mqtt": mqtt, "client": client, "service": service},
            **{"endpoint": mqtt.endpoint(), "door": mqtt.broker.door, "portal": portal, "file": io.BytesIO(b"a\nb\n")},
            **{"on_failure": self.fail, "fetch_token": Mock(), "fetch": Mock(), "look_up": Mock(), "KEY": ("a", "b")},
            "application": Mock(when_alarmed=lambda: succeed(None)),
        }
