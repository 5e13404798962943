"""
What the clients of one listener get: its limits, and the mount point that they live under.
"""

from __future__ import annotations

from typing import Final

from txmqtt.broker.policy import Policy
from txmqtt.codec import reasons
from txmqtt.codec.fields import MAX_STRING

#: What must not come from a name into a topic: it would make another topic of it, or none.
_NOT_A_LEVEL: Final = "/+#"


class Terms:
    """
    Looked at each time, never copied: a change of the configuration reaches those who are connected.

    @ivar policy: what is allowed here.
    @ivar mount: the mount point: whoever has another sees none of its messages.
    """

    def __init__(self, policy: Policy, mount: str = "") -> None:
        self.policy = policy
        self.mount = mount

    def capped(self, expiry: int) -> int:
        """
        A session expiry interval, seconds, as far as the policy allows it.
        """
        return min(expiry, self.policy.max_session_expiry)

    @property
    def redirection(self) -> int:
        """
        With which reason code everybody is sent to another server; 0: they are not.
        """
        redirect = self.policy.redirect
        return (
            reasons.SERVER_MOVED if redirect == "moved" else reasons.USE_ANOTHER_SERVER if redirect == "always" else 0
        )

    @property
    def when_full(self) -> int:
        """
        The reason code for who finds no room.
        """
        return reasons.QUOTA_EXCEEDED if self.policy.redirect == "never" else reasons.USE_ANOTHER_SERVER

    @property
    def at_shutdown(self) -> int:
        """
        The reason code for who has to go because the broker does.
        """
        if self.policy.redirect == "never":
            return reasons.SERVER_SHUTTING_DOWN
        return self.redirection or reasons.USE_ANOTHER_SERVER

    def response_information(self, client_id: str, user: str | None) -> str | None:
        """
        What a client is told to begin its response topics with; None where it can't be made from its names.
        """
        said = self.policy.response_information
        names = {"c": client_id, "u": user or ""}
        parts = said.split("%")
        made = parts[0]
        for part in parts[1:]:
            name = names.get(part[:1])
            if name is None:
                made += "%" + part
            elif not name or any(mark in name for mark in _NOT_A_LEVEL):
                return None
            else:
                made += name + part[1:]
        return made if made and len(made.encode()) <= MAX_STRING else None
