"""
Tests of txmqtt.service.listeners: all addresses where clients are let in, and how they are changed.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.cred.portal import Portal
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import classImplements

from tests.service.support import Client, FakeEndpoint, Stage
from txmqtt.broker.policy import Policy
from txmqtt.codec import reasons
from txmqtt.net.auth import Realm
from txmqtt.net.options import IReloadable
from txmqtt.service.listener import CannotListen, Place
from txmqtt.service.listeners import Listeners


class ChangeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.stage = Stage()
        self.old, self.other = FakeEndpoint(), FakeEndpoint(IPv4Address("TCP", "127.0.0.1", 1884))
        self.listeners = self.opened(Place(self.old), Place(self.other))

    def opened(self, *places: Place) -> Listeners:
        stage = self.stage
        stage.service.startService()
        self.addCleanup(stage.service.stopService)
        listeners = Listeners(places, stage.service.broker, stage.reactor, stage.reactor.seconds)
        self.successResultOf(listeners.open())
        return listeners

    def change(self, places: Sequence[Place]) -> Deferred[None]:
        return Deferred.fromCoroutine(self.listeners.change(places))

    def test_removed(self) -> None:
        """
        Where it is listened no more nobody is accepted, and whoever came in there stays.
        """
        client = Client(self.old.factory)
        self.assertEqual(client.connect("c"), 0)
        self.successResultOf(self.change([Place(self.other)]))
        self.assertFalse(self.old.port.listening)
        self.assertTrue(self.other.port.listening)
        self.assertEqual(self.listeners.addresses, [self.other.port.address])
        self.assertTrue(client.transport.connected)
        self.assertEqual(self.listeners.guests, 1)
        client.transport.loseConnection()
        self.assertEqual(len(self.listeners.factories), 1)

    def test_added(self) -> None:
        """
        A new listener is open when the change is done, and the others were never closed.
        """
        new = FakeEndpoint(IPv4Address("TCP", "127.0.0.1", 1885))
        factory = self.old.factory
        self.successResultOf(self.change([Place(self.old), Place(self.other), Place(new)]))
        self.assertTrue(new.port.listening)
        self.assertIs(self.old.factory, factory)
        self.assertEqual(Client(new.factory).connect("c"), 0)

    def test_terms(self) -> None:
        """
        Where it is still listened, what is allowed and who may come in are as the change says, also for those who are
        connected.
        """
        client = Client(self.old.factory)
        self.assertEqual(client.connect("c"), 0)
        nobody = Portal(Realm())
        self.successResultOf(self.change([Place(self.old, nobody, Policy(max_packet_size=100)), Place(self.other)]))
        self.assertEqual(Client(self.old.factory).connect("d"), reasons.NOT_AUTHORIZED)
        self.assertEqual(Client(self.other.factory).connect("e"), 0)
        member = self.stage.service.broker.registry.find(("", "c"))
        assert member is not None
        self.assertEqual(member.terms.policy.max_packet_size, 100)
        self.assertTrue(client.transport.connected)

    def test_cannot(self) -> None:
        """
        When a new listener can't be opened nothing changes: what was open is open.
        """
        bad = FakeEndpoint(error=CannotListenError("127.0.0.1", 1, OSError(98, "Address already in use")))
        good = FakeEndpoint()
        failure = self.failureResultOf(
            self.change([Place(self.other, Portal(Realm())), Place(good), Place(bad)]), CannotListen
        )
        self.assertIn("already in use", str(failure.value))
        self.assertEqual([each.port.listening for each in (self.old, self.other, good)], [True, True, False])
        self.assertEqual(Client(self.other.factory).connect("c"), 0)

    def test_another_mount(self) -> None:
        """
        Who comes to the same address after it was given another mount point lives there; who came before stays where
        he is.
        """
        before = self.stage.service.broker
        self.assertEqual(Client(self.old.factory).connect("c"), 0)
        self.successResultOf(self.change([Place(self.old, mount="tenant"), Place(self.other)]))
        self.assertEqual(Client(self.old.factory).connect("c"), 0)
        self.assertIsNotNone(before.registry.find(("", "c")))
        self.assertIsNotNone(before.registry.find(("tenant", "c")))

    def test_reload(self) -> None:
        """
        Certificates are read again where there are any; what is wrong with them is told, and the others are read.
        """
        read = []

        class Certified(FakeEndpoint):
            wrong = False

            def changed(self) -> bool:
                return True

            def reload(self) -> None:
                if self.wrong:
                    raise ValueError("key.pem: no key")
                read.append(self)

        classImplements(Certified, IReloadable)
        wrong, right = Certified(), Certified()
        wrong.wrong = True
        self.successResultOf(self.change([Place(self.old), Place(wrong), Place(right)]))
        self.assertEqual(self.listeners.reload(), ["key.pem: no key"])
        self.assertEqual(read, [right])
