"""
What endpoint strings mean because txmqtt is installed. Apart from what twistd offers, which must not load this.
"""

from txmqtt.net.endpoints import WebSocketParser

websocket = WebSocketParser()
