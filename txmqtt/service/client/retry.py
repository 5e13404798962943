"""
When to try again, and when not to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import random

from txmqtt.codec import reasons
from txmqtt.codec.errors import ConnectionClosed, Refused

#: What a server may say that saying the same again does not change.
_FINAL = frozenset(
    (
        reasons.UNSUPPORTED_PROTOCOL_VERSION,
        reasons.CLIENT_IDENTIFIER_NOT_VALID,
        reasons.BAD_USER_NAME_OR_PASSWORD,
        reasons.NOT_AUTHORIZED,
        reasons.BANNED,
        reasons.BAD_AUTHENTICATION_METHOD,
        reasons.TOPIC_NAME_INVALID,  # of the will, as what follows
        reasons.PAYLOAD_FORMAT_INVALID,
        reasons.RETAIN_NOT_SUPPORTED,
        reasons.QOS_NOT_SUPPORTED,
    )
)
#: What is about who we are: another password may change it.
_ABOUT_US = frozenset((reasons.BAD_USER_NAME_OR_PASSWORD, reasons.NOT_AUTHORIZED))


@dataclass(frozen=True, kw_only=True)
class Retry:
    """
    How long to wait before the next attempt: longer after each failure, by chance shorter or longer, so that a
    thousand clients of a server that comes back do not come at once. Times are seconds.

    @ivar initial: after the first failure.
    @ivar maximum: at most.
    @ivar factor: how much longer after each further failure.
    @ivar jitter: which part of it is left to chance: 0 none, 1 all of it.
    @ivar stable: a connection that lasted so long was a success; one that was lost sooner counts as a failure more, so
        that two programs that take over each other's session do not do it ten times a second.
    @ivar keep_trying: do so also when the server said what trying again does not change: a wrong password, for
        example, which somebody may set right on the server.
    """

    initial: float = 1.0
    maximum: float = 120.0
    factor: float = 2.0
    jitter: float = 0.5
    stable: float = 10.0
    keep_trying: bool = False

    def __post_init__(self) -> None:
        for name in ("initial", "maximum", "factor", "jitter", "stable"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise TypeError(f"{name} is {value!r}; expected a number")
        if not isinstance(self.keep_trying, bool):
            raise TypeError(f"keep_trying is {self.keep_trying!r}; expected True or False")
        if not 0 < self.initial <= self.maximum:
            raise ValueError(f"initial is {self.initial}, maximum {self.maximum}; expected 0 < initial <= maximum")
        if self.factor < 1:
            raise ValueError(f"factor is {self.factor}; expected at least 1")
        if not 0 <= self.jitter <= 1:
            raise ValueError(f"jitter is {self.jitter}; expected 0 to 1")
        if self.stable < 0:
            raise ValueError(f"stable is {self.stable}; expected at least 0")

    def delay(self, failures: int, chance: Callable[[], float] = random) -> float:
        """
        How long to wait after so many failures in a row, seconds.
        """
        whole = min(self.maximum, self.initial * self.factor ** min(failures - 1, 64)) if failures > 0 else self.initial
        return whole * (1 - self.jitter * chance())

    def final(self, error: BaseException, renewed: bool) -> bool:
        """
        Whether trying again is in vain.

        @param renewed: who we are is asked anew at each attempt.
        """
        if self.keep_trying or not isinstance(error, Refused | ConnectionClosed):
            return False
        if isinstance(error, ConnectionClosed) and not error.remote:
            return False
        return error.reason in _FINAL and not (renewed and error.reason in _ABOUT_US)
