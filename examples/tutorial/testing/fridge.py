"""
An application to be tested: an alarm when the door of a fridge is open for too long.
"""

from sys import argv

from twisted.internet.task import react

from txmqtt import MQTTClientService


class Fridge:
    def __init__(self, reactor, server, patience=60, **options):
        self.reactor, self.patience, self.waiting = reactor, patience, None
        self.mqtt = MQTTClientService(server, reactor=reactor, client_id="fridge", **options)
        self.mqtt.subscribe("fridge/door", self.on_door, qos=1)

    async def on_door(self, message):
        if self.waiting is not None and self.waiting.active():
            self.waiting.cancel()
        if message.payload == b"open":
            self.waiting = self.reactor.callLater(self.patience, self.alarm, b"on")
        elif message.payload == b"closed":
            await self.alarm(b"off")
        else:
            raise ValueError(f"the door is {message.payload!r}; expected open or closed")

    def alarm(self, state):
        return self.mqtt.publish("fridge/alarm", state, qos=1, retain=True)


async def main(reactor, server="mqtt://localhost"):
    fridge = Fridge(reactor, server)
    fridge.mqtt.startService()
    reactor.addSystemEventTrigger("before", "shutdown", fridge.mqtt.stopService)
    await fridge.mqtt.whenClosed()


if __name__ == "__main__":
    react(main, argv[1:])
