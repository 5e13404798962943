"""
CONNECT and CONNACK (sections 3.1 and 3.2): how our client comes in.
"""

from __future__ import annotations

from tests.conformance.case import ClientCase
from tests.conformance.states import states
from txmqtt import ConnectionClosed, Properties, Refused, Will
from txmqtt.codec.constants import CONNECT, PINGREQ
from txmqtt.codec.packets import Connack, Pingresp

#: What our client says of itself on 5.0: a Receive Maximum and a Maximum Packet Size.
_PROPERTIES = "[ 21 0064 27 01000000 ]"


class ConnectTests(ClientCase):
    @states("MQTT311-3.1.0-1", "MQTT5-3.1.0-1", "MQTT311-3.1.3-3", "MQTT5-3.1.3-3")
    def test_bytes(self) -> None:
        """
        The first that a client says is CONNECT, with its name first in the payload.
        """
        peer = self.listen(client_id="abc", keep_alive=10)
        if self.version == 4:
            peer.expect('10 [ "MQTT" 04 02 000a "abc" ]')
        else:
            peer.expect(f'10 [ "MQTT" 05 02 000a {_PROPERTIES} "abc" ]')

    @states("MQTT311-3.1.3-1", "MQTT5-3.1.3-1", "MQTT311-3.1.2-9", "MQTT5-3.1.2-9")
    def test_order_of_the_payload(self) -> None:
        """
        Name, will, user name and password stand in the order of the standard.
        """
        peer = self.listen(client_id="c", keep_alive=0, will=Will("w", b"x", 1, True), username="u", password="p")
        if self.version == 4:
            peer.expect('10 [ "MQTT" 04 ee 0000 "c" "w" "x" "u" "p" ]')
        else:
            peer.expect(f'10 [ "MQTT" 05 ee 0000 {_PROPERTIES} "c" [] "w" "x" "u" "p" ]')

    @states("MQTT311-3.1.2-13", "MQTT311-3.1.2-15", "MQTT311-3.1.2-11", "MQTT5-3.1.2-11", "MQTT5-3.1.2-13")
    def test_no_will_no_bits(self) -> None:
        """
        Without a will its bits are 0.
        """
        peer = self.listen()
        peer.expect(CONNECT, will=None)
        self.assertEqual(peer.raw[9] & 0b0011_1100, 0)


class KeepAliveTests(ClientCase):
    @states("MQTT311-3.1.2-23", "MQTT5-3.1.2-20")
    def test_ping(self) -> None:
        """
        A client that has nothing to say says PINGREQ within its keep-alive.
        """
        peer = self.accept(keep_alive=20)
        for _ in range(3):
            self.wait(20)
            peer.expect(PINGREQ)
            peer.say(Pingresp())

    @states("MQTT5-3.1.2-21", "MQTT5-3.2.2-21")
    def test_server_keep_alive(self) -> None:
        """
        The keep-alive of the server counts, if it names one.
        """
        peer = self.accept(keep_alive=600, announced=Properties(server_keep_alive=10))
        self.wait(10)
        peer.expect("c0 00")


class ConnackTests(ClientCase):
    @states("MQTT5-3.2.2-4")
    def test_session_of_somebody_else(self) -> None:
        """
        A client without a session closes when the server says that it has one.
        """
        peer = self.listen(clean_start=True)
        peer.expect(CONNECT, clean_start=True)
        peer.say(Connack(session_present=True))
        peer.closed()
        self.failureResultOf(self.client.whenReady(), ConnectionClosed)

    @states("MQTT5 3.2.2.2", "MQTT311 3.2.2.3")
    def test_refused(self) -> None:
        """
        A client that is refused says nothing more.
        """
        peer = self.listen()
        peer.expect(CONNECT)
        peer.say("20 02 00 05" if self.version == 4 else "20 03 00 87 00")
        peer.closed()
        self.failureResultOf(self.client.whenReady(), Refused)
