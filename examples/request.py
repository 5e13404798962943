"""
How clients ask each other: one serves the time of day, another requests it and awaits the response.

Run it: python request.py mqtt://localhost
"""

from sys import argv
from time import localtime, strftime

from twisted.internet.task import react

from txmqtt import Refused, connect


async def main(reactor, url="mqtt://localhost"):
    async def tell(message):
        return strftime(message.payload.decode() or "%H:%M", localtime()).encode()

    server = await connect(reactor, url, client_id="clock")
    await server.serve("service/time", tell, qos=1)

    client = await connect(reactor, url, client_id="visitor")
    response = await client.request("service/time", b"%d %B %Y", qos=1, timeout=5)
    print(f"today is {response.payload.decode()}")
    try:
        await client.request("service/weather", qos=1, timeout=5)
    except Refused as error:
        print(error)

    await client.disconnect()
    await server.disconnect()


react(main, argv[1:])
