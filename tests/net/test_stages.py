"""
A connection that is prepared before it is anybody's.
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone, ConnectionRefusedError, NoProtocol
from twisted.internet.interfaces import IProtocol, IProtocolFactory
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.net.support import Reactor, plain
from tests.net.support_endpoints import Dialled, Hearers, Hearing
from txmqtt.net.stages import Stage, dial


class Greeting(Stage):
    """
    A stage that waits for one byte.
    """

    undone = "the greeting"

    def connectionMade(self) -> None:
        self.transport.write(b"hi")

    def dataReceived(self, data: bytes) -> None:
        if data[:1] == b"!":
            self.give_up(ValueError("no"))
        elif not self.over:
            self.hand_over(data[1:])


class StageTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.inner = Dialled()
        self.above = Hearers()
        self.waiting = self.connect(self.above)

    def connect(self, factory: Factory) -> Deferred[IProtocol]:
        return dial(self.inner.connect, factory, lambda waiting: Greeting(factory, waiting))

    def test_handed_over(self) -> None:
        """
        The protocol above begins when all is prepared, with what has been heard since; then all is its own.
        """
        stage = self.inner.succeed()
        self.assertNoResult(self.waiting)
        stage.dataReceived(b"xrest")
        above = self.successResultOf(self.waiting)
        assert isinstance(above, Hearing)
        self.assertIs(above.transport, self.inner.wire)
        stage.dataReceived(b"more")
        self.inner.lose()
        self.assertEqual(above.heard, ["made", b"rest", b"more", "lost"])
        self.assertEqual(self.above.running, 0)

    def test_plain(self) -> None:
        """
        A plain connection belongs to the protocol above directly afterwards, so that it writes to the socket at once.
        """
        waiting: Deferred[IProtocol] = Deferred()
        stage = Greeting(self.above, waiting)

        transport, _ = plain(stage, Reactor())
        stage.dataReceived(b"x")
        self.assertIs(transport.protocol, self.successResultOf(waiting))

    def test_given_up(self) -> None:
        """
        What goes wrong before is a connection that failed; whatever comes then means nothing.
        """
        stage = self.inner.succeed()
        stage.dataReceived(b"!")
        self.failureResultOf(self.waiting, ValueError)
        stage.dataReceived(b"x")
        self.inner.lose()
        self.assertEqual(self.inner.wire.asked, ["abort"])

    def test_lost(self) -> None:
        """
        So is one that is lost meanwhile, or never made.
        """
        self.inner.succeed()
        self.inner.lose()
        self.failureResultOf(self.waiting, ConnectionDone)
        self.inner = Dialled()
        waiting = self.connect(self.above)
        self.inner.answer.errback(Failure(ConnectionRefusedError()))
        self.failureResultOf(waiting, ConnectionRefusedError)

    def test_cancelled(self) -> None:
        """
        Cancelling gives up, before there is a connection and after.
        """
        self.waiting.cancel()
        self.assertTrue(self.inner.cancelled)
        self.failureResultOf(self.waiting, CancelledError)
        self.inner = Dialled()
        waiting = self.connect(self.above)
        stage = self.inner.succeed()
        waiting.cancel()
        self.assertEqual(self.failureResultOf(waiting, CancelledError).getErrorMessage(), "the greeting")
        stage.dataReceived(b"x")
        self.inner.lose()
        self.assertEqual(self.inner.wire.asked, ["abort"])

    def test_one_on_the_other(self) -> None:
        """
        Stages stand on each other; who gives up hears which of them was not done.
        """

        class Upper(Greeting):
            undone = "the second"

        def connect() -> Deferred[IProtocol]:
            self.inner = Dialled()

            def below(factory: IProtocolFactory) -> Deferred[IProtocol]:
                return dial(self.inner.connect, factory, lambda waiting: Greeting(factory, waiting))

            return dial(below, self.above, lambda waiting: Upper(self.above, waiting))

        for heard, words in ((b"", "the greeting"), (b"x", "the second")):
            waiting = connect()
            self.inner.succeed()
            if heard:
                self.inner.protocol.dataReceived(heard)
            waiting.cancel()
            self.assertEqual(self.failureResultOf(waiting, CancelledError).getErrorMessage(), words)
            self.assertEqual(self.inner.wire.asked, ["abort"])
        waiting = connect()
        self.inner.succeed().dataReceived(b"xyz")
        above = self.successResultOf(waiting)
        assert isinstance(above, Hearing)
        self.assertEqual(above.heard, ["made", b"z"])

    def test_broken_above(self) -> None:
        """
        A protocol that can't begin is a connection that failed.
        """

        class Broken(Protocol):
            def connectionMade(self) -> None:
                raise RuntimeError("a bug")

        self.inner = Dialled()
        waiting = self.connect(Factory.forProtocol(Broken))
        self.inner.succeed().dataReceived(b"x")
        self.failureResultOf(waiting, RuntimeError)
        self.assertEqual(self.inner.wire.asked, ["abort"])
        self.inner.lose()

    def test_nobody_above(self) -> None:
        """
        A factory may want no connection after all.
        """
        self.inner = Dialled()
        factory = Factory()
        self.patch(factory, "buildProtocol", lambda addr: None)
        waiting = self.connect(factory)
        self.inner.succeed().dataReceived(b"x")
        self.failureResultOf(waiting, NoProtocol)
        self.assertEqual(self.inner.wire.asked, ["abort"])
