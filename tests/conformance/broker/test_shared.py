"""
Shared subscriptions (section 4.8): messages that one of several gets.
"""

from __future__ import annotations

from tests.conformance.case import EXPIRY, BrokerCase
from tests.conformance.peer import Peer, field
from tests.conformance.states import states
from txmqtt.codec.constants import PINGRESP, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, SUBACK
from txmqtt.codec.packets import Ack, Disconnect, Pingreq

#: What looks like a shared subscription and is none.
BAD_NAMES = ("$share//t", "$share//", "$share//#")
BAD_FILTERS = (
    "$share/g",
    "$share/g/",
    "$share/g+/t",
    "$share/#/t",
    "$share/+/t",
    "$share/g#/t",
    "$share/#",
    "$share/+",
)


class FilterTests(BrokerCase):
    def refused(self, filters: tuple[str, ...]) -> None:
        for each in filters:
            with self.case(each):
                peer = self.connect("a")
                peer.say(f'82 [ 0001 00 "{each}" 00 ]')
                if self.target is not None and (answer := peer.hear()).kind == SUBACK:
                    self.assertEqual(field(answer, "reasons"), [0x8F])
                else:
                    peer.closed(0x81, 0x82, 0x8F)

    @states("MQTT5-4.8.2-1")
    def test_empty_name(self) -> None:
        """
        The share name is not empty.
        """
        self.refused(BAD_NAMES)

    @states("MQTT5-4.8.2-2")
    def test_bad_filter(self) -> None:
        """
        A share name has no slash or wildcard, and a filter follows it.
        """
        self.refused(BAD_FILTERS)

    @states("MQTT5-4.8.2-1", "MQTT5-4.8.2-2")
    def test_good_filters(self) -> None:
        """
        Any other name will do, and any filter behind it.
        """
        publisher = self.connect("p")
        for wanted, topic in (
            ("$share/g/t", "t"),
            ("$share/$g /t/+", "t/u"),
            ("$share/\u00e9/#", "t"),
            ("$share/t//", "/"),
            ("$share/g/$share/g/t", "$share/g/t"),
        ):
            with self.case(wanted):
                peer = self.connect("a")
                self.assertEqual(peer.subscribe(wanted, qos=1), [1])
                if not topic.startswith("$"):
                    publisher.publish(topic, b"x", 1)
                    peer.expect(PUBLISH, topic=topic.encode())
                peer.drop()


class MemberTests(BrokerCase):
    def members(self, *names: str, qos: int = 2, expiry: int = EXPIRY) -> list[Peer]:
        """
        Who share C{t}.
        """
        found = [self.connect(name, keep=True, session_expiry_interval=expiry) for name in names]
        for peer in found:
            self.assertEqual(peer.subscribe("$share/g/t", qos=qos), [qos])
        return found

    def chosen(self, members: list[Peer]) -> tuple[Peer, Peer]:
        """
        Who of two got what was published, and the other.
        """
        for peer, other in (members, members[::-1]):
            peer.say(Pingreq())
            if (heard := peer.hear()).kind == PUBLISH:
                peer.take(PINGRESP)
                peer.acknowledge(heard)
                return peer, other
        raise AssertionError("nobody got it")

    @states("MQTT5 4.8.2")
    def test_one_of_them(self) -> None:
        """
        Each message reaches one member of each group, and those who have subscribed for themselves.
        """
        groups = {"g": ["g1", "g2", "g3"], "h": ["h1"]}
        peers = {name: self.connect(name) for names in groups.values() for name in names}
        for group, names in groups.items():
            for name in names:
                peers[name].subscribe(f"$share/{group}/t/+", qos=1)
        alone = self.connect("a")
        alone.subscribe("t/1", qos=1)
        sent = [b"%d" % number for number in range(30)]
        publisher = self.connect("p")
        for payload in sent:
            publisher.publish("t/1", payload, 1)
        self.assertEqual([each.payload for each in alone.messages()], sent)
        for group, names in groups.items():
            found = [each.payload for name in names for each in peers[name].messages()]
            with self.case(group):
                self.assertEqual(sorted(found, key=int), sent)

    @states("MQTT5 4.8.2")
    def test_both_ways(self) -> None:
        """
        A member that has subscribed for itself too gets its share and everything besides.
        """
        peer = self.connect("a")
        peer.subscribe("$share/g/t", qos=1, identifier=1)
        peer.subscribe("t", qos=1, identifier=2)
        self.connect("p").publish("t", b"x", 1)
        found = [field(each, "subscription_identifiers") for each in peer.messages()]
        self.assertEqual(sorted(found), [(1,), (2,)])

    @states("MQTT5 4.8.2")
    def test_nothing_retained(self) -> None:
        """
        Who joins a group gets nothing that is retained.
        """
        self.connect("p").publish("t", b"x", 1, retain=True)
        peer = self.connect("a")
        for handling in (0, 1):
            peer.subscribe("$share/g/t", qos=1, retain_handling=handling)
        peer.silence()

    @states("MQTT5 4.8.2")
    def test_who_leaves(self) -> None:
        """
        A member that unsubscribes, or whose session ends, gets nothing more, and the others all.
        """
        publisher = self.connect("p")
        for name in ("unsubscribes", "leaves"):
            with self.case(name):
                first, second = (self.connect(each) for each in ("a", "b"))
                for peer in (first, second):
                    peer.subscribe("$share/g/t", qos=1)
                if name == "leaves":
                    first.say(Disconnect())
                    first.closed()
                else:
                    self.assertEqual(first.unsubscribe("$share/g/t"), [0])
                for _ in range(4):
                    publisher.publish("t", b"x", 1)
                self.assertEqual(len(second.messages()), 4)
                if name != "leaves":
                    first.silence()
                    self.assertEqual(first.unsubscribe("$share/g/t"), [0x11])
                second.leave()
                first.drop()

    @states("MQTT5 4.8.2")
    def test_not_the_same(self) -> None:
        """
        A subscription to the filter behind the share is another: it neither replaces nor ends the shared one.
        """
        peer = self.connect("a")
        peer.subscribe("$share/g/t")
        self.assertEqual(peer.unsubscribe("t", "$share/h/t"), [0x11, 0x11])
        self.connect("p").publish("t", b"x")
        peer.expect(PUBLISH)
        self.assertEqual(peer.unsubscribe("$share/g/t"), [0])

    @states("MQTT5-4.8.2-3")
    def test_granted_qos(self) -> None:
        """
        Each member gets its messages at no higher QoS than it was granted.
        """
        peers = {qos: self.connect(f"m{qos}") for qos in range(3)}
        for qos, peer in peers.items():
            peer.subscribe("$share/g/t", qos=qos)
        publisher = self.connect("p")
        for published in (2, 1):
            for _ in range(9):
                publisher.publish("t", b"x", published)
            found = {qos: peer.messages() for qos, peer in peers.items()}
            self.assertEqual(sum(map(len, found.values())), 9)
            for qos, messages in found.items():
                self.assertEqual({each.qos for each in messages} - {min(published, qos)}, set())

    @states("MQTT5-4.8.2-4", "MQTT5-4.3.3-6")
    def test_goes_on_with_the_same(self) -> None:
        """
        A QoS 2 message that one member has begun to get stays its own over a break.
        """
        members = self.members("a", "b")
        self.connect("p").publish("t", b"x", 2)
        member, other = self.chosen(members)
        packet_id = member.expect(PUBREL).packet_id
        member.drop()
        other.silence()
        again = self.connect("ab"[members.index(member)], keep=True, present=True)
        again.expect(PUBREL, packet_id=packet_id)
        again.say(Ack(PUBCOMP, packet_id))
        again.silence()
        other.silence()

    @states("MQTT5-4.8.2-4")
    def test_goes_on_before_pubrec(self) -> None:
        """
        So does one that the member has not answered.
        """
        (member,) = self.members("a")
        self.connect("p").publish("t", b"x", 2)
        packet_id = member.expect(PUBLISH, payload=b"x", qos=2).packet_id
        (other,) = self.members("b")
        member.drop()
        other.silence()
        again = self.connect("a", keep=True, present=True)
        again.expect(PUBLISH, payload=b"x", dup=True, packet_id=packet_id)
        again.say(Ack(PUBREC, packet_id))
        again.expect(PUBREL, packet_id=packet_id)
        other.silence()

    @states("MQTT5-4.8.2-5")
    def test_goes_to_nobody_else(self) -> None:
        """
        If that member's session ends, the message goes to nobody else.
        """
        publisher = self.connect("p")
        for answered in (True, False):
            for how in ("time over", "begins anew"):
                with self.case(f"{'after' if answered else 'before'} PUBREC, {how}"):
                    (member,) = self.members("a", expiry=1)
                    publisher.publish("t", b"x", 2)
                    packet_id = member.expect(PUBLISH, payload=b"x", qos=2).packet_id
                    if answered:
                        member.say(Ack(PUBREC, packet_id))
                        member.expect(PUBREL)
                    (other,) = self.members("b")
                    member.drop()
                    if how == "time over":
                        self.wait(3)
                    again = self.connect("a", clean=how == "begins anew", present=False)
                    again.silence()
                    again.leave()
                    other.silence()
                    publisher.publish("t", b"y", 2)
                    self.assertEqual([each.payload for each in other.messages()], [b"y"])
                    other.unsubscribe("$share/g/t")
                    other.leave()

    @states("MQTT5-4.8.2-6")
    def test_refused(self) -> None:
        """
        A message that a member refuses goes to no other.
        """
        for qos, answer in ((1, PUBACK), (2, PUBREC)):
            with self.case(f"QoS {qos}"):
                (member,) = self.members("a", qos=qos)
                self.connect("p").publish("t", b"x", qos)
                message = member.expect(PUBLISH, payload=b"x", qos=qos)
                (other,) = self.members("b", qos=qos)
                member.say(Ack(answer, message.packet_id, 0x83))
                member.silence()
                other.silence()
                member.drop()
                other.silence()
                other.drop()
                for name in ("a", "b"):
                    self.connect(name, keep=True, clean=True).silence()
