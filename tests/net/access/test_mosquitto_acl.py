"""
Tests of txmqtt.net.access.mosquitto_acl: files as mosquitto reads them. C{end_to_end} compares with mosquitto itself.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.codec.strategies import brief
from txmqtt.net.access.mosquitto_acl import read_acl
from txmqtt.net.access.rules import RuledUser, Rules

FILE = b"""\xef\xbb\xbf# who may do what
topic read news/#

user ann jones
topic read home/#\r
  # an indented comment
topic write   home/with spaces/+
\ttopic\tdeny home/secret

user ben
topic shared/#
pattern read of/%u/#
pattern write by/%c
user ann jones
topic readwrite more
"""

#: What a file is made of, and what it is not.
WORDS = (b"user", b"topic", b"pattern", b" ", b"read", b"deny", b"a/#", b"%u", b"#", b"\n", b"\r", b"\xff", b"\0")


def user(text: bytes, name: str | None, client_id: str = "c") -> RuledUser:
    return Rules(read_acl(text, "acl")).user(name, client_id)


class FileTests(SynchronousTestCase):
    def test_file(self) -> None:
        """
        A file is read as mosquitto reads it: lines before the first user are about anonymous clients, names may have
        spaces, a user may come twice, a topic without a word before it is for both, patterns are about everybody.
        """
        reads = {
            None: ["news/a"],
            "ann jones": ["home", "home/a", "more", "of/ann jones/a"],
            "ben": ["shared/a", "of/ben/a"],
            "ann": ["of/ann/a"],
        }
        writes = {
            None: ["by/c"],
            "ann jones": ["home/with spaces/a", "more", "by/c"],
            "ben": ["shared/a", "by/c"],
            "ann": ["by/c"],
        }
        topics = [
            *("news/a", "home", "home/a", "home/secret", "home/with spaces/a", "shared/a", "more", "by/c", "by/d"),
            *("of/ann jones/a", "of/ben/a", "of/ann/a", "of/None/a"),
        ]
        for name in reads:
            with self.subTest(name=name):
                who = user(FILE, name)
                readable = sorted([*reads[name], *(["home/with spaces/a"] if name == "ann jones" else [])])
                self.assertEqual(sorted(topic for topic in topics if who.may_receive(topic)), readable)
                self.assertEqual(
                    sorted(topic for topic in topics if who.may_publish(topic)), sorted(writes[name]), "publish"
                )

    def test_deny(self) -> None:
        """
        A deny wins over what stands before it, in the section of a user and among the patterns; but the section of a
        user wins over patterns.
        """
        text = b"""
user ann
topic readwrite a/#
topic deny a/no
topic read b/yes
pattern readwrite b/#
pattern deny b/+
pattern deny a/#
"""
        who = user(text, "ann")
        asked = ("a", "a/x", "a/no", "b", "b/yes", "b/x", "b/x/y")
        self.assertEqual([topic for topic in asked if who.may_receive(topic)], ["a", "a/x", "b", "b/yes", "b/x/y"])
        self.assertEqual([topic for topic in asked if who.may_publish(topic)], ["a", "a/x", "b", "b/x/y"])

    def test_subscribe(self) -> None:
        """
        A SUBSCRIBE is granted if some of it may be read, and refused if nothing may; the QoS is as asked for.
        """
        who = user(b"user ann\ntopic read home/#\ntopic deny home/secret/#\ntopic write out/#\n", "ann")
        for filter, answer in (
            *((filter, 2) for filter in ("home/#", "home/a", "#", "+/+", "+", "home/+/x")),
            *((filter, 0x87) for filter in ("home/secret/#", "home/secret", "out/#", "else", "/#", "$SYS/#")),
        ):
            with self.subTest(filter=filter):
                self.assertEqual(who.granted(filter, 2), answer)

    def test_nothing(self) -> None:
        """
        An empty file allows nobody anything.
        """
        for text in (b"", b"\n\n", b"# nothing\n", b"user ann\n"):
            who = user(text, "ann")
            self.assertEqual((who.may_publish("a"), who.granted("#", 0), who.may_receive("a")), (False, 0x87, False))

    def test_mistakes(self) -> None:
        """
        What is no line of such a file is refused, with the file, the line, what was seen and what was expected.
        """
        for line, words in (
            (b"topics read a", ["'topics'", "expected user, topic, pattern"]),
            (b"read a", ["'read'"]),
            (b"User ann", ["'User'"]),
            (b"user", ["user without a name"]),
            (b"user   ", ["user without a name"]),
            (b"topic", ["topic without a filter"]),
            (b"pattern ", ["pattern without a filter"]),
            (b"topic read", ["topic read without a filter", "topic readwrite read"]),
            (b"pattern deny  ", ["pattern deny without a filter"]),
            (b"topic red a", ["access 'red'", "read, write, readwrite, deny"]),
            (b"topic my topic", ["access 'my'"]),
            (b"topic read a#", ["topic filter 'a#'", "does not fill its level"]),
            (b"topic read #/a", ["topic filter '#/a'"]),
            (b"topic a+", ["topic filter 'a+'"]),
            (b"topic read $share/g/a", ["$share/g/a", "after its share name"]),
            (b"topic read home/%u", ["'home/%u'", "%u and %c", "pattern"]),
            (b"topic %c", ["'%c'"]),
            (b"topic read caf\xe9", ["not UTF-8"]),
            (b"topic read a\0b", ["topic filter 'a\\x00b'"]),
            (b"x" * 1000, ["'" + "x" * 64 + "'"]),
        ):
            with self.subTest(line=line):
                error = self.assertRaises(ValueError, read_acl, b"user ann\n\n" + line + b"\ntopic a\n", "/etc/acl")
                self.assertTrue(str(error).startswith("/etc/acl:3: "), str(error))
                for word in words:
                    self.assertIn(word, str(error))
                self.assertLess(len(str(error)), 300)

    @brief
    @given(st.lists(st.sampled_from(WORDS), max_size=20).map(b"".join))
    def test_anything(self, text: bytes) -> None:
        """
        Whatever is in a file, it is read or refused.
        """
        try:
            read_acl(text, "acl")
        except ValueError as error:
            self.assertTrue(str(error).startswith("acl:"))
