"""
Tests of txmqtt.net.access.hashes.
"""

from __future__ import annotations

from argon2.low_level import Type, hash_secret
from twisted.trial.unittest import SynchronousTestCase

from tests.net.access.support import CHEAP
from txmqtt.net.access import hashes

#: Made by mosquitto_passwd 2.0.11.
OF_MOSQUITTO = (
    (
        b"sesame",
        "$7$101$cc9epyti4nEOvB6F$olB7lzH/RvG3j2aNzfer5CAvqU+FRF32avvNE48rk2pAa5pgvFL+fUUqqN98pVvFnFYqLUUHdrsdfu2ajVAs7w==",
    ),
    (
        b"hammer",
        "$6$eWxBfxeDhz4eRo1T$8DOJQarZ6Qxidlz8RVXpBPPQhPVvwTo6ghIlss6+1OvQWLPRBMZ5sYCQI+7XkIuirFHJwq3FSVXfONV8icmYEw==",
    ),
)

ARGON2 = "$argon2id$v=19$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$KHKeVplnhICsg+hd3a1YiJyww/F0ob5C9Iwu8FfopO4"


class HashTests(SynchronousTestCase):
    def test_made(self) -> None:
        """
        What is made from a password fits it and nothing else, and is another each time.
        """
        for password in (b"sesame", "schlüssel".encode(), b"\x00\xff", b"x" * 65535):
            made = hashes.make(password, **CHEAP)
            self.assertTrue(made.startswith("$argon2id$v=19$m=8,t=1,p=1$"))
            found = hashes.read(made)
            self.assertEqual(found.text, made)
            self.assertTrue(found.fits(password))
            for wrong in (b"", password[:-1], password + b"\x00"):
                self.assertFalse(found.fits(wrong))
            self.assertNotEqual(hashes.make(password, **CHEAP), made)

    def test_cost(self) -> None:
        """
        A new hash costs 19 MiB and two passes.
        """
        made = hashes.make(b"sesame")
        self.assertIn("$m=19456,t=2,p=1$", made)
        self.assertTrue(hashes.read(made).fits(b"sesame"))

    def test_mosquitto(self) -> None:
        """
        The hashes of mosquitto_passwd are read as they are.
        """
        for password, text in OF_MOSQUITTO:
            with self.subTest(text=text):
                found = hashes.read(text)
                self.assertTrue(found.fits(password))
                for wrong in (b"", b"other", password + b" "):
                    self.assertFalse(found.fits(wrong))

    def test_refused(self) -> None:
        """
        What is no hash, is damaged, or would keep a thread for minutes, is refused without repeating it.
        """
        other = hash_secret(b"x", b"0123456789abcdef", 1, 8, 1, 32, Type.I).decode()
        for text, why in (
            ("", "expected "),
            ("sesame", r"expected \$argon2id"),
            ("$5$salt$hash", r"expected \$argon2id"),
            ("$2b$12$secretsecret", r"expected \$argon2id"),
            (other, r"expected \$argon2id"),
            ("$6$salt", r"expected \$6\$"),
            ("$6$$", r"expected \$6\$"),
            ("$6$secret$c2VjcmV0", "base64|64 bytes"),
            ("$6$c2VjcmV0$c2VjcmV0", "64 bytes, not 6"),
            ("$6$c2VjcmV0$c2VjcmV0$x", r"expected \$6\$"),
            ("$7$0$c2VjcmV0$c2VjcmV0", r"expected \$7\$"),
            ("$7$101$c2VjcmV0$c2VjcmV0", "64 bytes"),
            (OF_MOSQUITTO[0][1].replace("101", "10000001"), "iterations"),
            (OF_MOSQUITTO[0][1].replace("101", "-1"), "iterations"),
            (OF_MOSQUITTO[0][1].replace("101", "٣"), "iterations"),
            (OF_MOSQUITTO[0][1] + "\n", r"expected"),
            ("$argon2id$secret", r"expected \$argon2id"),
            (ARGON2.replace("m=8", "m=1048577"), "m from"),
            (ARGON2.replace("m=8", "m=7"), "m from"),
            (ARGON2.replace("t=1", "t=101"), "t from"),
            (ARGON2.replace("t=1", "t=0"), "t from"),
            (ARGON2.replace("p=1", "p=65"), "p from|m from"),
            (ARGON2.replace("v=19", "v=16"), "expected"),
            (ARGON2[:-30], "expected"),
            (ARGON2[:-1] + "5", "base64"),
            (ARGON2[:-2], "base64"),
            (ARGON2.replace("m=8", "m=08"), "expected"),
            (ARGON2 + " ", "expected"),
            (ARGON2 + "ü", "expected"),
        ):
            with self.subTest(text=text), self.assertRaisesRegex(hashes.HashError, why) as caught:
                hashes.read(text)
            self.assertNotIn("ecret", str(caught.exception))
        self.assertFalse(hashes.read(ARGON2).fits(b"x"))
