"""
How a program subscribes: a callback for each filter, and one that takes its time.

Run it and publish: mosquitto_pub -t rooms/3/temperature -m 21.5 -q 1
"""

from sys import argv

from twisted.internet.task import deferLater, react

from txmqtt import connect


async def main(reactor, url="mqtt://localhost"):
    def on_temperature(message):
        print(f"{message.topic}: {message.payload.decode()}", flush=True)

    async def on_order(message):
        await deferLater(reactor, 0.1)  # the order is acknowledged when it has been carried out, not before
        print(f"order {message.payload.decode()} is done", flush=True)

    client = await connect(reactor, url)
    await client.subscribe("rooms/+/temperature", on_temperature)
    await client.subscribe("orders/#", on_order, qos=1)
    print(f"{client.client_id} listens", flush=True)

    reactor.addSystemEventTrigger("before", "shutdown", client.disconnect)  # upon Ctrl-C
    print(await client.whenClosed())


react(main, argv[1:])
