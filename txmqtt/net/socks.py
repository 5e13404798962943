"""
What is said to a SOCKS5 proxy (RFC 1928), with a user name and a password if need be (RFC 1929). No I/O.
"""

from __future__ import annotations

from ipaddress import ip_address

from txmqtt.codec.errors import ProxyFailure

#: Ways to log in.
_NOTHING, _PASSWORD, _NONE_OF_THEM = 0, 2, 0xFF

#: Kinds of addresses; how long they are, bytes: that of a name stands before it.
_IPV4, _NAME, _IPV6 = 1, 3, 4
_LENGTHS = {_IPV4: 4, _IPV6: 16}

#: Why there is no connection.
_REPLIES = {
    1: "failed",
    2: "does not allow it by its rules",
    3: "found the network unreachable",
    4: "found the host unreachable, or did not find its name",
    5: "was refused the connection",
    6: "waited for too long",
    7: "does not know the command",
    8: "does not take this kind of address",
}


class Socks5:
    """
    One handshake. What is heard and not yet understood is never more than the longest answer, 262 bytes, and one read.

    @ivar begin: what is said first.
    @ivar rest: what was heard after the handshake; None until it has ended well.
    """

    def __init__(self, host: str, port: int, username: str | None = None, password: str | None = None) -> None:
        """
        @param host: a name, which the proxy resolves, or an address.
        @raise ValueError: SOCKS5 can't say it; says what.
        """
        self._request = b"\x05\x01\x00" + _address(host) + port.to_bytes(2, "big")
        self._login = b""
        ways = [_NOTHING]
        if username is not None or password is not None:
            words = [(each or "").encode() for each in (username, password)]
            if not all(1 <= len(each) <= 255 for each in words):
                raise ValueError("SOCKS5 takes a user and a password of 1 to 255 bytes each")
            self._login = b"\x01" + b"".join(bytes([len(each)]) + each for each in words)
            ways.append(_PASSWORD)
        self.begin = bytes([5, len(ways), *ways])
        self.rest: bytes | None = None
        self._heard = b""
        self._step = self._chosen

    def feed(self, data: bytes) -> bytes:
        """
        The proxy said C{data}.

        @return: what is to be said now.
        @raise ProxyFailure: there will be no connection.
        """
        self._heard += data
        return self._step()

    def _chosen(self) -> bytes:
        """
        The proxy says how we log in.
        """
        if len(self._heard) < 2:
            return b""
        version, way = self._exactly(2)
        if version != 5:
            raise ProxyFailure("does not speak SOCKS5")
        if way == _NOTHING:
            self._step = self._connected
            return self._request
        if way == _PASSWORD and self._login:
            self._step = self._logged_in
            return self._login
        if way == _NONE_OF_THEM:
            also = " or does not know the one given" if self._login else ""
            raise ProxyFailure(f"wants a user and a password{also}: it takes no way to log in that we know (SOCKS5)")
        raise ProxyFailure("chose a way to log in that it was not offered (SOCKS5)")

    def _logged_in(self) -> bytes:
        if len(self._heard) < 2:
            return b""
        _, status = self._exactly(2)
        if status:
            raise ProxyFailure("does not accept our user and password (SOCKS5)")
        self._step = self._connected
        return self._request

    def _connected(self) -> bytes:
        heard = self._heard
        if len(heard) >= 2 and (heard[0] != 5 or heard[1]):
            why = _REPLIES.get(heard[1], "gave no reason that we know") if heard[0] == 5 else "does not speak SOCKS5"
            raise ProxyFailure(f"{why} (SOCKS5 reply {heard[1]})")
        if len(heard) < 5:
            return b""
        kind = heard[3]
        if kind != _NAME and kind not in _LENGTHS:
            raise ProxyFailure(f"answered with an address of the unknown kind {kind} (SOCKS5)")
        length = 7 + heard[4] if kind == _NAME else 6 + _LENGTHS[kind]
        if len(heard) >= length:
            self.rest, self._heard = heard[length:], b""
        return b""

    def _exactly(self, length: int) -> bytes:
        """
        An answer that we must have heard before the proxy may go on.
        """
        heard, self._heard = self._heard, b""
        if len(heard) > length:
            raise ProxyFailure("said more than it was asked (SOCKS5)")
        return heard


def _address(host: str) -> bytes:
    try:
        address = ip_address(host)
    except ValueError:
        name = host.encode("ascii")
        if not 1 <= len(name) <= 255:
            raise ValueError(f"SOCKS5 takes host names of 1 to 255 bytes, not {len(name)}") from None
        return bytes([_NAME, len(name)]) + name
    if getattr(address, "scope_id", None):
        raise ValueError("SOCKS5 takes no IPv6 address with a zone") from None
    return bytes([_IPV4 if address.version == 4 else _IPV6]) + address.packed
