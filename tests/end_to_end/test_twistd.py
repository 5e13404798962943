"""
C{twistd mqtt-broker} as a process: how it starts, what it says, how it ends.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

from twisted.trial.unittest import SynchronousTestCase

from tests.end_to_end.support import (
    ACCEPTED,
    PATIENCE,
    TWISTD,
    OurBroker,
    Running,
    environment,
    greeting,
    our_broker,
    until,
)
from tests.end_to_end.test_broker_tls import certificate
from txmqtt.broker.policy import Policy
from txmqtt.service.listener import CannotListen, attempt

#: A plugin for an endpoint that finds out only later that it can't listen.
LATE = """
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamServerEndpoint, IStreamServerEndpointStringParser
from twisted.plugin import IPlugin
from zope.interface import implementer

@implementer(IPlugin, IStreamServerEndpointStringParser)
class Late:
    prefix = "late"

    def parseStreamServer(self, reactor):
        self.reactor = reactor
        return self

    def listen(self, factory):
        opening = Deferred()
        self.reactor.callLater(0.1, opening.errback, OSError(99, "No network yet"))
        return opening

late = Late()
"""


def twistd(*words: str, folder: str) -> subprocess.CompletedProcess[str]:
    paths = environment(Path(folder))
    paths["PYTHONPATH"] += f":{folder}"
    return subprocess.run([*TWISTD, *words], cwd=folder, env=paths, capture_output=True, text=True, timeout=PATIENCE)


def dial(port: int, words: bytes = b"") -> socket.socket:
    peer = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    peer.sendall(words)
    return peer


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def kill(pid: int) -> None:
    if alive(pid):
        os.kill(pid, signal.SIGKILL)


class StartTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = mkdtemp(prefix="txmqtt-")
        self.addCleanup(subprocess.run, ["rm", "-rf", self.folder])

    def test_help_lists_every_limit(self) -> None:
        """
        Who asks for help sees where to listen, who may come in, and every limit with its default.
        """
        said = twistd("mqtt-broker", "--help", folder=self.folder).stdout
        for name in ("listen", "auth", "help-auth", "state-dir", *(each.name for each in fields(Policy))):
            self.assertIn(f"--{name.replace('_', '-')}", said)
        self.assertIn("[default: tcp:1883:interface=127.0.0.1]", " ".join(said.split()))

    def test_wrong_option(self) -> None:
        """
        A wrong option ends it with status 1 and a last line that names the option, the value and what was expected.
        """
        ended = twistd("-n", "mqtt-broker", "--max-connections", "many", folder=self.folder)
        self.assertEqual(ended.returncode, 1)
        last = ended.stdout.splitlines()[-1]
        self.assertTrue(last.endswith("--max-connections 'many': expected a whole number from 1"), last)

    def test_port_is_taken(self) -> None:
        """
        A port that is taken ends it with status 1 and one line that says which and why, as a daemon and with -n;
        nothing is left behind.
        """
        listen = f"tcp:{our_broker().port}:interface=127.0.0.1"
        for mode in ([], ["-n"]):
            with self.subTest(mode=mode):
                ended = twistd(*mode, "mqtt-broker", "--listen", listen, folder=self.folder)
                self.assertEqual(ended.returncode, 1)
                self.assertEqual(
                    ended.stderr, f"mqtt-broker: cannot listen on {listen}: Address already in use\n", ended.stdout
                )
                self.assertEqual(os.listdir(self.folder), [])

    def test_any_kind_is_tried(self) -> None:
        """
        The same goes for every kind of listener that is a port at last, before a daemon leaves the terminal.
        """
        port = our_broker().port
        key, shown = certificate(Path(self.folder))
        tls = f"tls:{port}:key={key}:certificate={shown}"
        for kind in (f"haproxy:tcp:{port}", f"ws:tcp:{port}", tls, f"haproxy:{tls}", f"ws:{tls}"):
            listen = f"{kind}:interface=127.0.0.1"
            with self.subTest(listen=listen), self.assertRaises(CannotListen) as caught:
                attempt(listen)
            self.assertEqual(str(caught.exception), f"cannot listen on {listen}: Address already in use")
        metrics = f"tcp:{port}:interface=127.0.0.1"
        ended = twistd(
            *("mqtt-broker", "--listen", "tcp:0:interface=127.0.0.1", "--metrics", metrics), folder=self.folder
        )
        self.assertEqual(ended.returncode, 1)
        self.assertEqual(ended.stderr, f"mqtt-broker: cannot listen on {metrics}: Address already in use\n")

    def test_socket_cannot_be_made(self) -> None:
        """
        The same goes for a UNIX socket whose folder is not there, or that another process serves.
        """
        here = f"unix:{self.folder}/mqtt.sock"
        broker = OurBroker("--listen", here)
        self.addCleanup(broker.stop)
        before = os.listdir(self.folder)
        for mode, listen, why in (
            ([], "unix:/nowhere/mqtt.sock", "No such file or directory"),
            ([], here, ".+"),
            (["-n"], here, ".+"),
        ):
            with self.subTest(mode=mode, listen=listen):
                ended = twistd(*mode, "mqtt-broker", "--listen", listen, folder=self.folder)
                self.assertEqual(ended.returncode, 1)
                self.assertRegex(ended.stderr, rf"\Amqtt-broker: cannot listen on {listen}: {why}\n\Z")
                self.assertEqual(os.listdir(self.folder), before)

    def test_listener_fails_later(self) -> None:
        """
        A listener that takes its time and fails then ends it the same way.
        """
        plugins = Path(self.folder, "twisted", "plugins")
        plugins.mkdir(parents=True)
        (plugins / "late.py").write_text(LATE)
        ended = twistd("-n", "mqtt-broker", "--listen", "late", folder=self.folder)
        self.assertEqual((ended.returncode, ended.stderr), (1, "mqtt-broker: cannot listen on late: No network yet\n"))
        self.assertNotIn("twistd.pid", os.listdir(self.folder))

    def test_state_directory(self) -> None:
        """
        A state directory that can't be made ends it with status 1 and one line.
        """
        arguments = ("--listen", "tcp:0:interface=127.0.0.1", "--state-dir", "/proc/nowhere")
        ended = twistd("-n", "mqtt-broker", *arguments, folder=self.folder)
        self.assertEqual(ended.returncode, 1)
        self.assertEqual(len(ended.stderr.splitlines()), 1)
        self.assertIn("--state-dir '/proc/nowhere'", ended.stderr)

    def test_daemon(self) -> None:
        """
        Without -n it goes to the background, serves, and stops cleanly when it is told to.
        """
        ended = twistd("mqtt-broker", "--listen", f"unix:{self.folder}/mqtt.sock", folder=self.folder)
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        pid = int(Path(self.folder, "twistd.pid").read_text())
        self.addCleanup(kill, pid)
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(f"{self.folder}/mqtt.sock")
            peer.sendall(greeting(4, b"old"))
            self.assertEqual(peer.recv(4), ACCEPTED)
        os.kill(pid, signal.SIGTERM)
        until(lambda: not alive(pid), "the daemon to end")
        self.assertEqual(sorted(os.listdir(self.folder)), ["state", "twistd.log"])

    def test_first_words(self) -> None:
        """
        The log begins with what runs here, what is kept, what listens where and who may come in; and it warns loudly
        when nobody may.
        """
        broker = OurBroker("--listen", "tcp:0")
        self.addCleanup(broker.stop)
        broker.says(r"listening on 0\.0\.0\.0:\d+ \(tcp:0\): NOBODY IS LET IN.*--auth anonymous")
        self.assertRegex(broker.log, r"txmqtt \d+\.\d+\.\d+.* floors 0 to 2 (compiled|interpreted)")
        broker.says(r"kept in .*/state/mqtt\.db \(durability full\)")
        self.assertRegex(broker.log, r"listening on 127\.0\.0\.1:\d+ .*: anonymous clients are let in")


class ListenTests(SynchronousTestCase):
    def test_reactor(self) -> None:
        """
        It runs on our reactor, which spends less on each read, unless another is asked for.
        """
        our_broker().says(r"reactor class: txmqtt\.net\.reactor\.MQTTReactor")
        other = Running([*TWISTD, "-n", "--reactor=select", "mqtt-broker", "--listen", "tcp:0:interface=127.0.0.1"])
        self.addCleanup(other.stop)
        other.says(r"reactor class: twisted\.internet\.selectreactor\.SelectReactor")
        other.says(r"listening on 127\.0\.0\.1:\d+")

    def test_behind_a_proxy(self) -> None:
        """
        Behind a proxy that speaks the PROXY protocol, the log names the client, not the proxy.
        """
        listen = "haproxy:tcp:0:interface=127.0.0.1"
        broker = OurBroker("--listen", listen, "--auth", "anonymous")
        self.addCleanup(broker.stop)
        port = int(broker.says(rf"listening on 127\.0\.0\.1:(\d+) \({listen}")[1])
        with dial(port, b"PROXY TCP4 192.0.2.7 192.0.2.8 4321 1883\r\n" + greeting(4, b"far")) as peer:
            self.assertEqual(peer.recv(4), ACCEPTED)
            broker.says(r"192\.0\.2\.7:4321 connected as 'far'")
            self.assertEqual(broker.stop(), 0)
            self.assertEqual(peer.recv(1), b"")

    def test_several(self) -> None:
        """
        It listens on several endpoints at once, and a client may come in by any of them.
        """
        with TemporaryDirectory() as folder:
            broker = OurBroker("--listen", f"unix:{folder}/mqtt.sock")
            self.addCleanup(broker.stop)
            with dial(broker.port, greeting(4, b"a")) as one, socket.socket(socket.AF_UNIX) as other:
                other.connect(f"{folder}/mqtt.sock")
                other.sendall(greeting(4, b"b"))
                self.assertEqual((one.recv(4), other.recv(4)), (ACCEPTED, ACCEPTED))
            broker.says("connected as 'b'")


class StopTests(SynchronousTestCase):
    def test_sigterm(self) -> None:
        """
        SIGTERM: a client of 5.0 is told that the server shuts down, one of 3.1.1 and one that has not said who it is
        find the connection closed, and the process ends with status 0.
        """
        broker = OurBroker()
        new, old, silent = (
            dial(broker.port, greeting(5, b"new")),
            dial(broker.port, greeting(4, b"old")),
            dial(broker.port),
        )
        for each in (new, old, silent):
            self.addCleanup(each.close)
        self.assertEqual(old.recv(100), ACCEPTED)
        self.assertEqual(new.recv(1), b"\x20")
        left = new.recv(100)
        self.assertEqual(len(left), left[0] + 1)
        self.assertEqual(broker.stop(), 0)
        last = new.recv(100)
        self.assertEqual((last[0], last[2]), (0xE0, 0x8B))
        self.assertEqual([new.recv(1), old.recv(1), silent.recv(1)], [b"", b"", b""])

    def test_deaf_peer(self) -> None:
        """
        A peer that does not read can't keep the broker from stopping for longer than C{--close-timeout}.
        """
        broker = OurBroker("--close-timeout", "0.2")
        peer = socket.socket()
        self.addCleanup(peer.close)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.connect(("127.0.0.1", broker.port))
        peer.sendall(greeting(4, b"old") + bytes.fromhex("8206 0001 0001 74 00"))  # subscribes to "t", and never reads
        filler = bytes.fromhex("30 83 80 02 0001 74") + bytes(32768)
        with dial(broker.port, greeting(5, b"new")) as talker:
            for _ in range(500):  # more than the kernel takes
                talker.sendall(filler)
            talker.sendall(b"\xe0\x00")
            broker.says("'new' disconnected")
        before = time.monotonic()
        self.assertEqual(broker.stop(), 0)
        self.assertGreater(time.monotonic() - before, 0.2)


class LogTests(SynchronousTestCase):
    def test_malformed_packet(self) -> None:
        """
        A malformed packet ends its connection with one line in the log, with the peer and the reason; no other client
        notices.
        """
        broker = our_broker()
        other = dial(broker.port, greeting(4, b"other"))
        self.addCleanup(other.close)
        self.assertEqual(other.recv(100), ACCEPTED)
        with dial(broker.port, greeting(4, b"clumsy")) as clumsy:
            self.assertEqual(clumsy.recv(4), ACCEPTED)
            port = clumsy.getsockname()[1]
            clumsy.sendall(b"\x36\x05\x00\x01t\x00\x01")  # a PUBLISH of QoS 3
            self.assertEqual(clumsy.recv(1), b"")
        broker.says(f"127.0.0.1:{port} 'clumsy' was disconnected")
        lines = [
            line for line in broker.log.splitlines() if f"127.0.0.1:{port} " in line and "connected as" not in line
        ]
        self.assertEqual(len(lines), 1, lines)
        self.assertIn("(0x81 malformed packet)", lines[0])
        other.sendall(b"\xc0\x00")
        self.assertEqual(other.recv(10), b"\xd0\x00")

    def test_unknown_version(self) -> None:
        """
        A client of a version that nobody knows is told so, in the words of 3.1.1 or in those of 5.0 if it is newer, and
        the log says who it was [MQTT311-3.1.2-2] [MQTT5-3.1.2-2].
        """
        broker = our_broker()
        for level, answer in ((2, b"\x20\x02\x00\x01"), (11, b"\x20\x03\x00\x84\x00")):
            with self.subTest(level=level), dial(broker.port, greeting(level, b"z")) as peer:
                self.assertEqual(peer.recv(10), answer)
                self.assertEqual(peer.recv(10), b"")
                broker.says(rf"127\.0\.0\.1:{peer.getsockname()[1]} .*was refused.*unsupported protocol version")

    def test_no_secrets(self) -> None:
        """
        Passwords are not in the log, neither those that are right nor those that are wrong; who was refused is.
        """
        broker = OurBroker("--auth", "memory:ann:open-sesame")
        self.addCleanup(broker.stop)
        for name, password, answer in (
            (b"ann", b"open-sesame", 0),
            (b"ann", b"guess-guess", 4),
            (b"bob", b"open-sesame", 4),
        ):
            with dial(broker.port, greeting(4, b"a", name, password)) as peer:
                self.assertEqual(peer.recv(4), bytes([0x20, 2, 0, answer]))
        with dial(broker.port, greeting(4, b"old")) as peer:
            self.assertEqual(peer.recv(4), b"\x20\x02\x00\x05")
        broker.says("wrong user name or password, for user 'bob'")
        broker.says("anonymous clients are not allowed here")
        for secret in ("sesame", "guess"):
            self.assertNotIn(secret, broker.log)
