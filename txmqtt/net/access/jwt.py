"""
Users who bring a signed token, a JSON Web Token, instead of a password.

What is no token, or is signed with a key that is not ours, may be known to another checker. What we signed, and is over
or meant for somebody else, is denied.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from time import time as wall_time
from typing import Annotated, Any, Final, Literal, TypeVar

from jwt import PyJWT, get_unverified_header
from jwt.exceptions import InvalidSignatureError, PyJWTError
from jwt.types import Options
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ICredentials, IUsernamePassword
from twisted.cred.error import UnhandledCredentials
from twisted.internet.defer import Deferred
from zope.interface import implementer

from txmqtt.net.access import keys
from txmqtt.net.access.claims import rules_of
from txmqtt.net.access.fetched import FetchedKeys
from txmqtt.net.access.files import Files, anchored
from txmqtt.net.access.web import Web, url_error
from txmqtt.net.auth import Identity, LoginDenied
from txmqtt.net.options import IReloadable, Range

T = TypeVar("T")

#: A token may have so many bytes, and a file of keys.
_TOKEN: Final = 16 * 1024
_FILE: Final = 1024 * 1024

_SHAPE = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")

#: A user name may have so many bytes.
_NAME: Final = 65535


@dataclass(frozen=True)
class TokenSettings:
    """
    JSON Web Tokens: what they are signed with, and what must be in them.

    @ivar algorithms: what tokens may be signed with, of HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512,
        ES256, ES384, ES512 and EdDSA. There is no default: whoever signs the tokens knows.
    @ivar field: where the token is, the password of CONNECT or its user name.
    @ivar secret_file: the file of the secret, for HS. It must have as many bytes as the hash: 32, 48 or 64.
    @ivar secret_base64: the secret is written in base64.
    @ivar public_key_file: a file of public keys or certificates, PEM, for all but HS.
    @ivar key_set_file: a file of public keys, a JSON Web Key Set.
    @ivar key_set_url: where a JSON Web Key Set is fetched from: https, or http on this machine.
    @ivar key_set_ca_file: who signs the certificate of that server, PEM; empty: whom the machine trusts.
    @ivar key_set_timeout: the server must have answered after so many seconds. Less than a client waits.
    @ivar key_set_bytes: its answer may be so large. The sets of large providers have some ten thousand bytes.
    @ivar key_set_lifetime: the set is fetched again after so many seconds, so that a key that was withdrawn is good
        for no longer.
    @ivar key_set_pause: it is fetched no more often than every so many seconds, however many tokens name unknown keys.
    @ivar key_set_grace: if it can't be fetched, the last one serves for so many seconds after its lifetime. An hour
        outlasts most failures.
    @ivar issuer: the claim iss must be this; empty: whatever it is.
    @ivar audience: the claim aud must name one of these. Without any, a token with that claim is denied, because it is
        meant for somebody else.
    @ivar leeway: the clocks of broker and issuer may differ by so many seconds.
    @ivar required: claims that must be there. exp is, because a token that never ends can't be taken back.
    @ivar username_claim: the claim that is the user name, instead of what CONNECT says.
    @ivar client_id_claim: the claim that CONNECT's client identifier must equal; empty: it may be any.
    @ivar acl_claim: the claim that says what the user may do, see the documentation; empty, or not in the token: what
        the broker's own rules say.
    @ivar disconnect_on_expiry: a client is disconnected when its token ends. Otherwise it stays as long as it likes.
    """

    algorithms: tuple[str, ...]
    field: Literal["password", "username"] = "password"
    secret_file: str = ""
    secret_base64: bool = False
    public_key_file: str = ""
    key_set_file: str = ""
    key_set_url: str = ""
    key_set_ca_file: str = ""
    key_set_timeout: Annotated[float, Range(0.1, 60)] = 5.0
    key_set_bytes: Annotated[int, Range(1024, 16 * 1024 * 1024)] = 256 * 1024
    key_set_lifetime: Annotated[float, Range(1, 604_800)] = 600.0
    key_set_pause: Annotated[float, Range(1, 86_400)] = 30.0
    key_set_grace: Annotated[float, Range(0, 604_800)] = 3600.0
    issuer: str = ""
    audience: tuple[str, ...] = ()
    leeway: Annotated[float, Range(0, 3600)] = 10.0
    required: tuple[str, ...] = ("exp",)
    username_claim: str = "sub"
    client_id_claim: str = ""
    acl_claim: str = ""
    disconnect_on_expiry: bool = True


@implementer(ICredentialsChecker, IReloadable)
class Tokens:
    """
    Lets in whoever brings a token that is good.

    @ivar allowed: how many came in.
    @ivar denied: how many brought a token of ours that was not good.
    @ivar unknown: how many brought something else.
    """

    credentialInterfaces = (IUsernamePassword,)

    def __init__(
        self,
        settings: TokenSettings,
        reactor: Any = None,
        seconds: Callable[[], float] = monotonic,
        wall: Callable[[], float] = wall_time,
        agent: Any = None,
    ) -> None:
        """
        @param reactor: the global one, unless you have another.
        @param seconds: a clock that never jumps.
        @param wall: what time it is for the world.
        @param agent: fetches the set of keys, an C{IAgent}; for tests.
        @raise ValueError: the settings contradict each other, or a file can't be used.
        """
        self.allowed = self.denied = self.unknown = 0
        self._settings = anchored(settings, "secret_file", "public_key_file", "key_set_file", "key_set_ca_file")
        self._reactor = reactor
        self._seconds = seconds
        self._wall = wall
        self._agent = agent
        self._files = Files()
        self._web: Web | None = None
        self._jwt = PyJWT()
        self._allowed = frozenset(settings.algorithms)
        _look_over(settings)
        self.reload()

    def reload(self) -> None:
        """
        See C{IReloadable}. Keys that were fetched are fetched again when the next token comes.
        """
        settings = self._settings
        fixed: list[keys.Key] = []
        if path := settings.secret_file:
            shared = self._allowed & keys.SECRET.keys()
            data = self._files.read(path, _FILE, secret=True)
            fixed.append(_made_from(path, keys.secret, data, shared, settings.secret_base64))
        if path := settings.public_key_file:
            fixed += _made_from(path, keys.public_keys, self._files.read(path, _FILE))
        if path := settings.key_set_file:
            fixed += _made_from(path, keys.key_set, self._files.read(path, _FILE))
        fetched = web = None
        if settings.key_set_url:
            web = self._new_web()
            times = settings.key_set_lifetime, settings.key_set_pause, settings.key_set_grace
            fetched = FetchedKeys(web, settings.key_set_url, self._seconds, *times)
        self.stop()
        self._fixed, self._fetched, self._web = fixed, fetched, web

    def _new_web(self) -> Web:
        settings = self._settings
        limits = settings.key_set_timeout, settings.key_set_bytes, 1
        path = settings.key_set_ca_file
        if not path:
            return Web(self._reactor, *limits, agent=self._agent)
        return _made_from(path, Web, self._reactor, *limits, self._files.read(path, _FILE), True, self._agent)

    def changed(self) -> bool:
        """
        Is one of the files another than it was at the last attempt to read it?
        """
        return self._files.changed()

    def stop(self) -> None:
        """
        Close the connection that keys were fetched by, if it is still open.
        """
        if self._web is not None:
            self._web.stop()

    @property
    def failures(self) -> int:
        """
        How often keys could not be fetched.
        """
        return self._fetched.failures if self._fetched is not None else 0

    def requestAvatarId(self, credentials: ICredentials) -> Deferred[Any]:
        """
        See C{ICredentialsChecker}: answers with an L{Identity}. Fails with C{UnhandledCredentials} for what is no token
        or none of ours, L{LoginDenied} for a token that is not good, and C{LoginUndecided} when there are no keys.
        """
        return Deferred.fromCoroutine(self._check(credentials))

    async def _check(self, credentials: ICredentials) -> Identity:
        try:
            who = self._identity(await self._claims(credentials), getattr(credentials, "client_id", ""))
        except UnhandledCredentials:
            self.unknown += 1
            raise
        except LoginDenied:
            self.denied += 1
            raise
        self.allowed += 1
        return who

    async def _claims(self, credentials: ICredentials) -> dict[str, Any]:
        """
        What a token says, when it is signed as it should be.
        """
        said: Any = credentials
        token: bytes = said.password if self._settings.field == "password" else said.username
        if len(token) > _TOKEN or _SHAPE.fullmatch(token) is None:
            raise UnhandledCredentials("no token")
        try:
            header = get_unverified_header(token)
        except PyJWTError:
            raise UnhandledCredentials("no token") from None
        algorithm, name = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or algorithm not in self._allowed or not isinstance(name, str | None):
            raise UnhandledCredentials("a token that is signed in another way")
        candidates = keys.suitable(self._fixed, algorithm, name)
        if not candidates and self._fetched is not None:
            candidates = await self._fetched.find(algorithm, name)
        for key in candidates:
            try:
                # What is allowed comes from the key and the settings, never from the token [RFC 8725, 3.1].
                return self._jwt.decode(
                    token,
                    key.key,
                    algorithms=sorted(key.algorithms & self._allowed),
                    options=self._options(),
                    audience=self._settings.audience or None,
                    issuer=self._settings.issuer or None,
                )
            except InvalidSignatureError:
                continue
            except PyJWTError as error:
                raise LoginDenied(f"a token that is not good: {type(error).__name__}") from None
        raise UnhandledCredentials("a token that somebody else signed")

    def _options(self) -> Options:
        # Times are compared with our clock, below.
        return {
            "require": list(self._settings.required),
            "verify_exp": False,
            "verify_nbf": False,
            "verify_iat": False,
            "verify_aud": True,
            "verify_iss": bool(self._settings.issuer),
        }

    def _identity(self, claims: dict[str, Any], client_id: str) -> Identity:
        """
        Whom a token means.

        @raise LoginDenied: it is over, not yet good, or somebody else's.
        """
        settings = self._settings
        now = self._wall()
        expires = _time(claims, "exp")
        if expires is not None and expires + settings.leeway <= now:
            raise LoginDenied("a token that is over")
        for claim in ("nbf", "iat"):
            begins = _time(claims, claim)
            if begins is not None and begins - settings.leeway > now:
                raise LoginDenied(f"a token whose {claim} is still to come")
        name = claims.get(settings.username_claim)
        if not isinstance(name, str) or not _is_name(name):
            raise LoginDenied(f"a token without a user name in {settings.username_claim!r}")
        if settings.client_id_claim and (not client_id or claims.get(settings.client_id_claim) != client_id):
            raise LoginDenied("a token for another client identifier")
        permissions = None
        if settings.acl_claim and settings.acl_claim in claims:
            try:
                permissions = rules_of(claims[settings.acl_claim], settings.acl_claim).user(name, client_id)
            except ValueError as error:
                raise LoginDenied(f"a token with rules that can't be used: {error}") from None
        ends = expires + settings.leeway if expires is not None and settings.disconnect_on_expiry else None
        return Identity(name, permissions, ends)


def _time(claims: dict[str, Any], claim: str) -> float | None:
    """
    A time that a token says; None: it does not.
    """
    value = claims.get(claim)
    if value is None and claim not in claims:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e15 or math.isnan(value):
        raise LoginDenied(f"a token whose {claim} is no time")
    return float(value)


def _is_name(name: str) -> bool:
    """
    Could CONNECT have said so [MQTT5-1.5.4-1] [MQTT5-1.5.4-2]?
    """
    if not name or "\x00" in name:
        return False
    try:
        return len(name.encode()) <= _NAME
    except UnicodeEncodeError:
        return False


def _look_over(settings: TokenSettings) -> None:
    """
    @raise ValueError: the settings contradict each other.
    """
    if not settings.algorithms:
        raise ValueError(f"algorithms: expected at least one of {', '.join(keys.ALGORITHMS)}")
    for each in settings.algorithms:
        if each not in keys.ALGORITHMS:
            raise ValueError(f"algorithms: {each!r}: expected some of {', '.join(keys.ALGORITHMS)}")
    shared = [each for each in settings.algorithms if each in keys.SECRET]
    public = [each for each in settings.algorithms if each in keys.PUBLIC]
    if bool(shared) != bool(settings.secret_file):
        seen = f"{shared[0]} without secret_file" if shared else "secret_file without an algorithm that uses it"
        raise ValueError(f"algorithms: {seen}; HS256, HS384 and HS512 and a secret belong together")
    if settings.secret_base64 and not settings.secret_file:
        raise ValueError("secret_base64 without secret_file")
    places = [settings.public_key_file, settings.key_set_file, settings.key_set_url]
    if bool(public) != any(places):
        seen = f"{public[0]} without public keys" if public else "public keys without an algorithm that uses them"
        raise ValueError(f"algorithms: {seen}; expected public_key_file, key_set_file or key_set_url")
    if settings.key_set_url and (wrong := url_error(settings.key_set_url)):
        raise ValueError(f"key_set_url: {wrong}")
    if settings.key_set_ca_file and not settings.key_set_url.startswith("https:"):
        raise ValueError("key_set_ca_file without a key_set_url of https")
    if not settings.username_claim:
        raise ValueError("username_claim: expected the name of a claim")


def _made_from(path: str, make: Callable[..., T], *arguments: Any) -> T:
    """
    Make something from a file; what is wrong with it names the file.
    """
    try:
        return make(*arguments)
    except ValueError as error:
        raise ValueError(f"{path!r}: {error}") from None
