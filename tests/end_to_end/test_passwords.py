"""
Who comes in, asked over real sockets: files of C{mosquitto_passwd}, tokens, and web services.
"""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from urllib.parse import parse_qs, urlsplit

from click.testing import CliRunner
from jwt.algorithms import ECAlgorithm
from twisted.trial.unittest import SynchronousTestCase

from tests.end_to_end.support import PATIENCE, OurBroker, greeting, need_program
from tests.net.access.signing import CURVE, OTHER_CURVE, signed
from txmqtt.cli.main import main

#: What CONNACK says, in 3.1.1.
IN, UNAVAILABLE, WRONG = 0, 3, 4

#: What a web server answers a path and a question: a status and a body; None: nothing at all.
Answers = Callable[[str, bytes], tuple[int, bytes] | None]


class WebServer:
    """
    A web server on a free port of this machine.
    """

    def __init__(self, answers: Answers) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.do_POST()

            def do_POST(self) -> None:
                question = self.rfile.read(int(self.headers.get("content-length", 0)))
                answer = answers(self.path, question)
                if answer is None:
                    self.close_connection = True
                    return
                self.send_response(answer[0])
                self.send_header("content-length", str(len(answer[1])))
                self.end_headers()
                self.wfile.write(answer[1])

            def log_message(self, *words: object) -> None:
                """
                Say nothing.
                """

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class AuthCase(SynchronousTestCase):
    def setUp(self) -> None:
        folder = TemporaryDirectory(prefix="txmqtt-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def broker(self, *auth: str) -> OurBroker:
        broker = OurBroker(*(word for each in auth for word in ("--auth", each)))
        self.addCleanup(broker.stop)
        return broker

    def serve(self, answers: Answers) -> str:
        server = WebServer(answers)
        self.addCleanup(server.stop)
        return server.url

    def knock(self, broker: OurBroker, name: str, password: str) -> int:
        """
        What CONNECT is answered.
        """
        words = (b"c", name.encode(), password.encode())
        body = b"\x00\x04MQTT\x04\xc2\x00\x3c" + b"".join(len(word).to_bytes(2, "big") + word for word in words)
        size = len(body)
        length = bytes([size]) if size < 128 else bytes([size % 128 | 128, size // 128])
        with socket.create_connection(("127.0.0.1", broker.port), timeout=PATIENCE) as peer:
            peer.sendall(b"\x10" + length + body)
            said = peer.recv(4)
        self.assertEqual(said[:3], b"\x20\x02\x00")
        return said[3]


class PasswordsTests(AuthCase):
    def passwd(self, *words: str, said: str = "") -> None:
        done = CliRunner().invoke(main, ["passwd", *words], input=said)
        self.assertEqual(done.exit_code, 0, done.output)

    def test_files(self) -> None:
        """
        Users of mosquitto_passwd's files and of txmqtt passwd come in with their passwords, others do not; and no
        password is in the log.
        """
        program, publisher = (
            need_program("mosquitto_passwd", "mosquitto"),
            need_program("mosquitto_pub", "mosquitto-clients"),
        )
        path = str(self.folder / "passwords")
        for words in (("-c", "-b", path, "ann", "sesame"), ("-H", "sha512", "-b", path, "bob", "hammer")):
            subprocess.run([program, *words], check=True, capture_output=True)
        self.passwd("-b", path, "zoë", said="schlüssel\n")
        broker = self.broker(f"passwords:{path}")
        for name, password, good in (
            ("ann", "sesame", True),
            ("bob", "hammer", True),
            ("zoë", "schlüssel", True),
            ("ann", "hammer", False),
            ("eve", "sesame", False),
        ):
            with self.subTest(name=name, password=password):
                command = [publisher, "-p", str(broker.port), "-u", name, "-P", password, "-t", "a", "-m", "x"]
                done = subprocess.run(command, capture_output=True, timeout=PATIENCE)
                self.assertEqual(done.returncode == 0, good, done.stderr)
        broker.says("wrong user name or password, for user 'eve'")
        for secret in ("sesame", "hammer", "schlüssel"):
            self.assertNotIn(secret, broker.log)

    def test_crowd(self) -> None:
        """
        When more come than there is room for, some are told that the server is busy, nobody waits in vain, and the
        broker still ends cleanly.
        """
        path = self.folder / "passwords"
        self.passwd("-bc", "--memory", "65536", str(path), "ann", "sesame")
        broker = self.broker(f"passwords:{path}:threads=1:waiting=2:remember=0")
        peers = [socket.create_connection(("127.0.0.1", broker.port), timeout=PATIENCE) for _ in range(8)]
        for n, peer in enumerate(peers):
            self.addCleanup(peer.close)
            peer.sendall(greeting(4, f"c{n}".encode(), b"ann", b"sesame"))
        said = [peer.recv(4)[3] for peer in peers]
        self.assertEqual(set(said), {IN, UNAVAILABLE})
        self.assertGreaterEqual(said.count(IN), 3)
        self.assertEqual(broker.stop(), 0)


class AskedTests(AuthCase):
    def test_chain(self) -> None:
        """
        Tokens, two web services and a list of passwords, one after the other: whom one does not know the next may, and
        whom one denies, or can't decide about, comes in by no other. No password is in the log.
        """
        key = {**ECAlgorithm.to_jwk(CURVE.public_key(), as_dict=True), "kid": "a"}

        def answers(path: str, question: bytes) -> tuple[int, bytes] | None:
            if path == "/keys":
                return 200, json.dumps({"keys": [key]}).encode()
            if path == "/post":
                said = json.loads(question)
            else:
                said = {
                    name: values[0] for name, values in parse_qs(urlsplit(path).query, keep_blank_values=True).items()
                }
            if said["username"] == "silent":
                return None
            if said["username"] != ("ann" if path == "/post" else "eve"):
                return 200, b'{"result": "ignore"}'
            return (204, b"") if said["password"] == "sesame" else (403, b"")

        url = self.serve(answers)
        broker = self.broker(
            f"jwt:algorithms=ES256:key_set_url={url}/keys",
            f"http:{url}/post:timeout=5",
            f"http:{url}/get:method=GET",
            "memory:bob:hammer:silent:hammer:ann:hammer",
        )
        now = time.time()
        good = {"sub": "tina", "exp": now + 600}
        for name, password, said in (
            ("", signed(CURVE, "ES256", good, kid="a"), IN),
            ("", signed(OTHER_CURVE, "ES256", good, kid="a"), WRONG),
            ("bob", signed(CURVE, "ES256", {**good, "exp": now - 600}, kid="a"), WRONG),
            ("ann", "sesame", IN),
            ("ann", "sesame", IN),
            ("ann", "hammer", WRONG),
            ("eve", "sesame", IN),
            ("eve", "hammer", WRONG),
            ("bob", "hammer", IN),
            ("silent", "hammer", UNAVAILABLE),
        ):
            with self.subTest(name=name, password=password):
                self.assertEqual(self.knock(broker, name, password), said)
        broker.says("user 'tina'")
        broker.says("/post: .*; nobody is let in")
        for secret in ("sesame", "hammer", "Traceback"):
            self.assertNotIn(secret, broker.log)

    def test_flood(self) -> None:
        """
        A service whose answer does not end is hung up on.
        """
        with socket.create_server(("127.0.0.1", 0)) as door:
            broker = self.broker(f"http:http://127.0.0.1:{door.getsockname()[1]}/:timeout=10")
            gone: list[bool] = []

            def flood() -> None:
                peer, _ = door.accept()
                with peer:
                    peer.recv(65536)
                    peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                    try:
                        while True:
                            peer.sendall(b"x" * 65536)
                    except OSError:
                        gone.append(True)

            flooding = Thread(target=flood, daemon=True)
            flooding.start()
            self.assertEqual(self.knock(broker, "ann", "sesame"), UNAVAILABLE)
            flooding.join(PATIENCE)
            self.assertEqual(gone, [True])
