"""
Where another broker fails a test of ours: who is right, and why. Each of these was looked into.
"""

from __future__ import annotations

#: By broker: what was looked at; and by test, without its version, what the broker does and who is right.
KNOWN: dict[str, tuple[str, dict[str, str]]] = {
    "mosquitto": (
        "mosquitto 2.0.11",
        {
            "test_connect.TakeoverTests.test_same_client_identifier": (
                "On 5.0 the older client is closed without a DISCONNECT 0x8E. The standard wants one (3.1.4-3)."
            ),
            "test_publish.FlowTests.test_receive_maximum": (
                "With a Receive Maximum of 2, one PUBACK sets two more messages free while another is still "
                "unacknowledged: three are under way. The standard allows two (3.3.4-9)."
            ),
        },
    ),
}
