"""
How an application is written so that it can be tested: its reactor and its server are given to it.

Run it and measure: mosquitto_pub -t rooms/3/temperature -m 19.5
"""

from sys import argv

from twisted.internet.task import react

from txmqtt import MQTTClientService, Will


class Thermostat:
    def __init__(self, reactor, server, room, wanted):
        self.reactor, self.wanted, self.patience = reactor, wanted, None
        self.heating = f"rooms/{room}/heating"
        will = Will(self.heating, b"unknown", retain=True)
        self.mqtt = MQTTClientService(server, reactor=reactor, client_id="thermostat", keep_alive=30, will=will)
        self.mqtt.subscribe(f"rooms/{room}/temperature", self.on_temperature, qos=1)

    async def on_temperature(self, message):
        if self.patience is not None and self.patience.active():
            self.patience.cancel()
        self.patience = self.reactor.callLater(300, self.switch, b"off")  # nobody measures any more
        await self.switch(b"on" if float(message.payload) < self.wanted else b"off")

    def switch(self, state):
        return self.mqtt.publish(self.heating, state, qos=1, retain=True)


async def main(reactor, server="mqtt://localhost"):
    thermostat = Thermostat(reactor, server, "3", 20.0)
    thermostat.mqtt.startService()
    reactor.addSystemEventTrigger("before", "shutdown", thermostat.mqtt.stopService)
    await thermostat.mqtt.whenClosed()


if __name__ == "__main__":
    react(main, argv[1:])
