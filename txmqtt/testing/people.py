"""
Who may come into a world, said in a few words.
"""

from __future__ import annotations

from collections.abc import Mapping

from twisted.cred.checkers import AllowAnonymousAccess, ICredentialsChecker
from twisted.cred.credentials import ICredentials, IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from txmqtt.net.auth import Anybody, LocalUser, Realm, UsernamePassword


@implementer(ICredentialsChecker)
class Listed:
    """
    Lets those in who are on a list, with their passwords.
    """

    credentialInterfaces = (IUsernamePassword,)

    def __init__(self, users: Mapping[str, str]) -> None:
        self._users = {name.encode(): password.encode() for name, password in users.items()}

    def requestAvatarId(self, credentials: ICredentials) -> Deferred[bytes | tuple[()]]:
        """
        See C{ICredentialsChecker}.
        """
        assert isinstance(credentials, UsernamePassword)
        name = credentials.username
        password = self._users.get(name)
        if password is None or not credentials.checkPassword(password):
            return fail(UnauthorizedLogin("wrong user name or password"))
        return succeed(name)


def portal_for(users: Mapping[str, str] | None, anonymous: bool | None, realm: IRealm | None) -> Portal:
    """
    @param users: names and passwords; None: any name will do, if C{anonymous} is not forbidden.
    @param anonymous: whether they may come in who give no name; None: if there are no users.
    @param realm: what they may do; None: everything, and look into C{$SYS}.
    """
    portal = Portal(Realm(LocalUser) if realm is None else realm)
    if users is not None:
        portal.registerChecker(Listed(users))
    if anonymous or (anonymous is None and users is None):
        portal.registerChecker(Anybody() if users is None else AllowAnonymousAccess())
    return portal
