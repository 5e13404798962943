"""
Tests of txmqtt.codec.reasons.
"""

from twisted.trial.unittest import SynchronousTestCase

from txmqtt.codec import reasons
from txmqtt.codec.reasons import ReasonCode

#: The lists of the standard, per packet type: CONNACK, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK, DISCONNECT,
#: AUTH.
LISTS = {
    2: "00 80 81 82 83 84 85 86 87 88 89 8a 8c 90 95 97 99 9a 9b 9c 9d 9f",
    4: "00 10 80 83 87 90 91 97 99",
    5: "00 10 80 83 87 90 91 97 99",
    6: "00 92",
    7: "00 92",
    9: "00 01 02 80 83 87 8f 91 97 9e a1 a2",
    11: "00 11 80 83 87 8f 91",
    14: "00 04 80 81 82 83 87 89 8b 8d 8e 8f 90 93 94 95 96 97 98 99 9a 9b 9c 9d 9e 9f a0 a1 a2",
    15: "00 18 19",
}


class ReasonTests(SynchronousTestCase):
    def test_enum_and_integers_agree(self) -> None:
        """
        The reason codes that users see are those that the inside compares.
        """
        for code in ReasonCode:
            self.assertEqual(getattr(reasons, code.name), code)
        self.assertEqual(len(ReasonCode), 43)

    def test_name(self) -> None:
        """
        A reason code can be read by a person, one that the standard does not have too.
        """
        self.assertEqual(reasons.name(0x97), "0x97 quota exceeded")
        self.assertEqual(reasons.name(0), "0x00 success")
        self.assertEqual(reasons.name(0x7F), "0x7F unknown reason")

    def test_legal(self) -> None:
        """
        On 5.0 each packet type has its own list of reason codes, and no other code.
        """
        for kind in range(16):
            allowed = {int(code, 16) for code in LISTS.get(kind, "").split()}
            self.assertEqual({code for code in range(256) if reasons.legal(kind, code)}, allowed, kind)
            self.assertFalse(reasons.legal(kind, -1))
            self.assertFalse(reasons.legal(kind, 256))

    def test_legal_before_5(self) -> None:
        """
        3.x has return codes in CONNACK and SUBACK, and success in all else; 3.1 cannot refuse a subscription.
        """
        for version in (3, 4):
            self.assertEqual([code for code in range(-1, 257) if reasons.legal(2, code, version)], [0, 1, 2, 3, 4, 5])
            self.assertEqual([code for code in range(-1, 257) if reasons.legal(4, code, version)], [0])
        self.assertEqual([code for code in range(-1, 257) if reasons.legal(9, code, 3)], [0, 1, 2])
        self.assertEqual([code for code in range(-1, 257) if reasons.legal(9, code, 4)], [0, 1, 2, 0x80])

    def test_return_code(self) -> None:
        """
        A refusal keeps its meaning on 3.x; where 3.x has no word for it, there is none.
        """
        for reason, code in ((0, 0), (0x84, 1), (0x85, 2), (0x88, 3), (0x8B, 3), (0x86, 4), (0x87, 5), (0x8A, 5)):
            self.assertEqual(reasons.return_code(reason), code)
        self.assertEqual(reasons.return_code(0x81), -1)

    def test_from_return_code(self) -> None:
        """
        Every return code of 3.x is a reason code to the user, and a return code that 3.x does not have is an error.
        """
        self.assertEqual([reasons.from_return_code(code) for code in range(7)], [0, 0x84, 0x85, 0x88, 0x86, 0x87, 0x80])
        self.assertEqual(len(reasons.RETURN_CODES), 6)
