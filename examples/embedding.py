"""
How a program runs a broker on its own reactor, beside whatever else it does, and publishes without a connection.

Run it and listen: mosquitto_sub -t 'program/#'
"""

from sys import argv

from twisted.internet.task import LoopingCall, react

from txmqtt import makeBroker


async def main(reactor, listen="tcp:1883:interface=127.0.0.1"):
    broker = makeBroker([listen], reactor=reactor)
    broker.startService()  # raises CannotListen when the port is taken
    reactor.addSystemEventTrigger("before", "shutdown", broker.stopService)
    [address] = await broker.whenReady()
    print(f"a broker listens on {address.host}:{address.port}", flush=True)

    def work():
        clients = str(broker.stats.connections).encode()
        broker.publish("program/clients", clients, retain=True)

    await LoopingCall(work).start(1.0)  # until Ctrl-C


react(main, argv[1:])
