"""
The second step: an application that stays connected. It measures, and its vent can be opened and closed.
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
        self.mqtt = MQTTClientService(server, reactor=reactor, retry=Retry(initial=0.5, maximum=5))
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
        sent = self.mqtt.publish("greenhouse/temperature", b"%.1f" % temperature, qos=1, lifetime=600)
        sent.addErrback(lambda failure: print(f"not sent: {failure.getErrorMessage()}", flush=True))


async def main(reactor, server="mqtt://localhost"):
    greenhouse = Greenhouse(reactor, server)
    greenhouse.startService()
    reactor.addSystemEventTrigger("before", "shutdown", greenhouse.stopService)  # upon Ctrl-C
    await Deferred()


if __name__ == "__main__":
    react(main, argv[1:])
