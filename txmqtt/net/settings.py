"""
How a client wants its connections: every option of C{connect} and C{MQTTClientFactory}, judged when it is given.

What is wrong is refused here, before anything is sent: a wrong type with C{TypeError}, a wrong value, or one that the
chosen version of MQTT cannot say, with C{ValueError}.
"""

from __future__ import annotations

from binascii import hexlify
from collections.abc import Callable
from dataclasses import dataclass, fields
from os import urandom
from typing import TypedDict

from txmqtt.codec import encode
from txmqtt.codec.constants import CONNECT, MQTT5, MQTT31
from txmqtt.codec.errors import LocalProtocolError
from txmqtt.codec.packets import Connect
from txmqtt.codec.properties import Properties
from txmqtt.net.arguments import check_callback, check_known, check_properties
from txmqtt.net.authenticator import Authentication
from txmqtt.net.values import Message, Will

_MIB = 1024 * 1024

#: A session expiry interval that never ends.
FOR_EVER = 0xFFFFFFFF


class Options(TypedDict, total=False):
    """
    The keywords; C{Settings} says what they mean and what they are when they are not given.
    """

    client_id: str
    version: int
    clean_start: bool
    keep_alive: int
    username: str | None
    password: str | bytes | None
    will: Will | None
    authentication: Authentication | None
    session_expiry: int | None
    properties: Properties | None
    on_message: Callable[[Message], object] | None
    timeout: float
    ping_timeout: float | None
    close_timeout: float
    resend_interval: float | None
    max_inflight: int | None
    max_queued_messages: int
    max_queued_bytes: int
    receive_maximum: int | None
    maximum_packet_size: int
    topic_aliases: int
    topic_alias_maximum: int
    write_buffer: int
    downgrade: bool


@dataclass(frozen=True, kw_only=True, repr=False)
class Settings:
    """
    The options. Times are seconds, sizes bytes.

    @ivar client_id: who we are; empty: the server gives us a name, on 3.1 we take a random one.
    @ivar version: of MQTT: 5 for 5.0, 4 for 3.1.1, 3 for 3.1.
    @ivar clean_start: begin a new session; otherwise go on with the one that the server keeps, and keep ours.
    @ivar keep_alive: how long we may be silent before the server thinks that we are gone; 0 for ever.
    @ivar will: what the server publishes should we go without saying goodbye.
    @ivar authentication: 5.0: makes an C{Authenticator} for each connection and each re-authentication, such as
        C{ScramSHA256} or C{OAuthBearer}.
    @ivar session_expiry: 5.0: how long the server keeps the session when the connection is gone. None does what 3.x
        does: not at all with C{clean_start}, for ever without.
    @ivar properties: 5.0: further properties of the CONNECT, such as C{user_properties}.
    @ivar on_message: gets the messages that no subscription's callback takes.
    @ivar timeout: how long connecting may take; 0 for ever.
    @ivar ping_timeout: how long the server may take to answer a ping; None: a quarter of the keep-alive.
    @ivar close_timeout: how long the server may take to read our last words.
    @ivar resend_interval: 3.x: after how long an unanswered packet is sent again; None is 20, 0 never. 5.0 forbids it.
    @ivar max_inflight: QoS 1 and 2 messages on their way to the server at a time; the others queue. None: 20 on 3.x,
        100 on 5.0, where the server's Receive Maximum may make it less.
    @ivar max_queued_messages: how many may queue; one more fails.
    @ivar max_queued_bytes: the same in memory.
    @ivar receive_maximum: QoS 1 and 2 messages from the server that may be unfinished; a server that sends more is
        disconnected. None: 100 on 5.0, where the server is told; 1,000 on 3.x, where it cannot be.
    @ivar maximum_packet_size: the largest packet that we take; on 5.0 the server is told.
    @ivar topic_aliases: 5.0: how many topics may be abbreviated in what we send, if the server allows it.
    @ivar topic_alias_maximum: 5.0: how many topics the server may abbreviate.
    @ivar write_buffer: what may wait for a server that reads slowly; QoS 0 beyond it fails, QoS 1 and 2 queue.
    @ivar downgrade: what the server does not take at this QoS is sent at the highest that it takes, and what it does
        not retain is sent all the same. Otherwise such a publish fails.
    """

    client_id: str = ""
    version: int = 5
    clean_start: bool = True
    keep_alive: int = 60
    username: str | None = None
    password: str | bytes | None = None
    will: Will | None = None
    authentication: Authentication | None = None
    session_expiry: int | None = None
    properties: Properties | None = None
    on_message: Callable[[Message], object] | None = None
    timeout: float = 10.0
    ping_timeout: float | None = None
    close_timeout: float = 5.0
    resend_interval: float | None = None
    max_inflight: int | None = None
    max_queued_messages: int = 65_535
    max_queued_bytes: int = 64 * _MIB
    receive_maximum: int | None = None
    maximum_packet_size: int = 16 * _MIB
    topic_aliases: int = 0
    topic_alias_maximum: int = 0
    write_buffer: int = _MIB
    downgrade: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            _check_type(field.name, getattr(self, field.name))
        if self.version not in _VERSIONS:
            raise ValueError(f"version is {self.version}; expected 5 (MQTT 5.0), 4 (3.1.1) or 3 (3.1)")
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ValueError(f"{name} is {value}; expected {low} to {high}")
        if self.version == MQTT5:
            if self.resend_interval:  # [MQTT5-4.4.0-1]
                raise ValueError(f"resend_interval is {self.resend_interval}; MQTT 5.0 forbids to send again")
        else:
            if self.authentication is not None:
                raise ValueError(f"authentication is given; MQTT 5.0 has it, version is {self.version}")
            for name in _ONLY_5:
                if getattr(self, name):
                    raise ValueError(f"{name} is {getattr(self, name)!r}; MQTT 5.0 has it, version is {self.version}")
        if not self.client_id and not self.clean_start and self.version != MQTT5:  # [MQTT311-3.1.3-7]
            raise ValueError("client_id is empty; expected a name for a session that is to be kept")
        check_properties(self.properties, CONNECT, self.version)
        for name in _OURS:
            if self.properties is not None and getattr(self.properties, name) is not None:
                raise ValueError(f"properties has {name}; expected it as {_OURS[name]}")
        try:
            encode.connect(self.connect_packet(self.first_client_id()))
        except LocalProtocolError as error:
            raise ValueError(str(error)) from None

    def first_client_id(self) -> str:
        """
        The name that we go by until the server may have given us another.
        """
        if self.client_id or self.version != MQTT31:
            return self.client_id
        return "txmqtt-" + hexlify(urandom(8)).decode()  # 3.1 needs one, of at most 23 characters

    def connect_packet(self, client_id: str, method: str | None = None, data: bytes | None = None) -> Connect:
        """
        The CONNECT that says it all.

        @param method: of enhanced authentication.
        @param data: its first words.
        """
        password = self.password.encode() if isinstance(self.password, str) else self.password
        will = self.will.packet() if self.will is not None else None
        return Connect(
            client_id,
            self.version,
            self.clean_start,
            self.keep_alive,
            self.username,
            password,
            will,
            self._properties(method, data) if self.version == MQTT5 else None,
        )

    def _properties(self, method: str | None, data: bytes | None) -> Properties:
        given = self.properties or Properties()
        expiry = self.session_expiry
        if expiry is None:
            expiry = 0 if self.clean_start else FOR_EVER
        return Properties(
            session_expiry_interval=expiry or None,
            receive_maximum=self.receive_limit,
            maximum_packet_size=self.maximum_packet_size,
            topic_alias_maximum=self.topic_alias_maximum or None,
            authentication_method=method,
            authentication_data=data,
            request_problem_information=given.request_problem_information,
            request_response_information=given.request_response_information,
            user_properties=given.user_properties,
        )

    @property
    def window(self) -> int:
        """
        C{max_inflight}, as it is in force.
        """
        return self.max_inflight or (100 if self.version == MQTT5 else 20)

    @property
    def receive_limit(self) -> int:
        """
        C{receive_maximum}, as it is in force.
        """
        return self.receive_maximum or (100 if self.version == MQTT5 else 1_000)

    @property
    def resend_after(self) -> float:
        """
        C{resend_interval}, as it is in force.
        """
        if self.version == MQTT5:
            return 0.0
        return 20.0 if self.resend_interval is None else float(self.resend_interval)


def settings_of(options: Options) -> Settings:
    """
    The settings that a user's keywords make.

    @raise TypeError: there is no such option; names the nearest.
    """
    check_known(options, Settings)
    return Settings(**options)


_VERSIONS = (3, 4, 5)

_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "client_id": ((str,), "str"),
    "clean_start": ((bool,), "True or False"),
    "downgrade": ((bool,), "True or False"),
    "username": ((str, type(None)), "str or None"),
    "password": ((str, bytes, type(None)), "str, bytes or None"),
    "will": ((Will, type(None)), "Will or None"),
    "properties": ((Properties, type(None)), "Properties or None"),
}
_CALLABLES = ("on_message", "authentication")
_SECONDS = ("timeout", "ping_timeout", "close_timeout", "resend_interval")
_MAYBE_NONE = ("session_expiry", "ping_timeout", "resend_interval", "max_inflight", "receive_maximum")

_RANGES: dict[str, tuple[int, int]] = {
    "keep_alive": (0, 65_535),
    "session_expiry": (0, FOR_EVER),
    "timeout": (0, 86_400),
    "ping_timeout": (0, 86_400),
    "close_timeout": (0, 86_400),
    "resend_interval": (0, 86_400),
    "max_inflight": (1, 65_535),
    "max_queued_messages": (0, 2**31),
    "max_queued_bytes": (0, 2**40),
    "receive_maximum": (1, 65_535),
    "maximum_packet_size": (128, 268_435_460),
    "topic_aliases": (0, 65_535),
    "topic_alias_maximum": (0, 65_535),
    "write_buffer": (1, 2**31),
}
_ONLY_5 = ("session_expiry", "properties", "topic_aliases", "topic_alias_maximum")

#: Properties of CONNECT that have an option of their own.
_OURS = {
    "session_expiry_interval": "the option session_expiry",
    "receive_maximum": "the option receive_maximum",
    "maximum_packet_size": "the option maximum_packet_size",
    "topic_alias_maximum": "the option topic_alias_maximum",
    "authentication_method": "the option authentication",
    "authentication_data": "the option authentication",
}


def _check_type(name: str, value: object) -> None:
    if name in _TYPES:
        types, expected = _TYPES[name]
        if not isinstance(value, types):
            raise TypeError(f"{name} is {type(value).__name__}; expected {expected}")
    elif name in _CALLABLES:
        if value is not None and not callable(value):
            raise TypeError(f"{name} is {type(value).__name__}; expected a callable or None")
        check_callback(name, value)
    elif value is None:
        if name not in _MAYBE_NONE:
            raise TypeError(f"{name} is None; expected a number")
    elif isinstance(value, bool) or not isinstance(value, (int, float) if name in _SECONDS else int):
        raise TypeError(f"{name} is {value!r}; expected a number{' of seconds' if name in _SECONDS else ''}")
