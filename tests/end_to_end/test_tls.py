"""
Our broker behind TLS, as real clients see it: names, client certificates, revocation, and new files while it runs.
"""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import SynchronousTestCase

from tests.end_to_end.support import ACCEPTED, PATIENCE, Running, greeting, need_program, until
from tests.net.support_tls import (
    Files,
    Pair,
    authority,
    certificates_pem,
    client,
    issued,
    key_pem,
    revocation,
    server,
    subject,
)

PINGREQ, PINGRESP = b"\xc0\x00", b"\xd0\x00"


class TLSTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.files = Files(folder.name)
        self.ca = self.files.write("ca.pem", certificates_pem(authority()))
        self.certificate = self.files.pair("server.pem", server("localhost"))
        self.context = ssl.create_default_context(cafile=self.ca)

    def listen(self, description: str) -> tuple[Running, int]:
        """
        A broker with this listener, and its port.
        """
        broker = Running([sys.executable, str(Path(__file__).with_name("listening.py")), description])
        self.addCleanup(broker.stop)
        return broker, int(broker.says(r"listening on 127\.0\.0\.1:(\d+)")[1])

    def dial(
        self, port: int, name: str = "localhost", first: bytes = b"", again: ssl.SSLSession | None = None
    ) -> ssl.SSLSocket:
        """
        A connection that asks for this name, and trusts our authority and nobody else.

        @param first: what is said before TLS.
        @param again: a session of TLS to go on with.
        """
        plain = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        plain.sendall(first)
        wire = self.context.wrap_socket(plain, server_hostname=name, session=again)
        self.addCleanup(wire.close)
        return wire

    def seen(self, wire: ssl.SSLSocket) -> int:
        """
        The serial number of the certificate that was shown.
        """
        found = wire.getpeercert()
        assert found is not None
        return int(str(found["serialNumber"]), 16)


class NameTests(TLSTestCase):
    def test_names_and_new_files(self) -> None:
        """
        Every client sees the certificate for the name that it asks for, and may go on with the session of TLS that it
        had. New files are seen by those who connect afterwards, and nobody who is connected notices; files that can't
        be used change nothing.
        """
        names = self.files.folder / "names"
        self.files.pair("names/default.pem", server("localhost"))
        self.files.pair("names/garden.pem", server("*.garden.example"))
        broker, port = self.listen(f"tls:0:interface=127.0.0.1:directory={names}")
        stays = self.dial(port, "rose.garden.example")
        self.assertEqual(self.seen(stays), server("*.garden.example")[1].serial_number)
        self.assertEqual(self.seen(self.dial(port)), server("localhost")[1].serial_number)
        stays.sendall(greeting(4, b"stays"))
        self.assertEqual(stays.recv(4), ACCEPTED)
        self.assertTrue(self.dial(port, "rose.garden.example", again=stays.session).session_reused)
        new = issued(subject("garden"), server("*.garden.example")[1].extensions[1].value, authority())
        self.files.pair("names/garden.pem", new)
        broker.says("\nreloaded")
        late = self.dial(port, "rose.garden.example")
        self.assertEqual(self.seen(late), new[1].serial_number)
        self.files.write("names/garden.pem", b"half")
        broker.says("not reloaded: .*garden.pem holds no certificate")
        self.assertEqual(self.seen(self.dial(port, "rose.garden.example")), new[1].serial_number)
        stays.sendall(PINGREQ)
        self.assertEqual(stays.recv(2), PINGRESP)

    def test_behind_a_proxy(self) -> None:
        """
        A proxy that passes TLS on says before it where the client is, and that is what the log says.
        """
        broker, port = self.listen(f"haproxy:tls:0:interface=127.0.0.1:certificate={self.certificate}")
        wire = self.dial(port, first=b"PROXY TCP4 192.0.2.7 192.0.2.8 4321 8883\r\n")
        wire.sendall(greeting(4, b"far"))
        self.assertEqual(wire.recv(4), ACCEPTED)
        broker.says(r"192\.0\.2\.7:4321 connected as 'far'")


class ClientCertificateTests(TLSTestCase):
    def publish(self, port: int, *options: str) -> int:
        """
        The exit status of mosquitto_pub.
        """
        command = [need_program("mosquitto_pub", "mosquitto-clients"), "-h", "localhost", "-p", str(port)]
        command += ["--cafile", self.ca, "-V", "5", "-q", "1", "-t", "a", "-m", "b", *options]
        return subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False).returncode

    def shows(self, pair: Pair, name: str) -> tuple[str, ...]:
        """
        The options by which mosquitto_pub shows a certificate.
        """
        cert = self.files.write(f"{name}.crt", certificates_pem(pair))
        key = self.files.write(f"{name}.key", key_pem(pair))
        return ("--cert", cert, "--key", key)

    def test_names_and_revocation(self) -> None:
        """
        Whoever shows a certificate comes in under its name, whatever name it gives; nobody comes in without one, or
        with one that was revoked, also when that was a moment ago. It must be shown each time: no session of TLS stands
        for it.
        """
        crl = self.files.write("crl.pem", revocation(client("stolen")))
        broker, port = self.listen(
            f"tls:0:interface=127.0.0.1:certificate={self.certificate}:ca={self.ca}:crl={crl}"
            ":clientCertificates=required:usernameFrom=cn"
        )
        good, stolen = self.shows(client(), "good"), self.shows(client("stolen"), "stolen")
        self.assertEqual(self.publish(port, *good, "-u", "root", "-P", "x", "-i", "one"), 0)
        broker.says("connected as 'one', user 'sensor-7'")
        self.context.load_cert_chain(good[1], good[3])
        wire = self.dial(port)
        wire.sendall(greeting(4, b"c"))
        self.assertEqual(wire.recv(4), ACCEPTED)
        self.assertFalse(self.dial(port, again=wire.session).session_reused)
        self.assertNotEqual(self.publish(port), 0)
        self.assertNotEqual(self.publish(port, *stolen), 0)
        broker.says("the client certificate 'CN=stolen' was refused: it is revoked")
        self.files.write("crl.pem", revocation(client("stolen"), client()))
        broker.says("\nreloaded")
        self.assertNotEqual(self.publish(port, *good), 0)
        broker.says("the client certificate 'CN=sensor-7' was refused: it is revoked")
        self.files.write("crl.pem", revocation())
        until(lambda: self.publish(port, *stolen) == 0, "the certificate to be good again")
