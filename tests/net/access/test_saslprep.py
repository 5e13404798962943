"""
Tests of txmqtt.net.access.saslprep: one spelling, however it was typed.
"""

from twisted.trial.unittest import SynchronousTestCase

from txmqtt.net.access.saslprep import saslprep


class SaslprepTests(SynchronousTestCase):
    def test_examples(self) -> None:
        """
        What RFC 4013 gives as examples, and others.
        """
        for text, expected in (
            ("", ""),
            ("user", "user"),
            ("USER", "USER"),
            ("I\u00adX", "IX"),
            ("\u00aa", "a"),
            ("\u2168", "IX"),
            ("a\u00a0b\u3000c", "a b c"),
            ("gru\u0308n", "gr\u00fcn"),
            ("\u0627\u0628", "\u0627\u0628"),
            ("\u200b", ""),
        ):
            with self.subTest(text=text):
                self.assertEqual(saslprep(text), expected)

    def test_refused(self) -> None:
        """
        Characters that nobody types are refused, and the error does not repeat the text.
        """
        signs = ("\u0007", "secret\n", "\ue000", "\ud800", "\ufffd", "\u2ff0", "\u200e")
        for text in (*signs, "\u0627\u0031", "a\u0627"):
            with self.subTest(text=text):
                error = self.assertRaises(ValueError, saslprep, text)
                self.assertNotIn("secret", str(error))

    def test_unassigned(self) -> None:
        """
        What Unicode 3.2 did not know may be asked for, but not kept.
        """
        self.assertEqual(saslprep("\u0221"), "\u0221")
        self.assertRaises(ValueError, saslprep, "\u0221", stored=True)
