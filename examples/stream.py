"""
How a program reads messages one after another, and how a callback says when it has dealt with one.

Run it and publish: mosquitto_pub -t alarms/kitchen -m smoke -q 1
"""

from sys import argv

from twisted.internet.task import deferLater, react

from txmqtt import ConnectionClosed, connect


async def main(reactor, url="mqtt://localhost"):
    async def on_job(message):  # two at a time, each for ten seconds at most; what fails is refused
        await deferLater(reactor, 0.1)
        print(f"job {int(message.payload)} is done", flush=True)

    client = await connect(reactor, url)
    await client.subscribe("jobs/#", on_job, qos=1, concurrency=2, timeout=10, on_error=0x80)
    reactor.addSystemEventTrigger("before", "shutdown", client.disconnect)  # upon Ctrl-C
    try:
        async with client.messages("alarms/#", qos=1, limit=100) as messages:
            print(f"{client.client_id} reads", flush=True)
            async for message in messages:  # asking for the next says that this one is dealt with
                print(f"{message.topic}: {message.payload.decode()}", flush=True)
                if message.payload == b"over":
                    break
    except ConnectionClosed as why:
        print(f"it is over: {why}")
    print(f"not read: {messages.dropped}; failed: {client.figures.failed}", flush=True)
    await client.disconnect()


react(main, argv[1:])
