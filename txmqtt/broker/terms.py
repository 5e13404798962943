"""
What the clients of one listener get: its limits, and the mount point that they live under.
"""

from __future__ import annotations

from typing import Final

from txmqtt.broker.policy import Policy
from txmqtt.codec import reasons
from txmqtt.codec.constants import MQTT5, MQTT31, MQTT311
from txmqtt.codec.fields import MAX_STRING
from txmqtt.codec.packets import Connect

#: What must not come from a name into a topic: it would make another topic of it, or none.
_NOT_A_LEVEL: Final = "/+#"

#: The longest keep-alive that can be asked for.
_U16: Final = 65_535

#: Every version of MQTT that there is a listener for.
VERSIONS: Final = frozenset((MQTT31, MQTT311, MQTT5))


class Terms:
    """
    Looked at each time, never copied: a change of the configuration reaches those who are connected.

    @ivar policy: what is allowed here.
    @ivar mount: the mount point: whoever has another sees none of its messages.
    @ivar versions: of MQTT that are spoken here: 3, 4 and 5 for 3.1, 3.1.1 and 5.0.
    @ivar max_connections: let in at a time by this listener, besides what the policy allows all of them together; 0 for
        no limit of its own.
    """

    def __init__(
        self, policy: Policy, mount: str = "", versions: frozenset[int] = VERSIONS, max_connections: int = 0
    ) -> None:
        self.policy = policy
        self.mount = mount
        self.versions = versions
        self.max_connections = max_connections

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

    def unfit(self, packet: Connect) -> tuple[int, str]:
        """
        Why a CONNECT can't be accepted here, whoever it comes from: a reason code, 0 when it can, and words.
        """
        policy = self.policy
        if packet.version not in self.versions:  # [MQTT5-3.1.2-2] [MQTT311-3.1.2-2]
            return reasons.UNSUPPORTED_PROTOCOL_VERSION, f"protocol level {packet.version} is not spoken here"
        size = len(packet.client_id.encode())
        if size > policy.max_client_id_bytes:
            return (
                reasons.CLIENT_IDENTIFIER_NOT_VALID,
                f"a client identifier of {size} bytes; {policy.max_client_id_bytes} at most",
            )
        if packet.username is not None:
            size = len(packet.username.encode())
            if size > policy.max_user_name_bytes:
                return (
                    reasons.BAD_USER_NAME_OR_PASSWORD,
                    f"a user name of {size} bytes; {policy.max_user_name_bytes} at most",
                )
        return reasons.SUCCESS, ""

    def keep_alive(self, packet: Connect) -> int:
        """
        The keep-alive that is in force for a client, seconds: what it asked for, and on 5.0, where it can be told, as
        far as the policy allows it.
        """
        policy = self.policy
        asked = packet.keep_alive
        if packet.version < MQTT5:
            return asked
        if not asked:
            return asked if policy.max_keep_alive == _U16 else policy.max_keep_alive
        return min(max(asked, policy.min_keep_alive), policy.max_keep_alive)
