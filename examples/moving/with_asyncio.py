"""
How code for asyncio and txmqtt share one loop: each awaits what the other does.

Run it: python with_asyncio.py mqtt://localhost
"""

import asyncio
from sys import argv

from twisted.internet import asyncioreactor

asyncioreactor.install()  # before anything else of Twisted is imported

from twisted.internet.defer import Deferred  # noqa: E402
from twisted.internet.task import react  # noqa: E402

from txmqtt import connect  # noqa: E402


async def measure(publish):  # a coroutine of asyncio: it can await what asFuture makes
    await asyncio.sleep(0.1)
    acknowledgement = await publish("rooms/3/temperature", b"21.5", qos=1).asFuture(asyncio.get_running_loop())
    return f"measured: {acknowledgement.reason.name}"


async def main(reactor, url="mqtt://localhost"):  # a coroutine of Twisted: it can await Deferreds
    client = await connect(reactor, url)
    print(await Deferred.fromFuture(asyncio.ensure_future(measure(client.publish))))
    await client.disconnect()


react(main, argv[1:])
