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
            "test_connect_properties.BreachTests.test_authentication_data_alone": (
                "Authentication data without a method are let in: a Protocol Error to the standard (3.1.2.11.10)."
            ),
            "test_connect_properties.PacketSizeTests.test_counts_as_delivered": (
                "With a Receive Maximum of 1, a message that is too large for the client stops its queue until it "
                "connects again. The standard wants it to count as delivered (3.1.2-25)."
            ),
            "test_connect_properties.PacketSizeTests.test_maximum": (
                "A PUBLISH of one byte more than the Maximum Packet Size is sent: the first byte is not counted. The "
                "standard means the whole packet (3.1.2-24)."
            ),
            "test_connect_properties.PacketSizeTests.test_other_packets": (
                "A SUBACK larger than the Maximum Packet Size is sent. The standard excepts no packet (3.1.2-24)."
            ),
            "test_publish.FlowTests.test_receive_maximum": (
                "With a Receive Maximum of 2, one PUBACK sets two more messages free while another is still "
                "unacknowledged: three are under way. The standard allows two (3.3.4-9)."
            ),
            "test_will.DelayTests.test_clean_start": (
                "A will that has a delay is lost when its client begins anew with Clean Start. The standard has it "
                "published, as the session has ended (3.1.2-8)."
            ),
            "test_will.DelayTests.test_disconnect_with_an_error": (
                "A DISCONNECT with any reason but 4 withdraws the will. The standard has only reason 0 do so (3.1.2-8)."
            ),
            "test_will.DelayTests.test_no_session": (
                "A will whose delay is longer than its session is never published where the session ends with the "
                "connection. The standard has it published then (3.1.2-8)."
            ),
        },
    ),
}
