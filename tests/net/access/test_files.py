"""
Tests of txmqtt.net.access.files.
"""

from __future__ import annotations

import os

from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from tests.service.support import scratch
from txmqtt.net.access.files import Files, anchored
from txmqtt.net.access.jwt import TokenSettings


class FilesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = scratch(self)
        self.path = self.folder / "secrets"
        self.path.write_bytes(b"one")
        self.path.chmod(0o600)
        self.files = Files()

    def test_changed(self) -> None:
        """
        A file that was rewritten, replaced or removed has changed, until it is read again, or that was tried.
        """
        self.assertEqual(self.files.read(str(self.path), 10), b"one")
        self.assertFalse(self.files.changed())
        self.path.write_bytes(b"other")
        self.assertTrue(self.files.changed())
        self.files.read(str(self.path), 10)
        other = self.folder / "new"
        other.write_bytes(b"there")
        status = self.path.stat()
        os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
        other.rename(self.path)
        self.assertTrue(self.files.changed())
        self.files.read(str(self.path), 10)
        self.path.unlink()
        self.assertTrue(self.files.changed())
        with self.assertRaises(ValueError):
            self.files.read(str(self.path), 10)
        self.assertFalse(self.files.changed())
        self.path.write_bytes(b"back")
        self.assertTrue(self.files.changed())

    def test_unreadable(self) -> None:
        """
        What can't be read is named, and why.
        """
        os.mkfifo(self.folder / "pipe")
        for name, why in (
            ("nowhere", "can't be read: No such file or directory"),
            (".", "is no plain file|can't be read: Is a directory"),
            ("pipe", "is no plain file"),
            ("secrets", "has more than 2 bytes"),
        ):
            with self.subTest(name=name), self.assertRaisesRegex(ValueError, rf"/{name}' ({why})$"):
                self.files.read(f"{self.folder}/{name}", 2)

    def test_anchored(self) -> None:
        """
        A file stays the one that it was when it was named, wherever a daemon goes.
        """
        settings = anchored(TokenSettings(("ES256",), key_set_file="keys"), "key_set_file", "secret_file")
        self.assertEqual((settings.key_set_file, settings.secret_file), (os.path.join(os.getcwd(), "keys"), ""))

    def test_everybody(self) -> None:
        """
        That everybody can read a secret is said once; what is no secret may be read.
        """
        self.path.chmod(0o644)
        with capturedLogs() as logs:
            self.files.read(str(self.path), 10)
            self.files.read(str(self.path), 10, secret=True)
            self.files.read(str(self.path), 10, secret=True)
        self.assertEqual([(each["log_level"], each["path"]) for each in logs], [(LogLevel.warn, str(self.path))])
