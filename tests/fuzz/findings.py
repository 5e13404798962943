"""
Every input that the fuzzer has found something with: harness, what was wrong then, the bytes. They are tried with the
other tests, and are seeds.
"""

from typing import Final

Finding = tuple[str, str, bytes]

FINDINGS: Final[list[Finding]] = [
    ("configuration", "arrays within each other, too deep: a traceback", b"a = " + b"[" * 3000),
    ("configuration", "a number of thousands of digits: a traceback", b"a = " + b"9" * 5000),
    (
        "passwords",
        "an argon2 hash that is cut off was an error only when its owner logged in",
        b"ann:$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$MDEyMzQ1Njc4OWFiY2RlZ\n",
    ),
]
