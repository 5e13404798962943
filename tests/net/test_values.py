"""
What users hold in their hands.
"""

from twisted.trial.unittest import SynchronousTestCase

from txmqtt import Acknowledgement, Message, Properties, QoS, ReasonCode, Will


class ValueTests(SynchronousTestCase):
    def test_message(self) -> None:
        """
        A message shows what it is about, not what it says, and always has properties.
        """
        message = Message("a/b", b"secret", 2, False, False)
        self.assertEqual(repr(message), "<message on 'a/b': 6 bytes, QoS 2>")
        self.assertEqual(message.properties, Properties())
        self.assertIs(message.properties, message.properties)

    def test_acknowledgement(self) -> None:
        """
        An acknowledgement has a reason for each thing asked, by name.
        """
        one = Acknowledgement((ReasonCode.NO_MATCHING_SUBSCRIBERS,), Properties(reason_string="nobody"))
        self.assertEqual((one.reason, one.properties.reason_string), (0x10, "nobody"))
        two = Acknowledgement((ReasonCode.SUCCESS, ReasonCode.GRANTED_QOS_1))
        self.assertEqual((two.reason, two.properties), (0, Properties()))
        self.assertEqual(repr(two), "<acknowledgement: SUCCESS, GRANTED_QOS_1>")

    def test_qos(self) -> None:
        """
        The names of the three QoS are numbers as well.
        """
        self.assertEqual([QoS.AT_MOST_ONCE, QoS.AT_LEAST_ONCE, QoS.EXACTLY_ONCE], [0, 1, 2])

    def test_will(self) -> None:
        """
        A will keeps what it was given, and does not show its payload.
        """
        will = Will("a/b", bytearray(b"secret"), QoS.AT_LEAST_ONCE, True)  # type: ignore[arg-type] # any bytes will do
        self.assertEqual((will.topic, will.payload, will.qos, will.retain), (b"a/b", b"secret", 1, True))
        self.assertNotIn("secret", repr(will))
