"""
One broker with all that a configuration file can ask for: every kind of listener, of login and of limit in one process.
"""

from __future__ import annotations

import atexit
import json
import signal
import socket
import ssl
import subprocess
import threading
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from string import Template
from tempfile import mkdtemp
from typing import Any

from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.end_to_end.guest import Guest
from tests.end_to_end.support import HOME, PATIENCE, TWISTD, Running, free_port, need_program, until
from tests.net.support_tls import Files, authority, certificates_pem, client, revocation, server
from txmqtt.cli.main import main
from txmqtt.codec.constants import MQTT5

#: What the log says when a configuration was read again, or could not be used.
READ = '"message": "the configuration '

SECRET = "a secret of more than thirty-two bytes"

CONFIGURATION = """
[broker]
state_dir = "$folder/state"
watch = $watch

[log]
format = "json"
levels = ["txmqtt.net.access=info"]
file = "$folder/broker.log"

[metrics]
endpoint = "tcp:$metrics:interface=127.0.0.1"

[limits]
sys_interval = 1
login_delay = 0.01
max_client_id_bytes = 64
ban_failures = 3
ban_answer = "say"
max_takeovers = 3

[[authentication]]
type = "passwords"
name = "house"
file = "$folder/house"

[[authentication]]
type = "passwords"
name = "old"
file = "$folder/old"

[[authentication]]
type = "jwt"
name = "shared"
algorithms = ["HS256"]
secret_file = "$folder/secret"
acl_claim = "acl"
leeway = 0

[[authentication]]
type = "jwt"
name = "signed"
algorithms = ["ES256"]
public_key_file = "$folder/issuer.pem"

[[authentication]]
type = "http"
name = "web"
url = "http://127.0.0.1:$web/login"

[[authentication]]
type = "scram"
name = "proof"
file = "$folder/scram"

[[listener]]
endpoint = "tcp:$plain:interface=127.0.0.1"
authentication = ["house"]
anonymous = "yes"

[[listener]]
endpoint = "tcp:$garden:interface=127.0.0.1"
mount = "garden"
versions = ["5.0"]
authentication = ["house"]
[listener.limits]
max_packet_size = 1_000
receive_maximum = 7

[[listener]]
endpoint = "tcp:$field:interface=127.0.0.1"
mount = "field"
versions = ["3.1.1"]
max_connections = 2
authentication = ["old"]

[[listener]]
endpoint = "tls:$tls:interface=127.0.0.1:directory=$folder/names"
authentication = ["shared", "signed"]

[[listener]]
endpoint = "tcp:$mutual:interface=127.0.0.1"
[listener.tls]
certificate = "$folder/server.pem"
ca = "$folder/ca.pem"
crl = "$folder/crl.pem"
client_certificates = "required"
username_from = "cn"

[[listener]]
endpoint = "tcp:$ws:interface=127.0.0.1"
authentication = ["web"]
[listener.websocket]
proxies = ["127.0.0.1"]

[[listener]]
endpoint = "ws:tls:$wss:interface=127.0.0.1:certificate=$folder/server.pem"
authentication = ["proof"]
anonymous = "yes"

[[listener]]
endpoint = "unix:$folder/mqtt.sock"
authentication = ["old", "house"]

[[listener]]
endpoint = "haproxy:tcp:$proxied:interface=127.0.0.1"
authentication = ["house"]

[[plugin]]
name = "shouting"
[plugin.options]
word = "no"

[acl]
file = "$folder/acl"

[[acl.rule]]
users = ["boss"]
allow = true
actions = ["publish", "subscribe", "receive"]
topics = ["#", "$$SYS/#"]
"""

ACL = """
pattern readwrite open/#
pattern readwrite own/%u/#
pattern readwrite by/%c/#
user ann
topic readwrite house/#
"""

#: A plugin that lets nobody say one word, and has all others shout.
PLUGIN = """
from twisted.internet.defer import succeed
from twisted.plugin import IPlugin
from txmqtt.net.plugins import BrokerPlugin, IBrokerPluginFactory
from zope.interface import implementer

class Shouting(BrokerPlugin):
    topics = ["open/loud/#"]

    def __init__(self, word):
        self.word = word.encode()

    def connect(self, client, packet):
        return succeed(0x8A if client.client_id == "whisperer" else None)

    def publish(self, client, message):
        if message.payload == self.word:
            return 0x87
        message.payload = message.payload.upper()

@implementer(IPlugin, IBrokerPluginFactory)
class Factory:
    name = "shouting"

    def make(self, options):
        return Shouting(options["word"])

shouting = Factory()
"""

PORTS = ("plain", "garden", "field", "tls", "mutual", "ws", "wss", "proxied", "metrics")


class Web(BaseHTTPRequestHandler):
    """
    A login service that knows bea, and denies everybody else.
    """

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        right = asked["username"] == "bea" and asked["password"] == "honey"
        body = json.dumps({"result": "allow" if right else "deny"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Whole(Running):
    """
    That broker.

    @ivar port: of each listener, by name.
    @ivar path: the configuration.
    @ivar issuer: whose tokens are believed.
    """

    def __init__(self, watch: float = 0, **changes: str) -> None:
        folder = Path(mkdtemp(prefix="txmqtt-"))
        self.port = {name: free_port() for name in PORTS}
        self.web = ThreadingHTTPServer(("127.0.0.1", 0), Web)
        threading.Thread(target=self.web.serve_forever, daemon=True).start()
        self.files = Files(str(folder))
        self._secrets(folder)
        self.path = folder / "broker.toml"
        self.path.write_text(
            Template(CONFIGURATION).substitute(self.port, folder=folder, watch=watch, web=self.web.server_port)
        )
        self.arguments = [*TWISTD, "-n", "--pidfile=", "mqtt-broker", "--config", str(self.path)]
        (folder / "twisted" / "plugins").mkdir(parents=True)
        (folder / "twisted" / "plugins" / "shouting.py").write_text(PLUGIN)
        self._surroundings = {"PYTHONPATH": f"{HOME}:{folder}"}
        super().__init__(self.arguments, folder, self._surroundings)
        self.told = folder / "broker.log"
        self.ready()

    def ready(self) -> None:
        self.says(rf"listening on 127\.0\.0\.1:{self.port['proxied']}")

    def _secrets(self, folder: Path) -> None:
        for name, *fresh in (("ann", "-c"), ("boss",), ("eve",)):
            passwd(*fresh, "--memory", "1024", "--passes", "1", str(folder / "house"), name, "sesame")
        passwd("-c", "--scram", "--iterations", "4096", str(folder / "scram"), "sue", "sesame")
        program = need_program("mosquitto_passwd", "mosquitto")
        subprocess.run([program, "-b", "-c", str(folder / "old"), "olaf", "sesame"], check=True, capture_output=True)
        (folder / "secret").write_text(SECRET)
        self.issuer = ec.generate_private_key(ec.SECP256R1())
        public = self.issuer.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (folder / "issuer.pem").write_bytes(public)
        (folder / "acl").write_text(ACL)
        files = self.files
        self.ca = files.write("ca.pem", certificates_pem(authority()))
        files.pair("server.pem", server("localhost"))
        files.pair("names/default.pem", server("localhost"))
        files.pair("names/garden.pem", server("*.garden.example"))
        files.write("crl.pem", revocation())
        for name in ("sensor-7", "stolen"):
            files.pair(f"{name}.pem", client(name))

    @property
    def log(self) -> str:
        try:
            return self.told.read_text(errors="replace") + self._said.read_text(errors="replace")
        except (AttributeError, FileNotFoundError):
            return self._said.read_text(errors="replace")

    def restart(self) -> None:
        """
        End it as systemd does, and begin again with what it has kept.
        """
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)
        self.told.unlink()
        super().__init__(self.arguments, self.folder, self._surroundings)
        self.ready()

    def change(self, before: str, after: str) -> None:
        """
        Write the configuration anew, with this in it instead of that.
        """
        text = self.path.read_text()
        if before not in text:
            raise AssertionError(f"{before!r} is not in the configuration")
        self.path.write_text(text.replace(before, after))

    def read_again(self) -> None:
        """
        Have the configuration read again, and wait until that is done.
        """
        before = self.log.count(READ)
        self.process.send_signal(signal.SIGHUP)
        until(lambda: self.log.count(READ) > before, "the configuration to be read")

    # Clients

    def guest(self, listener: str, name: str, *login: str, version: int = MQTT5, **more: Any) -> Guest:
        """
        Somebody who has said CONNECT at a listener.

        @param login: a user name and a password.
        """
        username = login[0] if login else None
        password = login[1].encode() if login[1:] else None
        where: Any = self.dial(listener) if listener in ("tls", "mutual", "unix", "ws", "wss") else self.port[listener]
        return Guest(where, name, version, username=username, password=password, **more)

    def dial(self, listener: str, name: str = "localhost", show: str = "", **headers: str) -> Any:
        """
        A connection, with whatever handshakes come before CONNECT.

        @param name: of the server.
        @param show: the client certificate to show.
        """
        if listener == "unix":
            wire = socket.socket(socket.AF_UNIX)
            wire.settimeout(PATIENCE)
            wire.connect(str(self.folder / "mqtt.sock"))
            return wire
        plain = socket.create_connection(("127.0.0.1", self.port[listener]), timeout=PATIENCE)
        if listener in ("tls", "mutual", "wss"):
            context = ssl.create_default_context(cafile=self.ca)
            if show:
                context.load_cert_chain(self.folder / f"{show}.pem")
            plain = context.wrap_socket(plain, server_hostname=name)
        return WebSocketWire(plain, headers) if listener in ("ws", "wss") else plain

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.web.shutdown()
        self.web.server_close()
        return super().stop(number)


class WebSocketWire:
    """
    The least of a WebSocket client: what is sent is one frame, what is got is the payload of frames.
    """

    def __init__(self, plain: socket.socket, headers: dict[str, str]) -> None:
        self._plain = plain
        self._got = b""
        more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        plain.sendall(
            b"GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Protocol: mqtt\r\n" + more.encode() + b"\r\n"
        )
        while b"\r\n\r\n" not in self._got:
            more_bytes = plain.recv(65_536)
            if not more_bytes:
                raise ConnectionError(f"closed in the handshake after {self._got!r}")
            self._got += more_bytes
        answer, _, self._got = self._got.partition(b"\r\n\r\n")
        if not answer.startswith(b"HTTP/1.1 101"):
            raise ConnectionError(answer.decode())

    def sendall(self, data: bytes) -> None:
        length = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2, "big")
        self._plain.sendall(b"\x82" + length + b"\0\0\0\0" + data)

    def recv(self, size: int) -> bytes:
        """
        The next frame's payload; empty when the broker closes.
        """
        head = self._exactly(2)
        if not head or head[0] & 15 == 8:
            return b""
        length = head[1]
        if length > 125:
            length = int.from_bytes(self._exactly(2 if length == 126 else 8), "big")
        return self._exactly(length)

    def _exactly(self, size: int) -> bytes:
        while len(self._got) < size:
            more = self._plain.recv(65_536)
            if not more:
                return b""
            self._got += more
        found, self._got = self._got[:size], self._got[size:]
        return found

    def close(self) -> None:
        self._plain.close()


def passwd(*words: str) -> None:
    """
    C{txmqtt passwd}, with the password on the command line.
    """
    done = CliRunner().invoke(main, ["passwd", "-b", *words])
    if done.exit_code:
        raise AssertionError(done.output)


@cache
def whole() -> Whole:
    """
    One for all tests that change nothing of it.
    """
    broker = Whole()
    atexit.register(broker.stop)
    return broker
