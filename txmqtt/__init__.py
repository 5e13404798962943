"""
MQTT 3.1, 3.1.1 and 5.0 for Twisted: a broker and a client.
"""

# ruff: noqa: F403, F405 - a name that is missing is found by a test

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from txmqtt._names import *

__all__ = [
    "TLS",
    "Acknowledgement",
    "Authenticator",
    "BrokerPlugin",
    "BrokerService",
    "CannotListen",
    "ConnectionClosed",
    "FromThread",
    "IBrokerPluginFactory",
    "IMQTTUser",
    "Identity",
    "LocalProtocolError",
    "MQTTClient",
    "MQTTClientFactory",
    "MQTTClientService",
    "MQTTError",
    "Message",
    "MessageConsumer",
    "Messages",
    "OAuthBearer",
    "Phase",
    "Place",
    "Policy",
    "Properties",
    "ProtocolError",
    "ProxyFailure",
    "QoS",
    "Realm",
    "ReasonCode",
    "Refused",
    "RemoteProtocolError",
    "RequestFailed",
    "Retry",
    "ScramSHA256",
    "TLSFailure",
    "User",
    "Will",
    "__version__",
    "compiled",
    "connect",
    "connect_over",
    "makeBroker",
]


def __getattr__(name: str) -> Any:
    """
    The public names stand in C{txmqtt._names}, which takes its time: it is imported when one of them is asked for.
    """
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from txmqtt import _names

    globals().update({each: getattr(_names, each) for each in __all__})
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
