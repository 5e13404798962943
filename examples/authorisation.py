"""
How a program says itself what its users may do: everybody reads everything, and publishes below home/ and his own name.

Run it, then: mosquitto_pub -V 5 -q 1 -d -u ann -t home/ann/lamp -m on
"""

from sys import argv

from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred
from twisted.internet.task import react

from txmqtt import Realm, User, makeBroker
from txmqtt.net.auth import Anybody


class Resident(User):
    unrestricted = False  # otherwise nothing is asked

    def may_publish(self, topic):
        return topic.split("/")[:2] == ["home", self.name]

    def may_receive(self, topic):
        return not topic.startswith("$")

    def granted(self, filter, qos):
        return 0x87 if filter.startswith("$") else qos  # or less than was asked for


async def main(reactor, listen="tcp:1883:interface=127.0.0.1"):
    broker = makeBroker([listen], Portal(Realm(Resident), [Anybody()]), reactor=reactor)
    broker.startService()
    reactor.addSystemEventTrigger("before", "shutdown", broker.stopService)
    [address] = await broker.whenReady()
    print(f"a broker listens on {address.host}:{address.port}", flush=True)
    await Deferred()  # until Ctrl-C


react(main, argv[1:])
