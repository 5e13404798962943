"""
Plugins: what runs inside the broker and sees, refuses or changes what passes through it.

Subclass L{BrokerPlugin} and override what you need; the rest costs nothing. How the broker finds it is in
L{IBrokerPluginFactory}. A plugin is asked after the access control has said yes, and several are asked one after the
other: the first that refuses has the last word, and each sees what those before it have changed. Whatever one raises is
logged and counted, and the thing that it was asked about is refused: a plugin that fails must not open a door.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import Attribute, Interface

from txmqtt.broker.core import Broker
from txmqtt.broker.hooks import INWARD, OUTWARD
from txmqtt.broker.registry import Member
from txmqtt.codec import reasons
from txmqtt.codec.packets import Connect, Publish, Subscription
from txmqtt.codec.properties import Properties
from txmqtt.codec.topics import filter_error, matches, topic_error
from txmqtt.session.message import Message

_log = Logger()


class IBrokerPluginFactory(Interface):
    """
    Makes a plugin. Twisted finds it in C{twisted/plugins} of any package (C{twisted.plugin}); the configuration names
    it, and only then it is asked for one.
    """

    name: str = Attribute("what the configuration calls it")

    def make(options: Mapping[str, Any]) -> BrokerPlugin:
        """
        A plugin.

        @param options: what the configuration says besides the name.
        @raise ValueError: the options are wrong; says what was expected.
        """


class Client:
    """
    A client, as plugins see it.

    @ivar user: the user name; None for anonymous.
    @ivar version: 3, 4 or 5: MQTT 3.1, 3.1.1 or 5.0; 0 while it is away.
    @ivar peer: where it is; empty while it is away.
    """

    def __init__(self, client_id: str, user: str | None, mount: str = "", version: int = 0, peer: str = "") -> None:
        self.client_id = client_id
        self.user = user
        self.mount = mount
        self.version = version
        self.peer = peer


def client_of(member: Member) -> Client:
    """
    The client of a session.
    """
    session = member.session
    if session is None:
        return Client(member.client_id, member.user, member.mount.name)
    peer = str(getattr(session.link, "peer", ""))
    return Client(member.client_id, member.user, member.mount.name, session.version, peer)


class Passing:
    """
    A message on its way. Assign to C{topic}, C{payload}, C{retain} or C{properties} to change it; the QoS stays.

    @ivar properties: of 5.0; None where there are none. Assign others rather than change these: they may be shared.
    """

    def __init__(self, topic: str, payload: bytes, qos: int, retain: bool, properties: Properties | None) -> None:
        self.topic = topic
        self.payload = payload
        self.retain = retain
        self.properties = properties
        self._qos = qos

    @property
    def qos(self) -> int:
        """
        At which it was published.
        """
        return self._qos


class BrokerPlugin:
    """
    A plugin that wants nothing. All but C{start}, C{stop} and C{connect} are asked in the middle of the traffic: they
    answer at once, and may not return a Deferred.

    @cvar topics: the filters of the topics for which C{publish} and C{deliver} are asked. Like any filter C{#} leaves
        out C{$SYS}.
    """

    topics: Sequence[str] = ("#",)

    def start(self, broker: Any) -> Any:
        """
        The broker starts. May return a Deferred, or be a coroutine; nobody waits for it.

        @param broker: the C{BrokerService}.
        """

    def stop(self) -> Any:
        """
        The broker stops, and waits for a Deferred.
        """

    def connect(self, client: Client, packet: Connect) -> Any:
        """
        A client has been recognised and wants in.

        @param packet: its CONNECT. Client identifier, keep-alive, clean start, session expiry and will may be changed.
        @return: None to let it in, or a reason code from 0x80 up why not; or a Deferred or coroutine of either.
        """

    def connected(self, client: Client) -> None:
        """
        A client is in.
        """

    def disconnected(self, client: Client, reason: int) -> None:
        """
        A client that was in is gone.

        @param reason: of DISCONNECT, whoever sent it; 0x80 when the connection was lost without one.
        """

    def subscribe(self, client: Client, asked: Subscription) -> int | None:
        """
        A client subscribes. QoS and options may be changed.

        @return: None, or a reason code from 0x80 up why not.
        """

    def publish(self, client: Client, message: Passing) -> int | None:
        """
        A client publishes; its will counts.

        @return: None, or a reason code from 0x80 up why not. 3.x can't be told, and acknowledges all the same.
        """

    def deliver(self, client: Client, message: Passing) -> bool | None:
        """
        A copy is about to leave for a client.

        @return: False: it does not leave, and counts as dropped.
        """

    def dropped(self, client_id: str, topic: str, reason: int, count: int) -> None:
        """
        Messages did not reach a receiver.

        @param client_id: whom they were for; empty where that is a shared group, or several.
        @param topic: empty where they are several.
        @param reason: 0x97: its queue was full, or it does not read; 0x83: expired; 0x87: it may not have them, or a
            plugin said no; 0x95: larger than it takes; 0x80: its session ended.
        """


class Plugins:
    """
    All plugins of one broker, as the broker asks them (C{broker.hooks.Hooks}).

    @ivar connects: some want to be asked about those who come in.
    """

    def __init__(self, plugins: Sequence[BrokerPlugin], broker: Broker) -> None:
        """
        @raise ValueError: the topics of one are no filters.
        """
        self._broker = broker
        self.plugins = list(plugins)
        self._inward = [(_filters(each), each) for each in plugins if _overrides(each, "publish")]
        self._outward = [(_filters(each), each) for each in plugins if _overrides(each, "deliver")]
        self._subscribe = [each for each in plugins if _overrides(each, "subscribe")]
        self._connect = [each for each in plugins if _overrides(each, "connect")]
        self._drops = [each for each in plugins if _overrides(each, "dropped")]
        self.subscribes = bool(self._subscribe)
        self.connects = bool(self._connect)
        self.delivers = bool(self._outward)
        self.drops = bool(self._drops)

    def _failed(self, plugin: BrokerPlugin, what: str) -> None:
        self._broker.stats.plugin_errors += 1
        _log.failure("the plugin {plugin} failed in {what}", plugin=type(plugin).__name__, what=what)

    def _tell(self, plugin: BrokerPlugin, what: str, call: Callable[..., Any], *words: Any) -> None:
        try:
            call(*words)
        except Exception:
            self._failed(plugin, what)

    # Asked by the connection

    async def connect(self, client: Client, packet: Connect) -> int:
        """
        @return: 0, or from 0x80 up why the client is not let in.
        """
        for plugin in self._connect:
            try:
                verdict = _verdict(await maybeDeferred(plugin.connect, client, packet))
            except Exception:
                self._failed(plugin, "connect")
                verdict = reasons.IMPLEMENTATION_SPECIFIC_ERROR
            if verdict:
                return verdict
        return 0

    def connected(self, client: Client) -> None:
        """
        A client is in.
        """
        for plugin in self.plugins:
            self._tell(plugin, "connected", plugin.connected, client)

    def disconnected(self, client: Client, reason: int) -> None:
        """
        A client is gone.
        """
        for plugin in self.plugins:
            self._tell(plugin, "disconnected", plugin.disconnected, client, reason)

    # Asked by the broker

    def interest(self, topic: bytes) -> int:
        """
        See C{Hooks}.
        """
        wanted = INWARD if _concerned(self._inward, topic) else 0
        return wanted | OUTWARD if _concerned(self._outward, topic) else wanted

    def publishing(self, member: Member, packet: Publish) -> int:
        """
        See C{Hooks}.
        """
        client, topic = client_of(member), packet.topic
        passing = Passing(packet.topic.decode(), packet.payload, packet.qos, packet.retain, packet.properties)
        for plugin in _concerned(self._inward, packet.topic):
            try:
                verdict = _verdict(plugin.publish(client, passing))
                topic = _checked(passing)
            except Exception:
                self._failed(plugin, "publish")
                return reasons.IMPLEMENTATION_SPECIFIC_ERROR
            if verdict:
                return verdict
        packet.frame = None  # it may not be what came
        packet.topic, packet.payload, packet.retain = topic, passing.payload, passing.retain
        packet.properties = passing.properties
        return 0

    def subscribing(self, member: Member, asked: Subscription) -> int:
        """
        See C{Hooks}.
        """
        client, filter = client_of(member), asked.filter
        for plugin in self._subscribe:
            try:
                verdict = _verdict(plugin.subscribe(client, asked))
            except Exception:
                self._failed(plugin, "subscribe")
                return reasons.IMPLEMENTATION_SPECIFIC_ERROR
            asked.filter = filter
            if verdict:
                return verdict
        return 0

    def delivering(self, member: Member, message: Message) -> Message | None:
        """
        See C{Hooks}.
        """
        client, topic = client_of(member), message.topic
        passing = Passing(message.topic.decode(), message.payload, message.qos, message.retain, message.properties)
        for plugin in _concerned(self._outward, message.topic):
            try:
                if plugin.deliver(client, passing) is False:
                    return None
                topic = _checked(passing)
            except Exception:
                self._failed(plugin, "deliver")
                return None
        changed = Message(
            topic,
            passing.payload,
            message.qos,
            passing.retain,
            passing.properties,
            message.expires_at,
            message.publisher,
        )
        same = (changed.topic, changed.payload, changed.retain, changed.properties) == (
            message.topic,
            message.payload,
            message.retain,
            message.properties,
        )
        return message if same else changed

    def dropped(self, client_id: str, topic: bytes, reason: int, count: int) -> None:
        """
        See C{Hooks}.
        """
        for plugin in self._drops:
            self._tell(plugin, "dropped", plugin.dropped, client_id, topic.decode(), reason, count)


def start_all(plugins: Sequence[BrokerPlugin], broker: Any) -> None:
    """
    Tell them that the broker starts. One that fails at it is logged, and stays.
    """
    for each in plugins:
        maybeDeferred(each.start, broker).addErrback(_not_done, each, "start")


def stop_all(plugins: Sequence[BrokerPlugin]) -> Deferred[Any]:
    """
    Tell them that the broker stops, and wait for them.
    """
    return gatherResults([maybeDeferred(each.stop).addErrback(_not_done, each, "stop") for each in plugins])


def _not_done(failure: Failure, plugin: BrokerPlugin, what: str) -> None:
    _log.failure("the plugin {plugin} failed in {what}", failure=failure, plugin=type(plugin).__name__, what=what)


_Listening = Sequence[tuple[list[bytes], BrokerPlugin]]


def _concerned(plugins: _Listening, topic: bytes) -> list[BrokerPlugin]:
    return [plugin for filters, plugin in plugins if any(matches(each, topic) for each in filters)]


def _overrides(plugin: BrokerPlugin, name: str) -> bool:
    return getattr(type(plugin), name) is not getattr(BrokerPlugin, name)


def _filters(plugin: BrokerPlugin) -> list[bytes]:
    filters = [each.encode() for each in plugin.topics]
    for each in filters:
        if (wrong := filter_error(each)) is not None:
            raise ValueError(f"the plugin {type(plugin).__name__} wants to see {each.decode()!r}: {wrong}")
    return filters


def _verdict(answer: object) -> int:
    """
    What a plugin decided, as a reason code; 0 when it has nothing against it.
    """
    if answer is None:
        return 0
    if isinstance(answer, int) and reasons.FAILURE <= answer <= 0xFF:
        return int(answer)
    raise TypeError(f"a plugin answered {answer!r}; expected None or a reason code from 0x80 to 0xFF")


def _checked(passing: Passing) -> bytes:
    """
    The topic of what a plugin has left of a message.
    """
    topic = passing.topic.encode()
    if (wrong := topic_error(topic)) is not None:
        raise ValueError(f"a plugin made the topic {passing.topic!r}: {wrong}")
    if not isinstance(passing.payload, bytes):
        raise TypeError(f"a plugin made the payload {type(passing.payload).__name__}, expected bytes")
    if passing.properties is not None and not isinstance(passing.properties, Properties):
        raise TypeError(f"a plugin made the properties {type(passing.properties).__name__}, expected Properties")
    return topic
