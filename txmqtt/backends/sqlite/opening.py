"""
Sessions on their way to their owners: recorded first, and what had been sent to them read again.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from txmqtt.backends.sqlite.errors import StoreError
from txmqtt.backends.sqlite.ledger import SqliteLedger
from txmqtt.broker.owed import Owed
from txmqtt.broker.piles import Holding
from txmqtt.broker.shapes import Owner
from txmqtt.codec import reasons
from txmqtt.session.outgoing import Outbound

_log = Logger()


class Opening:
    """
    One of them. It ends with the owner being told; or with nothing, because another has asked for the session since.
    """

    def __init__(self, owed: Owed, ledger: SqliteLedger, held: Holding, owner: Owner) -> None:
        """
        To be made before the claim changes anything of a session that was there.
        """
        self._owed = owed
        self._ledger = ledger
        self._held = held
        self._owner = owner
        self._before = held.expiry, held.parked_at, held.will, held.will_due

    @property
    def _over(self) -> bool:
        return self._held.over or self._held.owner is not self._owner

    def decided(self, reason: int) -> None:
        """
        The claim is on disk, or could not be written.
        """
        if self._over:
            return
        if reason >= reasons.FAILURE:
            self._refuse("the session could not be stored")
        elif self._held.flown:
            reading: Deferred[list[Outbound]] = self._ledger.sent(self._held)
            reading.addCallbacks(self._recalled, self._unread)
            reading.addErrback(lambda failure: _log.failure("a session could not be opened", failure=failure))
        else:
            self._enter()

    def _recalled(self, items: list[Outbound]) -> None:
        if not self._over:
            self._owed.resumed(self._held, items)
            self._ledger.begin_turn()
            self._enter()
            self._ledger.end_turn()

    def _enter(self) -> None:
        self._owed.enter(self._held)
        self._owner.opened(self._held)

    def _unread(self, failure: Failure) -> None:
        failure.trap(StoreError)
        if not self._over:
            self._ledger.begin_turn()
            self._refuse("the session could not be read")
            self._ledger.end_turn()

    def _refuse(self, why: str) -> None:
        held = self._held
        held.expiry, held.parked_at, held.will, held.will_due = self._before
        self._owed.abandoned(held)
        self._owner.refused(reasons.SERVER_UNAVAILABLE, why)
