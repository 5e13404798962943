"""
Tests of txmqtt.service.plugins: the plugins that a configuration names, found, made, started and stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tests.service.support import Stage
from txmqtt.codec import reasons
from txmqtt.codec.packets import Connect
from txmqtt.net.plugins import BrokerPlugin, Client, IBrokerPluginFactory, Passing
from txmqtt.service import plugins


class House(BrokerPlugin):
    """
    Writes down what it hears.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.options = options
        self.heard: list[Any] = []
        self.stopping: Deferred[None] | None = None

    def start(self, broker: Any) -> None:
        self.heard.append("start")

    def stop(self) -> Any:
        self.heard.append("stop")
        return self.stopping

    def connect(self, client: Client, packet: Connect) -> int | None:
        if client.client_id == "no":
            return reasons.BANNED
        if client.client_id == "old":
            packet.client_id = "new"
        return None

    def connected(self, client: Client) -> None:
        self.heard.append(("in", client.client_id, client.version))

    def disconnected(self, client: Client, reason: int) -> None:
        self.heard.append(("out", client.client_id, reason))

    def publish(self, client: Client, message: Passing) -> None:
        self.heard.append(("publish", message.topic))


@implementer(IBrokerPluginFactory)
class Factory:
    name = "house"

    def __init__(self, made: Any = House) -> None:
        self._made = made

    def make(self, options: Mapping[str, Any]) -> Any:
        return self._made(options)


def _raises(error: Exception) -> Any:
    def make(options: Mapping[str, Any]) -> BrokerPlugin:
        raise error

    return make


class FindTests(SynchronousTestCase):
    def installed(self, *factories: Factory) -> None:
        self.patch(plugins, "getPlugins", lambda interface: factories)

    def test_found(self) -> None:
        """
        A plugin is made with the options that the configuration has for it.
        """
        self.installed(Factory())
        made = plugins.plugin("house", {"rooms": 3})
        assert isinstance(made, House)
        self.assertEqual(made.options, {"rooms": 3})

    def test_wrong(self) -> None:
        """
        What can't be had is told with what was seen and what was expected.
        """
        for factories, name, words in (
            ((Factory(),), "hose", r"^'hose' is not installed; installed: house; did you mean house\?$"),
            ((), "house", r"^'house' is not installed; installed: none$"),
            ((Factory(_raises(ValueError("rooms: expected a number"))),), "house", "^rooms: expected a number$"),
            ((Factory(_raises(OSError("gone"))),), "house", "^'house' could not be made: OSError: gone$"),
            ((Factory(dict),), "house", "^'house' made dict; expected a BrokerPlugin$"),
        ):
            with self.subTest(words=words):
                self.installed(*factories)
                self.assertRaisesRegex(ValueError, words, plugins.plugin, name, {})


class LifeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.house = House({})
        self.stage = Stage(plugins=[self.house])
        self.stage.service.startService()

    def test_life(self) -> None:
        """
        A plugin is told of the start and the end of the broker, and of those who come and go with the reason.
        """
        client = self.stage.client(name="c")
        client.transport.loseConnection()
        self.house.stopping = Deferred()
        stopped = self.stage.service.stopService()
        self.assertNoResult(stopped)
        self.house.stopping.callback(None)
        self.successResultOf(stopped)
        self.assertEqual(self.house.heard, ["start", ("in", "c", 5), ("out", "c", 0x80), "stop"])

    def test_admission(self) -> None:
        """
        It may turn somebody away, or give him another client identifier.
        """
        other = self.stage.client(name="old")
        self.assertIsNotNone(self.stage.service.broker.registry.find(("", "new")))
        self.assertTrue(other.transport.connected)
        with self.assertRaises(AssertionError):
            self.stage.client(name="no")
        self.assertEqual([each for each in self.house.heard if each[0] == "in"], [("in", "new", 5)])
        self.successResultOf(self.stage.service.stopService())

    def test_failing(self) -> None:
        """
        A plugin that can't start or stop is logged, and stops nobody.
        """

        class Wrong(BrokerPlugin):
            def start(self, broker: Any) -> Any:
                raise RuntimeError("start")

            async def stop(self) -> Any:
                raise RuntimeError("stop")

        self.successResultOf(self.stage.service.stopService())
        stage = Stage(plugins=[Wrong()])
        stage.service.startService()
        stage.client(name="c")
        self.successResultOf(stage.service.stopService())
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 2)
