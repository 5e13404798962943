"""
The commands C{txmqtt sub}, C{pub}, C{request}, C{retained} and C{bench} as processes, against a broker of ours and
beside mosquitto's own commands.
"""

from __future__ import annotations

import json
import select
import signal
import subprocess
import sys
from typing import IO, Any

from twisted.trial.unittest import SynchronousTestCase

from tests.end_to_end.forked import Forked
from tests.end_to_end.support import PATIENCE, Mosquitto, environment, need_module, need_program, our_broker, until

TXMQTT = [sys.executable, "-c", "from txmqtt.cli.main import main; main(prog_name='txmqtt')"]

#: All that a message has, but for the packet identifier and the time.
FORMAT = "%t|%q|%r|%l|%p|%x|%C|%R|%D|%F|%P|%10.4t|%-6q;"


class CommandCase(SynchronousTestCase):
    def setUp(self) -> None:
        need_program("mosquitto_sub", "mosquitto-clients")
        self.port = str(our_broker().port)

    def txmqtt(self, *words: str, stdin: bytes = b"") -> Forked:
        command = Forked(*words, stdin=stdin)
        self.addCleanup(command.close)
        return command

    def mosquitto(self, *words: str) -> subprocess.Popen[bytes]:
        program = need_program(words[0], "mosquitto-clients")
        command = subprocess.Popen([program, "-p", self.port, *words[1:]], stdout=subprocess.PIPE)
        self.addCleanup(command.wait)
        self.addCleanup(command.communicate)
        self.addCleanup(command.kill)
        return command

    def publish(self, *words: str) -> None:
        self.assertEqual(self.mosquitto("mosquitto_pub", *words).wait(PATIENCE), 0)

    def subscribed(self, topic: str, printed: IO[bytes] | None) -> None:
        """
        Wait until a subscriber is there: what is published to it comes out.
        """
        assert printed is not None

        def heard() -> bool:
            self.publish("-t", topic, "-m", "are you there")
            return bool(select.select([printed], [], [], 0.1)[0])

        until(heard, "a subscriber")


class PublishAndSubscribeTests(CommandCase):
    def test_the_same_as_mosquitto(self) -> None:
        """
        Both subscribers print the same of what both publishers send. Ours is ended by Ctrl-C, and ends well.
        """
        options = ["-t", "cli/#", "-T", "cli/without", "-q", "1", "-F", FORMAT, "-V", "5"]
        ours = self.txmqtt("sub", "-p", self.port, *options)
        theirs = self.mosquitto("mosquitto_sub", *options)
        for each in (ours, theirs):
            self.subscribed("cli/ready", each.stdout)
        properties = ["-D", "PUBLISH", "content-type", "text/plain", "-D", "PUBLISH", "user-property", "k", "v w"]
        properties += ["-D", "PUBLISH", "response-topic", "re/sp", "-D", "PUBLISH", "correlation-data", "abc"]
        message = ["-t", "cli/a", "-m", "hällo", "-q", "1", "-V", "5", *properties]
        self.publish(*message)
        for publisher in (
            self.txmqtt("pub", "-p", self.port, *message, "--repeat", "2"),
            self.txmqtt("pub", "-L", f"mqtt://127.0.0.1:{self.port}/cli/b", "-l", stdin=b"1\n\n22\r\nlast"),
        ):
            self.assertEqual(publisher.end(), (0, b"", ""))
        self.publish("-t", "cli/without", "-m", "not to be seen")
        self.publish("-t", "cli/end", "-m", "end")
        printed = [self.printed(each.stdout) for each in (ours, theirs)]
        self.assertEqual(printed[0], printed[1])
        self.assertEqual(len(printed[0]), 1 + 2 + 3 + 1)
        ours.signal(signal.SIGINT)
        self.assertEqual(ours.end(), (0, b"", ""))

    def printed(self, stream: IO[bytes] | None) -> list[bytes]:
        """
        The lines up to the last message, in any order.
        """
        assert stream is not None
        lines: list[bytes] = []
        while not lines or not lines[-1].startswith(b"cli/end"):
            lines.append(stream.readline())
        return sorted(line for line in lines if not line.startswith(b"cli/ready"))

    def test_ends(self) -> None:
        """
        Each way to end has its status, its words, and never a traceback.
        """
        closed = Mosquitto("allow_anonymous false")
        self.addCleanup(closed.stop)
        refused = self.txmqtt("sub", "-p", str(closed.port), "-t", "a")
        late = self.txmqtt("request", "cli/nobody", "-p", self.port, "--timeout", "0.05")
        stopped = self.txmqtt("sub", "-p", self.port, "-t", "cli/stopped", "-C", "9")
        pipe = self.txmqtt("sub", "-p", self.port, "-t", "cli/pipe")
        self.assertEqual(refused.end()[:2], (135, b""))
        self.assertEqual(late.end(), (27, b"", "Error: no response on 'cli/nobody' within 0.05 s\n"))
        self.subscribed("cli/stopped", stopped.stdout)
        stopped.signal(signal.SIGTERM)
        self.assertEqual((stopped.wait(), stopped.stderr.read()), (143, b""))
        self.subscribed("cli/pipe", pipe.stdout)
        pipe.stdout.close()
        self.assertEqual((pipe.wait(), pipe.stderr.read()), (0, b""))


class OtherTests(CommandCase):
    def test_request(self) -> None:
        """
        The answer is printed that brings back what the question said; whoever serves is another library.
        """
        need_module("paho", "paho-mqtt")
        from paho.mqtt.client import Client, MQTTMessage, MQTTv5
        from paho.mqtt.enums import CallbackAPIVersion
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        def serve(client: Client, _: object, message: MQTTMessage) -> None:
            asked: Any = message.properties
            said: Any = Properties(PacketTypes.PUBLISH)
            said.CorrelationData = asked.CorrelationData
            client.publish(asked.ResponseTopic, message.payload + b", 12:00", properties=said)

        server = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv5)
        server.on_message = serve
        server.on_connect = lambda client, *_: client.subscribe("cli/time") and None
        server.connect("127.0.0.1", int(self.port))
        server.loop_start()
        self.addCleanup(server.loop_stop)
        self.addCleanup(server.disconnect)
        asking = self.txmqtt("request", "cli/time", "-m", "now", "-p", self.port, "-F", "%p, %l bytes")
        self.assertEqual(asking.end(), (0, b"now, 12:00, 10 bytes\n", ""))

    def test_retained(self) -> None:
        """
        What is retained is listed and cleared.
        """
        for name in ("1", "2", "3"):
            self.publish("-t", f"cli/kept/{name}", "-m", "x", "-r")
        options = ["-p", self.port, "--quiet-period", "0.05", "cli/kept/#"]
        listing = self.txmqtt("retained", "list", *options, "-T", "cli/kept/3", "--json")
        status, said, _ = listing.end()
        found = [json.loads(line) for line in said.splitlines()]
        self.assertEqual((status, [each["topic"] for each in found]), (0, ["cli/kept/1", "cli/kept/2"]))
        clearing = self.txmqtt("retained", "clear", *options, "--yes")
        self.assertEqual(clearing.end(), (0, b"3 messages forgotten\n", ""))

    def test_bench(self) -> None:
        """
        A process does the work, and what it counted is the summary.
        """
        words = ["bench", "pair", "-p", self.port, "-n", "2", "--count", "200", "-q", "1", "--json"]
        done = subprocess.run([*TXMQTT, *words], env=environment(), capture_output=True, timeout=4 * PATIENCE)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        found = json.loads(done.stdout)
        self.assertEqual((found["sent"], found["received"], found["missing"], found["errors"]), (200, 200, 0, []))
        self.assertGreater(found["latency_ms"]["p50"], 0)
