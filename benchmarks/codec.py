"""
What does the codec cost per packet? Microseconds, the best of several runs, 64-byte payload unless said.

    python benchmarks/codec.py
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from txmqtt.codec import decode, encode
from txmqtt.codec.constants import MQTT5, MQTT311, PUBACK
from txmqtt.codec.decode import Decoder
from txmqtt.codec.packets import Connect, Subscribe, Subscription
from txmqtt.codec.properties import Properties

TOPIC = b"building/7/floor/3/temperature"
PAYLOAD = b"x" * 64
PROPERTIES = Properties(message_expiry_interval=60, content_type="text/plain", user_properties=(("unit", "celsius"),))
BATCH = 500


def best(run: Callable[[int], None], count: int = 200, rounds: int = 9) -> float:
    """
    Microseconds per packet.
    """
    found = []
    for _ in range(rounds):
        before = time.perf_counter()
        run(count)
        found.append(time.perf_counter() - before)
    return min(found) / count / BATCH * 1e6


def decoding(frame: bytes, version: int, chunk: int = 0) -> Callable[[int], None]:
    """
    Many packets per read, or reads of C{chunk} bytes.
    """
    data = frame * BATCH
    reads = [data[place : place + chunk] for place in range(0, len(data), chunk)] if chunk else [data]

    def run(count: int) -> None:
        decoder = Decoder(version)
        take = decoder.take
        for _ in range(count):
            for read in reads:
                decoder.feed(read)
                while take() is not None:
                    pass

    return run


def encoding(qos: int, version: int, properties: Properties | None = None) -> Callable[[int], None]:
    def run(count: int) -> None:
        publish = encode.publish
        packet_id = 7 if qos else 0
        for _ in range(count * BATCH):
            publish(TOPIC, PAYLOAD, qos, False, False, packet_id, properties, version)

    return run


def acks(count: int) -> None:
    ack = encode.ack
    for _ in range(count * BATCH):
        ack(PUBACK, 7, 0, None, MQTT311)


def main() -> None:
    plain = encode.publish(TOPIC, PAYLOAD, 0, False, False, 0, None, MQTT311)
    large = encode.publish(TOPIC, PAYLOAD * 16, 0, False, False, 0, None, MQTT311)
    first = encode.publish(TOPIC, PAYLOAD, 1, False, False, 7, None, MQTT311)
    five = encode.publish(TOPIC, PAYLOAD, 0, False, False, 0, None, MQTT5)
    rich = encode.publish(TOPIC, PAYLOAD, 0, False, False, 0, PROPERTIES, MQTT5)
    connect = encode.connect(Connect("client", MQTT5, properties=Properties(receive_maximum=20)))
    subscribe = encode.packet(Subscribe(1, [Subscription(b"building/+/floor/#", 1)]), MQTT311)
    puback = encode.ack(PUBACK, 7, 0, None, MQTT311)
    print(decode.__file__, sys.version.split()[0])
    for name, run, count in (
        ("decode PUBLISH QoS 0", decoding(plain, MQTT311), 200),
        ("decode PUBLISH QoS 0, one per read", decoding(plain, MQTT311, len(plain)), 100),
        ("decode PUBLISH QoS 0, reads of 1,000 bytes", decoding(plain, MQTT311, 1000), 100),
        ("decode PUBLISH QoS 0, reads of 1 byte", decoding(plain, MQTT311, 1), 1),
        ("decode PUBLISH QoS 0, 1,024-byte payload", decoding(large, MQTT311), 100),
        ("decode PUBLISH QoS 1", decoding(first, MQTT311), 200),
        ("decode PUBLISH QoS 0, MQTT 5", decoding(five, MQTT5), 200),
        ("decode PUBLISH QoS 0, MQTT 5, 3 properties", decoding(rich, MQTT5), 40),
        ("decode PUBACK", decoding(puback, MQTT311), 200),
        ("decode CONNECT, MQTT 5, 1 property", decoding(connect, 0), 40),
        ("decode SUBSCRIBE, 1 filter", decoding(subscribe, MQTT311), 40),
        ("encode PUBLISH QoS 0", encoding(0, MQTT311), 200),
        ("encode PUBLISH QoS 1", encoding(1, MQTT311), 200),
        ("encode PUBLISH QoS 0, MQTT 5", encoding(0, MQTT5), 200),
        ("encode PUBLISH QoS 0, MQTT 5, 3 properties", encoding(0, MQTT5, PROPERTIES), 40),
        ("encode PUBACK", acks, 200),
    ):
        print(f"{name:45} {best(run, count):8.3f}", flush=True)


if __name__ == "__main__":
    main()
