"""
All that is fuzzed, by name.
"""

from __future__ import annotations

from typing import Final

from tests.fuzz.harness import Harness
from tests.fuzz.harnesses.acl import ACL
from tests.fuzz.harnesses.broker import BROKER
from tests.fuzz.harnesses.client import CLIENT
from tests.fuzz.harnesses.configuration import CONFIGURATION
from tests.fuzz.harnesses.decoder import DECODER
from tests.fuzz.harnesses.passwords import PASSWORDS
from tests.fuzz.harnesses.proxy import PROXY
from tests.fuzz.harnesses.websocket import WEBSOCKET

HARNESSES: Final[dict[str, Harness]] = {
    each.name: each for each in (DECODER, BROKER, CLIENT, WEBSOCKET, CONFIGURATION, PASSWORDS, ACL, PROXY)
}
