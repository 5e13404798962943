"""
UNIX sockets: who may open them, and what is left of them after an accident.
"""

from __future__ import annotations

import os
import signal
import socket
import stat
from tempfile import TemporaryDirectory

from twisted.trial.unittest import SynchronousTestCase

from tests.end_to_end.support import ACCEPTED, PATIENCE, OurBroker, greeting


class UnixTests(SynchronousTestCase):
    def test_mode_and_accident(self) -> None:
        """
        The socket has the mode that was asked for; after kill -9 the next broker takes its place, and after SIGTERM
        nothing is left.
        """
        with TemporaryDirectory() as folder:
            path = f"{folder}/mqtt.sock"
            listen = ("--listen", f"unix:{path}:mode=640", "--store", "memory")
            for end in (signal.SIGKILL, signal.SIGTERM):
                broker = OurBroker(*listen)
                self.addCleanup(broker.stop)
                broker.says(f"listening on {path}")
                self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o640)
                with socket.socket(socket.AF_UNIX) as peer:
                    peer.settimeout(PATIENCE)
                    peer.connect(path)
                    peer.sendall(greeting(4, b"near"))
                    self.assertEqual(peer.recv(4), ACCEPTED)
                broker.stop(end)
            self.assertEqual(os.listdir(folder), [])
