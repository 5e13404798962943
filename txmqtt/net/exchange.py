"""
One connection's authentication by a method of the application's: each step is asked of its C{Authenticator}, which may
take its time, and said to the server; and again before what was proven is no longer good.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, TimeoutError, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from txmqtt.codec import reasons
from txmqtt.codec.errors import MQTTError, ProtocolError
from txmqtt.net.authenticator import Authentication, Authenticator
from txmqtt.session.client import ClientSession
from txmqtt.session.voice import CLOSED, OPEN

_log = Logger()

#: A renewal of its own accord that could not begin is tried again so often, each time after this part of the time that
#: it was planned for, but not sooner than after this time, seconds. What is planned at 80 % of a token's life is so
#: tried for all of its rest.
_TRIES = 5
_PART = 0.05
_SOONEST = 1.0


class Exchange:
    """
    It ends with the connection.

    @ivar error: why it went wrong, if it did.
    @ivar renewals: how often we have proven again who we are.
    @ivar failures: how often it went wrong.
    @param make: makes an authenticator for each attempt.
    @param wake: called before something is said outside of a read.
    @param timeout: how long an attempt may take, seconds; 0 for ever.
    """

    def __init__(
        self,
        make: Authentication,
        session: ClientSession,
        wake: Callable[[], object],
        clock: IReactorTime,
        timeout: float,
    ) -> None:
        self.error: BaseException | None = None
        self.renewals = 0
        self.failures = 0
        self._make = make
        self._session = session
        self._wake = wake
        self._clock = clock
        self._timeout = timeout
        self._authenticator: Authenticator | None = None  # of the attempt that is under way
        self._step = 0
        self._running: Deferred[Any] | None = None  # what the authenticator has not done yet
        self._too_late: IDelayedCall | None = None
        self._waiting: list[Deferred[None]] = []  # for the end of the renewal that is under way
        self._renewing = False
        self._alarm: IDelayedCall | None = None
        self._planned = 0.0
        self._tries = 0
        session.exchange_timeout = float(timeout)

    # In the order in which they happen

    def begin(self, connect: Callable[[str, bytes | None], object]) -> None:
        """
        Ask for our first words.

        @param connect: says CONNECT with the method and these words.
        """

        def said(data: object) -> None:
            assert self._authenticator is not None
            connect(self._authenticator.method, _bytes(data))

        self._ask(self._first, said, self._failed, self._timeout)

    def challenged(self, data: bytes | None) -> None:
        """
        The server asks.
        """
        authenticator = self._current()
        self._ask(lambda: authenticator.answer(data), lambda said: self._session.answer(_bytes(said)), self._failed)

    def convinced(self, data: bytes | None) -> None:
        """
        The server believes us; do we believe it?
        """
        authenticator = self._current()
        self._ask(lambda: authenticator.finish(data), lambda _: self._trusted(authenticator), self._failed)

    def renew(self) -> Deferred[None]:
        """
        Prove again who we are. Whoever asks while that is under way waits for the same.

        @return: fires when the server is convinced, and trusted.
        """
        waiter: Deferred[None] = Deferred(self._withdraw)
        self._waiting.append(waiter)
        if not self._renewing:
            self._renewing = True
            self._ask(
                self._first, lambda said: self._session.reauthenticate(_bytes(said)), self._not_begun, self._timeout
            )
        return waiter

    def lost(self, why: Callable[[], BaseException]) -> None:
        """
        The connection is over.

        @param why: makes the error; each waiter gets one of its own.
        """
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._authenticator = None
        running = self._settle()
        _answer_all(self._nobody_waits(), why)
        if running is not None:
            running.cancel()

    # The steps

    def _first(self) -> object:
        """
        A fresh authenticator's first words.
        """
        authenticator = self._make()
        method = authenticator.method
        if not isinstance(method, str) or not method:
            raise TypeError(f"the authenticator's method is {method!r}; expected its name")
        expected = self._session.method
        if expected is not None and method != expected:  # [MQTT5-4.12.1-1]
            raise ValueError(f"the authenticator's method is {method!r}; CONNECT named {expected!r}")
        self._authenticator = authenticator
        return authenticator.begin()

    def _current(self) -> Authenticator:
        assert self._authenticator is not None, "the session says nothing between two attempts"
        return self._authenticator

    def _ask(
        self,
        step: Callable[[], object],
        then: Callable[[object], object],
        failed: Callable[[Failure], object],
        timeout: float = 0.0,
    ) -> None:
        """
        Have the authenticator do something, however long it takes: the session knows how long it may, or C{timeout}
        says so while the session does not know that anything is under way. What it answers later than that is nothing
        to us, whether it can be cancelled or not.
        """
        self._step += 1
        number = self._step

        def done(result: object) -> None:
            if number != self._step:
                return
            self._settle()
            if self._session.phase == CLOSED:
                return
            self._wake()
            try:
                if isinstance(result, Failure):
                    failed(result)
                else:
                    then(result)
            except Exception:
                failed(Failure())

        def too_late() -> None:
            running = self._running
            self._too_late = None
            done(Failure(TimeoutError(f"it took longer than {timeout:g} s to begin")))
            if running is not None:
                running.cancel()

        if timeout:
            self._too_late = self._clock.callLater(timeout, too_late)
        running: Deferred[Any] = maybeDeferred(step)
        self._running = running
        running.addBoth(done)

    def _settle(self) -> Deferred[Any] | None:
        """
        The step that was under way no longer is.
        """
        self._step += 1
        if self._too_late is not None:
            self._too_late.cancel()
            self._too_late = None
        running, self._running = self._running, None
        return running

    def _trusted(self, authenticator: Authenticator) -> None:
        if self._session.phase == OPEN:
            self.renewals += 1
        self._authenticator = None
        self._tries = 0
        if authenticator.renew_after is not None:
            self._planned = max(_SOONEST, authenticator.renew_after)
            self._plan(self._planned)
        waiting = self._nobody_waits()
        self._session.trust()  # who hears of it may begin anew at once
        _answer_all(waiting, None)

    # What goes wrong

    def _failed(self, failure: Failure) -> None:
        """
        The attempt is over, and with it the connection [MQTT5-4.12.1-2].
        """
        error: Any = failure.value
        self.error = error
        method = self._authenticator.method if self._authenticator is not None else self._session.method
        self._note(failure)
        reason = error.reason if isinstance(error, ProtocolError) else reasons.UNSPECIFIED_ERROR
        named = f" by {method!r}" if method else ""
        self._session.end(reason, f"authentication{named} failed: {_words(error)}")

    def _not_begun(self, failure: Failure) -> None:
        """
        We have nothing to say. Nor have we said anything: what was proven before is still good.
        """
        self._authenticator = None
        self._note(failure)
        _answer_all(self._nobody_waits(), lambda: failure)

    def _note(self, failure: Failure) -> None:
        self.failures += 1
        if failure.check(MQTTError, TimeoutError) is None:
            _log.failure("the authenticator failed", failure)

    def _nobody_waits(self) -> list[Deferred[None]]:
        """
        The renewal is over, if there was one; all who waited for it are to be told.
        """
        self._renewing = False
        waiting, self._waiting = self._waiting, []
        return waiting

    def _withdraw(self, waiter: Deferred[None]) -> None:
        if waiter in self._waiting:
            self._waiting.remove(waiter)

    # Of our own accord

    def _plan(self, after: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._clock.callLater(after, self._due)

    def _due(self) -> None:
        self._alarm = None
        self.renew().addErrback(self._not_renewed)

    def _not_renewed(self, failure: Failure) -> None:
        if self._session.phase == CLOSED:
            return
        self._tries += 1
        why = _words(failure.value)
        if self._tries > _TRIES:
            _log.error("re-authentication failed {tries} times, and is given up: {why}", tries=self._tries, why=why)
            return
        after = max(_SOONEST, self._planned * _PART)
        _log.warn("re-authentication failed, and is tried again in {after:g} s: {why}", after=after, why=why)
        self._plan(after)


def _answer_all(waiting: list[Deferred[None]], why: Callable[[], BaseException | Failure] | None) -> None:
    for waiter in waiting:
        if waiter.called:
            continue  # another one's callback has cancelled it
        if why is None:
            waiter.callback(None)
        else:
            waiter.errback(why())


def _bytes(data: object) -> bytes | None:
    if data is not None and not isinstance(data, bytes):
        raise TypeError(f"the authenticator said {type(data).__name__}; expected bytes or None")
    return data


def _words(error: BaseException | None) -> str:
    """
    What an error tells, without what a stranger's error may tell by mistake: a secret, or pages.
    """
    return str(error) if isinstance(error, MQTTError | TimeoutError) else type(error).__name__
