"""A connection to a place that somebody else chose: looked up once, checked, and opened to what was checked.

requests and urllib3 look the host up again when they connect, which lets it turn into another address after the check.
"""

from __future__ import annotations

import functools
import http.client
import ssl
from collections.abc import Collection
from typing import Any

import requests.utils

from lumi_box.providers.addresses import Place, check_addresses, check_port
from lumi_box.providers.transport import Deadline, TimedSocket, connect, resolve


class UnknownName(OSError):
    """The name has no address."""


class NotTrusted(OSError):
    """TLS did not come about."""


class Connection(http.client.HTTPConnection):
    """Opened already, to the address that was checked; every wait keeps the deadline."""

    def connect(self) -> None:
        raise http.client.NotConnected


def connection(place: Place, allowed_hosts: Collection[str], deadline: Deadline) -> Connection:
    """Refused ("forbidden_address") where it may not lead; OSError where it cannot be opened."""
    check_port(place, allowed_hosts)
    found = _resolved(place, deadline)
    check_addresses(place, {entry[4][0] for entry in found}, allowed_hosts)
    opened: Any = connect(found, deadline)
    if place.scheme == "https":
        opened = _secured(opened, place.host)
    made = Connection(place.host, place.port)
    # Only HTTPSConnection knows that 443 goes unsaid; a stray ":443" in Host breaks some signatures.
    made.default_port = 443 if place.scheme == "https" else 80
    made.sock = TimedSocket(opened, lambda: deadline)
    return made


@functools.cache
def tls() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=requests.utils.DEFAULT_CA_BUNDLE_PATH)


def _resolved(place: Place, deadline: Deadline) -> list[Any]:
    try:
        return resolve(place.host, place.port, deadline)
    except TimeoutError:
        raise
    except OSError as error:
        raise UnknownName(str(error)) from error


def _secured(opened: Any, host: str) -> ssl.SSLSocket:
    try:
        return tls().wrap_socket(opened, server_hostname=host.rstrip("."))
    except TimeoutError:
        opened.close()
        raise
    except (OSError, ValueError) as error:
        opened.close()
        raise NotTrusted(f"TLS: {error}") from error
