"""
The program that is killed: it publishes, and receives, through C{MQTTClientService} with a store.

C{python -m benchmarks.client_kills.victim PORT STORE DIARY SEED VERSION RATE}; with a rate of 0 it only ends what was
begun, and says C{idle} in its diary.
"""

from __future__ import annotations

import sys
from random import Random
from typing import Any

from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from benchmarks.client_kills.diary import Diary, Reading
from txmqtt import Message, MQTTClientService
from txmqtt.backends.client import ClientStore
from txmqtt.codec import reasons
from txmqtt.codec.errors import Refused
from txmqtt.session.outgoing import Outbound
from txmqtt.session.tickets import Caller, Ticket

reactor: Any = global_reactor

#: Seconds between two looks, and publishes that may be under way.
_TICK = 0.005
_UNDER_WAY = 400
#: Topics at each QoS.
_TOPICS = 3


class NotingStore(ClientStore):
    """
    Writes down when something is promised.
    """

    diary: Diary
    handling = 0
    posting = False  # somebody else looks

    def queued(self, item: Outbound, key: str) -> Ticket:
        ticket = super().queued(item, key)
        if not self.posting:
            self._when_kept(ticket, "kept", int(key))
        return ticket

    def received(self, packet_id: int) -> Ticket:
        ticket = super().received(packet_id)
        self._when_kept(ticket, "recorded", self.handling)
        return ticket

    def _when_kept(self, ticket: Ticket, what: str, number: int) -> None:
        def decided(reason: int) -> None:
            if reason < reasons.FAILURE:
                self.diary.note(what, number)

        if ticket.done:
            decided(ticket.reason)
        else:
            ticket.wait(Caller(decided))


class Victim:
    """
    One life.
    """

    def __init__(self, port: int, path: str, diary: str, seed: int, version: int, rate: float) -> None:
        self._before = Reading(diary)
        self._before.go_on()
        self._number = max(self._before.asked, default=0)
        self._random = Random(seed)
        self._rate = rate
        self._under_way = 0
        self._diary = Diary(diary)
        self._diary.note("life")
        self._store = NotingStore(path, reactor)
        self._store.diary = self._diary
        self._service = MQTTClientService(
            f"mqtt://127.0.0.1:{port}",
            store=self._store,
            client_id="victim",
            version=version,
            **({"session_expiry": 3600} if version == 5 else {}),
        )
        self._service.on_message = self._handle

    def start(self) -> None:
        self._service.startService()
        if not self._before.subscribed:
            self._service.subscribe("in/#", qos=2).addCallback(lambda _: self._diary.note("subscribed"))
        self._service.whenReady().addCallback(lambda _: self._look_back())
        if self._rate:
            self._publish()

    def _handle(self, message: Message) -> None:
        number = int(message.payload)
        self._diary.note("handled", number, int(message.dup))
        self._store.handling = number

    # What this life publishes

    def _publish(self) -> None:
        reactor.callLater(_TICK, self._publish)
        if self._under_way < _UNDER_WAY:
            for _ in range(self._random.randrange(round(2 * self._rate * _TICK) + 1)):
                self._number += 1
                self._publish_one(self._number)

    def _publish_one(self, number: int) -> None:
        self._diary.note("asked", number)
        qos = 1 + number % 2
        topic = f"out/{qos}/{number // 2 % _TOPICS}"
        payload = b"%d" % number + b"." * self._random.choice((0, 10, 300))
        self._under_way += 1
        if self._random.random() < 0.5:
            self._service.publish(topic, payload, qos, key=str(number)).addBoth(self._ended, number)
            return
        self._store.posting = True
        self._service.post(topic, payload, qos, key=str(number)).addCallback(self._posted, number)
        self._store.posting = False
        self._service.outcome(str(number)).addBoth(self._ended, number)

    def _posted(self, _: object, number: int) -> None:
        self._diary.note("kept", number)

    def _ended(self, result: Any, number: int) -> None:
        self._under_way -= 1
        self._note_end(result, number)

    def _note_end(self, result: Any, number: int) -> None:
        if isinstance(result, Failure):
            result.trap(Refused)
            assert isinstance(result.value, Refused)
            self._diary.note("ended", number, result.value.reason)
        else:
            self._diary.note("ended", number, int(result.reason))

    # What earlier lives have left

    def _look_back(self) -> None:
        before = self._before
        for number in [each for each in before.asked if each not in before.ended]:
            try:
                self._service.outcome(str(number)).addBoth(self._note_end, number)
            except KeyError:
                self._diary.note("unknown", number)
        if not self._rate:
            self._service.whenIdle().addCallback(self._settle_down)

    def _settle_down(self, _: object) -> None:
        ready: Deferred[None] = Deferred()
        reactor.callLater(0.2, ready.callback, None)
        ready.addCallback(lambda _: self._diary.note("idle"))


def main(port: str, path: str, diary: str, seed: str, version: str, rate: str) -> None:
    victim = Victim(int(port), path, diary, int(seed), int(version), float(rate))
    reactor.callWhenRunning(victim.start)
    reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
