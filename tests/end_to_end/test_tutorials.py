"""
The tutorials and the how-to pages can be followed to the letter.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import ssl
import subprocess
from http.client import HTTPSConnection
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase
from wsproto import WSConnection
from wsproto.connection import ConnectionType
from wsproto.events import AcceptConnection, BytesMessage, Request

from tests.end_to_end.servers import listens
from tests.end_to_end.support import ACCEPTED, PATIENCE, Running, greeting, need_program, until
from tests.end_to_end.test_contrib import unit
from tests.end_to_end.walk import DOCS, Block, Walk, blocks

EXAMPLES = DOCS.parent / "examples" / "tutorial"


class WalkCase(SynchronousTestCase):
    def setUp(self) -> None:
        if os.environ.get("TXMQTT_EXPECT") == "compiled":
            self.skipTest("what pages say does not depend on the build, and is tried with the plain files")

    def follow(self, walk: Walk) -> None:
        self.addCleanup(walk.close)
        self.assertGreater(walk.follow(), 2)


class TutorialTests(WalkCase):
    def test_broker(self) -> None:
        """
        Somebody who wants a broker has one in the end, with all that the page says.
        """
        need_program("openssl", "openssl")
        need_program("curl", "curl")
        self.follow(Walk("tutorial-broker"))

    def test_application(self) -> None:
        """
        Somebody who writes an application sees what the page says that it does.
        """
        self.follow(Walk("tutorial-application"))

    def test_testing(self) -> None:
        """
        Somebody who tests one sees his tests pass and fail as the page says.
        """
        self.follow(Walk("tutorial-testing"))

    def test_everything_is_shown(self) -> None:
        """
        No file of the tutorials is left over, and none is too long for a page.
        """
        if not EXAMPLES.exists():
            raise SkipTest("no examples beside the tests")
        shown = "".join(page.read_text() for page in DOCS.glob("tutorial-*.rst"))
        for path in sorted(path for path in EXAMPLES.glob("*/*") if path.is_file()):
            with self.subTest(path=path.name):
                self.assertIn(f".. literalinclude:: ../examples/tutorial/{path.relative_to(EXAMPLES)}\n", shown)
                self.assertLessEqual(len(path.read_text().splitlines()), 100)

    def test_installation(self) -> None:
        """
        What the tutorials say of how to install is what the README says, which is tried by itself.
        """
        for page in sorted(DOCS.glob("tutorial-*.rst")):
            [text] = [block.text for block in blocks(page) if block.language == "sh"]
            make, activate, install = text.splitlines()
            readme = (DOCS.parent / "README.rst").read_text()
            self.assertEqual(activate, ". .venv/bin/activate")
            for line in (make, install.removesuffix(" pytest").replace("pip", ".venv/bin/pip", 1)):
                self.assertIn(line, readme)


class HowToTests(WalkCase):
    def test_tls(self) -> None:
        """
        Certificates are made, renewed without a restart, given to clients and taken back.
        """
        need_program("openssl", "openssl")
        self.follow(Walk("howto-tls"))

    def test_users(self) -> None:
        """
        Users may do what the rules say, and no more.
        """
        self.follow(Walk("howto-users"))


class BehindHAProxy(Walk):
    """
    HAProxy does not say when it listens.
    """

    def step(self, block: Block) -> int:
        typed = super().step(block)
        if block.caption == "Terminal 2, HAProxy":
            for port in ("443", "8883"):
                until(lambda port=port: listens(int(self.ports[port])), "HAProxy")  # type: ignore[misc]
        return typed


class BehindNginx(Walk):
    """
    nginx with the site of the page, and with files and folders of its own.
    """

    nginx: Running | None = None

    def step(self, block: Block) -> int:
        typed = super().step(block)
        if block.language == "nginx":
            self.begin(self.folder / "etc" / "nginx")
        return typed

    def begin(self, folder: Path) -> None:
        words = "-x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -subj /CN=localhost -days 9"
        names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", "server.key", "-out", "server.pem"]
        subprocess.run(["openssl", "req", *words.split(), *names], cwd=folder, check=True, capture_output=True)
        ours = [f"{kind}_temp_path {folder};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")]
        lines = ["daemon off;", "worker_processes 1;", f"pid {folder}/pid;", "error_log stderr;", "events {}"]
        lines += ["http {", "access_log off;", *ours, f"include {folder}/conf.d/*.conf;", "}"]
        (folder / "nginx.conf").write_text("\n".join(lines) + "\n")
        nginx = need_program("nginx", "nginx")
        self.nginx = Running([nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")], folder)
        until(lambda: listens(int(self.ports["443"])), "nginx")

    def close(self) -> None:
        if self.nginx is not None:
            self.nginx.stop(signal.SIGQUIT)
        super().close()


class ProxyTests(WalkCase):
    def test_haproxy(self) -> None:
        """
        HAProxy passes clients on with their own addresses, whether it does TLS or leaves it alone.
        """
        need_program("haproxy", "haproxy")
        need_program("openssl", "openssl")
        self.follow(BehindHAProxy("howto-haproxy"))

    def test_nginx(self) -> None:
        """
        Pages of the site come in by nginx, from where they really are; those of other sites do not.
        """
        need_program("nginx", "nginx")
        need_program("openssl", "openssl")
        walk = BehindNginx("howto-nginx")
        self.follow(walk)
        port = int(walk.ports["443"])
        self.assertEqual(self.page(walk, port, f"https://localhost:{port}"), ACCEPTED)
        walk.terminals["Terminal 1, the broker"].shows("... 127.0.0.2:0 connected as 'page', user 'ann', ...")
        with self.assertRaises(Exception) as caught:
            self.page(walk, port, "https://elsewhere.example")
        self.assertIn("403", repr(caught.exception))
        self.assertEqual(self.asked(walk, port), 426)  # without Upgrade
        walk.terminals["Terminal 1, the broker"].press(signal.SIGINT)
        self.assertEqual(self.asked(walk, port), 502)

    def asked(self, walk: Walk, port: int) -> int:
        """
        What somebody is answered who does not speak WebSocket.
        """
        context = ssl.create_default_context(cafile=str(walk.folder / "etc" / "nginx" / "server.pem"))
        connection = HTTPSConnection("localhost", port, timeout=PATIENCE, context=context)
        self.addCleanup(connection.close)
        connection.request("GET", "/mqtt")
        return connection.getresponse().status

    def page(self, walk: Walk, port: int, origin: str) -> bytes:
        """
        What a page in a browser on another machine is answered, which comes from this site.
        """
        context = ssl.create_default_context(cafile=str(walk.folder / "etc" / "nginx" / "server.pem"))
        plain = socket.create_connection(("localhost", port), PATIENCE, ("127.0.0.2", 0))
        with context.wrap_socket(plain, server_hostname="localhost") as wire:
            browser = WSConnection(ConnectionType.CLIENT)
            headers = [(b"Origin", origin.encode())]
            opening = Request(host="localhost", target="/mqtt", subprotocols=["mqtt"], extra_headers=headers)
            wire.sendall(browser.send(opening))
            answer = b""
            while True:
                browser.receive_data(wire.recv(4096))
                for event in browser.events():
                    if isinstance(event, AcceptConnection):
                        wire.sendall(browser.send(BytesMessage(greeting(4, b"page", b"ann", b"sesame"))))
                    elif isinstance(event, BytesMessage):
                        answer += event.data
                        if len(answer) >= len(ACCEPTED):
                            return answer
                    else:
                        raise AssertionError(event)


class SystemdTests(WalkCase):
    def test_page(self) -> None:
        """
        A broker starts when somebody comes.
        """
        need_program("systemd-socket-activate", "systemd")
        self.addCleanup((walk := Walk("howto-systemd")).close)
        self.assertEqual(walk.follow(), 2)

    def test_units(self) -> None:
        """
        systemd understands the units of the page, beside ours, and they say what the page says.
        """
        analyze = need_program("systemd-analyze", "systemd")
        walk = Walk("howto-systemd")
        self.addCleanup(walk.close)
        for block in blocks(walk.page):
            if block.language == "ini":
                walk.step(block)
        folder = walk.folder / "etc" / "systemd" / "system"
        for name in ("txmqtt.service", "txmqtt.socket"):
            (folder / name).write_text(unit(name))
        for path in (folder / "txmqtt.service", *folder.glob("*.d/*.conf")):
            path.write_text(re.sub(r"^ExecStart=/\S+", "ExecStart=/bin/true", path.read_text(), flags=re.M))
        names = ["txmqtt.service", "txmqtt.socket", "txmqtt-tls.socket"]
        done = subprocess.run(
            [analyze, "verify", *(f"./{name}" for name in names)],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env={**walk.surroundings, "SYSTEMD_UNIT_PATH": f"{folder}:"},
        )
        said = done.stdout + done.stderr
        self.assertEqual(done.returncode, 0, said)
        self.assertEqual([line for line in said.splitlines() if "txmqtt" in line], [])
