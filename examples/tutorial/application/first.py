"""
The first step: one connection, one subscription, one message.
"""

from sys import argv

from twisted.internet.task import react

from txmqtt import connect


async def main(reactor, server="mqtt://localhost"):
    def on_temperature(message):
        print(f"{message.topic}: {message.payload.decode()}")

    client = await connect(reactor, server)
    await client.subscribe("greenhouse/temperature", on_temperature)
    acknowledgement = await client.publish("greenhouse/temperature", b"21.5", qos=1)
    print(f"the broker has it: {acknowledgement.reason.name}")
    await client.disconnect()


react(main, argv[1:])
