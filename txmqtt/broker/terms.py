"""
What the clients of one listener get: its limits, and the mount point that they live under.
"""

from __future__ import annotations

from txmqtt.broker.policy import Policy


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
