"""
How a program of threads uses a client: the reactor has a thread of its own, and from all others each verb waits.

Run it: python threads.py mqtt://localhost
"""

from concurrent.futures import ThreadPoolExecutor
from queue import Queue
from sys import argv
from threading import Thread

from twisted.internet import reactor

from txmqtt import FromThread, MQTTClientService


def main(url="mqtt://localhost"):
    mqtt = MQTTClientService(url)
    threads = FromThread(mqtt)
    Thread(target=reactor.run, args=[False]).start()
    reactor.callFromThread(mqtt.startService)
    try:
        messages = Queue()
        threads.subscribe("halls/+/temperature", messages.put, qos=1, timeout=10)

        def measure(room):
            return threads.publish(f"halls/{room}/temperature", b"21.5", qos=1, timeout=10)

        with ThreadPoolExecutor() as pool:
            for acknowledgement in pool.map(measure, range(3)):
                print(acknowledgement.reason.name)
        print("heard from", *sorted(messages.get(timeout=10).topic for _ in range(3)))
    finally:
        threads.call(10, mqtt.stopService)
        reactor.callFromThread(reactor.stop)


main(*argv[1:])
