"""
Reason codes to try.
"""

from __future__ import annotations

from txmqtt import ReasonCode

#: All that there are in any packet, and some that there are in none.
CODES = (*sorted({int(code) for code in ReasonCode}), 0x03, 0x7F, 0xCC, 0xFF)
