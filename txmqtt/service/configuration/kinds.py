"""
The kinds of authentication that a configuration may name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.strcred import InvalidAuthType, makeChecker

from txmqtt.net.access.http import HTTPSettings, Service
from txmqtt.net.access.jwt import Tokens, TokenSettings
from txmqtt.net.access.passwords import Passwords, PasswordSettings
from txmqtt.net.access.scram_server import Scram, ScramSettings
from txmqtt.service.cred import usable


@dataclass(frozen=True)
class CredSettings:
    """
    Any checker of twisted.cred that is installed as a plugin: what --auth takes.

    @ivar checker: as for --auth, KIND:ARGUMENTS; C{twistd mqtt-broker --help-auth} lists the kinds.
    """

    checker: str


def _of_cred(settings: CredSettings, reactor: Any) -> ICredentialsChecker:
    kind = settings.checker.partition(":")[0]  # the rest may hold passwords
    try:
        checker = usable(makeChecker(settings.checker))
    except InvalidAuthType:
        raise ValueError(f"checker {kind!r}: there is no such kind; see twistd mqtt-broker --help-auth") from None
    except Exception as error:  # checkers, ours and those of plugins, raise what they like
        raise ValueError(f"checker {kind!r}: {error}") from error
    return checker


#: What makes a checker or a mechanism of a kind from its settings. It raises C{ValueError} when they can't be used.
MAKERS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "passwords": Passwords,
    "jwt": Tokens,
    "http": Service,
    "scram": lambda settings, reactor: Scram(settings),
    "cred": _of_cred,
}

#: The settings of each kind.
KINDS: Final[Mapping[str, type]] = {
    "passwords": PasswordSettings,
    "jwt": TokenSettings,
    "http": HTTPSettings,
    "scram": ScramSettings,
    "cred": CredSettings,
}
