"""
How a program bridges two brokers: what is below site/ goes both ways, and is acknowledged when the other side has it.

Run it: python bridge.py mqtt://localhost mqtt://broker.example.com
"""

from sys import argv

from twisted.internet.task import react

from txmqtt import MQTTClientService, Properties


async def main(reactor, here, there):
    def bridge(source, target):
        def carry(message):  # the Deferred delays the acknowledgement until the other broker has it
            said = message.properties
            properties = Properties(content_type=said.content_type, user_properties=said.user_properties)
            return target.publish(message.topic, message.payload, message.qos, message.retain, properties)

        # What it publishes itself does not come back, so nothing goes in circles.
        terms = {"no_local": True, "retain_as_published": True, "on_error": "withhold"}
        source.subscribe("site/#", carry, qos=1, **terms).addCallback(lambda _: print("bridged", flush=True))

    one, two = [
        MQTTClientService(url, client_id="bridge", clean_start=False, session_expiry=86_400, reactor=reactor)
        for url in (here, there)
    ]
    bridge(one, two)
    bridge(two, one)
    for service in (one, two):
        service.startService()
        reactor.addSystemEventTrigger("before", "shutdown", service.stopService)  # upon Ctrl-C
    await one.whenClosed()


react(main, argv[1:])
