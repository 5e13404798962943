"""
How a program stays connected: it subscribes and publishes whether there is a connection at that moment or not.

Run it, stop the broker and start it again: python service.py mqtt://localhost
"""

from itertools import count
from sys import argv

from twisted.internet.task import LoopingCall, react

from txmqtt import MQTTClientService, Retry


async def main(reactor, *servers):
    def on_phase(phase, error):
        print(f"{phase.value}: {error}" if error else phase.value, flush=True)

    def on_number(message):
        print(f"got {message.payload.decode()}", flush=True)

    def publish():  # what finds no connection waits for the next
        sent = mqtt.publish("numbers", b"%d" % next(numbers), qos=2, lifetime=3600)
        sent.addErrback(lambda failure: print(f"not published: {failure.getErrorMessage()}", flush=True))

    retry = Retry(initial=0.5, maximum=60)
    mqtt = MQTTClientService(servers or "mqtt://localhost", reactor=reactor, retry=retry)
    mqtt.observe(on_phase)
    mqtt.subscribe("numbers", on_number, qos=2)  # it may be asked for before there is a connection
    mqtt.startService()
    reactor.addSystemEventTrigger("before", "shutdown", mqtt.stopService)  # upon Ctrl-C

    numbers = count(1)
    LoopingCall(publish).start(0.2)
    print(f"it is over: {await mqtt.whenClosed()}")


react(main, argv[1:])
