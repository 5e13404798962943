"""
What C{--auth} makes of C{passwords:...}, C{jwt:...} and C{http:...}. A checker is loaded when it is asked for.
"""

from __future__ import annotations

import re
from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IAnonymous, IUsernamePassword
from twisted.cred.strcred import ICheckerFactory
from twisted.plugin import IPlugin
from zope.interface import implementer

from txmqtt.net.access.arguments import settings_from


def _settings_help(kind: type) -> str:
    """
    What the docstring of a dataclass says of its settings.
    """
    lines = [line.strip() for line in (kind.__doc__ or "").splitlines()]
    return re.sub(r"(?m)^@ivar ", "\n", "\n".join(line for line in lines if line))


_SYNTAX = """
NAME=VALUE may be repeated, with colons between. A colon that no NAME= follows belongs to the value; one that does,
and belongs to the value all the same, is written \\:. Lists have commas.
"""


class _Factory:
    """
    A kind of checker for C{--auth}.
    """

    authType: str
    argStringFormat: str
    credentialInterfaces: tuple[Any, ...] = (IUsernamePassword,)
    _words: str

    @property
    def authHelp(self) -> str:
        """
        See C{ICheckerFactory}.
        """
        return self._words + _SYNTAX + "\n" + _settings_help(self._kind())

    def _kind(self) -> type:
        raise NotImplementedError


@implementer(ICheckerFactory, IPlugin)
class PasswordsFactory(_Factory):
    """
    C{--auth passwords:FILE}.
    """

    authType = "passwords"
    argStringFormat = "FILE[:NAME=VALUE]... lines NAME:HASH, made by txmqtt passwd or mosquitto_passwd"
    _words = """
Lets in whom a password file knows. A user with a wrong password is refused; a
stranger may be known to the next --auth. The file is read again when it changes.
"""

    def _kind(self) -> type:
        from txmqtt.net.access.passwords import PasswordSettings

        return PasswordSettings

    def generateChecker(self, argstring: str) -> ICredentialsChecker:
        """
        See C{ICheckerFactory}.
        """
        from txmqtt.net.access.passwords import Passwords, PasswordSettings

        return ICredentialsChecker(Passwords(settings_from(argstring, PasswordSettings, "file")))


@implementer(ICheckerFactory, IPlugin)
class TokensFactory(_Factory):
    """
    C{--auth jwt:...}.
    """

    authType = "jwt"
    argStringFormat = "algorithms=ES256,...:public_key_file=FILE[:NAME=VALUE]... JSON Web Tokens"
    _words = """
Lets in whoever brings a JSON Web Token that is signed with one of the keys. What
is no token, or is signed with another key, may be known to the next --auth; a
token of ours that is over, or not for us, is refused.
"""

    def _kind(self) -> type:
        from txmqtt.net.access.jwt import TokenSettings

        return TokenSettings

    def generateChecker(self, argstring: str) -> ICredentialsChecker:
        """
        See C{ICheckerFactory}.
        """
        from txmqtt.net.access.jwt import Tokens, TokenSettings

        return ICredentialsChecker(Tokens(settings_from(argstring, TokenSettings)))


@implementer(ICheckerFactory, IPlugin)
class ServiceFactory(_Factory):
    """
    C{--auth http:URL}.
    """

    authType = "http"
    argStringFormat = "URL[:NAME=VALUE]... a web service that is asked about each login"
    credentialInterfaces = (IUsernamePassword, IAnonymous)
    _words = """
Asks a web service about each login. It answers {"result": "allow"}, "deny", or
"ignore", with which the next --auth is asked. No answer lets nobody in.
"""

    def _kind(self) -> type:
        from txmqtt.net.access.http import HTTPSettings

        return HTTPSettings

    def generateChecker(self, argstring: str) -> ICredentialsChecker:
        """
        See C{ICheckerFactory}.
        """
        from txmqtt.net.access.http import HTTPSettings, Service

        return ICredentialsChecker(Service(settings_from(argstring, HTTPSettings, "url")))
