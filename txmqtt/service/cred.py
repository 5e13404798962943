"""
Checkers that come from plugins of twisted.cred, made fit for use.
"""

from __future__ import annotations

import os
from typing import Any

from twisted.cred.checkers import FilePasswordDB, ICredentialsChecker, InMemoryUsernamePasswordDatabaseDontUse


def usable(checker: Any) -> ICredentialsChecker:
    """
    A checker as a plugin made it, without what would only fail at the first login.

    @raise ValueError: it can't be used; says what was expected.
    """
    if isinstance(checker, InMemoryUsernamePasswordDatabaseDontUse):
        # "memory:" of Twisted 26.10 fills it with str, where its documentation and every protocol have bytes.
        checker.users = {_encoded(name): _encoded(password) for name, password in checker.users.items()}
    elif isinstance(checker, FilePasswordDB) and not os.path.isfile(checker.filename):
        raise ValueError(f"{checker.filename!r} is no file; expected one of lines NAME:PASSWORD")
    made: ICredentialsChecker = checker
    return made


def _encoded(word: str | bytes) -> bytes:
    return word.encode() if isinstance(word, str) else word
