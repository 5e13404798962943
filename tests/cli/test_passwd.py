"""
C{txmqtt passwd}.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from unittest import SkipTest

from click.testing import CliRunner, Result
from twisted.trial.unittest import SynchronousTestCase

from tests.service.support import scratch
from txmqtt.cli import replaced
from txmqtt.cli.main import main
from txmqtt.net.access import password_file, scram_server

#: The cheapest hash there is.
CHEAP = ("--memory", "8", "--passes", "1")


class PasswdCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = scratch(self)
        self.path = self.folder / "passwords"

    def run_passwd(self, *words: str, said: bytes | str = b"") -> Result:
        return CliRunner().invoke(main, ["passwd", *CHEAP, words[0], str(self.path), *words[1:]], input=said)

    def done(self, *words: str, said: bytes | str = b"") -> str:
        result = self.run_passwd(*words, said=said)
        self.assertEqual(result.exit_code, 0, result.output)
        return result.output

    def refused(self, *words: str, said: bytes | str = b"", status: int = 1) -> str:
        before = self.path.read_bytes() if self.path.exists() else None
        result = self.run_passwd(*words, said=said)
        self.assertEqual(result.exit_code, status, result.output)
        self.assertEqual(self.path.read_bytes() if self.path.exists() else None, before)
        self.assertNotIn("secret", result.output)
        self.assertEqual(os.listdir(self.folder), ["passwords"] if before is not None else [])
        return " ".join(result.output.split())

    def knows(self, name: str, password: bytes) -> bool:
        found = password_file.entries(self.path.read_bytes(), "f").get(name)
        return found is not None and found.fits(password)


class PasswdTests(PasswdCase):
    def test_prompt(self) -> None:
        """
        It asks twice, without showing what is typed, makes the file for its owner only, and adds to it.
        """
        shown = self.done("--create", "ann", said="sesame\nsesame\n")
        self.assertNotIn("sesame", shown)
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)
        self.done("--", "zoë", said="schlüssel\nschlüssel\n")
        self.assertTrue(self.knows("ann", b"sesame"))
        self.assertTrue(self.knows("zoë", "schlüssel".encode()))
        self.assertEqual(os.listdir(self.folder), ["passwords"])

    def test_standard_input(self) -> None:
        """
        With --batch the password is the first line of the standard input, whatever bytes it has.
        """
        for said, password in ((b"sesame\nmore\n", b"sesame"), (b"a b \xff\r\n", b"a b \xff"), (b"last", b"last")):
            with self.subTest(said=said):
                self.path.unlink(missing_ok=True)
                self.done("-bc", "ann", said=said)
                self.assertTrue(self.knows("ann", password))

    def test_command_line(self) -> None:
        """
        With --batch it may also stand on the command line, and only with it.
        """
        self.done("-bc", "ann", "sesame")
        self.assertTrue(self.knows("ann", b"sesame"))
        self.assertIn("--batch", self.refused("--", "ann", "secret", status=2))
        self.assertIn("processes", CliRunner().invoke(main, ["passwd", "--help"]).output)

    def test_others_stay(self) -> None:
        """
        A new password replaces the old one where it stood; comments and everybody else stay as they are.
        """
        self.done("-bc", "bob", "hammer")
        bob = self.path.read_bytes()
        for data in (
            b"# ours\n\n" + bob + b"\n# end\n",
            b"# ours\r\n" + bob.replace(b"\n", b"\r\n"),
            bob.rstrip(),
            b"",
            b"# no end",
            b"\xef\xbb\xbf" + bob,
        ):
            with self.subTest(data=data):
                self.path.write_bytes(data)
                self.done("-b", "ann", "sesame")
                after = self.path.read_bytes()
                whole = data + (b"\n" if data and not data.endswith(b"\n") else b"")
                self.assertTrue(after.startswith(whole + b"ann:$argon2id$"))
                self.assertEqual(after.count(b"\n"), whole.count(b"\n") + 1)
                self.assertEqual(after.endswith(b"\r\n"), data.endswith(b"\r\n"))
                self.done("-b", "ann", "other")
                self.assertTrue(self.knows("ann", b"other"))
                self.assertFalse(self.knows("ann", b"sesame"))
                self.done("-D", "ann")
                self.assertEqual(self.path.read_bytes(), whole)
        self.path.write_bytes(bob.rstrip())
        self.done("-b", "bob", "other")
        self.assertTrue(self.path.read_bytes().endswith(b"\n"))
        self.assertTrue(self.knows("bob", b"other"))

    def test_check(self) -> None:
        """
        It says whether a password is the right one.
        """
        self.done("-bc", "ann", "sesame")
        self.assertIn("it is the right password", self.done("--check", "ann", said="sesame\n"))
        self.assertIn("not the right", self.refused("--check", "ann", said="secret\n"))
        self.assertIn("no user 'bob'", self.refused("--check", "bob", said="secret\n"))

    def test_upgrade(self) -> None:
        """
        Plain text becomes hashes; what is hashed already, and comments, stay.
        """
        self.done("-bc", "bob", "hammer")
        bob = self.path.read_bytes()
        self.path.write_bytes(b"# ours\nann:ses:ame\r\n" + bob + b"zo\xc3\xab:schl\xc3\xbcssel")
        self.assertIn("2 passwords hashed", self.done("-U"))
        self.assertTrue(self.knows("ann", b"ses:ame"))
        self.assertTrue(self.knows("zoë", "schlüssel".encode()))
        lines = self.path.read_bytes().split(b"\n")
        self.assertEqual((lines[0], lines[1][-1:], lines[2] + b"\n"), (b"# ours", b"\r", bob))
        self.assertIn("0 passwords hashed", self.done("-U"))

    def test_wrong_upgrade(self) -> None:
        """
        What is neither plain text nor a hash changes nothing.
        """
        for data, why in (
            (b"ann:plain\nbob:$6$secret\n", "passwords:2: neither"),
            (b"ann:plain\nbob:\n", "passwords:2: an empty password"),
            (b"ann:plain\nsecret\n", "passwords:2: no colon"),
        ):
            self.path.write_bytes(data)
            self.assertIn(why, self.refused("-U"))

    def test_refused(self) -> None:
        """
        What can't be done is refused with the reason, and the file stays as it was.
        """
        self.assertIn("No such file", self.refused("-b", "ann", "secret"))
        self.assertIn("No such file", self.refused("-D", "ann"))
        self.assertIn("No such file", self.refused("--check", "ann", said="secret\n"))
        self.done("-bc", "ann", "sesame")
        for words, why, status in (
            (("-bc", "bob", "secret"), "exists", 1),
            (("-D", "bob"), "no user 'bob'", 1),
            (("-b", "a:b", "secret"), "colon", 2),
            (("-b", "#a", "secret"), "#", 2),
            (("-b", "a\nb", "secret"), "control", 2),
            (("-b", "bob", ""), "empty password", 1),
            (("-b", "bob", "x" * 65536), "longer", 1),
            (("-bD", "ann", "secret"), "needs no password", 2),
            (("-U", "ann"), "without NAME", 2),
            (("-b",), "expected FILE NAME", 2),
            (("-cD", "ann"), "--create and --delete", 2),
            (("--lanes=2", "ann"), "at least 8 for each of 2 lanes", 2),
        ):
            with self.subTest(words=words):
                self.assertIn(why, self.refused(*words, status=status))
        self.assertIn("longer", self.refused("-b", "bob", said=b"x" * 70000))
        self.assertIn("empty password", self.refused("-b", "bob", said=b""))

    def test_damaged(self) -> None:
        """
        A file that the broker would not take is named with its line before anybody types a password.
        """
        self.path.write_bytes(b"ann:secret\n")
        self.assertIn("passwords:1: not a password hash", self.refused("--", "bob"))


class ReplacedTests(PasswdCase):
    def test_mode_stays(self) -> None:
        """
        The mode of a file stays, and a link stays a link.
        """
        self.done("-bc", "ann", "sesame")
        for mode in (0o600, 0o640):
            self.path.chmod(mode)
            self.done("-b", "ann", "other")
            self.assertEqual(self.path.stat().st_mode & 0o777, mode)
        real = self.folder / "real"
        self.path.rename(real)
        self.path.symlink_to(real)
        self.done("-b", "ann", "third")
        self.assertTrue(self.path.is_symlink())
        self.assertTrue(self.knows("ann", b"third"))

    def test_owner_stays(self) -> None:
        """
        The owner of a file stays: a broker that runs as that user can still read it.
        """
        if os.geteuid() != 0:
            raise SkipTest("only root can give files away")
        self.done("-bc", "ann", "sesame")
        os.chown(self.path, 12345, 12346)
        self.done("-b", "ann", "other")
        self.assertEqual((self.path.stat().st_uid, self.path.stat().st_gid), (12345, 12346))

    def test_owner_would_change(self) -> None:
        """
        Where the owner can't stay, nothing is changed.
        """

        def forbidden(*_: object) -> None:
            raise PermissionError(1, "Operation not permitted")

        self.done("-bc", "ann", "sesame")
        stranger = os.stat_result((0o100600, 0, 0, 1, 12345, 12346, 0, 0, 0, 0))
        self.patch(os, "fchown", forbidden)
        with self.assertRaisesRegex(replaced.CannotReplace, "owner"):
            replaced._written(str(self.path), b"x", stranger)
        self.assertEqual(os.listdir(self.folder), ["passwords"])

    def test_disk_full(self) -> None:
        """
        When it can't be written, the file is as it was and nothing lies beside it.
        """

        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        self.done("-bc", "ann", "sesame")
        self.patch(os, "fsync", full)
        self.assertIn("No space left", self.refused("-b", "ann", "secret"))
        self.path.unlink()
        self.assertIn("No space left", self.refused("-bc", "ann", "secret"))

    def test_somebody_was_faster(self) -> None:
        """
        What somebody else wrote while we waited is not lost.
        """
        self.path.write_bytes(b"a")
        looks: list[bytes] = []
        same = os.path.samestat

        def once(one: os.stat_result, two: os.stat_result) -> bool:
            if not looks:
                (self.folder / "new").write_bytes(b"b")
                (self.folder / "new").rename(self.path)
                looks.append(b"")
                return False
            return same(one, two)

        self.patch(os.path, "samestat", once)
        replaced.replace(str(self.path), lambda data: data + b"c")
        self.assertEqual(self.path.read_bytes(), b"bc")

    def test_no_file(self) -> None:
        """
        Only plain files are changed.
        """
        with self.assertRaisesRegex(replaced.CannotReplace, "no plain file"):
            replaced.replace("/dev/null", lambda data: data)


class MosquittoTests(PasswdCase):
    def setUp(self) -> None:
        super().setUp()
        found = shutil.which("mosquitto_passwd")
        if found is None:
            raise SkipTest("mosquitto_passwd is missing; Debian has it in the package mosquitto")
        self.program = found

    def theirs(self, *words: str) -> None:
        subprocess.run([self.program, *words], check=True, capture_output=True)

    def test_theirs(self) -> None:
        """
        A file of mosquitto_passwd, with both of its hashes, is checked, and users are added to it.
        """
        self.theirs("-c", "-b", str(self.path), "ann", "sesame")
        self.theirs("-H", "sha512", "-b", str(self.path), "zoë", "schlüssel")
        self.done("-b", "bob", "hammer")
        for name, password in (("ann", "sesame"), ("zoë", "schlüssel"), ("bob", "hammer")):
            self.assertIn("right password", self.done("-b", "--check", name, password))
            self.refused("-b", "--check", name, password + " ")

    def test_ours(self) -> None:
        """
        mosquitto_passwd changes a file of ours, and leaves our hashes as they are.
        """
        self.done("-bc", "ann", "sesame")
        self.theirs("-b", str(self.path), "bob", "hammer")
        self.assertTrue(self.knows("ann", b"sesame"))
        self.assertTrue(self.knows("bob", b"hammer"))


class ScramTests(PasswdCase):
    def lines(self) -> list[str]:
        return self.path.read_text().splitlines()

    def test_users(self) -> None:
        """
        With --scram users get the keys of SCRAM-SHA-256, which the broker takes; they can be changed, looked at and
        removed, and every other line stays.
        """
        words = ("--scram", "--iterations", "4096", "-b")
        self.done(*words, "-c", "ann", "sesame")
        self.path.write_text("# who\n" + self.path.read_text())
        self.done(*words, "bob", "honey")
        bob = self.lines()[2]
        self.done(*words, "ann", said="barley\n")
        self.assertEqual((self.lines()[0], self.lines()[2]), ("# who", bob))
        self.assertEqual(list(scram_server.entries(self.path.read_bytes(), "f")), ["ann", "bob"])
        self.done("--scram", "-b", "--check", "ann", "barley")
        self.assertIn("not the right", self.refused("--scram", "-b", "--check", "ann", "secret"))
        self.done("--scram", "--delete", "ann")
        self.assertEqual(self.lines(), ["# who", bob])

    def test_refused(self) -> None:
        """
        What SCRAM-SHA-256 can't take is refused, and a file of the other kind is left alone.
        """
        for words, said, status in (
            (("--scram", "--upgrade"), b"", 2),
            (("--scram", "-bc", "ann"), b"secret\xff\n", 1),
            (("--scram", "-bc", "a\u0221"), b"secret\n", 1),
        ):
            with self.subTest(words=words):
                self.refused(*words, said=said, status=status)
        self.done("-bc", "ann", "sesame")
        self.assertIn("expected name:SCRAM", self.refused("--scram", "-b", "bob", "secret"))
