"""
How an application is tested under trial: a broker, its clients and the time, all in memory, made in setUp.
"""

from thermostat import Thermostat
from twisted.trial.unittest import SynchronousTestCase

from txmqtt.testing import MQTTWorld


class ThermostatTests(SynchronousTestCase):
    def setUp(self):
        self.mqtt = MQTTWorld(users={"house": "secret"})
        self.addCleanup(self.mqtt.close)
        thermostat = Thermostat(self.mqtt.clock, "3", 20.0)
        self.mqtt.run(thermostat.start("mqtt://house:secret@broker.example.com"))
        self.heating = self.mqtt.watch("rooms/3/heating", username="house", password="secret")

    def test_heats_while_it_is_cold(self):
        for temperature in (b"19.5", b"20.5"):
            self.mqtt.publish("rooms/3/temperature", temperature)
        self.assertEqual([message.payload for message in self.heating], [b"on", b"off"])

    def test_stops_when_nobody_measures(self):
        self.mqtt.publish("rooms/3/temperature", b"19.5")
        self.mqtt.advance(299)
        self.assertEqual([message.payload for message in self.heating], [b"on"])
        self.mqtt.advance(1)
        self.assertEqual([message.payload for message in self.heating], [b"on", b"off"])

    def test_is_missed_when_it_breaks(self):
        self.mqtt.connection("thermostat").cut()
        self.assertEqual([message.payload for message in self.heating], [b"unknown"])
