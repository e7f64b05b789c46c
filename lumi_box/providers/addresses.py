"""Which places on the network a URL from outside may lead to: public ones, and those the operator named."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import quote

from lumi_box.errors import Refused

DEFAULT_PORTS = {"http": 80, "https": 443}
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
# One parser for what is checked and for what is connected to: a "@", a backslash or a blank leaves no match.
_URL = re.compile(r"(https?)://([^/?#@\\\s]+)((?:[/?][^#\s\\]*)?)(?:#\S*)?", re.IGNORECASE)
_AUTHORITY = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^:%\[\]]+))(?::([0-9]{1,5}))?", re.IGNORECASE)

_Ip4, _Ip6 = ipaddress.IPv4Address, ipaddress.IPv6Address
_GLOBAL6 = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_ISATAP = (bytes.fromhex("00005efe"), bytes.fromhex("02005efe"))
_CLOSED = [  # global by the registry or by an older Python, yet not for us
    ipaddress.ip_network(text)
    for text in (
        "100.64.0.0/10",  # carrier NAT; some clouds keep their metadata service here
        "168.63.129.16/32",  # a cloud's own agent endpoint on an otherwise public address
        "192.0.0.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "2001::/23",  # Teredo and other protocol assignments
        "2001:db8::/32",
        "3fff::/20",
    )
]


@dataclass(frozen=True, slots=True)
class Place:
    """A URL taken apart: `target` is path and query exactly as they were given."""

    scheme: str
    host: str
    port: int
    target: str


def parse(url: str) -> Place:
    """Refuses what is not plain http(s) to a host: other schemes, user names, blanks and other oddities."""
    match = _URL.fullmatch(url)
    authority = _AUTHORITY.fullmatch(match[2]) if match else None
    if match is None or authority is None:
        raise forbidden("not a plain http or https URL")
    scheme, rest = match[1].lower(), match[3]
    port = int(authority[3]) if authority[3] else DEFAULT_PORTS[scheme]
    if not 0 < port < 65536:
        raise forbidden("not a port")
    target = rest if rest.startswith("/") else f"/{rest}"
    return Place(scheme, authority[1] or _ascii_host(authority[2]), port, printable(target))


def printable(text: str | bytes) -> str:
    """Only what may not stand in a request line is encoded; every "%" that is there already stays as it is."""
    return quote(text, safe=_PRINTABLE)


def check_port(place: Place, allowed_hosts: Collection[str]) -> None:
    if place.port not in DEFAULT_PORTS.values() and not is_allowed(place, allowed_hosts, with_port=True):
        raise forbidden(f"port {place.port} of {place.host}")


def check_addresses(place: Place, addresses: Collection[str], allowed_hosts: Collection[str]) -> None:
    """One forbidden address among those of a name forbids the name."""
    if not is_allowed(place, allowed_hosts) and not all(is_public(address) for address in addresses):
        raise forbidden(f"{place.host} has an address that is not public")


def is_allowed(place: Place, allowed_hosts: Collection[str], *, with_port: bool = False) -> bool:
    """Whether the operator named `host` or `host:port`: the whole of it, never a part."""
    host = f"[{place.host}]" if ":" in place.host else place.host
    names = {f"{host}:{place.port}"} | (set() if with_port else {host, place.host})
    return not names.isdisjoint(entry.lower() for entry in allowed_hosts)


def is_public(address: str) -> bool:
    """Whether the address, and any IPv4 address that it carries inside, belongs to the open internet."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, _Ip6) and (ip.ipv4_mapped or ip in _NAT64):
        return is_public(str(_Ip4(ip.packed[12:])))
    if isinstance(ip, _Ip6) and ip not in _GLOBAL6:
        return False
    if isinstance(ip, _Ip6) and not all(is_public(str(inner)) for inner in _embedded(ip)):
        return False
    if any(ip in network for network in _CLOSED if network.version == ip.version):
        return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def forbidden(reason: str) -> Refused:
    return Refused("The result lies where it may not be fetched from.", code="forbidden_address", vendor_text=reason)


def _embedded(ip: ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    """The addresses to which a tunnel would carry a packet for this one."""
    isatap = [_Ip4(ip.packed[12:])] if ip.packed[8:12] in _ISATAP else []
    return isatap + [inner for inner in (ip.sixtofour, *(ip.teredo or ())) if inner is not None]


def _ascii_host(host: str) -> str:
    try:
        return host.lower().encode("idna").decode("ascii")
    except UnicodeError:
        raise forbidden("not a host name") from None
