"""
The pages for those who come from elsewhere have everything that there was there, and nothing that is not here.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path

import paho.mqtt.client as paho
from twisted.scripts.twistd import ServerOptions  # type: ignore[attr-defined]
from twisted.trial.unittest import SynchronousTestCase

from txmqtt import TLS, MQTTClient, MQTTClientService
from txmqtt.net.settings import Settings
from txmqtt.service.configuration.schema import settings_of
from txmqtt.service.configuration.settings import Settings as Configuration
from txmqtt.service.tap import BrokerOptions

DOCS = Path(__file__).resolve().parent.parent / "docs"

#: Every key that mosquitto 2.1 reads in its configuration, which is all of 2.0's and more.
MOSQUITTO = frozenset(
    """
    accept_protocol_versions acl_file allow_anonymous allow_duplicate_messages allow_zero_length_clientid auth_opt_*
    auth_plugin auth_plugin_deny_special_chars auto_id_prefix autosave_interval autosave_on_changes bind_address
    bind_interface cafile capath certfile check_retain_source ciphers ciphers_tls1.3 clientid_prefixes
    connection_messages crlfile dhparamfile disable_client_cert_date_checks enable_control_api enable_proxy_protocol
    global_max_clients global_max_connections global_plugin http_dir include_dir keyfile listener
    listener_allow_anonymous listener_auto_id_prefix log_dest log_facility log_timestamp log_timestamp_format log_type
    max_connections max_inflight_bytes max_inflight_messages max_keepalive max_packet_size max_qos max_queued_bytes
    max_queued_messages max_topic_alias max_topic_alias_broker maximum_qos memory_limit message_size_limit mount_point
    packet_buffer_size password_file per_listener_settings persistence persistence_file persistence_location
    persistent_client_expiration pid_file plugin plugin_load plugin_opt_* plugin_use port protocol
    proxy_protocol_v2_require_tls psk_file psk_hint queue_qos0_messages require_certificate retain_available
    retain_expiry_interval retained_persistence retry_interval set_tcp_nodelay socket_domain sys_interval tls_engine
    tls_engine_kpass_sha1 tls_keyform tls_version upgrade_outgoing_qos use_identity_as_username use_subject_as_username
    use_username_as_clientid user websockets_headers_size websockets_log_level websockets_origin
    """.split()  # noqa: SIM905
)
#: Those of its bridges.
BRIDGES = frozenset(
    """
    address addresses bridge_alpn bridge_attempt_unsubscribe bridge_bind_address bridge_cafile bridge_capath
    bridge_certfile bridge_ciphers bridge_ciphers_tls1.3 bridge_identity bridge_insecure bridge_keyfile
    bridge_max_packet_size bridge_max_topic_alias bridge_outgoing_retain bridge_protocol_version bridge_psk
    bridge_receive_maximum bridge_reload_type bridge_require_ocsp bridge_session_expiry_interval bridge_tcp_keepalive
    bridge_tcp_user_timeout bridge_tls_use_os_certs bridge_tls_version cleansession clientid connection idle_timeout
    keepalive_interval local_cleansession local_clientid local_password local_username notification_topic notifications
    notifications_local_only password remote_clientid remote_password remote_username restart_timeout round_robin
    start_type threshold topic try_private username
    """.split()  # noqa: SIM905
)

Cells = tuple[str, str, str]


def rows(page: str) -> Iterator[Cells]:
    """
    The rows of the tables of three columns, without what is above them.
    """
    pattern = r"^   \* - ((?:.|\n       )*)\n     - ?((?:.|\n       )*)\n     - ?((?:.|\n       )*)$"
    for first, second, third in re.findall(pattern, page, re.MULTILINE):
        if "``" in first:
            yield first, second, third


def code(cell: str) -> list[str]:
    return [" ".join(each.split()) for each in re.findall(r"``(.*?)``", cell, re.DOTALL)]


def keys(group: type = Configuration, path: str = "") -> Iterator[str]:
    """
    All keys of the configuration, as C{[table] key}.
    """
    for setting in settings_of(group):
        below = f"{path}.{setting.name}" if path else setting.name
        inner = setting.group
        yield f"[{path}] {setting.name}"
        for each in inner.values() if isinstance(inner, Mapping) else [inner] if inner is not None else []:
            yield from keys(each, below)


class MovingCase(SynchronousTestCase):
    def page(self, name: str) -> str:
        path = DOCS / f"moving-from-{name}.rst"
        if not path.exists():
            self.skipTest("no documentation beside the tests")
        return path.read_text()

    def options(self) -> set[str]:
        """
        All that can be said to a client by keyword.
        """
        found = {each.name for kind in (Settings, TLS) for each in fields(kind)}
        for function in (MQTTClientService, MQTTClient.publish, MQTTClient.subscribe):
            found |= set(inspect.signature(function).parameters)
        return found | {"acknowledge", "on_error", "follow_redirects"}

    def check_clients(self, cells: list[str]) -> None:
        """
        What is called, or said by keyword, on our side is there.
        """
        known = self.options()
        for cell in cells:
            for words in code(cell):
                with self.subTest(ours=words):
                    if found := re.match(r"(\w+)=", words):
                        self.assertIn(found[1], known)
                    elif found := re.match(r"(?:await mqtt\.|await client\.)?([a-z]\w+)\(", words):
                        name = found[1]
                        if name not in ("connect", "callback", "function", "addTimeout"):
                            self.assertTrue(hasattr(MQTTClientService, name) or hasattr(MQTTClient, name))


class MosquittoTests(MovingCase):
    def test_every_key(self) -> None:
        """
        Every key of theirs is there once, those of bridges in a table of their own.
        """
        page = self.page("mosquitto")
        first, bridges = page.split("\nBridges\n", 1)
        for part, wanted in ((first, MOSQUITTO), (bridges.split("\nCommands\n")[0], BRIDGES)):
            found = [key for theirs, _, _ in rows(part) for key in code(theirs)]
            self.assertEqual(sorted(found), sorted(wanted))

    def test_ours(self) -> None:
        """
        What stands beside them is a key of our configuration or an option; where nothing does, the remark says why.
        """
        first, bridges = self.page("mosquitto").split("\nBridges\n", 1)
        known = set(keys())
        options = {name.rstrip("=") for each in (BrokerOptions(), ServerOptions()) for name in each.longOpt}
        for theirs, ours, remark in rows(first):
            with self.subTest(key=theirs):
                if ours == "–":
                    self.assertTrue(remark)
                    continue
                (said,) = code(ours)
                if said.startswith("--"):
                    self.assertIn(said.removeprefix("--"), options)
                else:
                    self.assertIn(said.replace("[[", "[").replace("]]", "]"), known)
        self.check_clients([ours for _, ours, _ in rows(bridges.split("\nCommands\n")[0])])

    def test_example(self) -> None:
        """
        What is translated as an example has keys that they have, and each is in the tables.
        """
        (text,) = re.findall(r"^    # mosquitto\.conf\n((?:    .*\n|\n)+)", self.page("mosquitto"), re.MULTILINE)
        found = {line.split()[0] for line in text.splitlines() if line.strip()}
        self.assertEqual(found - MOSQUITTO, set())
        self.assertGreater(len(found), 10)


class PahoTests(MovingCase):
    def test_every_name(self) -> None:
        """
        Whatever its client has is on the page.
        """
        page = self.page("paho")
        words = {word for theirs, _, _ in rows(page) for each in code(theirs) for word in re.findall(r"\w+", each)}
        names = {name for name in dir(paho.Client) if not name.startswith("_")}
        self.assertEqual(names - words, set())

    def test_ours(self) -> None:
        """
        What stands beside is there.
        """
        self.check_clients([ours for _, ours, _ in rows(self.page("paho").split("\nOthers\n")[0])])


class TwistedMQTTTests(MovingCase):
    def test_every_name(self) -> None:
        """
        Whatever its interfaces have is on the page.
        """
        words = set(re.findall(r"\w+", " ".join(theirs for theirs, _, _ in rows(self.page("twisted-mqtt")))))
        names = {
            "MQTTFactory",
            "PUBLISHER",
            "SUBSCRIBER",
            "connect",
            "disconnect",
            "publish",
            "subscribe",
            "unsubscribe",
        }
        names |= {"onPublish", "onDisconnection", "onMqttConnectionMade", "setTimeout", "setWindowSize", "setBandwith"}
        names |= {"MQTTStateError", "MQTTWindowError", "MQTTTimeoutError"}
        names |= {"clientId", "keepalive", "cleanStart", "version", "username", "password"}
        names |= {"willTopic", "willMessage", "willQoS", "willRetain"}
        self.assertEqual(names - words, set())

    def test_ours(self) -> None:
        """
        What stands beside is there.
        """
        self.check_clients([ours for _, ours, _ in rows(self.page("twisted-mqtt"))])
