"""Which IP addresses are the public internet's, and which lead into somebody's own network.

No name is resolved and nothing is connected to here.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address

_GLOBAL_UNICAST = IPv6Network("2000::/3")  # all that is allocated for the internet (RFC 4291, section 2.4)
_NAT64 = IPv6Network("64:ff9b::/96")  # its last 32 bits are the IPv4 address that is meant (RFC 6052)
_IPV4_BITS = 0xFFFF_FFFF

# What Python's own list lacks in some version that the service runs on, or counts as public though it is not.
_NOT_PUBLIC = (
    IPv4Network("192.0.0.0/24"),  # IETF protocol assignments; a cloud has its metadata at 192.0.0.192
    IPv4Network("192.88.99.0/24"),  # relays of 6to4, which is given up (RFC 7526)
    IPv4Network("168.63.129.16/32"),  # public by its number, and yet the platform's own on every machine of a cloud
    IPv6Network("2001::/23"),  # IETF protocol assignments, among them Teredo, which wraps IPv4 addresses
    IPv6Network("2001:db8::/32"),  # documentation
    IPv6Network("2002::/16"),  # 6to4, which wraps IPv4 addresses
    IPv6Network("3fff::/20"),  # documentation
)


def unmapped(address: Address) -> Address:
    """The address that is connected to by this one: IPv4 where IPv6 only wraps it (`::ffff:127.0.0.1`)."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def is_public(address: Address) -> bool:
    """True for an address that is the same host for everybody on the internet.

    False for those of private networks, the machine itself, its link, carriers' networks, multicast, clouds' metadata,
    and whatever is reserved; and for IPv6 addresses by which such an IPv4 address can be reached.
    """
    address = unmapped(address)
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return is_public(IPv4Address(int(address) & _IPV4_BITS))
        if address not in _GLOBAL_UNICAST:
            return False
    return address.is_global and not address.is_multicast and not any(address in network for network in _NOT_PUBLIC)


def is_loopback_name(host: str) -> bool:
    """True for `localhost` and loopback addresses, with or without a port."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        port = urlsplit(f"//{host}").port
        del port  # reading it checks it
    except ValueError:
        return False
    return name == "localhost" or is_loopback_address(name)


def is_loopback_address(name: str) -> bool:
    """True for an address of the loopback network."""
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
