"""
PINGREQ and PINGRESP (sections 3.12 and 3.13): whether anybody is there.
"""

from __future__ import annotations

from tests.conformance.case import BrokerCase
from tests.conformance.states import states


class PingTests(BrokerCase):
    @states("MQTT311-3.12.4-1", "MQTT5-3.12.4-1", "MQTT31 3.13")
    def test_answered(self) -> None:
        """
        Each PINGREQ is answered with a PINGRESP, however its bytes arrive.
        """
        peer = self.connect("a")
        for name, say, count in (
            ("one", peer.say, 1),
            ("five at once", peer.say, 5),
            ("byte by byte", peer.say_slowly, 2),
        ):
            with self.case(name):
                say("c0 00" * count)
                for _ in range(count):
                    peer.expect("d0 00")
                peer.silence()

    @states("MQTT311-2.2.2-2", "MQTT5-2.1.3-1", "MQTT311 3.12", "MQTT5 3.12")
    def test_nothing_in_it(self) -> None:
        """
        A PINGREQ has no flags and nothing in it; one that has ends the connection.
        """
        for name, data in (
            ("flags", "c1 00"),
            ("all flags", "cf 00"),
            ("a byte", "c0 01 00"),
            ("two bytes", "c0 02 0001"),
        ):
            with self.case(name):
                peer = self.connect("a")
                peer.say(data)
                peer.closed(0x81, 0x82)

    @states("MQTT311 3.13", "MQTT5 3.13", "MQTT31 3.13")
    def test_pingresp_is_the_servers(self) -> None:
        """
        A client that says PINGRESP is disconnected.
        """
        self.only_ours("the standard does not say what is to be done with it")
        peer = self.connect("a")
        peer.say("d0 00")
        peer.closed(0x81, 0x82)
