"""
What a token or an answer says its user may do: our own tables of rules, or either of the two forms that EMQX takes.

C{[{"allow": true, "actions": ["publish"], "topics": ["home/%u/#"]}]} is ours.
C{{"pub": ["home/#"], "sub": [], "all": []}} lists what is allowed.
C{[{"permission": "allow", "action": "publish", "topic": "home/#"}]} is a list of rules, the first that fits decides.
C{${username}} and C{${clientid}} stand in EMQX's topics for what C{%u} and C{%c} stand for in ours. What no rule speaks
of is denied. A word that we do not know may hold somebody back, so it is an error rather than ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from txmqtt.net.access.rules import Rules, rules_from_tables

#: So many rules, or topics of one list, may come from outside.
MOST: Final = 1000

#: What we call what EMQX calls so. Whoever may subscribe may be sent what comes, and who may not may not.
_ACTIONS: Final = {
    "publish": ("publish",),
    "pub": ("publish",),
    "subscribe": ("subscribe", "receive"),
    "sub": ("subscribe", "receive"),
    "all": ("publish", "subscribe", "receive"),
}
_LISTS: Final = ("pub", "sub", "all")
_RULE: Final = ("permission", "action", "topic", "topics")


def rules_of(claim: object, where: str) -> Rules:
    """
    The rules that a claim describes.

    @param where: what is told of where it stands.
    @raise ValueError: it describes none; says what was expected.
    """
    if isinstance(claim, Mapping):
        return rules_from_tables(_lists(claim, where), where)
    if not isinstance(claim, list) or not all(isinstance(each, Mapping) for each in claim):
        raise ValueError(f"{where}: expected a list of rules, or an object of pub, sub and all")
    if len(claim) > MOST:
        raise ValueError(f"{where}: {len(claim):,} rules; expected at most {MOST:,}")
    theirs = [("permission" in each) for each in claim]
    if any(theirs):
        return rules_from_tables([_rule(each, f"{where}, rule {n}") for n, each in enumerate(claim, 1)], where)
    return rules_from_tables(claim, where)


def _lists(claim: Mapping[str, object], where: str) -> list[Mapping[str, object]]:
    tables: list[Mapping[str, object]] = []
    for action, topics in claim.items():
        if action not in _LISTS:
            raise ValueError(f"{where}: {str(action)[:64]!r}; expected pub, sub and all")
        if found := _topics(topics, f"{where}, {action}"):
            tables.append({"allow": True, "actions": list(_ACTIONS[action]), "topics": found})
    return tables


def _rule(rule: Mapping[str, object], where: str) -> Mapping[str, object]:
    for word, value in rule.items():
        if word == "qos" or word == "retain":
            if value != "all":
                raise ValueError(f"{where}: {word} can't be restricted by a rule here")
        elif word not in _RULE:
            raise ValueError(f"{where}: {str(word)[:64]!r}; expected {', '.join(_RULE)}")
    permission, action = rule.get("permission"), rule.get("action", "all")
    if permission not in ("allow", "deny"):
        raise ValueError(f"{where}: permission: expected allow or deny")
    if not isinstance(action, str) or action not in _ACTIONS:
        raise ValueError(f"{where}: action: expected publish, subscribe or all")
    if ("topic" in rule) == ("topics" in rule):
        raise ValueError(f"{where}: expected a topic, or topics")
    said = [rule["topic"]] if "topic" in rule else rule["topics"]
    topics = _topics(said, where)
    if not topics:
        raise ValueError(f"{where}: no topics")
    return {"allow": permission == "allow", "actions": list(_ACTIONS[action]), "topics": topics}


def _topics(topics: object, where: str) -> list[str]:
    if not isinstance(topics, list) or len(topics) > MOST:
        raise ValueError(f"{where}: expected a list of at most {MOST:,} topic filters")
    return [_topic(topic, where) for topic in topics]


def _topic(topic: object, where: str) -> str:
    if not isinstance(topic, str):
        raise ValueError(f"{where}: expected topic filters as strings")
    if topic.startswith("eq "):
        raise ValueError(f"{where}: 'eq' before a topic filter has no like here")
    found = topic.replace("${username}", "%u").replace("${clientid}", "%c")
    if "${" in found:
        raise ValueError(f"{where}: a placeholder that is neither ${{username}} nor ${{clientid}}")
    return found
