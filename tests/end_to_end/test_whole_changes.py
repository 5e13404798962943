"""
A broker of a configuration file is changed while clients are connected: nobody notices but whom the change is about.
"""

from __future__ import annotations

import atexit
import socket
from functools import cache
from typing import Any

from cryptography import x509
from twisted.trial.unittest import SynchronousTestCase

from tests.end_to_end.guest import Guest
from tests.end_to_end.support import PATIENCE, free_port, until
from tests.end_to_end.test_whole import ANN, BOSS, EVE, OLAF
from tests.end_to_end.whole import ACL, Whole
from tests.net.support_tls import authority, client, issued, revocation, subject
from txmqtt.codec import reasons
from txmqtt.codec.constants import MQTT311
from txmqtt.codec.packets import Ack, Connack, Disconnect, Publish, Suback, Subscribe, Subscription
from txmqtt.net.access import hashes


@cache
def changing() -> Whole:
    broker = Whole()
    atexit.register(broker.stop)
    return broker


class ChangeTests(SynchronousTestCase):
    """
    One broker for all, which each leaves as it was.
    """

    def setUp(self) -> None:
        self.broker = changing()

    def guest(self, listener: str, name: str, *login: str, **more: Any) -> Guest:
        guest = self.broker.guest(listener, name, *login, **more)
        self.addCleanup(guest.leave)
        return guest.come_in()

    def serial(self) -> int:
        """
        Of the certificate that new clients see.
        """
        wire = self.broker.dial("tls")
        with wire:
            return int(wire.getpeercert()["serialNumber"], 16)

    def test_certificates(self) -> None:
        """
        New certificates are shown to new clients, and a list of revoked ones holds for the next connection; whoever is
        connected stays.
        """
        files = self.broker.files
        stays = Guest(self.broker.dial("mutual", show="sensor-7"), "stays").come_in()
        self.addCleanup(stays.leave)
        new = issued(subject("localhost"), [x509.DNSName("localhost")], authority())
        files.pair("names/default.pem", new)
        files.write("crl.pem", revocation(client("sensor-7")))
        self.assertNotEqual(self.serial(), new[1].serial_number)
        self.broker.read_again()
        self.assertEqual(self.serial(), new[1].serial_number)
        with self.assertRaises((OSError, AssertionError)):
            Guest(self.broker.dial("mutual", show="sensor-7"), "late").come_in()
        self.assertTrue(stays.is_there())
        files.write("crl.pem", revocation())
        self.broker.read_again()
        Guest(self.broker.dial("mutual", show="sensor-7"), "later").come_in().leave()

    def test_rules(self) -> None:
        """
        New rules bind whoever is connected: what he may not publish is refused, what he may not receive does not come.
        """
        ann, boss = self.guest("plain", "ann", *ANN).subscribe(b"house/#"), self.guest("plain", "boss", *BOSS)
        ann.publish(b"house/a", b"1", 1, 1)
        self.assertEqual(ann.take(Ack).reason, 0)
        ann.take(Publish)
        path = self.broker.folder / "acl"
        path.write_text(ACL.replace("house/#", "garden/#"))
        self.broker.read_again()
        ann.publish(b"house/a", b"2", 1, 2)
        self.assertEqual(ann.take(Ack).reason, reasons.NOT_AUTHORIZED)
        boss.publish(b"house/a", b"3", 1, 1)
        self.assertNotEqual(boss.take(Ack).reason, reasons.NOT_AUTHORIZED)
        self.assertEqual(ann.catch_up(), [])
        path.write_text(ACL)
        self.broker.read_again()
        boss.publish(b"house/a", b"4", 1, 2)
        self.assertEqual(ann.take(Publish).payload, b"4")

    def test_all_rules(self) -> None:
        """
        The same goes when there were no rules at all, and when there are none any more.
        """
        self.broker.change("[acl]", "[acl]\n#")
        text = self.broker.path.read_text()
        self.broker.path.write_text(text[: text.index("[acl]")])
        self.broker.read_again()
        eve = self.guest("plain", "eve", *EVE).subscribe(b"secret")
        eve.publish(b"secret", b"1")
        self.assertEqual([packet.payload for packet in eve.catch_up()], [b"1"])
        self.broker.path.write_text(text.replace("[acl]\n#", "[acl]"))
        self.broker.read_again()
        eve.publish(b"secret", b"2", 1, 1)
        self.assertEqual(eve.take(Ack).reason, reasons.NOT_AUTHORIZED)
        boss = self.guest("plain", "boss", *BOSS)
        boss.publish(b"secret", b"3", 1, 1)
        boss.take(Ack)
        self.assertEqual(eve.catch_up(), [])
        self.broker.path.write_text(text[: text.index("[acl]")])
        self.broker.read_again()
        eve.publish(b"secret", b"4")
        self.assertEqual([packet.payload for packet in eve.catch_up()], [b"4"])
        self.broker.path.write_text(text.replace("[acl]\n#", "[acl]"))
        self.broker.read_again()

    def test_users(self) -> None:
        """
        A user who is taken out of the password file is let go; the others stay.
        """
        eve, ann = self.guest("garden", "eve", *EVE), self.guest("garden", "ann", *ANN)
        path = self.broker.folder / "house"
        text = path.read_text()
        path.write_text("".join(line for line in text.splitlines(True) if not line.startswith("eve:")))
        self.broker.read_again()
        self.assertEqual(eve.take(Disconnect).reason, reasons.NOT_AUTHORIZED)
        self.assertTrue(ann.is_there())
        late = self.broker.guest("garden", "eve", *EVE)
        self.addCleanup(late.leave)
        self.assertEqual(late.answer(), reasons.BAD_USER_NAME_OR_PASSWORD)
        path.write_text(text)
        self.broker.read_again()
        self.guest("garden", "eve", *EVE)

    def test_logins_go_on(self) -> None:
        """
        Who is logging in while the configuration is read again is let in all the same.
        """
        path = self.broker.folder / "house"
        text = path.read_text()
        slow = hashes.make(b"sesame")
        path.write_text(text + "".join(f"u{number}:{slow}\n" for number in range(8)))
        self.broker.read_again()
        guests = [self.broker.guest("plain", f"u{number}", f"u{number}", "sesame") for number in range(8)]
        guests += [self.broker.guest("ws", f"b{number}", "bea", "honey") for number in range(8)]
        for each in guests:
            self.addCleanup(each.leave)
        self.broker.read_again()
        self.assertEqual([each.answer() for each in guests], [0] * 16)
        path.write_text(text)
        self.broker.read_again()

    def test_listeners_and_limits(self) -> None:
        """
        Listeners come and go and limits change; who came in by a listener that is gone stays. A file with a mistake
        changes nothing.
        """
        text = self.broker.path.read_text()
        self.addCleanup(self.broker.read_again)
        self.addCleanup(self.broker.path.write_text, text)
        olaf = self.guest("field", "olaf", *OLAF, version=MQTT311)
        ann = self.guest("garden", "ann", *ANN)
        added = free_port()
        where = f"tcp:{self.broker.port['field']}:interface=127.0.0.1"
        self.broker.change(where, f"tcp:{added}:interface=127.0.0.1")
        self.broker.change("receive_maximum = 7", "receive_maximum = 9")
        self.broker.change("max_client_id_bytes = 64", "max_client_id_bytes = 30")
        self.broker.read_again()
        late = Guest(added, "late", MQTT311, username="olaf", password=b"sesame").come_in()
        self.addCleanup(late.leave)
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", self.broker.port["field"]), PATIENCE)
        self.assertTrue(olaf.is_there())
        new = self.broker.guest("garden", "new", *ANN)
        self.addCleanup(new.leave)
        properties = new.take(Connack).properties
        assert properties is not None
        self.assertEqual(properties.receive_maximum, 9)
        long = self.broker.guest("garden", "x" * 40, *ANN)
        self.addCleanup(long.leave)
        self.assertEqual(long.answer(), 0x85)
        self.broker.change("max_client_id_bytes = 30", "max_client_id_bytes = 'many'")
        self.broker.change("receive_maximum = 9", "receive_maximum = 8")
        self.broker.read_again()
        self.broker.says(r"what was in force stays in force: .*max_client_id_bytes")
        again = self.broker.guest("garden", "again", *ANN)
        self.addCleanup(again.leave)
        properties = again.take(Connack).properties
        assert properties is not None
        self.assertEqual(properties.receive_maximum, 9)
        self.assertTrue(ann.is_there())

    def test_ban_outlives(self) -> None:
        """
        Who is banned still is after a restart.
        """
        answers = []
        for number in range(4):
            wire = self.broker.dial("proxied")
            wire.sendall(b"PROXY TCP4 198.51.100.9 192.0.2.1 4321 1883\r\n")
            guest = Guest(wire, f"b{number}", username="ann", password=b"wrong")
            self.addCleanup(guest.leave)
            answers.append(guest.answer())
            if number == 2:
                self.broker.restart()
        self.assertEqual(answers, [0x86, 0x86, 0x86, reasons.BANNED])


class WatchTests(SynchronousTestCase):
    def test_noticed(self) -> None:
        """
        Users, rules and certificates that change are noticed without a word to the broker.
        """
        broker = Whole(watch=0.1)
        self.addCleanup(broker.stop)
        eve, ann = broker.guest("plain", "eve", *EVE).come_in(), broker.guest("plain", "ann", *ANN).come_in()
        for each in (eve, ann):
            self.addCleanup(each.leave)
        house = broker.folder / "house"
        text = house.read_text()
        house.write_text("".join(line for line in text.splitlines(True) if not line.startswith("eve:")))
        (broker.folder / "acl").write_text(ACL.replace("house/#", "garden/#"))
        new = issued(subject("localhost"), [x509.DNSName("localhost")], authority())
        broker.files.pair("names/default.pem", new)
        self.assertEqual(eve.take(Disconnect).reason, reasons.NOT_AUTHORIZED)

        def shown() -> bool:
            with broker.dial("tls") as wire:
                return int(wire.getpeercert()["serialNumber"], 16) == int(new[1].serial_number)

        until(shown, "the new certificate")
        ann.say(Subscribe(1, [Subscription(b"house/#")]))
        self.assertEqual(ann.take(Suback).reasons, [0x87])
