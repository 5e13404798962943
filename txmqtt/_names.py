"""
The public names, with all that they need; C{txmqtt} itself imports this file when it is asked for the first of them.

So whoever needs only a part, such as the command C{txmqtt --help}, does not wait for the whole.
"""

from txmqtt._build import __version__, compiled
from txmqtt.broker.policy import Policy
from txmqtt.codec.errors import (
    ConnectionClosed,
    LocalProtocolError,
    MQTTError,
    ProtocolError,
    ProxyFailure,
    Refused,
    RemoteProtocolError,
    RequestFailed,
    TLSFailure,
)
from txmqtt.codec.properties import Properties
from txmqtt.codec.reasons import ReasonCode
from txmqtt.net.auth import Identity, IMQTTUser, Realm, User
from txmqtt.net.authenticator import Authenticator
from txmqtt.net.bearer_authentication import OAuthBearer
from txmqtt.net.client import MQTTClient
from txmqtt.net.client_tls import TLS
from txmqtt.net.connect import connect, connect_over
from txmqtt.net.consumer import MessageConsumer
from txmqtt.net.factory import MQTTClientFactory
from txmqtt.net.plugins import BrokerPlugin, IBrokerPluginFactory
from txmqtt.net.receiving.stream import Messages
from txmqtt.net.scram_authentication import ScramSHA256
from txmqtt.net.threads import FromThread
from txmqtt.net.values import Acknowledgement, Message, QoS, Will
from txmqtt.service.broker import BrokerService, makeBroker
from txmqtt.service.client import MQTTClientService, Phase, Retry
from txmqtt.service.listener import CannotListen, Place

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
