"""Which places may be called: where a URL leads, and which private places the operator allows.

No name is resolved and nothing is connected to here.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Self

from routines.core.addresses import Address, is_public, unmapped
from routines.core.errors import RoutinesError

URL_CHARACTERS_MAX = 2_000  # as much as servers and proxies commonly take
PORT_MAX = 65_535
PORTS = {"http": 80, "https": 443}

_LABEL = "[a-z0-9_-]{1,63}"
_HOST_AND_PORT = re.compile(
    rf"(?:\[([0-9a-f:.]+)\]|({_LABEL}(?:\.{_LABEL})*)\.?)(?::([0-9]{{1,5}}))?", re.IGNORECASE | re.ASCII
)
_URL = re.compile(r"([a-z][a-z0-9+.-]*)://([^/?#]*)([^#]*)(?:#.*)?", re.IGNORECASE | re.ASCII)
_VISIBLE = re.compile(r"[!-~]*")
_LIKE_A_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")  # the resolver takes such a name for an address


class ReachError(RoutinesError):
    """A list of the places that may be called has something in it that is no place."""


class RefusedError(RoutinesError):
    """The call is not made: its URL is not one that may be called, or its headers cannot be sent."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads: `host` is a name in lower case or an address without brackets."""

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def of(cls, url: str) -> Self:
        """The target of a URL; raises RefusedError for one that is never called, wherever its host may be."""
        if len(url) > URL_CHARACTERS_MAX:
            raise RefusedError(f"The URL has {len(url)} characters; at most {URL_CHARACTERS_MAX} are allowed")
        if not _VISIBLE.fullmatch(url):
            raise RefusedError("The URL has blanks or other than ASCII characters in it; write them as %20 or xn--")
        parts = _URL.fullmatch(url)
        scheme = parts[1].lower() if parts else ""
        if parts is None or scheme not in PORTS:
            raise RefusedError("The URL must begin with http:// or https:// and a host")
        if "@" in parts[2]:
            raise RefusedError("The URL has a user name or password in it; send them in a header")
        try:
            host, port = _host_and_port(parts[2])
        except ValueError:
            raise RefusedError(f"{parts[2]!r} in the URL is not a host, or a host and a port") from None
        path = parts[3] if parts[3].startswith("/") else f"/{parts[3]}"
        return cls(scheme, host, PORTS[scheme] if port is None else port, path)

    @property
    def place(self) -> str:
        """The host and the port, as sentences name it; the rest of the URL may hold secrets."""
        return _place(self.host, self.port)

    @property
    def authority(self) -> str:
        """The host as its header has it (RFC 9110, section 7.2)."""
        return self.place if self.port != PORTS[self.scheme] else _place(self.host, None)


@dataclass(frozen=True, slots=True)
class Reach:
    """Which places may be called though they are not on the public internet.

    Each is a host name, which then may lead anywhere, an address, either with a port (`host:8080`, `[::1]:8080`), or a
    network (`10.0.0.0/8`).
    """

    allowed: frozenset[str] = frozenset()

    @classmethod
    def of(cls, text: str) -> Self:
        """The places that a text names, with commas between them; raises ReachError for one that is none."""
        return cls(frozenset(_allowed(word.strip()) for word in text.split(",") if word.strip()))

    def permits(self, target: Target, address: Address) -> bool:
        """True if a call to the target may be made to this address."""
        address = unmapped(address)
        if is_public(address):
            return True
        names = {target.host, str(address), *(_place(host, target.port) for host in (target.host, str(address)))}
        if names & self.allowed:
            return True
        return any(address in ip_network(allowed) for allowed in self.allowed if "/" in allowed)


PUBLIC_ONLY = Reach()


def _allowed(word: str) -> str:
    """A place that may be called, as it is compared with."""
    try:
        if "/" in word:
            return str(ip_network(word))
        with suppress(ValueError):
            return str(unmapped(ip_address(word)))
        host, port = _host_and_port(word)
        if _LIKE_A_NUMBER.fullmatch(host):
            host = str(ip_address(host))
    except ValueError:
        raise ReachError(
            f"{word!r} is no place that may be called: give a host, an address, either with a port "
            "(host:8080, [::1]:8080), or a network whose host bits are zero (10.0.0.0/8)"
        ) from None
    return host if port is None else _place(host, port)


def _host_and_port(text: str) -> tuple[str, int | None]:
    """The host, as it is compared with, and the port if there is one; raises ValueError for what is neither."""
    parts = _HOST_AND_PORT.fullmatch(text)
    if parts is None:
        raise ValueError(text)
    port = None if parts[3] is None else int(parts[3])
    if port is not None and not 0 < port <= PORT_MAX:
        raise ValueError(text)
    return str(unmapped(IPv6Address(parts[1]))) if parts[1] else parts[2].lower(), port


def _place(host: str, port: int | None) -> str:
    bracketed = f"[{host}]" if ":" in host else host
    return bracketed if port is None else f"{bracketed}:{port}"
