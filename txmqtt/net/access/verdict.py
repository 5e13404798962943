"""
What a login service answers about a client, in the words of EMQX.

C{{"result": "allow" | "deny" | "ignore", "is_superuser": false, "username": "...", "acl": [...], "expire_at": 1.7e9}},
or just a status: 200 or 204 without a body lets in, 4xx does not. Everything else is no answer, and lets nobody in.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from txmqtt.net.access.claims import rules_of
from txmqtt.net.access.rules import Rules
from txmqtt.net.access.web import Answer, CannotFetch

#: The 4xx that say nothing about the client: that the service has too much to do.
_LATER = (408, 429)


@dataclass(frozen=True)
class Verdict:
    """
    May somebody come in, and as whom?

    @ivar result: C{ignore}: the service does not know him.
    @ivar superuser: he may do everything.
    @ivar name: his user name; None: the one that he gave.
    @ivar rules: what he may do; None: what the broker's own rules say.
    @ivar expires_at: when that is over, seconds of the world's clock; None: never.
    """

    result: Literal["allow", "deny", "ignore"]
    superuser: bool = False
    name: str | None = None
    rules: Rules | None = None
    expires_at: float | None = None


def verdict(answer: Answer) -> Verdict:
    """
    Read an answer.

    @raise CannotFetch: it says neither yes nor no.
    """
    if 400 <= answer.status < 500 and answer.status not in _LATER:
        return Verdict("deny")
    if not 200 <= answer.status < 300:
        raise CannotFetch(f"status {answer.status}")
    if not answer.body and answer.status in (200, 204):
        return Verdict("allow")
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise CannotFetch(f"status {answer.status} with a body that is no JSON") from None
    if not isinstance(said, dict):
        raise CannotFetch("JSON that is no object")
    return _verdict(said)


def _verdict(said: dict[str, Any]) -> Verdict:
    result = said.get("result")
    if result not in ("allow", "deny", "ignore"):
        raise CannotFetch("a result that is none of allow, deny and ignore")
    if result != "allow":
        return Verdict(result)
    superuser, name, ends = said.get("is_superuser", False), said.get("username"), said.get("expire_at")
    if not isinstance(superuser, bool):
        raise CannotFetch("an is_superuser that is neither true nor false")
    if name is not None and (not isinstance(name, str) or not name or "\x00" in name or not _encodes(name)):
        raise CannotFetch("a username that no client could have")
    if ends is not None and (isinstance(ends, bool) or not isinstance(ends, int | float) or not abs(ends) < 1e15):
        raise CannotFetch("an expire_at that is no time")
    rules = None
    if (acl := said.get("acl")) is not None:
        try:
            rules = rules_of(acl, "acl")
        except ValueError as error:
            raise CannotFetch(f"an acl that can't be used: {error}") from None
    return Verdict("allow", superuser, name, rules, float(ends) if ends is not None else None)


def _encodes(name: str) -> bool:
    try:
        return len(name.encode()) <= 65535
    except UnicodeEncodeError:
        return False
