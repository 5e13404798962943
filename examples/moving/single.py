"""
How a script says one thing and hears one thing, and is done.

Run it: python single.py mqtt://localhost
"""

from sys import argv

from twisted.internet.task import react

from txmqtt import connect


async def main(reactor, url="mqtt://localhost"):
    client = await connect(reactor, url)
    await client.publish("rooms/3/temperature", b"21.5", qos=1, retain=True)
    async with client.messages("rooms/+/temperature", qos=1) as messages:
        message = await messages.receive(timeout=5)
    print(f"{message.topic}: {message.payload.decode()}")
    await client.disconnect()


react(main, argv[1:])
