"""
Tests of txmqtt.net.server: what plugins are asked and told of a connection.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from txmqtt import Refused
from txmqtt.codec.packets import Connect
from txmqtt.net.plugins import BrokerPlugin, Client
from txmqtt.testing import MQTTWorld


class Doorkeeper(BrokerPlugin):
    """
    Decides as the test says, and writes down who came and went.
    """

    def __init__(self) -> None:
        self.verdict: Any = None
        self.name = ""
        self.heard: list[tuple[object, ...]] = []

    def connect(self, client: Client, packet: Connect) -> Any:
        self.heard.append(("connect", client.client_id, client.version))
        if self.name:
            packet.client_id = self.name
        return self.verdict

    def connected(self, client: Client) -> None:
        self.heard.append(("connected", client.client_id))

    def disconnected(self, client: Client, reason: int) -> None:
        self.heard.append(("disconnected", client.client_id, reason))


class DoorkeeperTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.keeper = Doorkeeper()
        self.world = MQTTWorld(plugins=[self.keeper])
        self.addCleanup(self.world.close)

    def test_let_in(self) -> None:
        """
        A plugin is asked before a client is in, and told when it is and when it has gone.
        """
        client = self.world.client(client_id="c")
        self.assertEqual(self.keeper.heard, [("connect", "c", 5), ("connected", "c")])
        self.world.run(client.disconnect())
        self.world.flush()
        self.assertEqual(self.keeper.heard[2:], [("disconnected", "c", 0)])

    def test_lost(self) -> None:
        """
        A client that goes without a word is told as one.
        """
        self.world.client(client_id="c")
        self.world.connection("c").cut()
        self.world.flush()
        self.assertEqual(self.keeper.heard[2:], [("disconnected", "c", 0x80)])

    def test_turned_away(self) -> None:
        """
        A client that a plugin does not want hears the reason, and nobody is told that it came.
        """
        self.keeper.verdict = 0x87
        with self.assertRaises(Refused) as caught:
            self.world.client(client_id="c")
        self.assertEqual(caught.exception.reason, 0x87)
        self.assertEqual(self.keeper.heard, [("connect", "c", 5)])

    def test_other_name(self) -> None:
        """
        A plugin may give a client another name.
        """
        self.keeper.name = "renamed"
        self.world.client(client_id="c")
        self.assertEqual(self.keeper.heard[1:], [("connected", "renamed")])

    def test_gone_meanwhile(self) -> None:
        """
        A client that does not wait for the plugin to decide is not let in afterwards.
        """
        decision: Deferred[None] = Deferred()
        self.keeper.verdict = decision
        connecting = self.world.connect(client_id="c")
        self.world.flush()
        connecting.cancel()
        self.world.flush()
        decision.callback(None)
        self.world.flush()
        self.failureResultOf(connecting)
        self.assertEqual(self.keeper.heard, [("connect", "c", 5)])
