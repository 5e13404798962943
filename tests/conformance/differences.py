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
            "test_ping.PingTests.test_nothing_in_it": (
                "A PINGREQ with flags is answered. The standards want the connection closed (MQTT311-2.2.2-2, "
                "MQTT5-2.1.3-1)."
            ),
            "test_subscribe.GrantTests.test_no_local_shared": (
                "No Local is granted with a shared subscription. The standard calls that a Protocol Error (3.8.3-4)."
            ),
            "test_subscribe.SeveralTests.test_overlapping": (
                "On 3.1.1 a message that several subscriptions match comes at the QoS of one of them, not at the "
                "highest that was granted, as the standard wants (3.3.5-1)."
            ),
            "test_qos_flows.SenderTests.test_sent_does_not_expire": (
                "A QoS 2 message that was sent, but not acknowledged, expires. The standard says that it does not "
                "(4.3.3-7)."
            ),
            "test_qos_flows.ReceiverTests.test_qos_2_often": (
                "Who sends a QoS 2 message a third time before its PUBREL is disconnected. The standard wants each "
                "copy answered with PUBREC (MQTT311-4.3.3-2, MQTT5-4.3.3-10)."
            ),
            "test_sessions.EverybodyTests.test_many_at_once": (
                "Of 60 QoS 2 messages that a 3.x client sends at once, all are acknowledged, and 20 arrive. What is "
                "acknowledged must arrive (MQTT311-4.5.0-1), and 3.x has no Receive Maximum to tell the client of."
            ),
            "test_shared.FilterTests.test_empty_name": (
                "$share//t is granted. The standard wants a share name that is not empty (4.8.2-1)."
            ),
            "test_shared.FilterTests.test_bad_filter": (
                "$share/g, in which no filter follows the share name, is granted, against the standard (4.8.2-2)."
            ),
            "test_shared.MemberTests.test_nothing_retained": (
                "Who joins a shared subscription is sent what is retained. The standard says that it is not (4.8.2)."
            ),
            "test_flow_control.SenderTests.test_one_for_one": (
                "After some PUBACKs one message more is under way than the client's Receive Maximum allows (4.9.0-2)."
            ),
            "test_flow_control.SenderTests.test_each_connection_anew": (
                "What is sent again to a client that comes back with a smaller Receive Maximum is sent all at once, "
                "whatever that is. The standard allows no more than it (4.9.0-1)."
            ),
            "test_flow_control.ReceiverTests.test_as_many_as_allowed": (
                "A client that has more exchanges under way than the broker said is answered with PUBREC 0x97. The "
                "standard wants it disconnected with 0x93 (3.3.4)."
            ),
            "test_headers.TypeTests.test_wrong_flags": (
                "PUBACK, PUBREC, PUBCOMP and PINGREQ with wrong flags are taken as they are. The standards want the "
                "connection closed (MQTT311-2.2.2-2, MQTT5-2.1.3-1)."
            ),
            "test_headers.TypeTests.test_body_and_length_differ": (
                "A PINGREQ with something in it is answered. The standards have nothing in it (3.12)."
            ),
            "test_headers.TypeTests.test_strange_types": (
                "SUBACK, UNSUBACK and PINGRESP from a client are ignored. The standards have only a server say them "
                "(3.9, 3.11, 3.13); what is to happen they do not say, and ours closes."
            ),
            "test_publish_fields.PropertyTests.test_wildcards_in_response_topic": (
                "A response topic with wildcards is passed on. The standard forbids them (3.3.2-14)."
            ),
            "test_publish_fields.AliasTests.test_out_of_range": (
                "Topic alias 0 ends the connection with 0x81, not 0x94 (3.3.4)."
            ),
            "test_publish_fields.FlowTests.test_receive_maximum": (
                "A client that has more under way than the broker said is answered with PUBREC 0x97. The standard "
                "wants it disconnected with 0x93 (3.3.4)."
            ),
            "test_publish_onward.MatchTests.test_highest_qos": (
                "On 3.1.1 a message that several subscriptions match comes at the QoS of one of them, not at the "
                "highest that was granted (3.3.5-1)."
            ),
            "test_disconnect.LeavingTests.test_will_after_other_reasons": (
                "A DISCONNECT with any reason but 4 withdraws the will. The standard has only reason 0 do so (3.14.4)."
            ),
        },
    ),
}
