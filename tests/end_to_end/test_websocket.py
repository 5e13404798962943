"""
Our broker by WebSocket, with those who speak it: paho-mqtt, websockets, MQTT.js in Node and in a browser.
"""

from __future__ import annotations

import atexit
import json
import os
import queue
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.end_to_end.support import (
    ACCEPTED,
    PATIENCE,
    OurBroker,
    environment,
    greeting,
    need_module,
    need_node_module,
    need_program,
)
from tests.end_to_end.test_broker_paho import VERSIONS
from tests.end_to_end.test_broker_tls import certificate

TALK = Path(__file__).resolve().parent / "talk.js"

#: What MQTT.js must hear of itself: QoS, length and content type.
SAID = [[0, 10], [1, 11], [2, 12], [2, 70_000]]

PAGE = """<!DOCTYPE html><title>MQTT</title><script src="/mqtt.js"></script><script src="/talk.js"></script><script>
const report = (result) => fetch("/result", { method: "POST", body: JSON.stringify(result) });
window.onerror = (message) => report({ error: message });
talk(mqtt, "%s", { protocolVersion: 5 }, report);
</script>"""


class SocketBroker(OurBroker):
    """
    Our broker, by WebSocket, in the clear and behind TLS.
    """

    def __init__(self) -> None:
        self.secrets = Path(mkdtemp(prefix="txmqtt-"))
        key, self.trusted = certificate(self.secrets)
        tls = f"ws:ssl:0:privateKey={key}:certKey={self.trusted}:interface=127.0.0.1"
        super().__init__("--listen", "ws:tcp:0:interface=127.0.0.1", "--listen", tls, "--store", "memory")
        self.ws_port = int(self.says(r"listening on 127\.0\.0\.1:(\d+) \(ws:tcp")[1])
        self.wss_port = int(self.says(r"listening on 127\.0\.0\.1:(\d+) \(ws:ssl")[1])

    def stop(self, number: int = signal.SIGTERM) -> int:
        shutil.rmtree(self.secrets, ignore_errors=True)
        return super().stop(number)


@cache
def socket_broker() -> SocketBroker:
    """
    One for all tests here.
    """
    broker = SocketBroker()
    atexit.register(broker.stop)
    return broker


class PahoTests(SynchronousTestCase):
    def setUp(self) -> None:
        need_module("paho", "paho-mqtt")

    def test_every_version(self) -> None:
        """
        paho-mqtt speaks every version with us by WebSocket, in the clear and behind TLS, at every QoS.
        """
        from paho.mqtt import client as paho
        from paho.mqtt.enums import CallbackAPIVersion

        for name, version in VERSIONS.items():
            for secure in (False, True):
                with self.subTest(version=name, secure=secure):
                    client = paho.Client(CallbackAPIVersion.VERSION2, "", protocol=version, transport="websockets")
                    heard: queue.Queue[tuple[int, int]] = queue.Queue()
                    granted = threading.Event()
                    client.on_message = lambda client, heard, message: heard.put((message.qos, len(message.payload)))
                    client.on_connect = lambda client, *_: client.subscribe("paho/ws", 2)
                    client.user_data_set(heard)
                    client.on_subscribe = self.sets(granted)
                    if secure:
                        client.tls_set(socket_broker().trusted)
                    client.connect("localhost", socket_broker().wss_port if secure else socket_broker().ws_port)
                    client.loop_start()
                    self.assertTrue(granted.wait(PATIENCE))
                    sizes = [(0, 1), (1, 200), (2, 70_000)]
                    for qos, size in sizes:
                        client.publish("paho/ws", b"x" * size, qos).wait_for_publish(PATIENCE)
                    self.assertEqual([heard.get(timeout=PATIENCE) for _ in sizes], sizes)
                    client.disconnect()
                    client.loop_stop()

    def sets(self, event: threading.Event) -> Callable[..., None]:
        return lambda *_: event.set()


class RawTests(SynchronousTestCase):
    def setUp(self) -> None:
        need_module("websockets", "websockets")

    def dial(self, path: str = "/mqtt", **options: Any) -> Any:
        from websockets.sync.client import connect
        from websockets.typing import Subprotocol

        socket = connect(
            f"ws://127.0.0.1:{socket_broker().ws_port}{path}",
            **{"subprotocols": [Subprotocol("mqtt")], "open_timeout": PATIENCE, "close_timeout": PATIENCE, **options},
        )
        self.addCleanup(socket.close)
        return socket

    def test_odd_frames(self) -> None:
        """
        Packets may be cut into frames and messages anywhere, and compression is not agreed on.
        """
        socket = self.dial()
        self.assertEqual((socket.subprotocol, socket.protocol.extensions), ("mqtt", []))
        hello = greeting(4, b"odd")
        socket.send([hello[at : at + 1] for at in range(len(hello))])
        self.assertEqual(socket.recv(PATIENCE), ACCEPTED)
        ping = b"\xc0\x00"
        for message in (b"", ping[:1], [ping[1:], b"", ping], ping * 3):
            socket.send(message)
        heard = b""
        while len(heard) < 10:
            heard += socket.recv(PATIENCE)
        self.assertEqual(heard, b"\xd0\x00" * 5)
        self.assertTrue(socket.ping(b"are you there").wait(PATIENCE))

    def test_closed(self) -> None:
        """
        Text is refused with 1003; DISCONNECT is answered with 1000; a broken rule of MQTT with 1002.
        """
        from websockets.exceptions import ConnectionClosed

        for said, code in (("text", 1003), (greeting(4, b"c") + b"\xe0\x00", 1000), (b"\xf0\x00", 1002)):
            with self.subTest(code=code):
                socket = self.dial()
                socket.send(said)
                with self.assertRaises(ConnectionClosed) as caught:
                    while True:
                        socket.recv(PATIENCE)
                close = caught.exception.rcvd
                assert close is not None
                self.assertEqual(close.code, code)

    def test_refused(self) -> None:
        """
        Another path, no sub-protocol and a page from elsewhere are refused with a status and a text.
        """
        from websockets.exceptions import InvalidStatus

        for path, options, status in (
            ("/", {}, 404),
            ("/mqtt", {"subprotocols": None}, 400),
            ("/mqtt", {"origin": "http://evil.example"}, 403),
        ):
            with self.subTest(status=status), self.assertRaises(InvalidStatus) as caught:
                self.dial(path, **options)
            self.assertEqual(caught.exception.response.status_code, status)
            self.assertTrue(caught.exception.response.body)


class NodeTests(SynchronousTestCase):
    def test_every_version(self) -> None:
        """
        MQTT.js in Node speaks 3.1.1 and 5.0 with us, in the clear and behind TLS.
        """
        node = need_program("node", "nodejs")
        modules = need_node_module("mqtt")
        broker = socket_broker()
        places: tuple[tuple[str, dict[str, str]], ...] = (
            (f"ws://127.0.0.1:{broker.ws_port}/mqtt", {}),
            (f"wss://localhost:{broker.wss_port}/mqtt", {"ca": broker.trusted}),
        )
        for url, more in places:
            for version in (4, 5):
                with self.subTest(url=url, version=version):
                    ran = subprocess.run(
                        [node, str(TALK), url, json.dumps({"protocolVersion": version, **more})],
                        env={**environment(), "NODE_PATH": str(modules)},
                        stdout=subprocess.PIPE,
                        timeout=PATIENCE,
                        check=True,
                    )
                    result = json.loads(ran.stdout)
                    self.assertEqual([row[1:3] for row in result.get("heard", [["", result]])], SAID)


class BrowserTests(SynchronousTestCase):
    def test_page(self) -> None:
        """
        A page in a browser speaks 5.0 with us when it is from the host that it connects to, in the clear and behind
        TLS.
        """
        browser = need_program("chromium", "chromium")
        modules = need_node_module("mqtt")
        wanted = [[*row, "text/plain"] for row in SAID]
        for place in (f"ws://127.0.0.1:{socket_broker().ws_port}", f"wss://127.0.0.1:{socket_broker().wss_port}"):
            with self.subTest(place=place):
                result = shown(browser, f"{place}/mqtt", modules)
                self.assertEqual([row[1:] for row in result.get("heard", [["", result]])], wanted)

    def test_page_from_elsewhere(self) -> None:
        """
        A page from another host is not let in.
        """
        browser = need_program("chromium", "chromium")
        modules = need_node_module("mqtt")
        result = shown(browser, f"ws://localhost:{socket_broker().ws_port}/mqtt", modules)
        self.assertIn("error", result)
        socket_broker().says(r"pages from 'http://127\.0\.0\.1:\d+' are not allowed to connect here \(403\)")


def shown(browser: str, url: str, modules: Path) -> dict[str, Any]:
    """
    What a page that talks to C{url} reports.
    """
    files = {
        "/": ("text/html", (PAGE % url).encode()),
        "/mqtt.js": ("text/javascript", (modules / "mqtt" / "dist" / "mqtt.min.js").read_bytes()),
        "/talk.js": ("text/javascript", TALK.read_bytes()),
    }
    results: queue.Queue[dict[str, Any]] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, body = files.get(self.path, ("text/plain", b""))
            self.answer(200 if body else 404, kind, body)

        def do_POST(self) -> None:
            results.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.answer(200, "text/plain", b"")

        def answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    words = "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --no-proxy-server"
    words += " --disable-background-networking --disable-component-update --ignore-certificate-errors"
    with TemporaryDirectory(prefix="txmqtt-", ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [browser, *words.split(), f"--user-data-dir={profile}", f"http://127.0.0.1:{server.server_port}/"],
            env={**environment(), "HOME": profile},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            return results.get(timeout=2 * PATIENCE)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            server.shutdown()
            server.server_close()
