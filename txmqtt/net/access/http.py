"""
Users whom a web service knows: it is asked about each login.

When it does not answer, or says what nobody understands, nobody comes in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from time import time as wall_time
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IAnonymous, ICredentials, IUsernamePassword
from twisted.cred.error import UnhandledCredentials
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.web.http_headers import Headers
from zope.interface import implementer

from txmqtt.net.access.files import Files, anchored
from txmqtt.net.access.question import Fields, Template, as_form, as_json
from txmqtt.net.access.remembered import Remembered
from txmqtt.net.access.seldom import Seldom
from txmqtt.net.access.turnstile import Turnstile
from txmqtt.net.access.verdict import Verdict, verdict
from txmqtt.net.access.web import Answer, CannotFetch, Web, is_loopback, url_error
from txmqtt.net.auth import Identity, LocalUser, LoginDenied, LoginUndecided
from txmqtt.net.options import IReloadable, Range

_log = Logger()

#: So many answers are remembered.
_REMEMBERED: Final = 20_000

#: A file of headers or certificates may have so many bytes.
_FILE: Final = 1024 * 1024

_TOKEN: Final = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


@dataclass(frozen=True)
class HTTPSettings:
    """
    A web service that is asked about each login.

    @ivar url: where it is asked. Passwords travel in what is asked: https, unless nobody is between.
    @ivar method: POST says the fields in its body; GET after ? in the URL, where the service's own log shows them.
    @ivar content: how POST says them.
    @ivar fields: what it is told, each NAME=VALUE. Values may have ${username}, ${password}, ${clientid}, ${peerhost},
        ${cert_common_name} and ${cert_subject}.
    @ivar headers: more headers, each NAME: VALUE. Secrets belong in the file.
    @ivar headers_file: a file of more headers, one a line.
    @ivar timeout: the service must have answered after so many seconds; otherwise nobody comes in. Less than a client
        waits.
    @ivar answer_bytes: its answer may be so large; a larger one lets nobody in.
    @ivar connections: it is asked so many questions at once, each over a connection of its own, which are used again.
    @ivar waiting: so many logins may wait for that; whoever comes then is told that the server is busy.
    @ivar patience: a login that had to wait longer, seconds, is told that the server is busy.
    @ivar ca_file: who signs the service's certificate, PEM; empty: whom the machine trusts.
    @ivar verify: look at its certificate. Without that, whoever is between reads the passwords.
    @ivar remember_allowed: it is not asked again for so many seconds about whom it let in. 0, because only the service
        knows when somebody is blocked.
    @ivar remember_denied: likewise about whom it denied, or does not know.
    @ivar anonymous: ask also about clients without user name and password.
    """

    url: str
    method: Literal["POST", "GET"] = "POST"
    content: Literal["json", "form"] = "json"
    fields: tuple[str, ...] = ("username=${username}", "password=${password}", "clientid=${clientid}")
    headers: tuple[str, ...] = ()
    headers_file: str = ""
    timeout: Annotated[float, Range(0.1, 60)] = 5.0
    answer_bytes: Annotated[int, Range(64, 16 * 1024 * 1024)] = 64 * 1024
    connections: Annotated[int, Range(1, 10_000)] = 50
    waiting: Annotated[int, Range(0, 1_000_000)] = 1000
    patience: Annotated[float, Range(0.1, 600)] = 4.0
    ca_file: str = ""
    verify: bool = True
    remember_allowed: Annotated[float, Range(0, 86_400)] = 0.0
    remember_denied: Annotated[float, Range(0, 86_400)] = 0.0
    anonymous: bool = False


@implementer(ICredentialsChecker, IReloadable)
class Service:
    """
    Lets in whom a web service lets in.

    @ivar allowed: how many came in.
    @ivar denied: how many were denied.
    @ivar unknown: how many the service does not know.
    @ivar failures: how often there was no answer that says anything.
    @ivar remembered: how often the service was not asked, because it had been a moment ago.
    """

    def __init__(
        self,
        settings: HTTPSettings,
        reactor: Any = None,
        seconds: Callable[[], float] = monotonic,
        wall: Callable[[], float] = wall_time,
        agent: Any = None,
    ) -> None:
        """
        @param reactor: the global one, unless you have another.
        @param seconds: a clock that never jumps.
        @param wall: what time it is for the world.
        @param agent: asks, an C{IAgent}; for tests.
        @raise ValueError: the settings contradict each other, or a file can't be used.
        """
        self.allowed = self.denied = self.unknown = self.failures = self.remembered = 0
        self.credentialInterfaces = (IUsernamePassword, IAnonymous) if settings.anonymous else (IUsernamePassword,)
        self._settings = anchored(settings, "headers_file", "ca_file")
        self._reactor = reactor
        self._wall = wall
        self._agent = agent
        self._template = Template(settings.fields)
        self._remembered: Remembered[Verdict] = Remembered(seconds, _REMEMBERED)
        self._seldom = Seldom(_log, seconds)
        self._files = Files()
        self._turnstile: Turnstile | None = None
        self._web: Web | None = None
        if wrong := url_error(settings.url, plain=True):
            raise ValueError(f"url: {wrong}")
        secure = settings.url.startswith("https:")
        if settings.ca_file and not (secure and settings.verify):
            raise ValueError("ca_file without https, or without verify: nobody would look at it")
        self._place = urlsplit(settings.url)._replace(query="").geturl()  # a query may hold a secret
        self.reload()
        if not is_loopback(settings.url) and not (secure and settings.verify):
            _log.warn("{url}: passwords go there so that others may read them; expected https", url=self._place)

    def reload(self) -> None:
        """
        See C{IReloadable}: the files are read again, and what was remembered is forgotten.
        """
        settings = self._settings
        headers = Headers()
        content = "application/json" if settings.content == "json" else "application/x-www-form-urlencoded"
        if settings.method == "POST":
            headers.setRawHeaders("content-type", [content])
        headers.setRawHeaders("accept", ["application/json"])
        for line in settings.headers:
            _add(headers, line, "headers")
        if path := settings.headers_file:
            data = self._files.read(path, _FILE, secret=True)
            try:
                lines = data.decode("ascii").splitlines()
            except UnicodeDecodeError:
                raise ValueError(f"{path}: headers are ASCII") from None
            for number, line in enumerate(lines, 1):
                if line.strip() and not line.startswith("#"):
                    _add(headers, line, f"{path}:{number}")
        authorities = self._files.read(settings.ca_file, _FILE) if settings.ca_file else None
        limits = settings.timeout, settings.answer_bytes, settings.connections
        try:
            web = Web(self._reactor, *limits, authorities, settings.verify, self._agent)
        except ValueError as error:
            raise ValueError(f"{settings.ca_file!r}: {error}") from None
        if self._web is not None:
            self._web.stop()
        self._headers, self._web = headers, web
        self._remembered.forget()

    def changed(self) -> bool:
        """
        Is one of the files another than it was at the last attempt to read it?
        """
        return self._files.changed()

    def stop(self) -> Deferred[None] | None:
        """
        Ask nothing more of what waits, and close the connections that nobody uses.

        @return: fires when they are closed; None: there were none.
        """
        if self._turnstile is not None:
            self._turnstile.dismiss()
        return self._web.stop() if self._web is not None else None

    @property
    def turned_away(self) -> int:
        """
        How many were told that the server is busy.
        """
        return self._turnstile.turned_away if self._turnstile is not None else 0

    def requestAvatarId(self, credentials: ICredentials) -> Deferred[Any]:
        """
        See C{ICredentialsChecker}: answers with an L{Identity}. Fails with C{UnhandledCredentials} when the service
        says C{ignore}, L{LoginDenied} when it says no, and L{LoginUndecided} when it says nothing.
        """
        return Deferred.fromCoroutine(self._check(credentials))

    async def _check(self, credentials: ICredentials) -> Identity:
        fields = self._template.filled(credentials)
        question = self._remembered.question(*(value for _, value in fields))
        found = self._remembered.answer(question)
        if found is None:
            found = await self._asked(fields)
            settings = self._settings
            lifetime = settings.remember_allowed if found.result == "allow" else settings.remember_denied
            self._remembered.remember(question, found, lifetime)
        else:
            self.remembered += 1
        if found.result == "ignore":
            self.unknown += 1
            raise UnhandledCredentials("the login service does not know this client")
        if found.result == "deny" or (found.expires_at is not None and found.expires_at <= self._wall()):
            self.denied += 1
            raise LoginDenied("the login service says no")
        self.allowed += 1
        return _identity(found, credentials)

    async def _asked(self, fields: Fields) -> Verdict:
        settings = self._settings
        body: bytes | None = None
        url = settings.url
        if settings.method == "GET":
            url += ("&" if "?" in url else "?") + as_form(fields).decode()
        else:
            body = as_json(fields) if settings.content == "json" else as_form(fields)
        try:
            answer = await self._turn().pass_through(lambda: self._question(url, body))
            return verdict(answer)
        except CannotFetch as error:
            self.failures += 1
            self._seldom.warn(self._place, f"{error}; nobody is let in")
            raise LoginUndecided("the login service does not answer as expected") from None

    def _question(self, url: str, body: bytes | None) -> Deferred[Answer]:
        assert self._web is not None
        return self._web.ask(self._settings.method, url, self._headers, body)

    def _turn(self) -> Turnstile:
        if self._turnstile is None:
            reactor = self._reactor
            if reactor is None:
                from twisted.internet import reactor
            settings = self._settings
            self._turnstile = Turnstile(reactor, settings.connections, settings.waiting, settings.patience)
        return self._turnstile


def _identity(found: Verdict, credentials: Any) -> Identity:
    """
    Whom a verdict lets in.
    """
    name = found.name
    if name is None and (said := getattr(credentials, "username", None)):
        name = said.decode()
    permissions: object | None = None
    if found.superuser:
        permissions = LocalUser(name)
    elif found.rules is not None:
        permissions = found.rules.user(name, getattr(credentials, "client_id", ""))
    return Identity(name, permissions, found.expires_at)


def _add(headers: Headers, line: str, where: str) -> None:
    """
    @raise ValueError: it is no header. What it is is not repeated: it may be a secret.
    """
    name, colon, value = line.partition(":")
    value = value.strip()
    if not colon or not name or not _TOKEN.issuperset(name) or not value.isascii() or not value.isprintable():
        raise ValueError(f"{where}: expected NAME: VALUE, in ASCII")
    if name.lower() in ("host", "content-length", "transfer-encoding", "connection"):
        raise ValueError(f"{where}: {name} is not for you to set")
    if name.lower() in ("content-type", "accept"):
        headers.removeHeader(name)
    headers.addRawHeader(name, value)
