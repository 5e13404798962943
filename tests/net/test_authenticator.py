"""
Tests of txmqtt.net.authenticator: what a method of authentication does that says nothing of its own.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txmqtt import RemoteProtocolError
from txmqtt.net.authenticator import Authenticator


class Silent(Authenticator):
    method = "SILENT"


class AuthenticatorTests(SynchronousTestCase):
    def test_silent(self) -> None:
        """
        It begins with no words, trusts whoever is convinced, and gives up when it is asked for more.
        """
        silent = Silent()
        self.assertEqual((silent.begin(), silent.finish(b"welcome"), silent.renew_after), (None, None, None))
        with self.assertRaisesRegex(RemoteProtocolError, "SILENT: the server asks for more") as caught:
            silent.answer(b"more")
        self.assertEqual(caught.exception.reason, 0x87)
