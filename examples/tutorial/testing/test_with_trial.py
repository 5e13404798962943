from fridge import Fridge
from twisted.trial.unittest import SynchronousTestCase

from txmqtt.testing import MQTTWorld


class FridgeTests(SynchronousTestCase):
    def setUp(self):
        self.mqtt = MQTTWorld()
        self.addCleanup(self.mqtt.close)
        fridge = Fridge(self.mqtt.clock, self.mqtt.url)
        fridge.mqtt.startService()
        self.mqtt.run(fridge.mqtt.whenReady())
        self.alarms = self.mqtt.watch("fridge/alarm")

    def test_a_door_may_be_open_for_a_minute(self):
        self.mqtt.publish("fridge/door", b"open")
        self.mqtt.advance(60)
        self.assertEqual([message.payload for message in self.alarms], [b"on"])
