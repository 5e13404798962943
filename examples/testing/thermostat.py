"""
How an application is written so that it can be tested: its reactor and its server are given to it.

Run it and measure: mosquitto_pub -t rooms/3/temperature -m 19.5
"""

from sys import argv

from twisted.internet.task import react

from txmqtt import Will, connect


class Thermostat:
    def __init__(self, reactor, room, wanted):
        self.reactor, self.wanted, self.patience = reactor, wanted, None
        self.measured, self.heating = f"rooms/{room}/temperature", f"rooms/{room}/heating"

    async def start(self, server):
        will = Will(self.heating, b"unknown", retain=True)
        self.client = await connect(self.reactor, server, client_id="thermostat", keep_alive=30, will=will)
        await self.client.subscribe(self.measured, self.on_temperature, qos=1)

    async def on_temperature(self, message):
        if self.patience is not None and self.patience.active():
            self.patience.cancel()
        self.patience = self.reactor.callLater(300, self.switch, b"off")  # nobody measures any more
        await self.switch(b"on" if float(message.payload) < self.wanted else b"off")

    def switch(self, state):
        return self.client.publish(self.heating, state, qos=1, retain=True)


async def main(reactor, server="mqtt://localhost"):
    thermostat = Thermostat(reactor, "3", 20.0)
    await thermostat.start(server)
    print(await thermostat.client.whenClosed())


if __name__ == "__main__":
    react(main, argv[1:])
