"""
What is said to an HTTP proxy to be connected with a server: CONNECT (RFC 9110, section 9.3.6). No I/O.
"""

from __future__ import annotations

import re
from base64 import b64encode
from http import HTTPStatus

from txmqtt.codec.errors import ProxyFailure
from txmqtt.net.handshake import END
from txmqtt.net.urls import place

#: An answer may be so large before its empty line, bytes, whatever a proxy has to say in its headers.
LIMIT = 16_384

_STATUS = re.compile(rb"HTTP/1\.[0-9] ([1-9][0-9][0-9])(?: [^\r\n]*)?\r\n")
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class HTTPConnect:
    """
    One handshake.

    @ivar begin: what is said first.
    @ivar rest: what was heard after the handshake; None until it has ended well.
    """

    def __init__(self, host: str, port: int, username: str | None = None, password: str | None = None) -> None:
        """
        @param host: a name, which the proxy resolves, or an address.
        @raise ValueError: HTTP can't say it; says what.
        """
        where = place(host, port)
        lines = [f"CONNECT {where} HTTP/1.1", f"Host: {where}"]
        if username is not None or password is not None:
            if ":" in (username or ""):
                raise ValueError("HTTP takes no user with a colon in it")
            basic = b64encode(f"{username or ''}:{password or ''}".encode()).decode()
            lines.append(f"Proxy-Authorization: Basic {basic}")
        self.begin = "\r\n".join(lines).encode("ascii") + END
        self.rest: bytes | None = None
        self._heard = bytearray()

    def feed(self, data: bytes) -> bytes:
        """
        The proxy said C{data}.

        @return: what is to be said now: nothing.
        @raise ProxyFailure: there will be no connection.
        """
        self._heard += data
        while self.rest is None:
            end = self._heard.find(END, 0, LIMIT)
            if end < 0:
                self._check_beginning()
                break
            self._judge(bytes(self._heard[: end + len(END)]))
            del self._heard[: end + len(END)]
        return b""

    def _check_beginning(self) -> None:
        if len(self._heard) >= LIMIT:
            raise ProxyFailure(f"answered with more than {LIMIT} bytes (HTTP)")
        if not b"HTTP/1.".startswith(bytes(self._heard[:7])):
            raise ProxyFailure("does not speak HTTP")

    def _judge(self, head: bytes) -> None:
        found = _STATUS.match(head)
        if found is None:
            raise ProxyFailure("does not speak HTTP")
        status = int(found[1])
        if status == 407:
            raise ProxyFailure("wants a user and a password, or does not accept those given (HTTP 407)")
        if status == 101 or status >= 300:
            raise ProxyFailure(f"did not connect us: {_PHRASES.get(status, 'no reason that we know')} (HTTP {status})")
        if status >= 200:
            self.rest = bytes(self._heard[len(head) :])
