"""
Tests of txmqtt.codec.errors.
"""

from twisted.trial.unittest import SynchronousTestCase

from txmqtt.codec.errors import (
    ConnectionClosed,
    LocalProtocolError,
    MQTTError,
    ProtocolError,
    ProxyFailure,
    Refused,
    RemoteProtocolError,
    RequestFailed,
    TLSFailure,
    UnsupportedVersion,
)
from txmqtt.codec.properties import Properties


class ErrorTests(SynchronousTestCase):
    def test_one_root(self) -> None:
        """
        Whoever catches MQTTError catches all that txmqtt raises, and ProtocolError both sides' breaches.
        """
        for kind in (ProtocolError, Refused, ConnectionClosed):
            self.assertTrue(issubclass(kind, MQTTError))
        for breach in (LocalProtocolError, RemoteProtocolError, UnsupportedVersion):
            self.assertTrue(issubclass(breach, ProtocolError))
        self.assertFalse(issubclass(LocalProtocolError, RemoteProtocolError))

    def test_reason(self) -> None:
        """
        An error carries its words and the reason code for the wire.
        """
        error = RemoteProtocolError("varint too long", 0x81)
        self.assertEqual((str(error), error.reason), ("varint too long", 0x81))
        self.assertEqual(LocalProtocolError("no").reason, 0x82)
        self.assertEqual(Refused("no", 0x87).reason, 0x87)
        self.assertEqual(ConnectionClosed("gone").reason, 0x80)
        self.assertEqual(ConnectionClosed("gone", 0x8B).reason, 0x8B)

    def test_another_server(self) -> None:
        """
        Who is sent to another server finds its address on the error, and all else that the server said.
        """
        said = Properties(server_reference="other:1883")
        errors: list[Refused | ConnectionClosed] = [Refused("no", 0x9C, properties=said)]
        errors.append(ConnectionClosed("gone", 0x9D, True, said))
        for error in errors:
            self.assertEqual((error.server_reference, error.properties), ("other:1883", said))
        errors = [Refused("no", 0x87), ConnectionClosed("gone"), Refused("no", 0x87, properties=Properties())]
        self.assertEqual([error.server_reference for error in errors], [None, None, None])

    def test_details(self) -> None:
        """
        A refusal of several things tells about each; the end of a connection tells which side it was.
        """
        self.assertEqual(Refused("no", 0x87).reasons, (0x87,))
        self.assertEqual(Refused("no", 0x87, (0x00, 0x87)).reasons, (0x00, 0x87))
        self.assertEqual([ConnectionClosed("gone").remote, ConnectionClosed("gone", 0x8B, True).remote], [False, True])

    def test_no_connection(self) -> None:
        """
        What kept a connection from coming about is caught like its end, and TLS says what to look at.
        """
        wrong = TLSFailure("the certificate of broker has expired", "date")
        self.assertEqual((wrong.kind, str(wrong)), ("date", "the certificate of broker has expired"))
        for error in (wrong, ProxyFailure("the proxy does not let us through")):
            self.assertIsInstance(error, ConnectionClosed)
            self.assertEqual((error.reason, error.remote, error.server_reference), (0x80, True, None))

    def test_request_failed(self) -> None:
        """
        Who answers requests says in words what went wrong, and with a reason code and properties where it has them.
        """
        said = Properties(user_properties=(("try", "later"),))
        for error, reason, properties in (
            (RequestFailed("no such room"), 0x80, None),
            (RequestFailed("busy", 0x97, said), 0x97, said),
        ):
            self.assertIsInstance(error, Refused)
            self.assertEqual((error.reason, error.properties, error.reasons), (reason, properties, (reason,)))

    def test_unsupported_version(self) -> None:
        """
        A version we do not speak is told with its level, so that the server can answer in the client's own terms.
        """
        error = UnsupportedVersion("level 6", 6)
        self.assertEqual((error.level, error.reason, str(error)), (6, 0x84, "level 6"))
