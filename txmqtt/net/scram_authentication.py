"""
A password, proven and not sent: SCRAM-SHA-256 for clients, ready made. The server has to prove that it knows it too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from txmqtt.net.access.scram_client import ScramClient
from txmqtt.net.authenticator import Authenticator, Step

#: A password that is to be hashed more often than this is hashed on a thread: it would hold up the reactor for longer
#: than some ten milliseconds.
_AT_ONCE = 20_000

#: Does a job, some time.
Doer = Callable[[Callable[[], bytes]], Deferred[bytes]]


class ScramSHA256:
    """
    For the option C{authentication}: C{authentication=ScramSHA256("ann", "secret")}.

    @param username: who we are.
    @param password: the password, which never leaves this process.
    @param hashing: does the hashing beside the reactor when the server asks for much of it; by default on a thread of
        the reactor's pool.
    @raise ValueError: the name or the password has characters that they can't have.
    """

    def __init__(self, username: str, password: str, hashing: Doer | None = None) -> None:
        for name, value in (("username", username), ("password", password)):
            if not isinstance(value, str):
                raise TypeError(f"{name} is {type(value).__name__}; expected str")
        ScramClient(username, password)  # its errors are better raised here than in each attempt
        self._username = username
        self._password = password
        self._hashing = _on_a_thread if hashing is None else hashing

    def __call__(self) -> Authenticator:
        """
        For one attempt.
        """
        return _Scram(ScramClient(self._username, self._password), self._hashing)

    def __repr__(self) -> str:
        return f"<SCRAM-SHA-256 of {self._username!r}>"


class _Scram(Authenticator):
    method = ScramClient.method

    def __init__(self, client: ScramClient, hashing: Doer) -> None:
        self._client = client
        self._hashing = hashing

    def begin(self) -> Step:
        return self._client.begin()

    def answer(self, challenge: bytes | None) -> Step:
        if self._client.work(challenge) <= _AT_ONCE:
            return self._client.answer(challenge)
        return self._hashing(lambda: self._client.answer(challenge))

    def finish(self, data: bytes | None) -> None:
        self._client.finish(data)


def _on_a_thread(job: Callable[[], Any]) -> Deferred[Any]:
    from twisted.internet.threads import deferToThread  # it installs a reactor, which not everybody wants

    return deferToThread(job)
