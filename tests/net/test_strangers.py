"""
Servers of something else, told apart.
"""

from __future__ import annotations

from tests.net.support_client import ClientTestCase
from txmqtt import ConnectionClosed
from txmqtt.net.strangers import stranger


class StrangerTests(ClientTestCase):
    def test_known(self) -> None:
        """
        Whoever took the wrong port is told what speaks there, and what to try if there is something to try.
        """
        for beginning, words in (
            (b"\x15\x03\x01\x00\x02\x02\x46", "it speaks TLS; expected MQTT, try mqtts://"),
            (
                b"HTTP/1.1 400 Bad Request\r\n",
                "it speaks HTTP; expected MQTT, try ws:// if it is a server of WebSockets",
            ),
            (b"SSH-2.0-OpenSSH_9.2p1\r\n", "it speaks SSH; expected MQTT"),
            (b"AMQP\x00\x00\x09\x01", "it speaks AMQP; expected MQTT"),
            (b'INFO {"server_id"', "it speaks NATS; expected MQTT, which has a port of its own there"),
        ):
            with self.subTest(beginning=beginning):
                ready = self.make().whenReady()
                self.client.dataReceived(beginning)
                error = self.failureResultOf(ready, ConnectionClosed).value
                self.assertEqual(str(error), f"we closed the connection: {words} (0x82 protocol error)")

    def test_unknown(self) -> None:
        """
        Nothing is guessed about what begins otherwise.
        """
        for beginning in (b"", b"\x20", b"\x20\x03\x00\x00\x00", b"H", b"hello"):
            self.assertEqual(stranger(beginning), "")

    def test_later(self) -> None:
        """
        Once a server has accepted us it is one of MQTT, and its mistakes are called by their names.
        """
        client = self.open()
        answer = client.publish("t", qos=1)
        client.dataReceived(b"HTTP/1.1 400 Bad Request\r\n" + bytes(100))
        self.assertNotIn("HTTP", str(self.closed(answer)))
