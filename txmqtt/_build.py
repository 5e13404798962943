"""
What was built: which version this is, and whether floors 0 to 2 run compiled.
"""

from typing import Final

from txmqtt.codec import decode

__version__ = "0.1.0.dev0"

#: True when floors 0 to 2 are compiled. All of them are or none, so one module answers for the rest.
compiled: Final = not (decode.__file__ or "").endswith(".py")
