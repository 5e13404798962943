"""
The books that judge a broker find every fault, and none where there is none.

No sockets: the histories are told. Most are mutations of one that is right.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.accounting.accounts import Accounts
from benchmarks.accounting.events import (
    Answered,
    Arrived,
    Completed,
    Connected,
    Event,
    Publishing,
    Released,
    Subscribed,
    Subscribing,
    Unsubscribed,
    Unsubscribing,
)
from benchmarks.accounting.messages import Message
from benchmarks.accounting.people import Person, Topic, Wish
from benchmarks.accounting.verdict import Verdict, judge
from txmqtt.codec.constants import MQTT5, MQTT311
from txmqtt.codec.packets import Publish
from txmqtt.codec.properties import Properties
from txmqtt.codec.property_table import TABLE

ANNA = Person("anna", MQTT5, topics=(Topic(b"t/1"), Topic(b"t/2")))
BERT = Person("bert", MQTT5, wishes=(Wish(b"t/#", 2, 7),))
CARL = Person("carl", MQTT311, wishes=(Wish(b"t/1", 1),))
DORA = Person("dora", MQTT5, wishes=(Wish(b"$share/g/t/#", 2),))
EMIL = Person("emil", MQTT311, wishes=(Wish(b"$share/g/t/#", 2),))
PEOPLE = (ANNA, BERT, CARL, DORA, EMIL)

#: What each of them is granted.
GRANTED = {"bert": (b"t/#", 2), "carl": (b"t/1", 1), "dora": (b"$share/g/t/#", 2), "emil": (b"$share/g/t/#", 2)}


def beginning() -> list[Event]:
    """
    Everybody comes and subscribes.
    """
    events: list[Event] = [Connected("anna", False)]
    for name, (filter, qos) in GRANTED.items():
        events += [Connected(name, False), Subscribing(name, filter), Subscribed(name, filter, qos)]
    return events


def message(number: int, topic: bytes = b"t/1", qos: int = 2, **words: bool) -> Message:
    return Message(number, "anna", topic, qos, **words)


def sent(message: Message, reason: int = 0) -> list[Event]:
    """
    It is published, and answered to the end.
    """
    packet_id = message.number + 1
    events: list[Event] = [Publishing("anna", packet_id, message), Answered("anna", packet_id, reason)]
    return events if message.qos == 1 or reason else [*events, Completed("anna", packet_id)]


def got(name: str, message: Message, packet_id: int = 0, retain: bool = False) -> list[Event]:
    """
    It is delivered, and released if it must be.
    """
    qos = min(message.qos, GRANTED[name][1])
    packet_id = packet_id or message.number + 1
    said = message.properties
    if name == "bert":
        words = {} if said is None else {law.name: getattr(said, law.name) for law in TABLE}
        said = Properties(**{**words, "subscription_identifiers": (7,)})
    elif name in ("carl", "emil"):
        said = None
    packet = Publish(message.topic, message.payload, qos, retain, False, packet_id, said)
    events: list[Event] = [Arrived(name, packet)]
    return events if qos == 1 else [*events, Released(name, packet_id)]


def everybody_got(message: Message) -> list[Event]:
    """
    Those who are owed it; the group's members by turns.
    """
    events = got("bert", message) + got("dora" if message.number % 2 else "emil", message)
    return events + got("carl", message) if message.topic == b"t/1" else events


def right(seed: int = 1, count: int = 40) -> list[Event]:
    """
    A history without a fault.
    """
    random = Random(seed)
    events = beginning()
    for number in range(count):
        each = message(number, random.choice((b"t/1", b"t/2")), random.choice((1, 2)), rich=random.random() < 0.5)
        events += sent(each) + everybody_got(each)
    return events


def told(events: Iterable[Event]) -> Accounts:
    accounts = Accounts(PEOPLE, keep_history=True)
    for now, event in enumerate(events):
        accounts.record(event, float(now))
    return accounts


def verdict(events: Iterable[Event]) -> Verdict:
    return judge(told(events))


class AccountingTests(SynchronousTestCase):
    def assertFaults(self, events: Iterable[Event], **faults: int) -> Verdict:
        """
        These faults are found, and no others.
        """
        result = verdict(events)
        found = {kind.replace(" ", "_"): count for kind, count in result.faults.items() if count}
        self.assertEqual(found, faults, result.table())
        self.assertEqual(result.good, not faults)
        return result

    def arrivals(self, events: list[Event]) -> list[int]:
        return [place for place, event in enumerate(events) if isinstance(event, Arrived)]


class FaultTests(AccountingTests):
    """
    One thing goes wrong in a history that is right.
    """

    def test_right(self) -> None:
        """
        Where nothing is wrong, nothing is found.
        """
        for seed in range(20):
            result = self.assertFaults(right(seed))
            self.assertEqual((result.acknowledged, result.repeats), (40, 0))
            self.assertIn("acknowledged", result.table())

    def test_lost(self) -> None:
        """
        Whatever acknowledged message does not come, to a client or to a group, is lost, and said so in words.
        """
        events = right()
        for place in self.arrivals(events):
            rest = events[:place] + events[place + 1 :]
            result = self.assertFaults(rest, lost=1)
            self.assertIn("acknowledged, never came to", result.details["lost"][0])

    def test_doubled(self) -> None:
        """
        A QoS 2 message that comes again after its PUBREL was delivered twice.
        """
        events = right()
        for place in self.arrivals(events):
            event = events[place]
            assert isinstance(event, Arrived)
            if event.packet.qos == 2:
                self.assertFaults([*events[: place + 2], *events[place : place + 2], *events[place + 2 :]], doubled=1)

    def test_doubled_in_a_group(self) -> None:
        """
        A QoS 2 message that two members of a group get was delivered twice.
        """
        each = message(0, b"t/2")
        self.assertFaults([*beginning(), *sent(each), *everybody_got(each), *got("dora", each)], doubled=1)

    def test_out_of_order(self) -> None:
        """
        Two messages of one publisher, topic and QoS that change places are out of order, except in a group.
        """
        one, two = message(0), message(1)
        events = beginning() + sent(one) + sent(two) + got("carl", one) + got("carl", two) + got("emil", two)
        self.assertFaults([*events, *got("dora", one), *got("bert", one), *got("bert", two)])
        self.assertFaults([*events, *got("dora", one), *got("bert", two), *got("bert", one)], out_of_order=1)

    def test_changed(self) -> None:
        """
        A message must keep its topic, payload and properties, have the QoS that was granted, and the identifier of the
        subscription.
        """
        each = message(0, qos=1, rich=True)
        rest = beginning() + sent(each) + got("dora", each) + got("carl", each)
        properties = each.properties
        assert properties is not None
        properties.subscription_identifiers = (7,)
        self.assertFaults(
            [*rest, Arrived("bert", Publish(b"t/1", each.payload, 1, packet_id=1, properties=properties))]
        )
        other = Properties(subscription_identifiers=(7,), user_properties=(("number", "1"),))
        for packet in (
            Publish(b"t/2", each.payload, 1, packet_id=1, properties=properties),
            Publish(b"t/1", each.payload + b"!", 1, packet_id=1, properties=properties),
            Publish(b"t/1", each.payload, 2, packet_id=1, properties=properties),
            Publish(b"t/1", each.payload, 1, packet_id=1, properties=each.properties),
            Publish(b"t/1", each.payload, 1, packet_id=1, properties=other),
            Publish(b"t/1", each.payload, 1, packet_id=1),
        ):
            with self.subTest(packet=packet):
                self.assertFaults([*rest, Arrived("bert", packet), Released("bert", 1)], changed=1)
        for payload in (b"", b"1 ", b"nonsense"):
            packet = Publish(b"t/1", payload, 1, packet_id=1, properties=properties)
            self.assertFaults([*rest, Arrived("bert", packet)], changed=1, lost=1)

    def test_session_missing(self) -> None:
        """
        Who had a session and comes back to none has lost it. Its last CONNECT may have been the first.
        """
        self.assertFaults([*right(), *(Connected(each.name, True) for each in PEOPLE)])
        self.assertFaults([*right(), Connected("anna", False)], sessions_missing=1)

    def test_subscription_missing(self) -> None:
        """
        A subscription that does not hear what everybody is asked with at the end is gone.
        """
        each = message(40, marker=True)
        events = right() + sent(each)
        self.assertFaults(events + everybody_got(each))
        self.assertFaults(events + got("bert", each) + got("dora", each), subscriptions_missing=1)

    def test_no_subscription_existed(self) -> None:
        """
        A subscription that the first UNSUBSCRIBE does not find was gone. A second one need not find it.
        """
        leaving: list[Event] = [Unsubscribing("bert", b"t/#")]
        ending: list[Event] = [Unsubscribed("bert", b"t/#", 0x11)]
        self.assertFaults([*right(), *leaving, *ending], subscriptions_missing=1)
        self.assertFaults([*right(), *leaving, *leaving, *ending])

    def test_refused_subscription(self) -> None:
        """
        A subscription that is refused is missing.
        """
        events: list[Event] = [Subscribing("bert", b"t/#"), Subscribed("bert", b"t/#", 0x80)]
        self.assertEqual(verdict(events).faults["subscriptions missing"], 1)

    def test_swallowed(self) -> None:
        """
        A new message under an identifier that the receiver still has is taken for the old one, and so is lost; the
        details say why.
        """
        one, two = message(0, b"t/2"), message(1, b"t/2")
        events = beginning() + sent(one) + sent(two) + got("dora", one) + got("dora", two)
        result = self.assertFaults([*events, *got("bert", one, 5)[:1], *got("bert", two, 5)], lost=1)
        self.assertIn("it came to bert as packet 5, which still stood for message 0", result.details["lost"][0])

    def test_unanswered(self) -> None:
        """
        What has had no answer when all is over never gets one.
        """
        one = message(0)
        whole = [*beginning(), *sent(one), *everybody_got(one)]
        self.assertFaults(whole)
        for missing in (Completed("anna", 1), Released("bert", 1), Subscribed("carl", b"t/1", 1)):
            with self.subTest(missing=missing):
                self.assertFaults([event for event in whole if event != missing], unanswered=1)
        self.assertFaults([*whole, Publishing("anna", 1, message(1))], unanswered=1)
        self.assertFaults([*whole, Unsubscribing("bert", b"t/#")], unanswered=1)


class LeaveTests(AccountingTests):
    """
    What a broker may do.
    """

    def test_repeats(self) -> None:
        """
        QoS 1 may come again, however late; QoS 2 may come again under its identifier until PUBREL.
        """
        one, two = message(0, qos=1), message(1, qos=1)
        events = beginning() + sent(one) + sent(two) + everybody_got(one) + everybody_got(two) + everybody_got(one)
        self.assertEqual(self.assertFaults(events).repeats, 3)
        three = message(2, b"t/2")
        again = got("bert", three)[:1] + got("bert", three)
        self.assertFaults([*events, *sent(three), *again, *got("dora", three)])

    def test_refused(self) -> None:
        """
        A message that was refused is owed to nobody.
        """
        for qos in (1, 2):
            result = self.assertFaults([*beginning(), *sent(message(0, qos=qos), 0x97)])
            self.assertEqual((result.acknowledged, result.refused), (0, 1))

    def test_unknown(self) -> None:
        """
        A message is owed from its acknowledgement on. It may come before, and the acknowledgement may come again.
        """
        each = message(0)
        accounts = told([*beginning(), Publishing("anna", 1, each)])
        self.assertEqual(judge(accounts).faults["lost"], 0)
        accounts.record(Answered("anna", 1, 0), 100.0)
        self.assertEqual(judge(accounts).faults["lost"], 3)
        early = [*beginning(), Publishing("anna", 1, each), *everybody_got(each)]
        result = self.assertFaults([*early, Answered("anna", 1, 0), Answered("anna", 1, 0), Completed("anna", 1)])
        self.assertEqual(result.acknowledged, 1)

    def test_before_the_subscription(self) -> None:
        """
        What was sent before SUBACK may come or not.
        """
        each = message(0, qos=1)
        events = [Connected("anna", False), *sent(each), *beginning()[1:]]
        self.assertFaults(events)
        self.assertFaults([*events, *got("bert", each)])

    def test_after_the_subscription(self) -> None:
        """
        From UNSUBSCRIBE on nothing is owed; from UNSUBACK on nothing that is sent later may come.
        """
        one, two = message(0, b"t/2", 1), message(1, b"t/2", 1)
        ending: list[Event] = [Unsubscribing("bert", b"t/#"), Unsubscribed("bert", b"t/#", 0)]
        rest = got("dora", one) + got("dora", two)
        self.assertFaults([*beginning(), *sent(one), *ending, *sent(two), *rest])
        self.assertFaults([*beginning(), *sent(one), *ending, *sent(two), *rest, *got("bert", one)])
        self.assertFaults([*beginning(), *sent(one), *ending, *sent(two), *rest, *got("bert", two)], unwanted=1)

    def test_never_asked(self) -> None:
        """
        A message that matches none of a client's filters must not come.
        """
        each = message(0, b"t/2", 1)
        events = beginning() + sent(each) + everybody_got(each)
        self.assertFaults([*events, *got("carl", each)], unwanted=1)

    def test_retained_copies(self) -> None:
        """
        A copy that a new subscription gets of a retained message is not the message on its way.
        """
        each = message(0, b"t/2", retain=True)
        events = [*beginning(), *sent(each), *got("dora", each), *got("bert", each, retain=True)]
        self.assertFaults(events, lost=1)
        self.assertFaults([*events, *got("bert", each)])


class RetainedTests(AccountingTests):
    """
    Messages 0 to 4 are published to one topic with RETAIN; 2 removes what is there.
    """

    def setUp(self) -> None:
        self.messages = [message(number, b"c", 1, retain=True, clears=number == 2) for number in range(5)]

    def faults(self, acknowledged: int, unanswered: int, heard: int | None) -> list[str]:
        """
        What a survey finds when the first of them have been acknowledged, some more have been sent, and it hears this.
        """
        accounts = told(
            [Connected("anna", False), *(each for one in self.messages[:acknowledged] for each in sent(one))]
        )
        for each in self.messages[acknowledged : acknowledged + unanswered]:
            accounts.record(Publishing("anna", each.number + 1, each), 100.0)
        survey = accounts.survey()
        if heard is not None:
            survey.hear(b"c", heard, self.messages[heard].payload)
        return survey.faults()

    def test_last_acknowledged(self) -> None:
        """
        A topic keeps the last message that was acknowledged, or nothing if that one removed it.
        """
        for acknowledged, right in ((0, None), (1, 0), (2, 1), (3, None), (4, 3), (5, 4)):
            for heard in (None, 0, 1, 3, 4):
                with self.subTest(acknowledged=acknowledged, heard=heard):
                    self.assertEqual(self.faults(acknowledged, 0, heard) == [], heard == right)

    def test_unanswered(self) -> None:
        """
        A later one that has not been answered may have come through.
        """
        for unanswered, allowed in ((1, (0, 1)), (2, (0, 1, None)), (3, (0, 1, None, 3))):
            for heard in (None, 0, 1, 3, 4):
                with self.subTest(unanswered=unanswered, heard=heard):
                    self.assertEqual(self.faults(1, unanswered, heard) == [], heard in allowed)

    def test_refused(self) -> None:
        """
        One that was refused is not kept.
        """
        accounts = told([Connected("anna", False), *sent(self.messages[0]), *sent(self.messages[1], 0x97)])
        survey = accounts.survey()
        survey.hear(b"c", 1, self.messages[1].payload)
        self.assertEqual(survey.faults(), ["c keeps message 1; expected 0"])

    def test_changed(self) -> None:
        """
        A retained message has its payload, and comes from a topic that somebody sent one to.
        """
        survey = told([Connected("anna", False), *sent(self.messages[0])]).survey()
        survey.hear(b"c", 0, self.messages[0].payload + b"!")
        survey.hear(b"d", 0, self.messages[0].payload)
        self.assertEqual(survey.faults(), ["c keeps message 0; expected 0", "d keeps message 0; expected nothing"])

    def test_meanwhile(self) -> None:
        """
        While a survey waits, what is kept may change, and change again: all of it is right, but nothing older.
        """
        for heard in range(-1, 4):
            accounts = told([Connected("anna", False), *sent(self.messages[0]), *sent(self.messages[1])])
            survey = accounts.survey()
            self.assertFalse(survey.complete)
            for each in self.messages[3:]:
                each = each._replace(number=each.number - 1)
                for event in sent(each):
                    accounts.record(event, 100.0)
                if each.number == heard:
                    survey.hear(b"c", heard, each.payload)
            if heard in (0, 1):
                survey.hear(b"c", heard, self.messages[heard].payload)
            with self.subTest(heard=heard):
                self.assertEqual(survey.complete, heard >= 0)
                self.assertEqual(survey.faults() == [], heard >= 1)

    def test_qos_2(self) -> None:
        """
        A QoS 2 message replaces the one before when its exchange is complete: until then a broker may hold it back.
        """
        one, two = message(0, b"c", 2, retain=True), message(1, b"c", 2, retain=True)
        events = [Connected("anna", False), *sent(one), *sent(two)]
        for end, right in ((len(events) - 1, True), (len(events), False)):
            survey = told(events[:end]).survey()
            survey.hear(b"c", 0, one.payload)
            self.assertEqual(survey.faults() == [], right)


class HistoryTests(AccountingTests):
    def test_as_of(self) -> None:
        """
        The books of any earlier moment are those of a history that ended there: what was acknowledged and got, and
        what the clients still held.
        """
        events = right(2, 12)
        whole = told(events)
        for moment in range(len(events)):
            past, ended = whole.as_of(float(moment)), told(events[: moment + 1])
            self.assertEqual(judge(past), judge(ended))
            self.assertEqual(past.acknowledged, sum(isinstance(event, Answered) for event in events[: moment + 1]))
            for name, ledger in past.ledgers.items():
                self.assertEqual(list(ledger.outgoing), list(ended.ledgers[name].outgoing))
                self.assertEqual(ledger.received, ended.ledgers[name].received)
        self.assertTrue(whole.as_of(1e9).settled)

    def test_as_of_goes_on(self) -> None:
        """
        Clients go on from an earlier moment, and what comes then leaves the later books alone.
        """
        one, two = message(0), message(1)
        whole = told([*beginning(), *sent(one), *everybody_got(one), *sent(two)])
        past = whole.as_of(len(beginning()) + 0.5)
        self.assertEqual([each.message for each in past.ledgers["anna"].outgoing.values()], [one])
        self.assertFalse(past.settled)
        for event in [*sent(one)[1:], *everybody_got(one)]:
            past.record(event, 100.0)
        self.assertTrue(judge(past).good)
        self.assertEqual(judge(whole).faults["lost"], 3)

    def test_forgetful(self) -> None:
        """
        Books that keep no history say so.
        """
        self.assertRaises(ValueError, Accounts(PEOPLE).as_of, 0.0)

    def test_group_and_more(self) -> None:
        """
        Who shares a subscription may want nothing else: nobody could tell for whom a copy came.
        """
        both = Person("fred", MQTT5, wishes=(Wish(b"$share/g/a", 1), Wish(b"b", 1)))
        self.assertRaises(ValueError, Accounts, [both])
