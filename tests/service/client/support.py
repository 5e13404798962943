"""
Services in a world of their own.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txmqtt import Message, MQTTClientService, Retry
from txmqtt.codec.packets import Packet
from txmqtt.testing import MQTTWorld

#: Nothing is left to chance: 1, 2, 4 seconds and so on.
STEADY = Retry(jitter=0.0)


class ServiceTestCase(SynchronousTestCase):
    """
    @ivar world: the broker and the time.
    @ivar got: what C{note} was called with.
    @ivar phases: what the service has been at, with the error that led to it.
    """

    def setUp(self) -> None:
        self.world = self.make_world()
        self.addCleanup(self.world.close)
        self.got: list[Message] = []
        self.phases: list[tuple[str, str]] = []

    def make_world(self) -> MQTTWorld:
        return MQTTWorld()

    def service(self, *, start: bool = True, **options: Any) -> MQTTClientService:
        """
        One that is stopped when the test is over.
        """
        options = {"retry": STEADY, "client_id": "me", **options}
        service = MQTTClientService(options.pop("servers", self.world.endpoint()), reactor=self.world.clock, **options)
        service.observe(lambda phase, error: self.phases.append((phase.value, str(error or ""))))
        self.addCleanup(service.stopService)
        if start:
            service.startService()
            self.world.flush()
        return service

    def note(self, message: Message) -> None:
        self.got.append(message)

    @property
    def payloads(self) -> list[bytes]:
        """
        Of the messages that were noted.
        """
        return [message.payload for message in self.got]

    def sent(self, kind: type[Packet]) -> list[Any]:
        """
        What the service has said on its latest connection, of one kind.
        """
        return [packet for packet in self.world.connection("me").from_client if isinstance(packet, kind)]

    def error(self, deferred: Deferred[Any]) -> BaseException:
        """
        What it has failed with.
        """
        failures: list[Failure] = []
        deferred.addErrback(failures.append)
        self.assertTrue(failures, "it has not failed")
        found = failures[0].value
        assert isinstance(found, BaseException)
        return found
