"""
How a command ends: the exit statuses that scripts go by.

They are mosquitto's where mosquitto has one: 0, 27 for time that is up, and what a server gave as its reason when it
refused: the return code of a CONNACK of 3.x (1 to 5), a reason code of 5.0 (128 and up).
"""

from __future__ import annotations

from typing import Final

from txmqtt.codec import reasons
from txmqtt.codec.constants import MQTT5

OK: Final = 0
#: Anything that went wrong and has no status of its own.
FAILED: Final = 1
#: The command line can't be understood; click's own.
MISUSED: Final = 2
#: C{-W} or C{--timeout} is over.
TIMED_OUT: Final = 27
#: A signal ended it before it was done: this, and the number of the signal.
SIGNALLED: Final = 128


class Ended(Exception):
    """
    The command is over, and this is its exit status; the message, where there is one, goes to standard error.
    """

    def __init__(self, status: int, message: str = "") -> None:
        super().__init__(message)
        self.status: Final = status


def refusal(reason: int, version: int, connecting: bool = False) -> int:
    """
    The status for what a server refused.

    @param reason: its reason code; on 3.x the one of 5.0 that stands for its return code.
    @param connecting: it was the connection.
    """
    if connecting and version != MQTT5:
        code = reasons.return_code(reason)
        return code if code > 0 else FAILED
    return reason if reasons.FAILURE <= reason <= 255 else FAILED
