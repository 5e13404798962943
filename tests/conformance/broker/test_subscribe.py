"""
SUBSCRIBE (section 3.8): what the broker takes for a subscription, and what one is good for.
"""

from __future__ import annotations

from tests.conformance.case import BrokerCase
from tests.conformance.peer import field
from tests.conformance.states import states
from txmqtt.codec.constants import PUBACK, PUBCOMP, PUBLISH, PUBREC, SUBACK
from txmqtt.codec.packets import Ack, Pingreq, Publish, Subscribe, Subscription

#: A SUBSCRIBE without properties begins so, behind its first byte: 5.0 says that there are none.
_BEGIN = {3: "0001", 4: "0001", 5: "0001 00"}

#: What no string may be, as the filter of a subscription.
NO_STRINGS = (
    ("a byte that is never in UTF-8", "0002 61 ff"),
    ("a character cut off", "0002 61 c3"),
    ("overlong", "0002 c0 af"),
    ("a surrogate", "0003 ed a0 80"),
    ("U+0000", "0003 61 00 62"),
    ("longer than the packet", "0009 61"),
)


class FormatTests(BrokerCase):
    @states("MQTT311-3.8.1-1", "MQTT5-3.8.1-1", "MQTT311-2.2.2-2", "MQTT5-2.1.3-1")
    def test_flags(self) -> None:
        """
        A SUBSCRIBE with other flags than 0010 is not answered: the connection is closed.
        """
        for flags in set(range(16)) - {2}:
            with self.case(f"{flags:04b}"):
                peer = self.connect("a")
                peer.say(f'8{flags:x} [ {_BEGIN[self.version]} "a" 00 ]')
                peer.closed(0x81)

    @states("MQTT31 3.8")
    def test_again(self) -> None:
        """
        On 3.1 a SUBSCRIBE may say that it is sent again.
        """
        peer = self.connect("a")
        for first in ("82", "8a"):
            with self.case(first):
                peer.say(f'{first} 06 0001 "a" 01')
                peer.expect("90 03 0001 01")

    @states("MQTT311-3.8.3-1", "MQTT5-3.8.3-1", "MQTT311-4.7.3-2", "MQTT5-4.7.3-2", "MQTT311-4.7.3-3", "MQTT5-4.7.3-3")
    def test_no_string(self) -> None:
        """
        A filter that is no proper string ends the connection.
        """
        for name, spelling in NO_STRINGS:
            with self.case(name):
                peer = self.connect("a")
                peer.say(f"82 [ {_BEGIN[self.version]} {spelling} 00 ]")
                peer.closed(0x81, 0x82, 0x8F)

    @states("MQTT311-3.8.3-3", "MQTT5-3.8.3-2")
    def test_no_filter(self) -> None:
        """
        A SUBSCRIBE without a filter ends the connection.
        """
        peer = self.connect("a")
        peer.say(f"82 [ {_BEGIN[self.version]} ]")
        peer.closed(0x81, 0x82)

    @states("MQTT31 3.8", "MQTT311 3.8.3", "MQTT5 3.8.3")
    def test_no_options(self) -> None:
        """
        A filter without the byte that belongs to it ends the connection, also behind others that are complete.
        """
        for name, spelling in (("the only one", '"a"'), ("the second", '"a" 00 "b"')):
            with self.case(name):
                peer = self.connect("a")
                peer.say(f"82 [ {_BEGIN[self.version]} {spelling} ]")
                peer.closed(0x81, 0x82)

    @states("MQTT311-3.8.3-4")
    def test_unknown_bits(self) -> None:
        """
        Of the byte behind a filter only the two lowest bits mean anything; others, or a QoS of 3, end the connection.
        """
        for qos in (0x03, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xFF):
            with self.case(f"{qos:#04x}"):
                peer = self.connect("a")
                peer.say(f'82 [ 0001 "a" 00 "b" {qos:02x} ]')
                peer.closed()

    @states("MQTT5-3.8.3-5")
    def test_reserved_bits(self) -> None:
        """
        The two highest bits of the options of a subscription are reserved: a SUBSCRIBE that sets one is malformed.
        """
        for options in (0x40, 0x80, 0xC1):
            with self.case(f"{options:#04x}"):
                peer = self.connect("a")
                peer.say(f'82 [ 0001 00 "a" 00 "b" {options:02x} ]')
                peer.closed(0x81)

    @states("MQTT5 3.8.3.1")
    def test_bad_options(self) -> None:
        """
        There is no QoS 3, and no third way to handle what is retained.
        """
        for name, options in (("QoS 3", "03"), ("retain handling 3", "30"), ("both", "33")):
            with self.case(name):
                peer = self.connect("a")
                peer.say(f'82 [ 0001 00 "a" {options} ]')
                peer.closed(0x81, 0x82)

    @states("MQTT5 3.8.2.1")
    def test_bad_properties(self) -> None:
        """
        An identifier of 0, two of them, or a property that SUBSCRIBE has not, is an error.
        """
        for name, spelling in (
            ("subscription identifier 0", "0b 00"),
            ("two subscription identifiers", "0b 01 0b 02"),
            ("subscription identifier of five bytes", "0b ff ff ff ff 01"),
            ("a topic alias", "23 0001"),
            ("a reason string", '1f "x"'),
            ("a property that nobody knows", "7f 00"),
        ):
            with self.case(name):
                peer = self.connect("a")
                peer.say(f'82 [ 0001 [ {spelling} ] "a" 00 ]')
                peer.closed(0x81, 0x82)

    @states("MQTT5 3.8.2.1.3")
    def test_user_properties(self) -> None:
        """
        A SUBSCRIBE may have user properties, the same one twice as well.
        """
        peer = self.connect("a")
        peer.say('82 [ 0001 [ 26 "k" "v" 26 "k" "v" ] "a" 01 ]')
        peer.expect(SUBACK, packet_id=1, reasons=[1])

    @states("MQTT311-2.3.1-1", "MQTT5 2.2.1", "MQTT31 2.4")
    def test_no_packet_identifier(self) -> None:
        """
        A SUBSCRIBE has a packet identifier that is not 0.
        """
        peer = self.connect("a")
        peer.say(f'82 [ 0000 {_BEGIN[self.version][4:]} "a" 00 ]')
        peer.closed(0x81, 0x82)


class GrantTests(BrokerCase):
    @states("MQTT311-3.8.3-2")
    def test_no_wildcards(self) -> None:
        """
        A broker that has no wildcards refuses the filters that use them, and no others.
        """
        self.begin(wildcard_available=False)
        self.assertEqual(self.connect("a").subscribe("a", "a/+", "#", "b"), [0, 0x80, 0x80, 0])

    @states("MQTT5 3.8.4")
    def test_what_is_not_there(self) -> None:
        """
        What the broker has said that it has not can't be subscribed to.
        """
        self.begin(wildcard_available=False, shared_available=False, subscription_identifiers_available=False)
        for name, words, reason in (
            ("wildcards", Subscribe(1, [Subscription(b"a/#")]), 0xA2),
            ("shared subscriptions", Subscribe(1, [Subscription(b"$share/g/a")]), 0x9E),
            ("subscription identifiers", '82 [ 0001 [ 0b 01 ] "a" 00 ]', 0xA1),
        ):
            with self.case(name):
                peer = self.connect("a")
                peer.say(words)
                peer.closed(reason)

    @states("MQTT311-3.8.4-6", "MQTT5-3.8.4-8", "MQTT5-3.8.4-7", "MQTT311-3.8.4-5")
    def test_lower_qos(self) -> None:
        """
        A message comes at the lower of the QoS that it was published with and the one that was granted.
        """
        watchers = [self.connect(f"w{granted}") for granted in range(3)]
        for granted, watcher in enumerate(watchers):
            self.assertEqual(watcher.subscribe("t", qos=granted), [granted])
        peer = self.connect("p")
        for published in range(3):
            peer.publish("t", b"x", published)
            for granted, watcher in enumerate(watchers):
                with self.case(f"published with {published}, granted {granted}"):
                    self.assertEqual([each.qos for each in watcher.messages()], [min(published, granted)])

    @states("MQTT311-3.8.4-5", "MQTT5-3.8.4-7", "MQTT311-3.8.4-6", "MQTT5-3.8.4-8")
    def test_granted_less(self) -> None:
        """
        A broker that grants less than was asked for says so, and keeps to it.
        """
        self.begin(max_qos=1)
        watcher = self.connect("w")
        self.assertEqual(watcher.subscribe("a", "b", qos=2), [1, 1])
        self.connect("p").publish("a", b"x", 1)
        watcher.expect(PUBLISH, qos=1)

    @states("MQTT311-3.8.4-3", "MQTT5-3.8.4-3")
    def test_replaced(self) -> None:
        """
        Who subscribes to a filter again has one subscription, and the later options count.
        """
        watcher = self.connect("w")
        watcher.subscribe("t/+", qos=2)
        watcher.subscribe("t/+", qos=1)
        publisher = self.connect("p")
        publisher.publish("t/a", b"x", 2)
        self.assertEqual([each.qos for each in watcher.messages()], [1])
        watcher.unsubscribe("t/+")
        publisher.publish("t/a", b"x", 2)
        watcher.silence()

    @states("MQTT5-3.8.4-3")
    def test_replaced_identifier(self) -> None:
        """
        A subscription that replaces another has the identifier of the later, or none.
        """
        watcher = self.connect("w")
        peer = self.connect("p")
        for identifier in (7, 268_435_455, 0):
            with self.case(str(identifier)):
                watcher.subscribe("t", identifier=identifier)
                peer.publish("t", b"x")
                watcher.expect(PUBLISH, subscription_identifiers=(identifier,) if identifier else ())

    @states("MQTT311-3.8.4-3", "MQTT5-3.8.4-4")
    def test_retained_again(self) -> None:
        """
        Who subscribes again gets again what is retained.
        """
        self.connect("p").publish("t", b"x", 1, retain=True)
        watcher = self.connect("w")
        for time in ("first", "again"):
            with self.case(time):
                watcher.subscribe("t", qos=1)
                self.assertEqual([(x.payload, x.retain) for x in watcher.messages()], [(b"x", True)])

    @states("MQTT311-3.8.4-3", "MQTT5-3.8.4-4")
    def test_nothing_is_lost(self) -> None:
        """
        While a subscription is replaced, no message is lost.
        """
        watcher = self.connect("w")
        watcher.subscribe("t", qos=1)
        peer = self.connect("p")
        for number in range(1, 21):
            peer.say(Publish(b"t", b"%d" % number, 1, packet_id=number))
            watcher.say(Subscribe(100 + number, [Subscription(b"t", 1 + number % 2)]))
            peer.take(PUBACK, packet_id=number)
            watcher.take(SUBACK, packet_id=100 + number)
        self.assertEqual([each.payload for each in watcher.messages()], [b"%d" % number for number in range(1, 21)])

    @states("MQTT5 3.8.3.1", "MQTT5-3.8.4-4", "MQTT5-3.3.1-9", "MQTT5-3.3.1-10", "MQTT5-3.3.1-11")
    def test_retain_handling(self) -> None:
        """
        A subscriber says whether it wants what is retained: always, if the subscription is new, or never.
        """
        self.connect("p").publish("t", b"x", 1, retain=True)
        for handling, new, again in ((0, 1, 1), (1, 1, 0), (2, 0, 0)):
            watcher = self.connect(f"w{handling}")
            for name, count in (("new", new), ("again", again)):
                with self.case(f"{handling}, {name}"):
                    watcher.subscribe("t", retain_handling=handling)
                    self.assertEqual(len(watcher.messages()), count)

    @states("MQTT5 3.8.3.1")
    def test_retain_as_published(self) -> None:
        """
        A subscriber says whether messages say that they are retained when it hears them at once.
        """
        plain, honest = self.connect("w1"), self.connect("w2")
        plain.subscribe("t")
        honest.subscribe("t", retain_as_published=True)
        peer = self.connect("p")
        for retain in (True, False):
            peer.publish("t", b"x", retain=retain)
            plain.expect(PUBLISH, retain=False)
            honest.expect(PUBLISH, retain=retain)

    @states("MQTT5-3.8.3-3")
    def test_no_local(self) -> None:
        """
        A subscriber that asks for it does not get what it has published itself, at any QoS.
        """
        other = self.connect("b")
        for keep in (False, True):
            for qos in range(3):
                with self.case(f"QoS {qos}, {'kept' if keep else 'not kept'}"):
                    peer = self.connect("a", keep=keep)
                    peer.subscribe("t", qos=qos, no_local=True)
                    peer.subscribe("u", qos=qos)
                    peer.publish("t", b"mine", qos)
                    peer.publish("u", b"mine", qos)
                    other.publish("t", b"another's", qos)
                    found = [(each.topic, each.payload) for each in peer.messages()]
                    self.assertEqual(found, [(b"u", b"mine"), (b"t", b"another's")])
                    peer.leave()

    @states("MQTT5-3.8.3-3")
    def test_no_local_later(self) -> None:
        """
        It is who has published that counts, not on which connection.
        """
        peer = self.connect("a", keep=True)
        peer.subscribe("t", qos=1, no_local=True)
        peer.say(Publish(b"t", b"mine", 1, packet_id=9))
        peer.drop()
        again = self.connect("a", keep=True, present=True)
        again.silence()
        again.publish("t", b"mine", 1)
        self.connect("b").publish("t", b"another's", 1)
        self.assertEqual([each.payload for each in again.messages()], [b"another's"])

    @states("MQTT5-3.8.3-4")
    def test_no_local_shared(self) -> None:
        """
        No Local can't be asked for with a shared subscription.
        """
        peer = self.connect("a")
        peer.say('82 [ 0001 00 "a" 00 "$share/g/t" 04 ]')
        peer.closed(0x82)


class SeveralTests(BrokerCase):
    @states("MQTT311-3.8.4-4", "MQTT5-3.8.4-5", "MQTT311-3.8.4-1", "MQTT5-3.8.4-1", "MQTT5-3.8.4-6", "MQTT311-3.9.3-1")
    def test_several_filters(self) -> None:
        """
        Several filters in one SUBSCRIBE are several subscriptions, which one SUBACK answers.
        """
        watcher = self.connect("w")
        watcher.say(Subscribe(9, [Subscription(b"a", 1), Subscription(b"b", 0), Subscription(b"c", 2)]))
        watcher.expect(SUBACK, packet_id=9, reasons=[1, 0, 2])
        watcher.silence()
        peer = self.connect("p")
        for topic in ("a", "b", "c", "d"):
            peer.publish(topic, b"x", 2)
        found = {each.topic: each.qos for each in watcher.messages()}
        self.assertEqual(found, {b"a": 1, b"b": 0, b"c": 2})

    @states("MQTT311-3.8.4-4", "MQTT5-3.8.4-5")
    def test_one_after_the_other(self) -> None:
        """
        Of the same filter twice in one SUBSCRIBE the second replaces the first.
        """
        watcher = self.connect("w")
        self.assertEqual(watcher.subscribe(Subscription(b"t", 2), Subscription(b"t", 1)), [2, 1])
        self.connect("p").publish("t", b"x", 2)
        self.assertEqual([each.qos for each in watcher.messages()], [1])

    @states("MQTT311-3.3.5-1", "MQTT5-3.3.4-2")
    def test_overlapping(self) -> None:
        """
        A message that several subscriptions match comes once at least, and then at the highest QoS that was granted.
        """
        watcher = self.connect("w")
        watcher.subscribe(Subscription(b"t/#", 0), Subscription(b"t/+", 2), Subscription(b"t/a", 1))
        self.connect("p").publish("t/a", b"x", 2)
        found = [each.qos for each in watcher.messages()]
        self.assertEqual(max(found), 2)
        if self.target is None:
            self.assertEqual(found, [2])

    @states("MQTT5-3.3.4-3", "MQTT5-3.3.4-4", "MQTT5-3.3.4-5")
    def test_overlapping_identifiers(self) -> None:
        """
        A message that several subscriptions match says the identifiers of all, be it in one copy or in several.
        """
        watcher = self.connect("w")
        watcher.subscribe("t/#", identifier=1)
        watcher.subscribe("t/+", identifier=2)
        watcher.subscribe("t/a")
        self.connect("p").publish("t/a", b"x")
        found = [number for each in watcher.messages() for number in field(each, "subscription_identifiers")]
        self.assertEqual(sorted(found), [1, 2])

    @states("MQTT311 3.8.4", "MQTT5 3.8.4")
    def test_under_way_before_the_suback(self) -> None:
        """
        A subscription counts at the latest from its SUBACK on, and the exchanges of messages go on meanwhile.
        """
        peer = self.connect("a")
        peer.say(Publish(b"x", b"x", 2, packet_id=1), Subscribe(2, [Subscription(b"t", 1)]), Pingreq())
        peer.take(SUBACK, packet_id=2)
        peer.take(PUBREC, packet_id=1)
        self.connect("p").publish("t", b"x", 1)
        message = peer.take(PUBLISH, payload=b"x")
        peer.say("62 02 0001", Ack(PUBACK, message.packet_id))
        peer.take(PUBCOMP, packet_id=1)
