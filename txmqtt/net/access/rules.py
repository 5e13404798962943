"""
What a user may do, as a list of rules: the first that fits decides.

A rule allows or denies some actions on some topics to some users. C{publish} and C{receive} are asked for each topic: a
rule fits if one of its filters matches it. C{subscribe} is asked for a whole filter: a rule fits if one of its own
filters covers all of it. A deny that covers only a part refuses no SUBSCRIBE; it holds back the messages of that part,
one by one, when it is about C{receive}. So to keep somebody from reading, deny C{receive}.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final
from weakref import WeakValueDictionary

from zope.interface import implementer

from txmqtt.codec import reasons
from txmqtt.codec.topics import filter_error
from txmqtt.net.access.answers import ACTIONS, CLIENT_ID, PUBLISH, RECEIVE, USER_NAME, Answers
from txmqtt.net.auth import IMQTTUser, User


@dataclass(frozen=True)
class Rule:
    """
    Allows or denies something to somebody.

    @ivar allow: False: it denies.
    @ivar topics: topic filters; C{%u} stands for the user name in them, C{%c} for the client identifier.
    @ivar actions: which of C{ACTIONS} it is about.
    @ivar users: whom it is about, by user name; empty: everybody whom C{anonymous} admits.
    @ivar clients: by client identifier besides; empty: whatever it is.
    @ivar anonymous: True: it is about those without a user name, besides the C{users}; False: only about those with
        one; None: about both, if no C{users} are named.
    @ivar partly: it allows a SUBSCRIBE also where its filters cover only a part of what that asks for. The other
        messages are not delivered.
    @raise ValueError: a filter or an action is none.
    """

    allow: bool
    topics: tuple[str, ...]
    actions: tuple[str, ...] = ACTIONS
    users: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    anonymous: bool | None = None
    partly: bool = False

    def __post_init__(self) -> None:
        if not self.topics:
            raise ValueError("no topics; expected at least one topic filter, # for everything")
        for topic in self.topics:
            wrong = filter_error(topic.encode("utf-8", "surrogatepass"))
            if wrong is None and topic.startswith("$share/"):
                wrong = "a shared subscription is judged by the filter after its share name; write that"
            if wrong is not None:
                raise ValueError(f"topic filter {topic!r}: {wrong}")
        if not self.actions:
            raise ValueError(f"no actions; expected some of {', '.join(ACTIONS)}")
        for action in self.actions:
            if action not in ACTIONS:
                raise ValueError(f"action {action!r}: expected one of {', '.join(ACTIONS)}{_near(action, ACTIONS)}")

    def concerns(self, name: str | None) -> bool:
        """
        Whether it is about a user; None for one without a name.
        """
        if name is None:
            return self.anonymous is True or (self.anonymous is None and not self.users)
        return name in self.users if self.users else self.anonymous is not True

    def uses(self, placeholder: str) -> bool:
        """
        Whether one of its filters has this placeholder.
        """
        return any(placeholder in topic for topic in self.topics)


class Rules:
    """
    Rules in their order, found by whom they are about: a user costs no more than the rules that concern him.

    @ivar default: whether what no rule speaks of is allowed. C{$SYS} never is without a rule.
    """

    def __init__(self, rules: Sequence[Rule] = (), default: bool = False) -> None:
        self.default = default
        self._rules = tuple(rules)
        self._by_client: dict[str, list[int]] = {}
        self._by_user: dict[str | None, list[int]] = {}  # None: those without a name
        self._for_many: list[int] = []
        for number, rule in enumerate(self._rules):
            if rule.clients:
                for client_id in rule.clients:
                    self._by_client.setdefault(client_id, []).append(number)
            elif rule.users or rule.anonymous:
                for name in (*rule.users, *((None,) if rule.anonymous else ())):
                    self._by_user.setdefault(name, []).append(number)
            else:
                self._for_many.append(number)
        # Whom the same rules concern in the same way is answered from the same table.
        self._answers: WeakValueDictionary[tuple[object, ...], Answers] = WeakValueDictionary()

    def __len__(self) -> int:
        return len(self._rules)

    def concerning(self, name: str | None, client_id: str) -> list[Rule]:
        """
        The rules about one client, in their order.
        """
        candidates = {
            *self._for_many,
            *self._by_user.get(name, ()),
            *(self._by_client.get(client_id, ())),
        }
        return [self._rules[number] for number in sorted(candidates) if self._rules[number].concerns(name)]

    def answers(self, name: str | None, client_id: str) -> Answers:
        """
        What one client may do, worked out.
        """
        rules = self.concerning(name, client_id)
        key = (
            tuple(id(rule) for rule in rules),
            name if any(rule.uses(USER_NAME) for rule in rules) else None,
            client_id if any(rule.uses(CLIENT_ID) for rule in rules) else None,
        )
        answers = self._answers.get(key)
        if answers is None:
            answers = self._answers[key] = Answers(rules, self.default, name, client_id)
        return answers

    def user(self, name: str | None, client_id: str) -> RuledUser:
        """
        A user whom these rules bind.

        @param name: the user name; None for anonymous.
        @param client_id: the client identifier; empty where the broker is yet to assign one.
        """
        return RuledUser(lambda: self, name, client_id)


@implementer(IMQTTUser)
class RuledUser(User):
    """
    Somebody who may do what rules say.
    """

    unrestricted = False

    def __init__(self, current: Callable[[], Rules], name: str | None, client_id: str) -> None:
        """
        @param current: the rules that are in force now.
        @param client_id: what C{%c} stands for.
        """
        super().__init__(name)
        self._current = current
        self._client_id = client_id
        self._rules: Rules | None = None
        self._worked_out: Answers | None = None

    def _answers(self) -> Answers:
        rules = self._current()
        answers = self._worked_out
        if answers is None or rules is not self._rules:
            self._rules = rules
            answers = self._worked_out = rules.answers(self.name, self._client_id)
        return answers

    def may_publish(self, topic: str) -> bool:
        """
        See C{IMQTTUser}.
        """
        return self._answers().about_topic(PUBLISH, topic.encode())

    def granted(self, filter: str, qos: int) -> int:
        """
        See C{IMQTTUser}: the QoS is never reduced.
        """
        return qos if self._answers().about_filter(filter.encode()) else reasons.NOT_AUTHORIZED

    def may_receive(self, topic: str) -> bool:
        """
        See C{IMQTTUser}.
        """
        return self._answers().about_topic(RECEIVE, topic.encode())


# From tables


def rules_from_tables(tables: Sequence[Mapping[str, object]], where: str, default: bool = False) -> Rules:
    """
    The rules that TOML or JSON tables describe, such as C{{"allow": True, "users": ["ann"], "topics": ["home/%u/#"]}}.

    @param where: what is told of where they stand.
    @param default: whether what no rule speaks of is allowed.
    @raise ValueError: one of them is no rule; says which, what was seen and what was expected.
    """
    return Rules(rule_list(tables, where), default)


def rule_list(tables: Sequence[Mapping[str, object]], where: str) -> list[Rule]:
    """
    Likewise, as a list.
    """
    if isinstance(tables, str | bytes) or not isinstance(tables, Sequence):
        raise ValueError(f"{where}: {_shown(tables)}; expected a list of tables")
    return [_rule(table, f"{where}, rule {number}") for number, table in enumerate(tables, 1)]


def _rule(table: Mapping[str, object], where: str) -> Rule:
    if not isinstance(table, Mapping):
        raise ValueError(f"{where}: {_shown(table)}; expected a table")
    for key in table:
        if key not in _KEYS:
            known = ", ".join(_KEYS)
            raise ValueError(f"{where}: unknown key {_shown(key)}; expected some of {known}{_near(str(key), _KEYS)}")
    said = [key for key in ("allow", "deny") if key in table]
    if len(said) != 1:
        seen = " and ".join(said) or "neither allow nor deny"
        raise ValueError(f"{where}: {seen}; expected one of allow = true and deny = true")
    allow = _flag(table, said[0], where) is (said[0] == "allow")
    words = {key: _words(table, key, where) for key in ("topics", "actions", "users", "clients")}
    anonymous = _flag(table, "anonymous", where) if "anonymous" in table else None
    partly = "partly" in table and _flag(table, "partly", where)
    try:
        return Rule(
            allow, words["topics"], words["actions"] or ACTIONS, words["users"], words["clients"], anonymous, partly
        )
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _flag(table: Mapping[str, object], key: str, where: str) -> bool:
    value = table[key]
    if not isinstance(value, bool):
        raise ValueError(f"{where}: {key} is {_shown(value)}; expected true or false")
    return value


def _words(table: Mapping[str, object], key: str, where: str) -> tuple[str, ...]:
    if key not in table:
        return ()
    value = table[key]
    if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(each, str) for each in value):
        raise ValueError(f"{where}: {key} is {_shown(value)}; expected a list of strings")
    if not value:  # it would be about everybody, where somebody may have meant nobody
        raise ValueError(f"{where}: {key} is empty; leave it out, or name some")
    return tuple(value)


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."


def _near(word: str, known: Sequence[str]) -> str:
    near = get_close_matches(word, known, 1)
    return f" (did you mean {near[0]}?)" if near else ""


_KEYS: Final = ("allow", "deny", "actions", "topics", "users", "clients", "anonymous", "partly")

#: So much of what was written is shown, characters.
_SHOWN: Final = 64
