"""
Rules about secrets and hostile names that hold everywhere, and that a program can check.
"""

from __future__ import annotations

import ast
import os
import re
import sys

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from tests.house import ROOT, nodes, sources
from txmqtt.net.auth import Realm, User
from txmqtt.testing import MQTTWorld

#: What holds a secret is called so.
_SECRET = re.compile(r"(^|_)(password|secret|token|digest|proof|stored_key|server_key|signature|nonce)$")

#: A line that may be one: looking is cheaper than parsing all files.
_SUSPECT = re.compile(r"^(?=.*[!=]=).*(password|secret|token|digest|proof|_key|signature|nonce)", re.MULTILINE)


def called(node: ast.AST) -> str:
    """
    The name of a variable or an attribute; of anything else none.
    """
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def unequal_times(tree: list[ast.AST]) -> list[int]:
    """
    The lines that compare a secret in a way which takes longer the more of it is right.
    """
    return [
        node.lineno
        for node in tree
        if isinstance(node, ast.Compare)
        and any(isinstance(operator, ast.Eq | ast.NotEq) for operator in node.ops)
        and any(_SECRET.search(called(side)) for side in (node.left, *node.comparators))
        and not any(isinstance(side, ast.Constant) for side in node.comparators)
    ]


class ComparisonTests(SynchronousTestCase):
    def test_in_constant_time(self) -> None:
        """
        No secret is compared with C{==}: how long it takes says nothing about how much was right.
        """
        found = [
            f"{path.relative_to(ROOT)}:{line}"
            for path in sources(ROOT / "txmqtt")
            if "testing" not in path.parts and _SUSPECT.search(path.read_text("utf-8"))
            for line in unequal_times(nodes(path))
        ]
        self.assertEqual(found, [])
        comparing = [path.name for path in sources(ROOT / "txmqtt") if "compare_digest(" in path.read_text("utf-8")]
        for name in ("auth.py", "hashes.py", "scram_client.py", "scram_server.py"):
            self.assertIn(name, comparing)

    def test_what_is_noticed(self) -> None:
        """
        The check itself tells one from the other.
        """
        for text, wrong in (
            ("self.password == given", True),
            ("given != kept.stored_key", True),
            ("compare_digest(password, given)", False),
            ("field == 'password'", False),
            ("password == ''", False),
            ("len(nonce) == 3", False),
        ):
            with self.subTest(text):
                self.assertEqual(unequal_times(list(ast.walk(ast.parse(text)))) != [], wrong)


class LogTests(SynchronousTestCase):
    def test_one_line(self) -> None:
        """
        Whatever a client calls itself, what is logged about it is one line, and moves no terminal.
        """
        evil = "a\nnobody connected as 'root'\x1b[31m\r\x07\u2028"
        with capturedLogs() as events, MQTTWorld(users={evil: "p"}, realm=Realm(User)) as mqtt:
            for password in ("p", "wrong"):
                joining = mqtt.connect(client_id=evil, username=evil, password=password)
                joining.addErrback(lambda _: None)
                mqtt.advance(60.0)
        lines = [formatEvent(event) for event in events]
        about = [line for line in lines if "nobody connected" in line]
        self.assertGreater(len(about), 1)
        for line in about:
            self.assertNotRegex(line, "[\x00-\x1f\x7f\u2028]")


class HashTests(SynchronousTestCase):
    def test_keyed(self) -> None:
        """
        The hashes of what clients say can't be known beforehand, unless somebody has set them; our units do not.
        """
        if os.environ.get("PYTHONHASHSEED", "random") == "random":
            self.assertEqual(sys.flags.hash_randomization, 1)
        if not (ROOT / "contrib").is_dir():
            self.skipTest("no units beside the tests")
        for path in (ROOT / "contrib").iterdir():
            self.assertNotIn("PYTHONHASHSEED", path.read_text("utf-8"))
