"""
How a program publishes: connect, await what the broker acknowledges, disconnect.

Run it: python publisher.py mqtt://localhost rooms/3/temperature 21.5
"""

from sys import argv, exit

from twisted.internet.error import ConnectError
from twisted.internet.task import react

from txmqtt import MQTTError, connect


async def main(reactor, url="mqtt://localhost", topic="rooms/3/temperature", text="21.5"):
    try:
        client = await connect(reactor, url)
        acknowledgement = await client.publish(topic, text.encode(), qos=1, retain=True)
        print(f"{client.client_id} published to {topic}: {acknowledgement.reason.name}")
        await client.disconnect()
    except (ConnectError, MQTTError) as error:
        exit(f"not published: {error}")


react(main, argv[1:])
