"""
A program as users write it, with types, that uses what only MQTT 5.0 has: C{mypy --strict} believes every line of it,
and a test runs it.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed

from txmqtt import Message, MQTTClient, Properties
from txmqtt.codec.errors import RequestFailed
from txmqtt.net.authenticator import Authentication, Authenticator
from txmqtt.net.bearer_authentication import OAuthBearer
from txmqtt.net.scram_authentication import ScramSHA256
from txmqtt.net.serving import Service
from txmqtt.testing import MQTTWorld


class Stamp(Authenticator):
    """
    A method of one's own.
    """

    method = "EXAMPLE-STAMP"
    renews = True

    def begin(self) -> bytes:
        return b"a stamp"

    async def answer(self, challenge: bytes | None) -> bytes:
        return await succeed(b"another")

    def finish(self, data: bytes | None) -> Deferred[None]:
        self.renew_after = 60.0
        return succeed(None)


async def token() -> tuple[str, float]:
    return "token", 3_600.0


def later() -> Deferred[str]:
    return succeed("token")


def methods() -> list[Authentication]:
    """
    All that the option C{authentication} takes.
    """
    return [
        Stamp,
        lambda: Stamp(),
        ScramSHA256("ann", "secret"),
        OAuthBearer(lambda: "token"),
        OAuthBearer(later),
        OAuthBearer(token),
    ]


async def ask(server: MQTTClient, client: MQTTClient) -> list[str]:
    """
    Serve in each of the ways, and ask for it.
    """

    @server.serves("upper")
    async def upper(message: Message) -> bytes:
        return await succeed(message.payload.upper())

    @server.serves("length", qos=1, share="group")
    def length(message: Message) -> tuple[bytes, Properties]:
        return b"%d" % len(message.payload), Properties(content_type="text/plain")

    @server.serves("nothing")
    def nothing(message: Message) -> Deferred[bytes]:
        raise RequestFailed("there is none")

    service: Service = await server.serve("again", upper, 1)
    first: Message = await client.request("upper", b"a")
    second = await client.request("length", b"abc", timeout=5.0, qos=1)
    third = await client.request("again", b"b", timeout=None, properties=Properties(user_properties=(("a", "b"),)))
    words = [each.payload.decode() for each in (first, second, third)]
    try:
        await client.request("nothing")
    except RequestFailed as error:
        words.append(str(error))
    await service.stop()
    words.append(str(second.properties.content_type))
    return words


def main() -> list[str]:
    """
    Do it all.
    """
    with MQTTWorld() as world:
        return world.run(ask(world.client(), world.client()))
