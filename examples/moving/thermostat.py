"""
How the usual program looks: it has a will, does what it is told, and its messages arrive although the network may fail.

Run it: python thermostat.py mqtts://ann:secret@broker.example.com
"""

from sys import argv

from twisted.internet.task import LoopingCall, react

from txmqtt import MQTTClientService, Phase, Will


async def main(reactor, url="mqtt://localhost"):
    def on_phase(phase, error):
        print(phase.value, error or "", flush=True)
        if phase is Phase.CONNECTED:  # each time
            tell("rooms/3/state", b"here", retain=True)

    def on_set(message):
        print(f"{message.topic} is set to {message.payload.decode()}", flush=True)

    def tell(topic, payload, retain=False):
        mqtt.publish(topic, payload, qos=1, retain=retain).addErrback(lambda failure: print(failure.value))

    will = Will("rooms/3/state", b"gone", qos=1, retain=True)
    mqtt = MQTTClientService(url, client_id="thermostat", will=will, reactor=reactor)
    mqtt.observe(on_phase)
    mqtt.subscribe("rooms/+/set", on_set, qos=1)  # once: it is subscribed to again when it has to be
    mqtt.startService()
    LoopingCall(tell, "rooms/3/temperature", b"21.5").start(60)
    reactor.addSystemEventTrigger("before", "shutdown", mqtt.stopService)  # upon Ctrl-C
    await mqtt.whenClosed()


react(main, argv[1:])
