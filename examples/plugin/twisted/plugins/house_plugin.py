"""
How the broker finds a plugin: by what stands in a module of a folder twisted/plugins, which has no __init__.py.
"""

from twisted.plugin import IPlugin
from zope.interface import implementer

from txmqtt import IBrokerPluginFactory


@implementer(IPlugin, IBrokerPluginFactory)
class HouseFactory:
    name = "house"  # in the configuration

    def make(self, options):
        from house import House  # only now: this module is loaded by every twistd that looks for plugins

        largest = options.get("largest", 1000)
        if options.keys() - {"largest"} or not isinstance(largest, int):
            raise ValueError(f"options {dict(options)}: expected largest = a number of bytes, or nothing")
        return House(largest)


house = HouseFactory()
