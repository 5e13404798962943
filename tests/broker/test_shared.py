"""
Tests of txmqtt.broker.shared: many sessions, one copy.
"""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.broker.support import BrokerTestCase, Peer, Rights, Town
from txmqtt.broker.core import Broker
from txmqtt.broker.filters import Grant
from txmqtt.broker.policy import Policy
from txmqtt.broker.registry import Member
from txmqtt.broker.shapes import Claim, Lease
from txmqtt.broker.shared import Group
from txmqtt.codec.constants import PUBCOMP, PUBREC, PUBREL
from txmqtt.codec.packets import Ack, Publish, Subscription
from txmqtt.codec.properties import Properties
from txmqtt.session.message import Message


class SharingTests(BrokerTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.publisher = self.join("p")

    def send(self, count: int, qos: int = 1, topic: str = "t") -> list[bytes]:
        """
        Publish so many messages.

        @return: their payloads.
        """
        payloads = [b"%d" % number for number in range(count)]
        for payload in payloads:
            self.publisher.publish(topic, payload, qos)
        return payloads

    def shared(self, name: str, durable: bool = False, qos: int = 2, group: str = "g", **words: Any) -> Peer:
        """
        A member of a group that listens to "t".
        """
        peer = self.durable(name, **words) if durable else self.join(name, **words)
        peer.subscribe(f"$share/{group}/t", qos=qos)
        return peer

    def test_in_turn(self) -> None:
        """
        Each message goes to one member, in turn, on every version and at every QoS.
        """
        for version in (3, 4, 5):
            for qos in (0, 1, 2):
                with self.subTest(version=version, qos=qos):
                    members = [self.shared(f"m{number}", number == 1, version=version) for number in range(3)]
                    sent = self.send(9, qos)
                    heard = [member.payloads() for member in members]
                    self.assertEqual([len(each) for each in heard], [3, 3, 3])
                    self.assertEqual(sorted(payload for each in heard for payload in each), sent)
                    for member in members:
                        member.leave()
                    self.join("m1", version).leave()
        self.assertEqual(self.stats.dropped, 0)
        self.assertBooksClosed()

    def test_each_group_and_each_plain_subscription(self) -> None:
        """
        Every group gets a copy of its own, and so does a plain subscription of a member.
        """
        one, other = self.shared("one", group="g"), self.shared("other", True, group="h")
        one.subscribe("t", qos=1, identifier=7)
        one.subscribe("$share/g/+", qos=1, identifier=8)
        self.publisher.publish("t", b"x", 1)
        self.assertEqual(other.payloads(), [b"x"])
        heard = [packet.properties for packet in one.heard() if isinstance(packet, Publish)]
        identifiers = [properties.subscription_identifiers if properties else () for properties in heard]
        self.assertEqual(sorted(identifiers), [(), (7,), (8,)])

    def test_options_of_the_member(self) -> None:
        """
        A share comes with the options of the member that gets it: QoS, identifier, retain as published
        [MQTT5-4.8.2-3].
        """
        member = self.join("m")
        member.subscribe(Subscription(b"$share/g/t", 1, retain_as_published=True), identifier=3)
        self.publisher.publish("t", b"x", 2, True)
        self.assertEqual(
            member.heard(),
            [Publish(b"t", b"x", 1, True, False, 1, Properties(subscription_identifiers=(3,)))],
        )
        self.publisher.publish("t", b"x", 0, True)
        self.assertEqual(
            member.heard(), [Publish(b"t", b"x", 0, True, False, 0, Properties(subscription_identifiers=(3,)))]
        )

    def test_mixed_qos(self) -> None:
        """
        A group may have members with every QoS; each gets its share with its own.
        """
        members = [self.shared(f"m{qos}", qos=qos) for qos in (0, 1, 2)]
        self.send(9, 2)
        self.assertEqual([{qos for _, _, qos in member.finish()} for member in members], [{0}, {1}, {2}])
        self.assertEqual(self.stats.queued, 0)

    def test_nobody_there(self) -> None:
        """
        With a durable member the group keeps what nobody takes, and whoever comes first gets it in order.
        """
        self.shared("durable", True).lose()
        sent = self.send(5)
        self.assertEqual(self.stats.queued, 5)
        self.assertEqual(self.shared("late").payloads(), sent)
        self.assertEqual(self.durable("durable").payloads(), [])
        self.assertBooksClosed()

    def test_backlog_for_the_member_that_returns(self) -> None:
        """
        A durable member that returns takes the backlog without subscribing again.
        """
        for number in (1, 2):
            self.shared(f"m{number}", True).lose()
        sent = self.send(30, 2)
        again = self.durable("m1", receive_maximum=4)
        self.assertEqual(again.payloads(), sent)
        self.assertBooksClosed()

    def test_qos_0_is_for_those_who_are_there(self) -> None:
        """
        A QoS 0 message is not kept for a group; with nobody there it is dropped and counted.
        """
        self.shared("durable", True).lose()
        self.send(2, 0)
        self.assertEqual((self.stats.queued, self.stats.dropped), (0, 2))

    def test_last_durable_member_ends(self) -> None:
        """
        The backlog of a group ends with the last session that could have taken it, however that ends.
        """
        for way in ("expired", "discarded", "unsubscribed", "goodbye"):
            with self.subTest(way=way):
                peer = self.shared("c", True, receive_maximum=1)
                dropped = self.stats.dropped_ended
                if way in ("expired", "discarded"):
                    peer.lose()
                self.send(5)
                self.assertEqual(self.stats.queued, 5)
                if way == "expired":
                    self.town.wait(3601)
                elif way == "discarded":
                    self.join("c").leave()
                elif way == "unsubscribed":
                    peer.unsubscribe("$share/g/t")
                    self.assertEqual(self.stats.queued, 1)
                    peer.payloads()
                    peer.leave(session_expiry_interval=0)
                else:
                    peer.leave(session_expiry_interval=0)
                self.assertEqual(self.stats.queued, 0)
                # What was under way was sent; it is not counted as dropped.
                self.assertEqual(self.stats.dropped_ended - dropped, 5 if way in ("expired", "discarded") else 4)
                self.assertEqual(self.shared("c").payloads(), [])
                self.join("c").leave()
        self.assertBooksClosed()

    def test_member_without_room_is_passed_over(self) -> None:
        """
        A member takes what its window holds; the rest goes to the others, and what nobody can take waits.
        """
        small, large = self.shared("small", receive_maximum=1), self.shared("large", receive_maximum=5)
        sent = self.send(8)
        self.assertEqual((len(small.inbox), len(large.inbox), self.stats.queued), (1, 5, 8))
        self.assertEqual(sorted(small.payloads() + large.payloads()), sent)
        self.assertEqual(self.stats.queued, 0)

    def test_member_that_does_not_read(self) -> None:
        """
        A member that does not read does not hold back what the others could take.
        """
        for qos in (0, 1):
            stuck, quick = self.shared("stuck", qos=qos), self.shared("quick", qos=qos)
            stuck.pause()
            sent = self.send(6, qos)
            self.assertEqual(quick.payloads(), sent)
            stuck.resume()
            self.assertEqual(stuck.payloads(), [])
            self.assertEqual(len(self.send(2, qos)), len(quick.payloads()) + len(stuck.payloads()))
            for each in (stuck, quick):
                each.leave()

    def test_nobody_reads(self) -> None:
        """
        Where no member reads the messages wait, and come when one of them does.
        """
        members = [self.shared("a", qos=0), self.shared("b", qos=1)]
        for member in members:
            member.pause()
        sent = self.send(4)
        self.assertEqual(self.stats.queued, 4)
        members[0].resume()
        self.assertEqual(members[0].payloads(), sent)
        self.assertEqual((self.stats.queued, self.stats.dropped), (0, 0))

    def test_qos_1_moves(self) -> None:
        """
        What a member had not acknowledged at QoS 1 when it went comes to another, before what came later.
        """
        for durable in (False, True):
            going, staying = self.shared("going", durable, receive_maximum=2), self.shared("staying", receive_maximum=1)
            sent = self.send(6)
            mine = [packet.payload for packet in going.inbox if isinstance(packet, Publish)]
            going.lose()
            heard = staying.payloads()
            self.assertEqual(sorted(heard), sent)
            self.assertEqual(heard[1:3], mine)
            self.join("going").leave()
            staying.leave()
        self.assertBooksClosed()

    def test_qos_2_stays(self) -> None:
        """
        A QoS 2 message that a member has been sent is completed with that member, and with nobody else
        [MQTT5-4.8.2-4].
        """
        going, staying = self.shared("going", True), self.shared("staying")
        self.send(4, 2)
        first, second = (packet for packet in going.heard() if isinstance(packet, Publish))
        going.answer(first)
        going.lose()
        self.assertEqual(len(staying.payloads()), 2)
        again = self.durable("going")
        self.assertEqual(
            again.heard(),
            [Ack(PUBREL, first.packet_id), Publish(b"t", second.payload, 2, False, True, second.packet_id)],
        )
        again.say(Ack(PUBCOMP, first.packet_id), Ack(PUBREC, second.packet_id), Ack(PUBCOMP, second.packet_id))
        self.assertEqual(self.stats.queued, 0)

    def test_qos_2_ends_with_its_session(self) -> None:
        """
        When the session of that member ends, its QoS 2 messages go to nobody else [MQTT5-4.8.2-5].
        """
        for durable in (False, True):
            going, staying = self.shared("going", durable), self.shared("staying")
            self.send(4, 2)
            going.lose()
            self.town.wait(3601)
            self.assertEqual(len(staying.payloads()), 2)
            self.assertEqual(self.stats.queued, 0)
            staying.leave()

    def test_refused_by_the_member(self) -> None:
        """
        A member's refusal ends the message; nobody else is offered it [MQTT5-4.8.2-6].
        """
        members = [self.shared("a"), self.shared("b", True)]
        for qos in (1, 2):
            self.send(2, qos)
            for member in members:
                (packet,) = member.heard()
                member.answer(packet, 0x83)
                self.assertEqual(member.heard(), [])
            for member in members:
                member.lose()
            members = [self.shared("a"), self.shared("b", True)]
            self.assertEqual([member.payloads() for member in members], [[], []])
        self.assertEqual(self.stats.queued, 0)

    def test_leaving_the_group_with_shares(self) -> None:
        """
        What a member has been sent before it gave up the subscription is its own to complete.
        """
        leaving = self.shared("leaving", receive_maximum=5)
        self.send(1)
        leaving.unsubscribe("$share/g/t")
        staying = self.shared("staying")
        (packet,) = leaving.heard()
        leaving.answer(packet)
        self.send(1)
        self.assertEqual((leaving.payloads(), staying.payloads()), ([], [b"0"]))
        self.assertEqual(self.stats.queued, 0)

    def test_shares_of_a_member_that_had_left(self) -> None:
        """
        What it had not completed when its connection ended comes to those who are still in the group.
        """
        leaving, staying = self.shared("leaving"), self.shared("staying")
        self.send(2)
        leaving.unsubscribe("$share/g/t")
        leaving.lose()
        self.assertEqual(len(staying.payloads()), 2)
        self.assertBooksClosed()

    def test_no_right(self) -> None:
        """
        A member that may not have a message is passed over; what nobody may have is dropped, counted, and holds back
        nothing.
        """
        denied = self.shared("denied", rights=Rights(receive=["t"]), receive_maximum=1)
        free = self.shared("free")
        for qos in (0, 1):
            sent = self.send(3, qos)
            self.assertEqual((denied.payloads(), free.payloads()), ([], sent))
        free.leave()
        dropped = self.stats.dropped
        for qos in (0, 1):
            self.send(3, qos)
        self.assertEqual((denied.payloads(), self.stats.dropped, self.stats.queued), ([], dropped + 6, 0))

    def test_right_of_an_offline_member(self) -> None:
        """
        A message is kept for a group as long as one member, connected or not, may have it.
        """
        self.shared("denied", rights=Rights(receive=["t"]))
        self.shared("away", True).lose()
        sent = self.send(2)
        self.assertEqual(self.durable("away").payloads(), sent)

    def test_many_groups(self) -> None:
        """
        A member with little room serves its groups in turn, its own subscriptions first.
        """
        member = self.join("m", receive_maximum=1)
        for group in "abc":
            member.subscribe(f"$share/{group}/{group}", qos=1)
        for number in range(3):
            for group in "abc":
                self.publisher.publish(group, b"%s%d" % (group.encode(), number), 1)
        heard = member.payloads()
        self.assertEqual([each[:1] for each in heard[:3]], [b"a", b"b", b"c"])
        self.assertEqual(sorted(heard), sorted(b"%s%d" % (g.encode(), n) for g in "abc" for n in range(3)))

    def test_expired(self) -> None:
        """
        What expires while it waits for a group is dropped and counted.
        """
        self.shared("away", True).lose()
        for expiry in (10, 1000):
            self.publisher.publish("t", b"%d" % expiry, 1, message_expiry_interval=expiry)
        self.town.wait(10)
        self.assertEqual(self.durable("away").payloads(), [b"1000"])
        self.assertEqual((self.stats.dropped_expired, self.stats.queued), (1, 0))

    def test_all_wild(self) -> None:
        """
        Shared filters match like others, $ topics excluded [MQTT5-4.7.2-1]; retained messages do not come.
        """
        self.publisher.publish("t", b"kept", 1, True)
        member = self.join("m")
        member.subscribe("$share/g/#", qos=1)
        self.assertEqual(member.heard(), [])
        self.broker.publish(b"$SYS/x", b"no", 1)
        self.publisher.publish("a/b", b"yes", 1)
        self.assertEqual(member.payloads(), [b"yes"])


class FullGroupTests(BrokerTestCase):
    limits = {"max_queued_messages": 2}

    def test_full(self) -> None:
        """
        The backlog of a group is bounded: what finds no room is dropped, counted, and refused to a 5.0 publisher.
        """
        publisher, member = self.join("p"), self.durable("m")
        member.subscribe("$share/g/t", qos=1)
        member.lose()
        self.assertEqual([publisher.publish("t", b"%d" % number, 1) for number in range(4)], [0, 0, 0x97, 0x97])
        self.assertEqual(self.stats.dropped_full, 2)
        self.assertEqual(self.durable("m").payloads(), [b"0", b"1"])

    def test_expired_makes_room(self) -> None:
        """
        What has expired takes no room from what is published later.
        """
        publisher, member = self.join("p"), self.durable("m")
        member.subscribe("$share/g/t", "t", qos=1)
        member.lose()
        for _ in range(2):
            publisher.publish("t", b"old", 1, message_expiry_interval=5)
        self.town.wait(5)
        for number in range(2):
            self.assertEqual(publisher.publish("t", b"%d" % number, 1), 0)
        self.assertEqual(self.stats.dropped_expired, 4)
        self.assertEqual(sorted(self.durable("m").payloads()), [b"0", b"0", b"1", b"1"])
        self.assertBooksClosed()


class GroupTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.broker: Broker = Town(Policy()).broker
        self.group = Group("", b"g", b"t")

    def member(self, name: str, expiry: int = 0) -> Member:
        claim = Claim("", name, None, True, expiry)
        return Member(self.broker, self.broker.mount(), name, None, Lease(claim, None, False, expiry > 0))

    def join(self, member: Member, qos: int = 1) -> None:
        self.group.join(Grant(member, Subscription(b"$share/g/t", qos), b"t", qos, 0, self.group))

    def test_members(self) -> None:
        """
        A group knows its members, each once, and how many of them last.
        """
        one, two = self.member("one"), self.member("two", 100)
        for member in (one, two, two):
            self.join(member)
        self.assertEqual((len(self.group), self.group.durable), (2, 1))
        self.join(two, 2)
        delivery = self.group.delivery(two)
        assert delivery is not None
        self.assertEqual(delivery.qos, 2)
        for member in (two, two, one):
            self.group.leave(member)
        self.assertEqual((len(self.group), self.group.durable), (0, 0))
        self.assertIsNone(self.group.delivery(two))
        self.assertEqual(self.group.everybody(), [])

    def test_attended(self) -> None:
        """
        Nobody who is not connected is a listener.
        """
        self.join(self.member("a"))
        message = Message(b"t", b"x")
        self.assertFalse(self.group.attended)
        self.assertIsNone(self.group.listener(message))
        self.assertTrue(self.group.welcome(message))

    def test_key(self) -> None:
        """
        A group is named by mount point, share name and filter.
        """
        self.assertEqual(self.group.key, ("", b"g", b"t"))
