"""
Keys that a web server publishes, fetched when they are needed and kept for a while.

However many logins wait for them, they are fetched once. They are fetched again when they are old, and when a token
names a key that is not among them, but never more often than every so many seconds, whatever tokens say. When they
can't be fetched, the last good ones serve for a time of grace.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.web.http_headers import Headers

from txmqtt.net.access.keys import Key, key_set, suitable
from txmqtt.net.access.web import CannotFetch, Web
from txmqtt.net.auth import LoginUndecided

_log = Logger()


class FetchedKeys:
    """
    A JSON Web Key Set behind a URL.

    @ivar failures: how often it could not be fetched.
    """

    def __init__(
        self, web: Web, url: str, seconds: Callable[[], float], lifetime: float, pause: float, grace: float
    ) -> None:
        """
        @param seconds: a clock that never jumps.
        @param lifetime: keys are fetched again after so many seconds.
        @param pause: never more often than every so many seconds.
        @param grace: for so many seconds after their lifetime keys serve when there are no newer ones.
        """
        self.failures = 0
        self._web = web
        self._url = url
        self._seconds = seconds
        self._lifetime = lifetime
        self._pause = pause
        self._grace = grace
        self._keys: list[Key] = []
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._waiting: list[Deferred[None]] = []

    async def find(self, algorithm: str, name: str | None) -> list[Key]:
        """
        The keys that may have signed such a token.

        @raise LoginUndecided: there are no keys, or none that are new enough.
        """
        if self._fetched_at is None or self._seconds() - self._fetched_at >= self._lifetime:
            await self._refresh()
        if self._fetched_at is None or self._seconds() - self._fetched_at >= self._lifetime + self._grace:
            raise LoginUndecided("the keys of tokens can't be fetched")
        found = suitable(self._keys, algorithm, name)
        if not found and name is not None:
            await self._refresh()
            found = suitable(self._keys, algorithm, name)
        return found

    async def _refresh(self) -> None:
        """
        Fetch them, unless that was done a moment ago.
        """
        if not self._waiting:
            if self._tried_at is not None and self._seconds() - self._tried_at < self._pause:
                return
            self._tried_at = self._seconds()
        fetched: Deferred[None] = Deferred()
        self._waiting.append(fetched)
        if len(self._waiting) == 1:
            headers = Headers({"accept": ["application/jwk-set+json, application/json"]})
            Deferred.fromCoroutine(self._fetch(headers)).addErrback(
                lambda failure: _log.failure("keys could not be taken", failure=failure)
            ).addCallback(self._done)
        await fetched

    async def _fetch(self, headers: Headers) -> None:
        try:
            answer = await self._web.ask("GET", self._url, headers)
            if answer.status != 200:
                raise CannotFetch(f"status {answer.status}")
            self._keys = key_set(answer.body)
        except (CannotFetch, ValueError) as error:
            self.failures += 1
            _log.warn("{url}: {why}; the keys of tokens stay as they were", url=self._url, why=str(error))
        else:
            self._fetched_at = self._seconds()

    def _done(self, _: object) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.callback(None)
