"""
How an application is tested under trial: a broker, its clients and the time, all in memory, made in setUp.
"""

from thermostat import Thermostat
from twisted.trial.unittest import SynchronousTestCase

from txmqtt.testing import MQTTWorld


class ThermostatTests(SynchronousTestCase):
    def setUp(self):
        self.mqtt = MQTTWorld()
        self.addCleanup(self.mqtt.close)
        thermostat = Thermostat(self.mqtt.clock, self.mqtt.url, "3", 20.0)
        thermostat.mqtt.startService()
        self.mqtt.run(thermostat.mqtt.whenReady())
        self.heating = self.mqtt.watch("rooms/3/heating")

    def test_heats_while_it_is_cold(self):
        for temperature in (b"19.5", b"20.5"):
            self.mqtt.publish("rooms/3/temperature", temperature)
        self.assertEqual([message.payload for message in self.heating], [b"on", b"off"])

    def test_comes_back_after_an_outage(self):
        self.mqtt.connection("thermostat").cut()
        self.mqtt.advance(2)
        self.mqtt.publish("rooms/3/temperature", b"19.5")
        self.assertEqual([message.payload for message in self.heating], [b"unknown", b"on"])

    def test_knows_what_to_do_when_the_broker_has_forgotten_it(self):
        self.mqtt.restart(sessions=False)
        self.mqtt.advance(2)
        self.heating = self.mqtt.watch("rooms/3/heating")
        self.mqtt.publish("rooms/3/temperature", b"19.5")
        self.assertEqual([message.payload for message in self.heating], [b"on"])
