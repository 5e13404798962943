"""
The whole of it: a greenhouse that keeps its word, answers questions, and says goodbye.
"""

from itertools import count
from sys import argv

from twisted.application.internet import TimerService
from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.task import react

from txmqtt import MQTTClientService, MQTTError, Retry, Will


class Greenhouse(MultiService):
    def __init__(self, reactor, server, store="greenhouse.db"):
        super().__init__()
        self.reactor = reactor
        self.thermometer = count(200)  # it is getting warmer
        self.temperature = b"unknown"
        self.mqtt = MQTTClientService(
            server,
            reactor=reactor,
            client_id="greenhouse",  # the store belongs to this name
            store=store,
            will=Will("greenhouse/state", b"lost", qos=1, retain=True),
            retry=Retry(initial=0.5, maximum=5),
        )
        self.mqtt.observe(self.on_phase)
        self.mqtt.subscribe("greenhouse/vent/set", self.on_vent, qos=1)
        self.mqtt.serve("greenhouse/ask", self.answer, qos=1)
        self.mqtt.setServiceParent(self)
        measuring = TimerService(1.0, self.measure)
        measuring.clock = reactor
        measuring.setServiceParent(self)

    def startService(self):
        super().startService()
        Deferred.fromCoroutine(self.write("started"))

    def on_phase(self, phase, error):
        print(f"{phase.value}: {error}" if error else phase.value, flush=True)
        if phase is phase.CONNECTED:
            self.say("greenhouse/state", b"here")

    async def on_vent(self, message):
        await self.write(f"vent {message.payload.decode()}")
        print(f"the vent is {message.payload.decode()}", flush=True)
        self.say("greenhouse/vent", message.payload)

    def answer(self, message):
        return self.temperature

    def measure(self):
        self.temperature = b"%.1f" % (next(self.thermometer) / 10)
        self.say("greenhouse/temperature", self.temperature)

    async def write(self, entry):
        await self.mqtt.post("greenhouse/diary", entry.encode(), qos=2)
        print(f"noted: {entry}", flush=True)  # it is on disk

    def say(self, topic, payload):
        sent = self.mqtt.publish(topic, payload, qos=1, retain=True, lifetime=600)
        sent.addErrback(lambda failure: print("not sent:", failure.getErrorMessage(), flush=True))

    def stopService(self):
        return Deferred.fromCoroutine(self.leave())

    async def leave(self):
        self.say("greenhouse/state", b"away")
        try:
            await self.mqtt.whenIdle().addTimeout(5, self.reactor)  # until the broker has it all
        except (TimeoutError, MQTTError):
            print("not everything was sent; the rest is in the store", flush=True)
        await super().stopService()


async def main(reactor, server="mqtt://localhost"):
    greenhouse = Greenhouse(reactor, server)
    greenhouse.startService()
    reactor.addSystemEventTrigger("before", "shutdown", greenhouse.stopService)
    await Deferred()


if __name__ == "__main__":
    react(main, argv[1:])
