"""
How a message outlives the program: it is put into a store, sent when that can be, and found again by its key.

Run it without a broker, then with one: python store.py mqtt://localhost
"""

from sys import argv

from twisted.internet.defer import TimeoutError
from twisted.internet.task import react

from txmqtt import MQTTClientService, MQTTError


async def main(reactor, url="mqtt://localhost", path="orders.db", number="1"):
    mqtt = MQTTClientService(url, reactor=reactor, store=path, client_id="orders")
    mqtt.startService()
    key = f"order-{number}"
    try:
        try:
            outcome = await mqtt.outcome(key).addTimeout(1, reactor)  # of an earlier run, if it posted this
        except KeyError:
            await mqtt.post("orders", b"tea", qos=2, key=key)
            print(f"{key} is on disk: it will be sent, whatever becomes of us")
            outcome = await mqtt.outcome(key).addTimeout(1, reactor)
        print(f"{key} was sent: {outcome.reason.name}")
    except TimeoutError:
        print(f"{key} waits for a broker")
    except MQTTError as error:
        print(f"{key} failed: {error}")
    await mqtt.stopService()


react(main, argv[1:])
