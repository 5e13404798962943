"""
One process with every kind of listener, login and limit at once, by a configuration file: who may come in where.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import jwt
from twisted.trial.unittest import SynchronousTestCase

from tests.end_to_end.guest import Guest
from tests.end_to_end.support import PATIENCE
from tests.end_to_end.whole import SECRET, Whole, whole
from txmqtt.codec import reasons
from txmqtt.codec.constants import MQTT5, MQTT31, MQTT311
from txmqtt.codec.packets import Ack, Auth, Connack, Disconnect, Publish, Suback, Subscribe, Subscription
from txmqtt.codec.properties import Properties
from txmqtt.net.access.scram_client import ScramClient

BAD = 0x86
ANN, EVE, BOSS, OLAF, BEA = (
    ("ann", "sesame"),
    ("eve", "sesame"),
    ("boss", "sesame"),
    ("olaf", "sesame"),
    ("bea", "honey"),
)


def token(seconds: float = 3600, **claims: Any) -> str:
    return jwt.encode({"sub": "tom", "exp": time.time() + seconds, **claims}, SECRET, "HS256")


class DoorTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.broker: Whole = whole()

    def guest(self, listener: str, name: str, *login: str, **more: Any) -> Guest:
        guest = self.broker.guest(listener, name, *login, **more)
        self.addCleanup(guest.leave)
        return guest

    def test_who_may_come_in_where(self) -> None:
        """
        Each listener lets in whom its own chain knows, in the versions that it speaks, and nobody else.
        """
        signed = jwt.encode({"sub": "tess", "exp": time.time() + 60}, self.broker.issuer, "ES256")
        rows: tuple[tuple[str, tuple[str, ...], int, int], ...] = (
            ("plain", (), MQTT31, 0),
            ("plain", (), MQTT5, 0),
            ("plain", ANN, MQTT311, 0),
            ("plain", OLAF, MQTT5, BAD),
            ("garden", ANN, MQTT5, 0),
            ("garden", (), MQTT5, reasons.NOT_AUTHORIZED),
            ("garden", ANN, MQTT311, 1),
            ("field", OLAF, MQTT311, 0),
            ("field", ANN, MQTT311, 4),
            ("field", OLAF, MQTT5, reasons.UNSUPPORTED_PROTOCOL_VERSION),
            ("field", OLAF, MQTT31, 1),
            ("tls", ("", token()), MQTT5, 0),
            ("tls", ("x", signed), MQTT311, 0),
            ("tls", ("", token(-1)), MQTT5, BAD),
            ("tls", ANN, MQTT5, BAD),
            ("ws", BEA, MQTT5, 0),
            ("ws", ("bea", "vinegar"), MQTT311, 4),
            ("ws", (), MQTT5, reasons.NOT_AUTHORIZED),
            ("wss", (), MQTT5, 0),
            ("wss", ANN, MQTT5, BAD),
            ("unix", OLAF, MQTT5, 0),
            ("unix", EVE, MQTT5, 0),
            ("unix", (), MQTT311, 5),
        )
        for number, (listener, login, version, answer) in enumerate(rows):
            with self.subTest(listener=listener, login=login[:1], version=version):
                said = self.guest(listener, f"{listener}{number}", *login, version=version).answer()
                self.assertEqual(said, answer, (listener, login[:1], version))

    def test_certificate(self) -> None:
        """
        At the listener for certificates nobody comes in without one, and whoever shows one is who it says.
        """
        guest = Guest(self.broker.dial("mutual", show="sensor-7"), "cert", username="boss").come_in()
        self.addCleanup(guest.leave)
        self.broker.says(r"connected as 'cert', user 'sensor-7'")
        with self.assertRaises((OSError, AssertionError)):
            self.guest("mutual", "none").come_in()
        for name, host in (("localhost", "localhost"), ("*.garden.example", "rose.garden.example")):
            found = self.broker.dial("tls", host)
            self.addCleanup(found.close)
            self.assertIn(("DNS", name), found.getpeercert()["subjectAltName"])

    def test_mounts(self) -> None:
        """
        Who has the same client identifier and topic under two mount points is two, and hears nothing of the other,
        retained or not.
        """
        guests = {
            "plain": self.guest("plain", "same"),
            "garden": self.guest("garden", "same", *ANN),
            "field": self.guest("field", "same", *OLAF, version=MQTT311),
        }
        for guest in guests.values():
            guest.come_in().subscribe(b"open/#")
        for name, guest in guests.items():
            guest.say(Publish(b"open/kept", name.encode(), retain=True))
        for name, guest in guests.items():
            self.assertEqual([packet.payload for packet in guest.catch_up()], [name.encode()])
            guest.subscribe(b"open/kept")
            self.assertIn(name.encode(), [packet.payload for packet in guest.catch_up()])
        for guest in guests.values():
            self.assertEqual(guest.catch_up(), [])
            guest.say(Publish(b"open/kept", b"", retain=True))

    def test_limits(self) -> None:
        """
        Limits of a listener hold there and nowhere else.
        """
        guest = self.guest("garden", "small", *ANN)
        properties = guest.take(Connack).properties
        assert properties is not None
        self.assertEqual((properties.maximum_packet_size, properties.receive_maximum), (1_000, 7))
        guest.publish(b"open/a", bytes(2_000))
        self.assertEqual(guest.take(Disconnect).reason, reasons.PACKET_TOO_LARGE)
        large = self.guest("plain", "large").come_in()
        large.publish(b"open/a", bytes(2_000))
        self.assertTrue(large.is_there())
        pair = [self.guest("field", f"f{number}", *OLAF, version=MQTT311).come_in() for number in range(2)]
        self.assertEqual(self.guest("field", "third", *OLAF, version=MQTT311).answer(), 3)
        pair[0].leave()
        pair[0] = self.guest("field", "f0", *OLAF, version=MQTT311).come_in()

    def test_rules(self) -> None:
        """
        Rules hold on every listener: by user, by client identifier, and those of a token in their place.
        """
        acl = {"pub": ["mine/#"], "sub": ["mine/#"]}
        for listener, login, topic, code in (
            ("plain", ANN, b"house/a", 0x10),
            ("plain", EVE, b"house/a", 0x87),
            ("wss", (), b"by/rules/a", 0x10),
            ("wss", (), b"by/other/a", 0x87),
            ("ws", BEA, b"own/bea/a", 0x10),
            ("ws", BEA, b"own/eve/a", 0x87),
            ("tls", ("", token(acl=acl)), b"mine/a", 0x10),
            ("tls", ("", token(acl=acl)), b"open/a", 0x87),
            ("unix", BOSS, b"anything", 0x10),
        ):
            with self.subTest(listener=listener, login=login[:1], topic=topic):
                guest = self.guest(listener, "rules", *login).come_in()
                guest.publish(topic, b"", 1, 1)
                self.assertIn(guest.take(Ack).reason, (code, 0 if code == 0x10 else code))
                guest.say(Subscribe(2, [Subscription(topic)]))
                self.assertEqual(guest.take(Suback).reasons, [0 if code == 0x10 else 0x87])
                guest.leave()

    def test_proof(self) -> None:
        """
        Who knows the password that txmqtt passwd --scram was told comes in by proving it, behind WebSocket and TLS.
        """
        for password, answer in (("sesame", 0), ("wrong", reasons.NOT_AUTHORIZED)):
            with self.subTest(password=password):
                scram = ScramClient("sue", password)
                said = Properties(authentication_method=scram.method, authentication_data=scram.begin())
                guest = self.guest("wss", "prover", properties=said)
                challenge = guest.take(Auth).properties
                assert challenge is not None
                proof = scram.answer(challenge.authentication_data)
                guest.say(Auth(0x18, Properties(authentication_method=scram.method, authentication_data=proof)))
                self.assertEqual(guest.answer(), answer)
        self.broker.says(r"connected as 'prover', user 'sue'")

    def test_token_ends(self) -> None:
        """
        Who comes in by a token is let go when it ends, and told why.
        """
        guest = self.guest("tls", "brief", "", token(1.2)).come_in()
        self.assertEqual(guest.take(Disconnect).reason, 0xA0)
        guest.until_closed()

    def test_behind_proxies(self) -> None:
        """
        Who comes by way of a proxy is where the proxy says: in the log, and when failed logins are counted. An address
        is slowed, then banned, and told so; others are let in by the same proxy.
        """

        def by_header(address: str) -> Any:
            wire = self.broker.dial("proxied")
            wire.sendall(f"PROXY TCP4 {address} 192.0.2.1 4321 1883\r\n".encode())
            return wire

        def by_web(address: str) -> Any:
            return self.broker.dial("ws", X_Forwarded_For=address)

        for dial, net, (user, password) in ((by_header, "198.51.100", ANN), (by_web, "203.0.113", BEA)):
            answers = []
            for number, said in enumerate(("1", "2", "3", password)):
                guest = Guest(dial(f"{net}.7"), f"guess{number}", username=user, password=said.encode())
                self.addCleanup(guest.leave)
                answers.append(guest.answer())
            self.assertEqual(answers, [BAD, BAD, BAD, reasons.BANNED])
            self.broker.says(rf"{net}\.7 is banned for")
            guest = Guest(dial(f"{net}.8"), f"{net}good", username=user, password=password.encode())
            self.addCleanup(guest.leave)
            guest.come_in()
            self.broker.says(rf"{net}\.8:\d+ connected as '{net}good'")

    def test_flapping(self) -> None:
        """
        Two clients that take each other's client identifier: whoever has it keeps it for a while, the other is told.
        """
        answers = []
        for _ in range(5):
            guest = self.guest("plain", "twin")
            answers.append(guest.answer())
        self.assertEqual(answers, [0, 0, 0, 0, 0x9F])
        self.broker.says("'twin'")

    def test_plugin(self) -> None:
        """
        A plugin that the configuration names refuses and changes what it likes, on every listener.
        """
        guest = self.guest("wss", "shouter").come_in().subscribe(b"open/loud/#")
        guest.publish(b"open/loud/a", b"no", 1, 1)
        self.assertEqual(guest.take(Ack).reason, 0x87)
        guest.publish(b"open/loud/a", b"yes", 1, 2)
        self.assertEqual(guest.take(Ack).reason, 0)
        self.assertEqual([packet.payload for packet in guest.catch_up()], [b"YES"])
        self.assertEqual(self.guest("plain", "whisperer").answer(), 0x8A)

    def test_deaf_and_stuck(self) -> None:
        """
        Clients that do not read, and some that stop in the middle of a packet, behind TLS and WebSocket: a pair has all
        its messages, and the broker keeps no more for the deaf than it may.
        """
        for listener, login in (("wss", ()), ("tls", ("", token())), ("ws", BEA)):
            self.guest(listener, f"deaf-{listener}", *login).come_in().subscribe(b"open/much")
            stuck = self.guest(listener, f"stuck-{listener}", *login).come_in()
            stuck.cut(Publish(b"open/good", bytes(10_000)), 60)
        listening = self.guest("plain", "listening").come_in().subscribe(b"open/good")
        loud = self.guest("plain", "loud").come_in()
        before = self.memory()
        for number in range(150):
            loud.publish(b"open/much", bytes(200_000))
            loud.publish(b"open/good", b"%d" % number)
        self.assertEqual([listening.take(Publish).payload for _ in range(150)], [b"%d" % each for each in range(150)])
        self.assertLess(self.memory() - before, 40_000_000)
        self.assertTrue(loud.is_there())

    def memory(self) -> int:
        """
        What the broker has in memory, bytes.
        """
        pages = (Path("/proc") / str(self.broker.process.pid) / "statm").read_text().split()[1]
        return int(pages) * 4096

    def test_counters(self) -> None:
        """
        The broker's own topics are seen by whom a rule allows it, and monitoring sees the same figures.
        """
        boss, ann = self.guest("plain", "watch", *BOSS).come_in(), self.guest("plain", "nosy", *ANN).come_in()
        boss.subscribe(b"$SYS/#")
        self.assertTrue(boss.take(Publish, lambda packet: packet.topic == b"$SYS/broker/clients/connected").payload)
        ann.say(Subscribe(1, [Subscription(b"$SYS/#")]))
        ann.take(Suback)
        self.assertEqual(ann.catch_up(), [])
        web = f"http://127.0.0.1:{self.broker.port['metrics']}"
        with urlopen(f"{web}/metrics", timeout=PATIENCE) as answer:
            self.assertIn("txmqtt_connections ", answer.read().decode())
        with urlopen(f"{web}/health", timeout=PATIENCE) as answer:
            self.assertEqual(json.load(answer)["status"], "ok")
        with self.broker.told.open() as lines:
            self.assertTrue(all(json.loads(line)["level"] for line in lines))
