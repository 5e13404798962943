"""
What twistd offers because txmqtt is installed. Names only: nothing of the broker is loaded before it is asked for.
"""

from twisted.application.service import ServiceMaker

broker = ServiceMaker("MQTT broker", "txmqtt.service.tap", "An MQTT 3.1, 3.1.1 and 5 broker.", "mqtt-broker")
