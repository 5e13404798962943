"""
Tests of txmqtt.net.access.password_file.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.net.access.test_hashes import ARGON2, OF_MOSQUITTO
from txmqtt.net.access.password_file import entries, lines, name_error


class PasswordFileTests(SynchronousTestCase):
    def test_read(self) -> None:
        """
        Comments and empty lines say nothing, lines may end as on Windows, and names are in any alphabet.
        """
        text = f"\ufeffann:{ARGON2}\r\n\r\n# bob:nobody\n  \nzoë smith:{OF_MOSQUITTO[0][1]}\n\tq:{OF_MOSQUITTO[1][1]}"
        with self.assertRaisesRegex(ValueError, r"^f:6: the name '\\tq' has control characters$"):
            entries(text.encode(), "f")
        found = entries(text.replace("\tq", "q").encode(), "f")
        self.assertEqual(
            {name: each.text for name, each in found.items()},
            {"ann": ARGON2, "zoë smith": OF_MOSQUITTO[0][1], "q": OF_MOSQUITTO[1][1]},
        )
        self.assertEqual(entries(b"", "f"), {})

    def test_wrong(self) -> None:
        """
        A line that can't be used is named with its file and number; what may be a password is not shown.
        """
        good = b"ann:" + ARGON2.encode() + b"\n"
        for data, message in (
            (good + b"secret", "f:2: no colon; expected NAME:HASH"),
            (good + b"bob:secret\n", "f:2: not a password hash: expected $argon2id$"),
            (good + b"bob:\n", "f:2: not a password hash: expected $argon2id$"),
            (b"\n" + good + good, "f:3: 'ann' stands in line 2 already"),
            (b"\xff:x\n", "f:1: not UTF-8"),
            (b":x\n", "f:1: an empty name"),
            (b"a\x00b:x\n", "f:1: the name 'a\\x00b' has control characters"),
            (good.replace(b"\n", b":secret\n"), "f:1: not a password hash: expected $argon2id$"),
        ):
            with self.subTest(data=data), self.assertRaises(ValueError) as caught:
                entries(data, "f")
            said = str(caught.exception)
            self.assertTrue(said.startswith(message), said)
            self.assertNotIn("secret", said)

    def test_names(self) -> None:
        """
        A name that would be read back as something else is refused.
        """
        for name in ("ann", "Zoë", "a b", "a#", "\u2028"):
            self.assertEqual(name_error(name), "")
        for name in ("", "a:b", "#a", "a\nb", "a\r", "\x7f", "\x85", "\ud800", "x" * 65536):
            with self.subTest(name=name[:9]):
                self.assertNotEqual(name_error(name), "")

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=60))
    def test_anything(self, data: bytes) -> None:
        """
        Whatever is in a file, it is read or refused in words.
        """
        try:
            list(lines(data, "f"))
        except ValueError as error:
            self.assertRegex(str(error), "^f:[0-9]+: ")
