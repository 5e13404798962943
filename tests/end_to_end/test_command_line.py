"""
The commands C{txmqtt sub}, C{pub}, C{request}, C{retained} and C{bench} as processes, against a broker of ours and
beside mosquitto's own commands.

Processes take their time to start, so what can is started at once.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.end_to_end.support import PATIENCE, Mosquitto, environment, need_module, need_program, our_broker, until

TXMQTT = [sys.executable, "-c", "from txmqtt.cli.main import main; main(prog_name='txmqtt')"]

#: All that a message has, but for the packet identifier and the time.
FORMAT = "%t|%q|%r|%l|%p|%x|%C|%R|%D|%F|%P|%10.4t|%-6q;"


class Command:
    """
    A command that runs.
    """

    def __init__(self, *words: str, stdin: bytes | None = None) -> None:
        self.process = subprocess.Popen(
            words,
            env={**environment(), "XDG_CONFIG_HOME": "/nonexistent"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._stdin = stdin

    def end(self) -> tuple[int, bytes, str]:
        """
        Wait until it has ended: its status, what it printed, and what it complained of.
        """
        said, complaints = self.process.communicate(self._stdin, timeout=4 * PATIENCE)
        return self.process.returncode, said, complaints.decode()


class CommandCase(SynchronousTestCase):
    def setUp(self) -> None:
        need_program("mosquitto_sub", "mosquitto-clients")
        self.port = str(our_broker().port)

    def txmqtt(self, *words: str, stdin: bytes | None = None) -> Command:
        return self.started(Command(*TXMQTT, *words, stdin=stdin))

    def mosquitto(self, *words: str) -> Command:
        return self.started(Command(need_program(words[0], "mosquitto-clients"), "-p", self.port, *words[1:]))

    def started(self, command: Command) -> Command:
        def stop() -> None:
            if command.process.poll() is None:
                command.process.kill()
            command.process.wait()
            for stream in (command.process.stdin, command.process.stdout, command.process.stderr):
                if stream is not None:
                    stream.close()

        self.addCleanup(stop)
        return command

    def subscribed(self, topic: str, command: Command) -> None:
        """
        Wait until a subscriber is there: what is published to it comes out.
        """
        stream = command.process.stdout
        assert stream is not None
        os.set_blocking(stream.fileno(), False)

        def heard() -> bytes | None:
            self.mosquitto("mosquitto_pub", "-t", topic, "-m", "are you there").end()
            return stream.read()

        until(heard, "a subscriber")
        os.set_blocking(stream.fileno(), True)


class PublishAndSubscribeTests(CommandCase):
    def test_the_same_as_mosquitto(self) -> None:
        """
        Both subscribers print the same of what both publishers send. Ours is ended by Ctrl-C, and ends well.
        """
        options = ["-t", "cli/#", "-T", "cli/without", "-q", "1", "-F", FORMAT, "-V", "5"]
        ours = self.txmqtt("sub", "-p", self.port, *options)
        theirs = self.mosquitto("mosquitto_sub", *options)
        for each in (ours, theirs):
            self.subscribed("cli/ready", each)
        properties = ["-D", "PUBLISH", "content-type", "text/plain", "-D", "PUBLISH", "user-property", "k", "v w"]
        properties += ["-D", "PUBLISH", "response-topic", "re/sp", "-D", "PUBLISH", "correlation-data", "abc"]
        message = ["-t", "cli/a", "-m", "hällo", "-q", "1", "-V", "5", *properties]
        publishers = [
            self.mosquitto("mosquitto_pub", *message),
            self.txmqtt("pub", "-p", self.port, *message, "--repeat", "2"),
            self.txmqtt("pub", "-L", f"mqtt://127.0.0.1:{self.port}/cli/b", "-l", stdin=b"1\n\n22\r\nlast"),
        ]
        for publisher in publishers:
            self.assertEqual(publisher.end(), (0, b"", ""))
        self.mosquitto("mosquitto_pub", "-t", "cli/without", "-m", "not to be seen").end()
        self.mosquitto("mosquitto_pub", "-t", "cli/end", "-m", "end").end()
        printed = []
        for each, number in ((ours, signal.SIGINT), (theirs, signal.SIGINT)):
            assert each.process.stdout is not None
            lines: list[bytes] = []
            while not lines or not lines[-1].startswith(b"cli/end"):
                lines.append(each.process.stdout.readline())
            each.process.send_signal(number)
            self.assertEqual(each.end(), (0, b"", ""))
            printed.append(sorted(line for line in lines if not line.startswith(b"cli/ready")))
        self.assertEqual(printed[0], printed[1])
        self.assertEqual(len(printed[0]), 1 + 2 + 3 + 1)

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
        self.subscribed("cli/stopped", stopped)
        stopped.process.terminate()
        self.assertEqual(stopped.end(), (143, b"", ""))
        self.subscribed("cli/pipe", pipe)
        assert pipe.process.stdout is not None
        pipe.process.stdout.close()
        pipe.process.wait(4 * PATIENCE)
        assert pipe.process.stderr is not None
        self.assertEqual((pipe.process.returncode, pipe.process.stderr.read()), (0, b""))


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
            self.mosquitto("mosquitto_pub", "-t", f"cli/kept/{name}", "-m", "x", "-r").end()
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
        status, said, complaints = self.txmqtt(*words).end()
        self.assertEqual((status, complaints), (0, ""))
        found = json.loads(said)
        self.assertEqual((found["sent"], found["received"], found["missing"], found["errors"]), (200, 200, 0, []))
        self.assertGreater(found["latency_ms"]["p50"], 0)
