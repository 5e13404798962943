"""
Our broker with mosquitto's clients, in every version of the protocol.
"""

from __future__ import annotations

import signal
import subprocess
from tempfile import TemporaryDirectory

from twisted.trial.unittest import SynchronousTestCase

from tests.end_to_end.support import PATIENCE, OurBroker, Running, need_program, our_broker, until

VERSIONS = ("mqttv31", "mqttv311", "mqttv5")


def mosquitto_pub(port: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = need_program("mosquitto_pub", "mosquitto-clients")
    command = [program, "-h", "127.0.0.1", "-p", str(port), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)


class Subscriber(Running):
    """
    mosquitto_sub, subscribed by the time this is made. It writes "topic|QoS|retain|payload" for each message.
    """

    def __init__(self, port: int, *arguments: str) -> None:
        program = need_program("mosquitto_sub", "mosquitto-clients")
        # Its debug messages say when the subscription is there; stdbuf, because it does not flush them.
        command = ["stdbuf", "-oL", program, "-d", "-h", "127.0.0.1", "-p", str(port), "-W", str(int(PATIENCE))]
        super().__init__([*command, "-F", "%t|%q|%r|%p", *arguments])

    def ready(self) -> Subscriber:
        self.says(r"Subscribed \(mid")
        return self

    def heard(self, count: int) -> list[str]:
        """
        Wait for so many messages.
        """

        def messages() -> list[str] | None:
            whole = self.log.rpartition("\n")[0]
            found = [line for line in whole.splitlines() if line.count("|") == 3]
            return found if len(found) >= count else None

        return until(messages, f"{count} messages")


class MosquittoClientsTests(SynchronousTestCase):
    def setUp(self) -> None:
        need_program("mosquitto_pub", "mosquitto-clients")
        self.port = our_broker().port

    def subscriber(self, *arguments: str) -> Subscriber:
        made = Subscriber(self.port, *arguments)
        self.addCleanup(made.stop, signal.SIGKILL)
        return made

    def publish(self, *arguments: str) -> None:
        done = mosquitto_pub(self.port, *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_every_quality(self) -> None:
        """
        What is published at one QoS and subscribed to at another arrives once, at the lower of the two, in the order of
        publishing [MQTT5-3.8.4-8] [MQTT311-3.8.4-6].
        """
        for version in VERSIONS:
            with self.subTest(version=version):
                base = f"quality/{version}"
                subscribers = [
                    self.subscriber("-V", version, "-q", str(qos), "-t", f"{base}/#").ready() for qos in (0, 1, 2)
                ]
                for qos in (0, 1, 2):
                    self.publish("-V", version, "-q", str(qos), "-t", f"{base}/at/{qos}", "-m", f"word {qos}")
                for granted, subscriber in enumerate(subscribers):
                    expected = [f"{base}/at/{qos}|{min(qos, granted)}|0|word {qos}" for qos in (0, 1, 2)]
                    self.assertEqual(sorted(subscriber.heard(3)), expected)

    def test_many_in_order(self) -> None:
        """
        A hundred lines published at QoS 2 arrive exactly once and in order.
        """
        lines = [f"line {number}" for number in range(100)]
        for version in VERSIONS:
            with self.subTest(version=version):
                subscriber = self.subscriber("-V", version, "-q", "2", "-t", f"many/{version}").ready()
                program = need_program("mosquitto_pub", "mosquitto-clients")
                command = [program, "-p", str(self.port), "-V", version, "-q", "2", "-t", f"many/{version}", "-l"]
                subprocess.run(command, input="\n".join(lines) + "\n", text=True, check=True, timeout=PATIENCE)
                self.assertEqual(subscriber.heard(100), [f"many/{version}|2|0|{line}" for line in lines])

    def test_retained(self) -> None:
        """
        A retained message reaches who subscribes later, marked as such; an empty one removes it
        [MQTT5-3.3.1-5] [MQTT5-3.3.1-6] [MQTT311-3.3.1-6] [MQTT311-3.3.1-10].
        """
        for version in VERSIONS:
            with self.subTest(version=version):
                topic = f"retained/{version}"
                self.publish("-V", version, "-q", "1", "-t", topic, "-m", "kept", "-r")
                later = self.subscriber("-V", version, "-q", "1", "-t", topic).ready()
                self.assertEqual(later.heard(1), [f"{topic}|1|1|kept"])
                self.publish("-V", version, "-t", topic, "-n", "-r")
                self.assertEqual(later.heard(2)[1], f"{topic}|0|0|")
                last = self.subscriber("-V", version, "-t", topic, "-t", f"{topic}/end").ready()
                self.publish("-V", version, "-t", f"{topic}/end", "-m", "end")
                self.assertEqual(last.heard(1), [f"{topic}/end|0|0|end"])

    def test_will(self) -> None:
        """
        The will of a client that is killed is published; that of one that disconnects is not
        [MQTT5-3.1.2-8] [MQTT5-3.14.4-3] [MQTT311-3.1.2-8] [MQTT311-3.1.2-10].
        """
        for version in VERSIONS:
            with self.subTest(version=version):
                topic = f"will/{version}"
                watcher = self.subscriber("-V", version, "-q", "1", "-t", f"{topic}/+").ready()
                who = ("-V", version, "-t", "nothing", "--will-payload", "gone", "--will-qos", "1")
                polite = self.subscriber(*who, "--will-topic", f"{topic}/polite", "-E")
                polite.process.wait(PATIENCE)
                killed = self.subscriber(*who, "--will-topic", f"{topic}/killed").ready()
                killed.stop(signal.SIGKILL)
                self.publish("-V", version, "-q", "1", "-t", f"{topic}/end", "-m", "end")
                heard = watcher.heard(2)
                self.assertEqual(sorted(heard), [f"{topic}/end|1|0|end", f"{topic}/killed|1|0|gone"])

    def test_session_resumed(self) -> None:
        """
        What was published while a client with a persistent session was away awaits it, QoS 1 and 2 once each, QoS 0 not
        [MQTT5-3.1.2-5] [MQTT311-3.1.2-4].
        """
        for version in VERSIONS:
            with self.subTest(version=version):
                topic = f"session/{version}"
                who = ("-V", version, "-c", "-i", f"sleeper-{version}", "-q", "2", "-t", topic)
                away = self.subscriber(*who, "-E").ready()
                away.process.wait(PATIENCE)
                for qos in (0, 1, 2):
                    self.publish("-V", version, "-q", str(qos), "-t", topic, "-m", f"word {qos}")
                back = self.subscriber(*who)
                self.assertEqual(back.heard(2), [f"{topic}|1|0|word 1", f"{topic}|2|0|word 2"])
                back.ready()
                self.publish("-V", version, "-t", topic, "-m", "end")
                self.assertEqual(back.heard(3)[2], f"{topic}|0|0|end")

    def test_counters(self) -> None:
        """
        What the broker counts is under C{$SYS/broker}, and no wildcard at the first level meets it by chance
        [MQTT5-4.7.2-1] [MQTT311-4.7.2-1].
        """
        everything = self.subscriber("-t", "#", "-t", "+/broker/version").ready()
        curious = self.subscriber("-t", "$SYS/broker/version").ready()
        self.assertRegex(curious.heard(1)[0], r"^\$SYS/broker/version\|0\|1\|txmqtt version ")
        self.publish("-t", "counters/end", "-m", "end")
        everything.says(r"counters/end\|")
        self.assertNotIn("$SYS", everything.log)


class LoginTests(SynchronousTestCase):
    def test_user_and_password(self) -> None:
        """
        With --auth, who knows the password gets in; who does not, or says nothing, is refused, whatever the version.
        """
        need_program("mosquitto_pub", "mosquitto-clients")
        with TemporaryDirectory() as folder:
            passwords = f"{folder}/passwords"
            with open(passwords, "w") as file:
                file.write("ann:open-sesame\nbörn:schlüssel\n")
            broker = OurBroker("--auth", f"file:{passwords}", "--auth", "memory:carl:hammer")
            self.addCleanup(broker.stop)
            for version in VERSIONS:
                for login, status in (
                    (("-u", "ann", "-P", "open-sesame"), 0),
                    (("-u", "börn", "-P", "schlüssel"), 0),
                    (("-u", "carl", "-P", "hammer"), 0),
                    (("-u", "ann", "-P", "hammer"), "refused"),
                    (("-u", "dora", "-P", "open-sesame"), "refused"),
                    ((), "refused"),
                ):
                    with self.subTest(version=version, login=login):
                        done = mosquitto_pub(broker.port, "-V", version, "-t", "t", "-m", "m", "-q", "1", *login)
                        self.assertEqual(done.returncode == 0, status == 0, done.stderr)
