"""
What a message costs behind TLS 1.3: ours, Twisted's own TLS under the same broker, without TLS, and mosquitto.

Ten pairs of clients, one publishing and one receiving at QoS 0, 64 bytes, at most 50 messages under way in each. The
figure is the processor time of the broker for each message that was delivered, microseconds; the brokers run in turn,
each of them several times, and the median counts. ::

    python benchmarks/tls.py [--seconds 3] [--rounds 3] [--window 50] [--pairs 10]

It needs a C compiler and the headers of OpenSSL (Debian: gcc, libssl-dev), and mosquitto for the comparison.
"""

from __future__ import annotations

import argparse
import datetime
import getpass
import shutil
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from brokers import LOAD, Broker, free_port, pinned
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from txmqtt._build import compiled

HERE = Path(__file__).resolve().parent

_CONNECT = b"\x10\x11\x00\x04MQTT\x04\x02\x00\x00\x00\x05hello"
_CONNACK = b"\x20\x02\x00\x00"

_MOSQUITTO = """\
listener {port} 127.0.0.1
allow_anonymous true
user {user}
certfile {folder}/cert.pem
keyfile {folder}/key.pem
tls_version tlsv1.3
max_queued_messages 0
"""

#: A broker of ours with one listener, made by this function from the string that follows.
_OURS = """\
import sys
from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString
from twisted.logger import globalLogBeginner, textFileLogObserver
from txmqtt.net.tls_endpoints import tls_endpoint
from txmqtt.service.broker import makeBroker
globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stdout)], redirectStandardIO=False)
service = makeBroker([{"ours": tls_endpoint, "twisted": serverFromString}[sys.argv[1]](reactor, sys.argv[2])])
service.startService()
reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
reactor.run()
"""


class Encrypted(Broker):
    """
    A broker that is asked over TLS whether it is there.
    """

    def _answers(self) -> bool:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            with socket.create_connection(("127.0.0.1", self.port), 10) as plain, context.wrap_socket(plain) as client:
                client.sendall(_CONNECT)
                return client.recv(4) == _CONNACK
        except OSError:
            return False


def write_certificate(folder: Path) -> None:
    """
    A key and a certificate for this machine: an elliptic curve's, as the handshakes are not what is measured.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now - day, now + day)
    (folder / "cert.pem").write_bytes(builder.sign(key, SHA256()).public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def ours(folder: Path, maker: str) -> Broker:
    """
    Our broker behind TLS, ours or Twisted's.
    """
    port = free_port()
    words = f"ssl:{port}:interface=127.0.0.1:privateKey={folder}/key.pem:certKey={folder}/cert.pem"
    return Encrypted([sys.executable, "-c", _OURS, maker, words], folder, port)


def mosquitto(folder: Path) -> Broker | None:
    """
    Mosquitto behind TLS; None where there is none.
    """
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if program is None:
        return None
    port, settings = free_port(), folder / "mosquitto.conf"
    settings.write_text(_MOSQUITTO.format(port=port, user=getpass.getuser(), folder=folder))
    return Encrypted([program, "-c", str(settings)], folder, port)


def measure(load: Path, broker: Broker, options: argparse.Namespace) -> tuple[float, float, str]:
    """
    One round: messages a second, processor time of each, and the cipher that was used.
    """
    broker.start()
    try:
        numbers = (broker.port, broker.pid, options.pairs, options.window, 64, options.seconds)
        command = pinned(LOAD, [str(load), *map(str, numbers)])
        said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60 + options.seconds).stdout
    finally:
        broker.stop(signal.SIGTERM)
    rate, cost, cipher = said.split()
    return float(rate), float(cost), cipher


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--window", type=int, default=50)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tls-") as name:
        folder = Path(name)
        write_certificate(folder)
        load = folder / "tls_load"
        source = str(HERE / "tls_load.c")
        subprocess.run(["cc", "-O2", "-o", str(load), source, "-lssl", "-lcrypto"], check=True)
        found: dict[str, list[tuple[float, float, str]]] = {}
        for _ in range(options.rounds):
            brokers = {"txmqtt": ours(folder, "ours"), "twisted's TLS": ours(folder, "twisted")}
            peer = mosquitto(folder)
            if peer is not None:
                brokers["mosquitto"] = peer
            for who, broker in brokers.items():
                found.setdefault(who, []).append(measure(load, broker, options))
    print(f"{options.pairs} pairs, window {options.window}, {'compiled' if compiled else 'interpreted'}")
    costs = {who: statistics.median(cost for _, cost, _ in rounds) for who, rounds in found.items()}
    for who, rounds in found.items():
        rate = statistics.median(each for each, _, _ in rounds)
        ratio = f"{costs[who] / costs['mosquitto']:6.2f} x mosquitto" if "mosquitto" in costs else ""
        print(f"{who:14} {costs[who]:7.2f} us {rate:9.0f}/s {ratio}  {rounds[0][2]}")


if __name__ == "__main__":
    main()
