"""
Tests of txmqtt.net.access.scram, scram_server and scram_client: one who knows the password proves it, and nobody else.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.cred.error import LoginFailed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.codec.strategies import brief
from tests.service.support import scratch
from txmqtt.codec.errors import RemoteProtocolError
from txmqtt.net.access.mechanisms import Challenge, IExchange, IMechanism, Success
from txmqtt.net.access.scram import scram_line
from txmqtt.net.access.scram_client import ScramClient
from txmqtt.net.access.scram_server import Scram, ScramExchange, ScramSettings, entries
from txmqtt.net.options import IReloadable

#: The example of RFC 7677.
_SALT = bytes.fromhex("5b6d99689d12358eec a04b1412 36fa81".replace(" ", ""))
_NONCE = "rOprNGfwEbeRWgbNEkqO"
_SERVER_NONCE = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
_FIRST = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
_CHALLENGE = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
_ANSWER = b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
_LAST = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="

_LINE = scram_line("user", "pencil", 4_096, _SALT)


class ScramTestCase(SynchronousTestCase):
    """
    A file of users.
    """

    def scram(self, *lines: str) -> Scram:
        self.path = str(scratch(self) / "users")
        self.write(*lines or [_LINE])
        return Scram(ScramSettings(self.path))

    def write(self, *lines: str) -> None:
        with open(self.path, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        os.chmod(self.path, 0o600)

    def login(self, scram: Scram, name: str, password: str) -> Any:
        """
        Somebody logs in.

        @return: the identity.
        """
        client, exchange = ScramClient(name, password), scram.begin(None)  # type: ignore[arg-type] # it looks at none
        challenge = exchange.step(client.begin())
        assert isinstance(challenge, Challenge)
        success = exchange.step(client.answer(challenge.data))
        assert isinstance(success, Success)
        client.finish(success.data)
        return success.identity


class ExampleTests(ScramTestCase):
    def test_client(self) -> None:
        """
        The client says what the example of RFC 7677 says.
        """
        client = ScramClient("user", "pencil", _NONCE)
        self.assertEqual((client.begin(), client.answer(_CHALLENGE)), (_FIRST, _ANSWER))
        client.finish(_LAST)

    def test_server(self) -> None:
        """
        So does the server.
        """
        exchange = ScramExchange(self.scram(), _SERVER_NONCE)
        self.assertEqual(exchange.step(_FIRST), Challenge(_CHALLENGE))
        self.assertEqual(exchange.step(_ANSWER), Success("user", _LAST))

    def test_postgresql(self) -> None:
        """
        A line is the user's name and what PostgreSQL keeps of a password.
        """
        self.assertEqual(
            _LINE,
            "user:SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
            "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
        )


class LoginTests(ScramTestCase):
    def test_interfaces(self) -> None:
        """
        It is what it says.
        """
        scram = self.scram()
        verifyObject(IMechanism, scram)
        verifyObject(IReloadable, scram)
        verifyObject(IExchange, scram.begin(None))  # type: ignore[arg-type] # it looks at none

    def test_names(self) -> None:
        """
        Any name and password that can be kept lets in, however it is typed.
        """
        for name, password, typed in (
            ("user", "pencil", ("user", "pencil")),
            ("a,b=c", "p,=", ("a,b=c", "p,=")),
            ("a:b", "x:$y", ("a:b", "x:$y")),
            ("gr\u00fcn", "\u2168", ("gru\u0308n", "IX")),
            ("with space", " ", ("with\u00a0space", "\u00a0")),
        ):
            with self.subTest(name=name):
                scram = self.scram("# users", "", scram_line(name, password, 4_096))
                self.assertEqual(self.login(scram, *typed), name)
                self.assertTrue(scram.has(name))
                self.assertRaises(LoginFailed, self.login, scram, typed[0], password + "x")
                self.assertEqual((scram.allowed, scram.denied), (1, 1))

    def test_strangers(self) -> None:
        """
        A stranger is asked like a user, always for the same, after a restart too, and never let in.
        """
        lines = [scram_line(name, "pencil", count) for name, count in (("a", 4_096), ("b", 5_000))]
        scram = self.scram(*lines)
        again = Scram(ScramSettings(self.path))
        shapes = set()
        for number in range(20):
            name = f"stranger{number}"
            asked = []
            for each in (scram, scram, again):
                kept, known = each.look_up(name)
                self.assertFalse(known)
                asked.append((kept.salt, kept.iterations))
            self.assertEqual(len(set(asked)), 1)
            shapes.add((asked[0][1], len(asked[0][0])))
        self.assertEqual(shapes, {(4_096, 16), (5_000, 16)})
        self.assertRaises(LoginFailed, self.login, scram, "stranger1", "pencil")

    def test_nobody(self) -> None:
        """
        A file may be empty: nobody is let in.
        """
        self.assertRaises(LoginFailed, self.login, self.scram("# nobody"), "user", "pencil")

    def test_prompted(self) -> None:
        """
        A client that says nothing at first is asked to; one that says nothing twice is not let in.
        """
        exchange: Any = ScramExchange(self.scram(), _SERVER_NONCE)
        self.assertEqual(exchange.step(None), Challenge(None))
        self.assertEqual(exchange.step(_FIRST), Challenge(_CHALLENGE))
        exchange = ScramExchange(self.scram())
        exchange.step(None)
        self.assertRaises(LoginFailed, exchange.step, None)

    def test_wrong_first(self) -> None:
        """
        First messages that make no sense, or want what is not offered, let nobody in.
        """
        for message in (
            b"",
            b"\xff",
            b"n",
            b"n,,",
            b"n,,n=user",
            b"n,,r=x,n=user",
            b"p=tls-unique,,n=user,r=x",
            b"x,,n=user,r=x",
            b"n,a=other,n=user,r=x",
            b"n,b=user,n=user,r=x",
            b"n,,m=ext,n=user,r=x",
            b"n,,n=,r=x",
            b"n,,n=us=er,r=x",
            b"n,,n=us=2cer,r=x",
            b"n,,n=a\x00b,r=x",
            b"n,,n=\x07,r=x",
            b"n,,n=user,r=",
            b"n,,n=user,r=a b",
            "n,,n=user,r=\u00fc".encode(),
            b"n,,n=user,r=" + b"x" * 5_000,
        ):
            with self.subTest(message=message[:40]):
                exchange: Any = self.scram().begin(None)  # type: ignore[arg-type] # it looks at none
                self.assertRaises(LoginFailed, exchange.step, message)

    def test_header(self) -> None:
        """
        C{y} and one's own name to act as are fine; extensions behind are passed over.
        """
        for first in (b"y,,n=user,r=x", b"n,a=user,n=user,r=x", b"n,,n=user,r=x,e=more"):
            exchange: Any = self.scram().begin(None)  # type: ignore[arg-type] # it looks at none
            self.assertIsInstance(exchange.step(first), Challenge)

    def test_wrong_last(self) -> None:
        """
        Nothing but the proof that belongs to this very exchange lets in; a replay does not.
        """
        for what, message in (
            ("nothing", b""),
            ("no proof", _ANSWER.rpartition(b",p=")[0]),
            ("another header", _ANSWER.replace(b"biws", b"eSws")),
            ("no base64", _ANSWER.replace(b"biws", b"b!ws")),
            ("another nonce", _ANSWER.replace(b"hvYD", b"hvYE")),
            ("a short proof", _ANSWER[:-10]),
            ("a proof of nothing", _ANSWER.rpartition(b",p=")[0] + b",p="),
            ("another proof", _ANSWER.replace(b"dHzb", b"dHzc")),
            ("an extension that was not signed", _ANSWER.replace(b",p=", b",x=y,p=")),
        ):
            with self.subTest(what=what):
                exchange = ScramExchange(self.scram(), _SERVER_NONCE)
                exchange.step(_FIRST)
                self.assertRaises(LoginFailed, exchange.step, message)
        exchange = ScramExchange(self.scram())
        exchange.step(_FIRST)
        self.assertRaises(LoginFailed, exchange.step, _ANSWER)


class HostileTests(ScramTestCase):
    @brief
    @given(
        st.one_of(st.binary(max_size=60), st.text("nryp=,a\u0627\u00ad1 ", max_size=30).map(str.encode)),
        st.one_of(st.binary(max_size=60), st.text("cvrpbiws=,+/A", max_size=60).map(str.encode)),
    )
    def test_anything(self, first: bytes, last: bytes) -> None:
        """
        Whatever a client says, the answer is a challenge or no.
        """
        scram = HostileTests.shared = HostileTests.shared or self.scram()
        for messages in ((first,), (_FIRST, last)):
            exchange: Any = ScramExchange(scram, _SERVER_NONCE)
            for message in messages:
                with contextlib.suppress(LoginFailed):
                    self.assertIsInstance(exchange.step(message), Challenge)

    shared: Scram | None = None


class FileTests(ScramTestCase):
    def test_wrong(self) -> None:
        """
        A line that can't be used is named by its number, and what it holds is not shown.
        """
        for line, why in (
            ("user:secret", "expected name:SCRAM"),
            ("user:" + _LINE.partition(":")[2].replace("4096", "many"), "expected name:SCRAM"),
            (_LINE.replace("4096", "4_096"), "expected name:SCRAM"),
            (_LINE.replace("W22", "!"), "expected name:SCRAM"),
            (_LINE[:-4], "expected name:SCRAM"),
            (_LINE.replace("4096", "1000").replace("user", "other"), "1000 iterations; expected 4096"),
            (_LINE.replace("user", ""), "no user name"),
            (_LINE.replace("user", "a\u0007"), "expected name:SCRAM"),
            ("\n" + _LINE, "user 'user' for the second time"),
        ):
            with self.subTest(line=line):
                error = self.assertRaises(ValueError, entries, f"{_LINE}\n{line}\n".encode(), "users")
                self.assertIn(why, str(error))
                self.assertRegex(str(error), "^'users', line [23]: ")
                self.assertNotIn("secret", str(error))
        self.assertRaises(ValueError, entries, b"\xff", "users")
        self.assertRaises(ValueError, Scram, ScramSettings("/nowhere/at/all"))
        self.assertRaises(ValueError, Scram, ScramSettings())

    def test_reload(self) -> None:
        """
        Users come and go when the file is read again; one that can't be used changes nothing.
        """
        scram = self.scram()
        self.assertFalse(scram.changed())
        strange = scram.look_up("stranger")
        self.write(scram_line("new", "pen", 4_096), scram_line("third", "pen", 4_096))
        self.assertTrue(scram.changed())
        scram.reload()
        self.assertEqual((self.login(scram, "new", "pen"), scram.has("user"), scram.changed()), ("new", False, False))
        self.assertEqual(scram.look_up("stranger"), strange)
        self.write("nonsense")
        self.assertRaises(ValueError, scram.reload)
        self.assertEqual((self.login(scram, "new", "pen"), scram.changed()), ("new", False))

    def test_secrets(self) -> None:
        """
        Keys do not show.
        """
        kept = entries(_LINE.encode(), "users")["user"]
        self.assertEqual(repr(kept), "<kept for SCRAM, 4096 iterations>")

    def test_lines(self) -> None:
        """
        What can't be a user is not made one.
        """
        for name, password, more in (
            ("", "x", {}),
            ("#a", "x", {}),
            (" a", "x", {}),
            ("a\n", "x", {}),
            ("a", "", {}),
            ("a", "\u0007", {}),
            ("a", "x", {"iterations": 100}),
            ("a", "x", {"iterations": 10_000_000}),
        ):
            with self.subTest(name=name, more=more):
                self.assertRaises(ValueError, scram_line, name, password, **more)
        self.assertNotEqual(scram_line("a", "x", 4_096), scram_line("a", "x", 4_096))
        self.assertIn(":SCRAM-SHA-256$15000:", scram_line("a", "x"))


class ClientTests(SynchronousTestCase):
    def test_wrong_challenge(self) -> None:
        """
        A server that answers nonsense, or asks for too little or too much work, is not given a proof.
        """
        for challenge in (
            None,
            b"",
            b"\xff",
            b"e=other-error",
            b"s=W22ZaJ0SNY7soEsUEjb6gQ==,r=rOprNGfwEbeRWgbNEkqOx,i=4096",
            b"r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            b"r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            b"r=rOprNGfwEbeRWgbNEkqOx,s=!,i=4096",
            b"r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1",
            b"r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=000004096000000",
            b"r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=-5",
            _CHALLENGE + b"x" * 5_000,
        ):
            with self.subTest(challenge=challenge and challenge[:60]):
                client = ScramClient("user", "pencil", _NONCE)
                self.assertRaises(RemoteProtocolError, client.answer, challenge)

    def test_wrong_server(self) -> None:
        """
        A server that does not know the password is found out.
        """
        for last in (None, b"", b"v=", b"e=no", b"v=!", _LAST.replace(b"6rri", b"6rrj"), b"\xff"):
            client = ScramClient("user", "pencil", _NONCE)
            client.answer(_CHALLENGE)
            self.assertRaises(RemoteProtocolError, client.finish, last)
        self.assertRaises(RemoteProtocolError, ScramClient("user", "pencil").finish, _LAST)

    def test_wrong_words(self) -> None:
        """
        What can't be a name or a password is refused at once.
        """
        self.assertRaises(ValueError, ScramClient, "a\u0007", "x")
        self.assertRaises(ValueError, ScramClient, "a", "x\u0007")
