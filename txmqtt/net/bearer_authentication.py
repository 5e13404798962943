"""
A token instead of a password, and a fresh one before it expires: OAUTHBEARER (RFC 7628) for clients, ready made.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger

from txmqtt.net.authenticator import Authenticator, Step

_log = Logger()

#: What a token may consist of (RFC 6750).
_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")

#: When this part of a token's life is over, a fresh one is fetched.
_LIFE = 0.8

#: So much of what a server says about a token it does not take is told, characters.
_TOLD = 300

#: A token; or it and how many seconds it is good for, None when that is not known.
Token = str | tuple[str, float | None]


class OAuthBearer:
    """
    For the option C{authentication}: C{authentication=OAuthBearer(fetch)}.

    @param fetch: called for each connection, and when the token should be renewed. Returns the token, or the token and
        in how many seconds it expires; now, or later with a Deferred or as a coroutine. With the second form the client
        proves again who it is at 80 % of the token's life, all by itself.
    @param username: whom to act as, where the token does not tell; empty: it tells.
    """

    renews = True

    def __init__(
        self,
        fetch: Callable[[], Token | Deferred[Any] | Coroutine[Deferred[Any], Any, Token]],
        username: str = "",
    ) -> None:
        if not callable(fetch):
            raise TypeError(f"fetch is {type(fetch).__name__}; expected a callable that returns a token")
        if not isinstance(username, str):
            raise TypeError(f"username is {type(username).__name__}; expected str")
        self._fetch = fetch
        self._username = username

    def __call__(self) -> Authenticator:
        """
        For one attempt.
        """
        return _Bearer(self._fetch, self._username)

    def __repr__(self) -> str:
        return "<OAUTHBEARER>"


class _Bearer(Authenticator):
    method = "OAUTHBEARER"

    def __init__(self, fetch: Callable[[], object], username: str) -> None:
        self._fetch = fetch
        self._username = username

    def begin(self) -> Step:
        fetched: Deferred[Any] = maybeDeferred(self._fetch)
        return fetched.addCallback(self._first)

    def _first(self, fetched: object) -> bytes:
        token, seconds = fetched if isinstance(fetched, tuple) and len(fetched) == 2 else (fetched, None)
        if not isinstance(token, str):
            raise TypeError(f"fetch returned {type(fetched).__name__}; expected a token, or it and its life in seconds")
        if not _TOKEN.fullmatch(token):
            raise ValueError("what fetch returned is no token: it has characters that a token can't have")
        if seconds is not None:
            if isinstance(seconds, bool) or not isinstance(seconds, int | float):
                raise TypeError(f"the token's life is {type(seconds).__name__}; expected a number of seconds, or None")
            if not 0 < seconds < float("inf"):
                raise ValueError(f"the token's life is {seconds} s; expected more than 0")
            self.renew_after = seconds * _LIFE
        user = self._username.replace("=", "=3D").replace(",", "=2C")
        who = f"a={user}" if user else ""
        return f"n,{who},\x01auth=Bearer {token}\x01\x01".encode()

    def answer(self, challenge: bytes | None) -> Step:
        # It does not take the token, and says why; it waits for this before it refuses (RFC 7628, section 3.2.3).
        why = (challenge or b"").decode(errors="replace")[:_TOLD]
        _log.warn("the server does not take the token: {why!r}", why=why)
        return b"\x01"
