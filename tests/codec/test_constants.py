"""
Tests of txmqtt.codec.constants.
"""

from twisted.trial.unittest import SynchronousTestCase

from txmqtt.codec import constants


class ConstantsTests(SynchronousTestCase):
    def test_names(self) -> None:
        """
        Every packet type is the place of its own name.
        """
        self.assertEqual(len(constants.NAMES), 16)
        for number, name in enumerate(constants.NAMES):
            if number:
                self.assertEqual(getattr(constants, name), number)

    def test_sizes(self) -> None:
        """
        The largest packet is what four bytes of length can say, and their own five.
        """
        self.assertEqual(constants.MAX_REMAINING, 128**4 - 1)
        self.assertEqual(constants.MAX_PACKET, 128**4 + 4)
        self.assertEqual(constants.MAX_PACKET_ID, 0xFFFF)

    def test_levels(self) -> None:
        """
        Versions are called by the protocol level in CONNECT.
        """
        self.assertEqual((constants.MQTT31, constants.MQTT311, constants.MQTT5), (3, 4, 5))
