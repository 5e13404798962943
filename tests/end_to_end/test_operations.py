"""
A broker as its operator meets it: systemd's datagrams, the log, and what monitoring reads.
"""

from __future__ import annotations

import json
import signal
import socket
from pathlib import Path
from tempfile import mkdtemp
from urllib.request import urlopen

from twisted.trial.unittest import SynchronousTestCase

from tests.end_to_end.support import ACCEPTED, PATIENCE, TWISTD, Running, greeting

#: A broker with all that an operator may want. It is what C{twistd mqtt-broker} builds from its options.
TAC = """
from time import monotonic
from twisted.application.service import Application
from twisted.internet import reactor
from twisted.internet.task import LoopingCall
from txmqtt.service.broker import makeBroker
from txmqtt.service.logs import Log, LogSettings, install
from txmqtt.service.metrics import MetricsService
from txmqtt.service.notify import NotifyService
from txmqtt.service.pulse import Pulse

application = Application("broker")
install(application, Log(LogSettings(format="json", levels=("txmqtt.net=warn",))))
broker = makeBroker(["tcp:0:interface=127.0.0.1"])
notify = NotifyService(broker)
for each in (broker, MetricsService(reactor, "tcp:0:interface=127.0.0.1", broker), notify):
    each.setServiceParent(application)
pulse = Pulse(broker.stats, 1.0)

def beat():
    now = monotonic()
    pulse.beat(now)
    notify.beat(now)

reactor.callWhenRunning(LoopingCall(beat).start, 1.0)
"""


class OperationsTests(SynchronousTestCase):
    def test_all_of_it(self) -> None:
        """
        It says READY when it lets clients in, feeds the watchdog, answers monitoring, logs objects, says STOPPING.
        """
        folder = Path(mkdtemp(prefix="txmqtt-"))
        (folder / "broker.tac").write_text(TAC)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.bind(f"\0txmqtt-{folder.name}")
            systemd.settimeout(PATIENCE)
            surroundings = {"NOTIFY_SOCKET": f"@txmqtt-{folder.name}", "WATCHDOG_USEC": "3000000"}
            broker = Running([*TWISTD, "-n", "--pidfile=", "-y", "broker.tac"], folder, surroundings)
            try:
                self.assertEqual(systemd.recv(4096).split(b"\n")[0], b"READY=1")
                self.assertEqual(systemd.recv(4096), b"WATCHDOG=1")
                self.look(broker)
                broker.process.send_signal(signal.SIGTERM)
                while (said := systemd.recv(4096)) == b"WATCHDOG=1":
                    pass
                self.assertEqual(said.split(b"\n")[0], b"STOPPING=1")
            finally:
                broker.stop()

    def look(self, broker: Running) -> None:
        port = int(broker.says(r"listening on 127\.0\.0\.1:(\d+)")[1])
        web = broker.says(r"metrics at (http://[\d.:]+)/metrics")[1]
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as peer:
            peer.sendall(greeting(4, b"c"))
            self.assertEqual(peer.recv(4), ACCEPTED)
            with urlopen(f"{web}/metrics", timeout=PATIENCE) as answer:
                said = answer.read().decode()
            with urlopen(f"{web}/health", timeout=PATIENCE) as answer:
                health = json.load(answer)
        self.assertIn("\ntxmqtt_connections 1.0\n", said)
        self.assertIn("\nprocess_resident_memory_bytes ", said)
        self.assertEqual((health["status"], health["connections"]), ("ok", 1))
        lines = [json.loads(line) for line in broker.log.splitlines()]
        self.assertIn("txmqtt.service.broker", {line["namespace"] for line in lines})
        self.assertNotIn("txmqtt.net.server", {line["namespace"] for line in lines})  # it has a level of its own
