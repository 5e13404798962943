"""
Enhanced authentication of MQTT 5.0: ways for a client to prove who it is in several steps, of which a listener offers
some by name.

A mechanism makes an exchange for each client; each step of it takes what the client said and answers with a challenge
or with success. A step may take its time. What comes in at the end is an identity, for which the realm makes the
avatar, as it does for whom a checker lets in.
"""

from __future__ import annotations

from typing import NamedTuple

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from txmqtt.net.auth import AvatarId, IMQTTCredentials


class Challenge(NamedTuple):
    """
    The client must say more.

    @ivar data: what it is told for that; None: nothing.
    """

    data: bytes | None = None


class Success(NamedTuple):
    """
    The client is who it says.

    @ivar identity: whom the realm is asked for.
    @ivar data: the last word, for the client to check; None: there is none.
    """

    identity: AvatarId
    data: bytes | None = None


class IExchange(Interface):
    """
    One client proving once who it is.
    """

    def step(data: bytes | None) -> Challenge | Success | Deferred[Challenge | Success]:
        """
        The client has spoken; the first time with CONNECT, or when it began to prove itself again.

        @param data: what it said; None: nothing.
        @return: the answer, a Deferred of it, or a coroutine.
        @raise LoginFailed: it is not who it says, or says what makes no sense.
        """


class IMechanism(Interface):
    """
    A way to prove who one is.
    """

    name: str = Attribute("what clients call it: the authentication method")

    def begin(credentials: IMQTTCredentials) -> IExchange:
        """
        Somebody wants to prove who he is.

        @param credentials: what CONNECT and its connection say besides.
        """
