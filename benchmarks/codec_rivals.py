"""
Is our codec as fast as msgpack's, which is written in C and has less to check? And beside those of other clients? ::

    python benchmarks/codec_rivals.py
    compiled/bin/python benchmarks/codec_rivals.py --trips 1000000 --json codec.json

The work is that of the benchmark of vibe-mqtt: a million times, a packet is encoded and what came of it is decoded.
CONNECT has a client identifier of ten bytes and a user name, SUBSCRIBE ten filters at QoS 2, PUBLISH 20 bytes at QoS 2.

Ours begins and ends with packets; msgpack, in its quickest form, with a tuple of the same fields and a list: no names
and no rules. Paho-mqtt and mqttium are clients: of these three packets they decode PUBLISH alone, paho without the
fixed header, which it reads byte by byte from its socket. Gmqtt decodes nothing but in a connection, and numbers its
packets itself. What they cannot do is left out of the table.

The figure is microseconds of processor time, the best of many slices in which all take turns: the machine can only ever
add to it. The bar: the PUBLISH of ours, compiled, there and back, is at least as fast as msgpack's. It needs the
C{bench} extra; whoever is not installed is left out.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from answer import Answer, arguments

import txmqtt
from txmqtt.codec import encode
from txmqtt.codec.constants import MQTT311
from txmqtt.codec.decode import Decoder
from txmqtt.codec.packets import Connect, Packet, Publish, Subscribe, Subscription

CLIENT, USER, ID, QOS = "testclient", "user", 0xABCD, 2
FILTERS = [f"/root/{n}" for n in range(10)]
TOPIC, PAYLOAD = "/root/temperature", bytes(range(1, 21))

PACKETS = ("CONNECT", "SUBSCRIBE", "PUBLISH")

#: How many trips one slice has.
_SLICE = 2_000

_QUESTION = "What does a packet cost, encoded and decoded?"
_BAR = "PUBLISH, compiled, at least as fast as msgpack"

Trip = Callable[[], object]


def _encoders() -> dict[str, Callable[[], bytes]]:
    connect = Connect(CLIENT, MQTT311, username=USER)
    subscriptions = [Subscription(each.encode(), QOS) for each in FILTERS]
    topic, publish = TOPIC.encode(), encode.publish
    return {
        "CONNECT": lambda: encode.connect(connect),
        "SUBSCRIBE": lambda: encode.subscribe(ID, subscriptions, None, MQTT311),
        "PUBLISH": lambda: publish(topic, PAYLOAD, QOS, False, False, ID, None, MQTT311),
    }


def ours() -> dict[str, Trip]:
    """
    Our own: from a packet, or what makes one, to a packet.
    """
    encoders, trips = _encoders(), {}
    expected: dict[str, Packet] = {
        "CONNECT": Connect(CLIENT, MQTT311, username=USER),
        "SUBSCRIBE": Subscribe(ID, [Subscription(each.encode(), QOS) for each in FILTERS]),
        "PUBLISH": Publish(TOPIC.encode(), PAYLOAD, QOS, packet_id=ID),
    }

    def trip(write: Callable[[], bytes]) -> Trip:
        decoder = Decoder()
        decoder.feed(encoders["CONNECT"]())
        decoder.take()
        feed, take = decoder.feed, decoder.take

        def run() -> object:
            feed(write())
            return take()

        return run

    for name in PACKETS:
        trips[name] = trip(encoders[name])
        assert trips[name]() == expected[name], name
    return trips


def with_msgpack() -> dict[str, Trip]:
    """
    Msgpack: one packer for all, and the function that unpacks.
    """
    import msgpack

    pack, unpack = msgpack.Packer().pack, msgpack.unpackb
    topic = TOPIC.encode()
    fields: dict[str, tuple[object, ...]] = {
        "CONNECT": (1, MQTT311, True, 0, CLIENT, None, USER, None),
        "SUBSCRIBE": (8, ID, [(each.encode(), QOS) for each in FILTERS]),
        "PUBLISH": (3, QOS, False, False, topic, ID, PAYLOAD),
    }

    def trip(content: tuple[object, ...]) -> Trip:
        return lambda: unpack(pack(content))

    return {name: trip(content) for name, content in fields.items()}


def with_msgpack_functions() -> dict[str, Trip]:
    """
    Msgpack as the first lines of its documentation have it.
    """
    import msgpack

    content = (3, QOS, False, False, TOPIC.encode(), ID, PAYLOAD)
    return {"PUBLISH": lambda: msgpack.unpackb(msgpack.packb(content))}


def with_mqttium() -> dict[str, Trip]:
    """
    Mqttium: the functions that its connections are bound to, and its reader of streams.
    """
    from mqttium.codec.buffer import IncrementalDecoder
    from mqttium.enums import QoS
    from mqttium.packets._publish import decode_qos12_fields_v311, encode_publish_item_v311

    decoder = IncrementalDecoder()

    def run() -> object:
        item = encode_publish_item_v311(TOPIC, PAYLOAD, qos=QoS.EXACTLY_ONCE, retain=False, dup=False, mid=ID)
        decoder.feed(item)
        return decode_qos12_fields_v311(decoder.next_packet())

    assert run() == (TOPIC, PAYLOAD, ID, False, False)
    return {"PUBLISH": run}


def with_paho() -> dict[str, Trip]:
    """
    Paho-mqtt: a client whose packets go nowhere, and its reader of what follows a fixed header.
    """
    from paho.mqtt import _packet
    from paho.mqtt.client import Client
    from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

    class Caught(Client):
        last = b""

        def _packet_queue(self, command: int, packet: bytes, *rest: object) -> Any:
            self.last = packet

    client, topic, version = Caught(CallbackAPIVersion.VERSION2), TOPIC.encode(), MQTTProtocolVersion.MQTTv311
    client._sock = socket.socket()  # it asks only whether there is one
    send, read = client._send_publish, _packet.decode_publish

    def run() -> object:
        send(ID, topic, PAYLOAD, QOS)
        packet = client.last
        return read(packet[0], packet[2:], version)

    assert tuple(run()) == (False, QOS, False, topic, ID, None, PAYLOAD)  # type: ignore[arg-type, call-overload]
    return {"PUBLISH": run}


LIBRARIES: dict[str, Callable[[], dict[str, Trip]]] = {
    "txmqtt": ours,
    "msgpack": with_msgpack,
    "msgpack, packb": with_msgpack_functions,
    "mqttium": with_mqttium,
    "paho-mqtt": with_paho,
}


def available() -> Iterator[tuple[str, dict[str, Trip]]]:
    """
    The libraries that are here.
    """
    for name, make in LIBRARIES.items():
        with suppress(ImportError):
            yield name, make()


def timed(trip: Trip) -> float:
    """
    Microseconds of one trip, in one slice.
    """
    before = time.process_time()
    for _ in range(_SLICE):
        trip()
    return (time.process_time() - before) / _SLICE * 1e6


def measure(trips: int) -> dict[str, dict[str, float]]:
    """
    The best slice of each library and packet.
    """
    libraries = dict(available())
    found = {name: dict.fromkeys(library, float("inf")) for name, library in libraries.items()}
    for _ in range(max(1, trips // _SLICE)):
        for name, library in libraries.items():
            for packet, trip in library.items():
                found[name][packet] = min(found[name][packet], timed(trip))
    return found


def report(found: dict[str, dict[str, float]], file: str | None) -> None:
    """
    The table.
    """
    kind = "compiled" if txmqtt.compiled else "interpreted"
    names = [f"txmqtt, {kind}" if name == "txmqtt" else name for name in found]
    answer = Answer(_QUESTION, "microseconds of processor time", ("packet", *names), _BAR, "linear")
    for packet in PACKETS:
        answer.add(packet, *(figures.get(packet) for figures in found.values()))
    if "msgpack" not in found:
        answer.end(None, file)
        return
    ratio = found["txmqtt"]["PUBLISH"] / found["msgpack"]["PUBLISH"]
    print(f"PUBLISH, as a ratio to msgpack: {ratio:.2f}")
    answer.end(ratio <= 1 if txmqtt.compiled else None, file)


def main() -> None:
    parser = arguments((__doc__ or "").strip().partition("\n\n")[0])
    parser.add_argument("--trips", type=int, default=1_000_000, help="of each packet with each library")
    words = parser.parse_args()
    report(measure(words.trips // 30 if words.quick else words.trips), words.json)


if __name__ == "__main__":
    main()
