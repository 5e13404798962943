"""
The broker that is soaked: a process with a port for each transport, and one for its figures.
"""

from __future__ import annotations

import datetime
import os
import shlex
import sys
from contextlib import suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from benchmarks.processes import Broker, free_port

_TWISTD = "import sys; sys.argv[0] = 'twistd'; from twisted.scripts.twistd import run; run()"
_STORE = "mqtt.db"

#: The processor of the broker and that of its clients.
BROKER, CLIENTS = (sorted(os.sched_getaffinity(0)) * 2)[:2]


class Server:
    """
    @ivar ports: by the scheme of URLs.
    @ivar metrics: the port of its figures.
    """

    def __init__(self, store: str, python: str | None = None, within: str | None = None) -> None:
        """
        @param store: C{sqlite} or C{memory}.
        @param python: the interpreter of an installation; None: this one's, with our package.
        @param within: where its folder is made, if not where all temporary files are.
        """
        self.metrics = free_port()
        self.ports = {"mqtts": free_port(), "ws": free_port()}
        local = "interface=127.0.0.1"
        words = ["taskset", "-c", str(BROKER)]
        if python is not None:
            words += ["env", "-u", "PYTHONPATH"]
        words += [python or sys.executable, "-c", _TWISTD, "-n", "--pidfile=", "mqtt-broker"]
        words += ["--listen", f"tcp:{{port}}:{local}", "--listen", f"ws:tcp:{self.ports['ws']}:{local}"]
        words += ["--listen", f"ssl:{self.ports['mqtts']}:{local}:privateKey={{dir}}/key.pem:certKey={{dir}}/cert.pem"]
        words += ["--metrics", f"tcp:{self.metrics}:{local}", "--log-format", "json"]
        words += [
            "--sys-interval",
            "0",
            "--max-takeovers",
            "1000",
            "--connect-timeout",
            "120",
        ]  # what is under $SYS is retained, too
        words += ["--state-dir", "{dir}", "--store", "memory" if store == "memory" else _STORE]
        self.process = Broker(shlex.join(words), within)
        self.ports["mqtt"] = self.process.port
        _write_certificate(self.process.state)

    @property
    def store(self) -> float:
        """
        The size of the store's files, MB.
        """
        total = 0
        for path in self.process.state.glob(f"{_STORE}*"):
            with suppress(FileNotFoundError):  # the log's files come and go
                total += path.stat().st_size
        return total / 1e6

    @property
    def log(self) -> list[str]:
        return (self.process.folder / "said.log").read_text(errors="replace").splitlines()


def _write_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now, week = datetime.datetime.now(datetime.UTC), datetime.timedelta(weeks=1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now - week, now + week)
    (folder / "cert.pem").write_bytes(builder.sign(key, SHA256()).public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
