"""
MQTT 3.1, 3.1.1 and 5.0 for Twisted: a broker and a client.
"""

from txmqtt._build import __version__, compiled

__all__ = ["__version__", "compiled"]
