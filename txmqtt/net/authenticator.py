"""
How a program proves who it is by a method of its own: enhanced authentication of MQTT 5.0, the client's side.

The option C{authentication} takes a callable that makes an C{Authenticator}; it is called for each connection and for
each re-authentication, so that nothing of one attempt is left in the next. Two are ready made: C{ScramSHA256} and
C{OAuthBearer}.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred

from txmqtt.codec import reasons
from txmqtt.codec.errors import RemoteProtocolError

#: What each step of an authenticator may return: authentication data, none, or one of them later.
Step = bytes | None | Deferred[bytes] | Deferred[bytes | None] | Coroutine[Deferred[Any], Any, bytes | None]


class Authenticator:
    """
    One attempt to prove who we are; to be subclassed.

    Its methods are called in this order: C{begin} once, C{answer} as often as the server asks, C{finish} when the
    server is convinced. Each may return a Deferred or be a coroutine. Each may raise, or its Deferred fail: then the
    attempt is over. When that happens, or one takes too long, before the client is ready, the connection is closed, and
    whoever waits for the client gets C{ConnectionClosed} with the error as its C{__cause__}. In a re-authentication
    C{begin} may fail without harm to the connection: C{reauthenticate} passes the error on; later failures close it.

    @ivar method: what the method is called, the same for all that one client uses.
    @ivar renews: each attempt may show something else, so a server that says no to one may say yes to the next, and
        C{MQTTClientService} tries again. It is asked of what the option C{authentication} is, a class or not.
    @ivar renew_after: when C{finish} is done: after how many seconds the client should prove again who it is, all by
        itself; None: not before somebody calls C{reauthenticate}.
    """

    method: str = ""
    renews: bool = False
    renew_after: float | None = None

    def begin(self) -> Step:
        """
        Our first words.

        @return: the authentication data of CONNECT, or of the AUTH that begins a re-authentication; None: none.
        """
        return None

    def answer(self, challenge: bytes | None) -> Step:
        """
        The server wants to know more.

        @param challenge: what it said; None: nothing.
        @return: the authentication data that answers it; None: none.
        @raise Exception: nothing can be said to that.
        """
        raise RemoteProtocolError(f"{self.method}: the server asks for more than there is", reasons.NOT_AUTHORIZED)

    def finish(self, data: bytes | None) -> object:
        """
        The server is convinced. Nothing more is said to it before this is done, so that a method may find out here
        whether it is the right one.

        @param data: its last word; None: there is none.
        @return: None, or a Deferred or coroutine that ends when it is trusted.
        @raise Exception: it is not who it should be.
        """
        return None


#: What the option C{authentication} takes.
Authentication = Callable[[], Authenticator]
