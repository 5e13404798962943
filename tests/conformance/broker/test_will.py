"""
Wills (sections 3.1.2.5 to 3.1.2.7, 3.1.3.2): what the broker says for a client that is gone, when, and how often.
"""

from __future__ import annotations

from typing import Any

from tests.conformance.case import BrokerCase
from tests.conformance.peer import Peer, field
from tests.conformance.states import states
from txmqtt.codec.constants import CONNACK, PUBLISH
from txmqtt.codec.packets import Connect, Will
from txmqtt.codec.properties import Properties


def will(payload: bytes = b"gone", qos: int = 0, retain: bool = False, **properties: Any) -> Will:
    """
    A will to C{will}.
    """
    return Will(b"will", payload, qos, retain, Properties(**properties) if properties else None)


class WillCase(BrokerCase):
    """
    Somebody watches.
    """

    def watch(self) -> Peer:
        watcher = self.connect("w")
        watcher.subscribe("will", qos=2)
        return watcher

    def said(self, watcher: Peer) -> list[bytes]:
        """
        Which wills it has heard.
        """
        return [each.payload for each in watcher.messages()]


class PublishedTests(WillCase):
    @states("MQTT311-3.1.2-8", "MQTT311-3.1.2-9", "MQTT5-3.1.2-7", "MQTT5-3.1.2-8", "MQTT5-3.1.2-9", "MQTT31 3.1")
    def test_connection_lost(self) -> None:
        """
        When the connection of a client breaks its will is published, at its QoS.
        """
        watcher = self.watch()
        for qos in (0, 1, 2):
            with self.case(f"QoS {qos}"):
                peer = self.connect("a", will=will(b"%d" % qos, qos))
                watcher.silence()
                peer.drop()
                packet = watcher.expect(PUBLISH, topic=b"will", payload=b"%d" % qos, qos=qos, retain=False)
                watcher.acknowledge(packet)
                watcher.messages()

    @states("MQTT311-3.1.2-8", "MQTT5-3.1.2-8", "MQTT31 3.1")
    def test_other_ends(self) -> None:
        """
        A will is published too when the broker has closed: for a breach of the protocol, or as another took over.
        """
        watcher = self.watch()
        with self.case("breach"):
            peer = self.connect("a", will=will(b"breach"))
            peer.say("f0 00")
            peer.closed(0x81, 0x82)
            self.assertEqual(self.said(watcher), [b"breach"])
        with self.case("takeover"):
            self.connect("a", will=will(b"takeover"))
            self.connect("a", clean=True)
            self.assertEqual(self.said(watcher), [b"takeover"])

    @states("MQTT311-3.1.2-12", "MQTT5-3.1.2-8")
    def test_no_will(self) -> None:
        """
        Without a will nothing is said, not even the one of an earlier connection.
        """
        watcher = self.connect("w")
        watcher.subscribe("#")
        peer = self.connect("a", will=will())
        peer.leave()
        self.connect("a", keep=True, will=will()).leave()
        self.connect("a", keep=True).drop()
        self.connect("b").drop()
        watcher.silence()

    @states("MQTT311-3.1.2-10", "MQTT5-3.1.2-10", "MQTT5-3.1.2-8", "MQTT31 3.1")
    def test_withdrawn(self) -> None:
        """
        DISCONNECT withdraws a will for good.
        """
        watcher = self.watch()
        delay: dict[str, Any] = {"will_delay_interval": 1} if self.version == 5 else {}
        self.connect("a", keep=True, will=will(**delay)).leave()
        self.wait(2.5)
        self.connect("a", keep=True).drop()
        self.wait(2.5)
        watcher.silence()

    @states("MQTT311-3.1.2-10", "MQTT5-3.1.2-10")
    def test_published_once(self) -> None:
        """
        A will that was published is gone, though its session goes on.
        """
        watcher = self.watch()
        self.connect("a", keep=True, will=will()).drop()
        self.assertEqual(self.said(watcher), [b"gone"])
        self.connect("a", keep=True, present=True).drop()
        watcher.silence()
        self.connect("a", clean=True).drop()
        self.wait(1)
        watcher.silence()


class RetainTests(WillCase):
    @states("MQTT311-3.1.2-16", "MQTT5-3.1.2-14", "MQTT311-3.1.2-17", "MQTT5-3.1.2-15", "MQTT311-3.1.2-9")
    def test_retain_bit(self) -> None:
        """
        A will is retained if and only if its retain bit says so.
        """
        watcher = self.watch()
        for retain in (False, True):
            with self.case(f"retain {retain}"):
                self.connect("a", will=will(retain=retain)).drop()
                watcher.expect(PUBLISH, payload=b"gone", retain=False)  # the subscription was there before
                later = self.connect("later")
                later.subscribe("will")
                if retain:
                    later.expect(PUBLISH, topic=b"will", payload=b"gone", retain=True)
                later.silence()

    @states("MQTT311-3.1.2-17", "MQTT5-3.1.2-15")
    def test_empty_and_retained(self) -> None:
        """
        A will without a payload that is to be retained removes what is retained.
        """
        self.connect("p").publish("will", b"online", 1, retain=True)
        self.connect("a", will=will(b"", retain=True)).drop()
        self.watch().silence()

    @states("MQTT5-3.2.2-12", "MQTT311-3.2.2-6", "MQTT5 3.2.2.3.4")
    def test_qos_that_is_not_there(self) -> None:
        """
        A will of a higher QoS than the broker takes keeps its client out; 3.1.1 has no words for that.
        """
        self.begin(max_qos=1)
        self.connect("a", will=will(qos=1)).leave()
        peer = self.dial()
        peer.say(Connect("a", self.version, will=will(qos=2)))
        if self.version == 5:
            peer.expect(CONNACK, reason=0x9B, session_present=False)
        peer.closed()

    @states("MQTT5-3.2.2-13", "MQTT311-3.2.2-6")
    def test_retain_that_is_not_there(self) -> None:
        """
        A will to be retained keeps its client out where nothing is retained.
        """
        self.begin(retain_available=False)
        self.connect("a", will=will()).leave()
        peer = self.dial()
        peer.say(Connect("a", self.version, will=will(retain=True)))
        if self.version == 5:
            peer.expect(CONNACK, reason=0x9A, session_present=False)
        peer.closed()


class DelayTests(WillCase):
    @states("MQTT5-3.1.2-7", "MQTT5-3.1.2-8", "MQTT5 3.1.3.2.2")
    def test_delay(self) -> None:
        """
        A will is published when its delay is over, not before.
        """
        watcher = self.watch()
        peer = self.connect("a", keep=True, will=will(will_delay_interval=2))
        self.wait(2.5)  # it counts from the end of the connection
        peer.drop()
        self.wait(1)
        watcher.silence()
        self.wait(2.5)
        self.assertEqual(self.said(watcher), [b"gone"])
        self.connect("a", keep=True, present=True)

    @states("MQTT5-3.1.2-8", "MQTT5 3.1.3.2.2")
    def test_no_session(self) -> None:
        """
        Where the session ends with the connection the will is published then, however long its delay is.
        """
        watcher = self.watch()
        self.connect("a", will=will(will_delay_interval=3_600)).drop()
        self.assertEqual(self.said(watcher), [b"gone"])

    @states("MQTT5-3.1.2-8", "MQTT5 3.1.3.2.2")
    def test_end_of_the_session(self) -> None:
        """
        A will is published when its session expires, however long its delay is.
        """
        watcher = self.watch()
        self.connect("a", session_expiry_interval=1, will=will(will_delay_interval=3_600)).drop()
        watcher.silence()
        self.wait(2.5)
        self.assertEqual(self.said(watcher), [b"gone"])

    @states("MQTT5-3.1.2-8", "MQTT5 3.1.3.2.2")
    def test_clean_start(self) -> None:
        """
        A client that begins anew has ended its session, and so its will is published.
        """
        watcher = self.watch()
        for drop in (True, False):
            with self.case("parked" if drop else "connected"):
                peer = self.connect("a", keep=True, will=will(will_delay_interval=3_600))
                if drop:
                    peer.drop()
                watcher.silence()
                self.connect("a", clean=True)
                self.assertEqual(self.said(watcher), [b"gone"])

    @states("MQTT5-3.1.3-9", "MQTT5-3.1.2-8")
    def test_back_in_time(self) -> None:
        """
        A client that is back before its will was due has none published; neither when it takes over from itself.
        """
        watcher = self.watch()
        self.connect("a", keep=True, will=will(will_delay_interval=1)).drop()
        self.connect("a", keep=True, present=True)
        self.wait(2.5)
        watcher.silence()
        self.connect("b", keep=True, will=will(will_delay_interval=1))
        self.connect("b", keep=True, present=True)
        self.wait(2.5)
        watcher.silence()

    @states("MQTT5-3.1.2-8", "MQTT5-3.1.2-10", "MQTT5 3.1.2.5")
    def test_disconnect_with_will(self) -> None:
        """
        A client may leave with a DISCONNECT that wants its will published; one with reason 0 withdraws it.
        """
        watcher = self.watch()
        self.connect("a", will=will()).leave(0)
        watcher.silence()
        self.connect("a", will=will()).leave(0x04)
        self.assertEqual(self.said(watcher), [b"gone"])

    @states("MQTT5-3.1.2-8")
    def test_disconnect_with_an_error(self) -> None:
        """
        Only a DISCONNECT with reason 0 withdraws a will; with that of an error it is published.
        """
        watcher = self.watch()
        for reason in (0x80, 0x82, 0x97):
            with self.case(f"{reason:#x}"):
                self.connect("a", will=will(b"%d" % reason)).leave(reason)
                self.assertEqual(self.said(watcher), [b"%d" % reason])


class PropertiesTests(WillCase):
    @states("MQTT5-3.1.3-10", "MQTT5 3.1.3.2", "MQTT5-3.1.2-9")
    def test_forwarded(self) -> None:
        """
        What a client says about its will reaches the subscriber, user properties in their order; the delay does not.
        """
        about: dict[str, Any] = {
            "payload_format_indicator": 1,
            "content_type": "text/plain",
            "response_topic": "r/t",
            "correlation_data": b"\0\1",
            "user_properties": (("b", "2"), ("a", "1"), ("b", "2"), ("b", "0")),
        }
        watcher = self.watch()
        self.connect("a", keep=True, will=will(will_delay_interval=1, **about)).drop()
        self.wait(2.5)
        watcher.expect(PUBLISH, payload=b"gone", **about)

    @states("MQTT5 3.1.3.2.4")
    def test_message_expiry(self) -> None:
        """
        The life of a will as a message begins when it is published, and is what its subscribers are told.
        """
        watcher = self.watch()
        self.connect("a", keep=True, will=will(will_delay_interval=2, message_expiry_interval=60)).drop()
        self.wait(3.5)
        said = watcher.expect(PUBLISH, payload=b"gone")
        self.assertIn(field(said, "message_expiry_interval"), (59, 60))

    @states("MQTT5 3.1.3.2.3")
    def test_payload_format(self) -> None:
        """
        A broker that looks at payloads refuses a will that says it is UTF-8, and is not.
        """
        self.begin(check_payload_format=True)
        self.connect("a", will=will("ö".encode(), payload_format_indicator=1)).leave()
        peer = self.dial()
        peer.say(Connect("a", self.version, will=will(b"\xff", payload_format_indicator=1)))
        peer.closed(0x99)
