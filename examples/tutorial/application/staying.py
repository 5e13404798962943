"""
The second step: an application that stays connected.
"""

from itertools import count
from sys import argv

from twisted.application.internet import TimerService
from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.internet.task import react

from txmqtt import MQTTClientService, Retry


class Greenhouse(MultiService):
    def __init__(self, reactor, server):
        super().__init__()
        self.thermometer = count(200)  # it is getting warmer
        retry = Retry(initial=0.5, maximum=5)
        self.mqtt = MQTTClientService(server, reactor=reactor, retry=retry)
        self.mqtt.observe(self.on_phase)
        self.mqtt.subscribe("greenhouse/vent/set", self.on_vent, qos=1)
        self.mqtt.setServiceParent(self)
        measuring = TimerService(1.0, self.measure)
        measuring.clock = reactor
        measuring.setServiceParent(self)

    def on_phase(self, phase, error):
        print(f"{phase.value}: {error}" if error else phase.value, flush=True)

    def on_vent(self, message):
        print(f"the vent is {message.payload.decode()}", flush=True)
        return self.mqtt.publish("greenhouse/vent", message.payload, qos=1, retain=True)

    def measure(self):
        temperature = next(self.thermometer) / 10
        payload = b"%.1f" % temperature
        sent = self.mqtt.publish("greenhouse/temperature", payload, qos=1, lifetime=600)
        sent.addErrback(lambda failure: print("not sent:", failure.getErrorMessage(), flush=True))


async def main(reactor, server="mqtt://localhost"):
    greenhouse = Greenhouse(reactor, server)
    greenhouse.startService()
    reactor.addSystemEventTrigger("before", "shutdown", greenhouse.stopService)
    await Deferred()


if __name__ == "__main__":
    react(main, argv[1:])
