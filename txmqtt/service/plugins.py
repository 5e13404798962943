"""
Finding the plugins that a configuration names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.plugin import getPlugins

from txmqtt.net.plugins import BrokerPlugin, IBrokerPluginFactory
from txmqtt.service.configuration.reading import nearest


def plugin(name: str, options: Mapping[str, Any]) -> BrokerPlugin:
    """
    The plugin of this name, as C{twisted.plugin} finds it in C{twisted/plugins} of whatever is installed.

    @param options: what the configuration says besides the name.
    @raise ValueError: there is none, or its options are wrong; says what was expected.
    """
    found = {each.name: each for each in getPlugins(IBrokerPluginFactory)}
    factory = found.get(name)
    if factory is None:
        known = ", ".join(sorted(found)) or "none"
        raise ValueError(f"{name!r} is not installed; installed: {known}{nearest(name, found)}")
    try:
        made = factory.make(options)
    except ValueError:
        raise
    except Exception as error:  # strangers raise what they like
        raise ValueError(f"{name!r} could not be made: {type(error).__name__}: {error}") from error
    if not isinstance(made, BrokerPlugin):
        raise ValueError(f"{name!r} made {type(made).__name__}; expected a BrokerPlugin")
    return made
