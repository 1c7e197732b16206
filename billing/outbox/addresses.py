"""Which addresses may be connected to: those of the open internet, and what the configuration allows."""

import ipaddress
import socket
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_GIVEN_OUT: Final = ipaddress.IPv6Network("2000::/3")
"""All that IANA has given out for use on the open internet (RFC 4291, 2.4)."""
_SPECIAL: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4", "2001::/23", "2001:db8::/32", "3fff::/20",
    )
)  # fmt: skip
"""What IANA's special-purpose registries (iana-ipv4-special-registry, iana-ipv6-special-registry) keep from the open
internet, within what was given out. Python's own list differs from patch to patch. Of 192.0.0.0/24 and 2001::/23 a few
addresses are reachable, but no endpoint is at them."""
_ISATAP: Final = (b"\x00\x00\x5e\xfe", b"\x02\x00\x5e\xfe")
"""What precedes an IPv4 address in the lower half of an address (RFC 5214, 6.1)."""


class AddressRefused(OSError):
    """The name leads to an address that nothing is sent to."""


def networks_of(texts: Sequence[str]) -> tuple[Network, ...]:
    """Return the networks that are written so.

    :raises ValueError: one of them is no network.
    """
    return tuple(ipaddress.ip_network(text) for text in texts)


def refuse_unless_allowed(text: str, allowed: Sequence[Network]) -> None:
    """Refuse an address that is private, loopback, link-local, shared, multicast, unspecified or reserved.

    An IPv4 address inside of an IPv6 one is looked at too: mapped, 6to4, Teredo, NAT64 and ISATAP all lead to it. Of
    IPv6 itself only what was ever given out is taken, for Python calls some of the rest global.

    :raises AddressRefused: it is one of those, and not allowed.
    """
    address = ipaddress.ip_address(text.partition("%")[0])
    for each in (address, *_inside(address)):
        if any(each in network for network in allowed if network.version == each.version):
            return
    for each in (address, *_inside(address)):
        if not _is_open(each):
            # Not the address itself: who may register an endpoint need not learn where names lead in here.
            raise AddressRefused("the host has an address that is not on the open internet")


def why_not_there(url: str, allowed: Sequence[Network]) -> str | None:
    """Say why nothing is sent to the address that is written in a URL, and what would be right, or None.

    Where a name leads is looked at each time that something is sent: it may change.
    """
    try:
        address = _written(urlsplit(url).hostname or "")
        if address is not None:
            refuse_unless_allowed(address, allowed)
    except AddressRefused:
        return (
            "must not be an address that is private, loopback, link-local or reserved: name a host on the open "
            "internet, or have the operator list the network in `webhooks.allow`"
        )
    return None


def _written(host: str) -> str | None:
    """Return the address that a host is, in any spelling that a connection understands, or None for a name."""
    try:
        return str(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host))  # such as 127.1 or 2130706433
    except (OSError, ValueError):
        return None


def _is_open(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and address not in _GIVEN_OUT:
        return address.ipv4_mapped is not None or address in _NAT64  # what is inside is looked at by itself
    if any(address in network for network in _SPECIAL if network.version == address.version):
        return False
    return address.is_global and not address.is_multicast


def _inside(address: Address) -> Iterator[ipaddress.IPv4Address]:
    if isinstance(address, ipaddress.IPv4Address):
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if address in _NAT64:
        yield ipaddress.IPv4Address(address.packed[-4:])
    if address.packed[8:12] in _ISATAP:
        yield ipaddress.IPv4Address(address.packed[-4:])
