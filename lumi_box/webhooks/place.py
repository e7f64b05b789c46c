"""Where a webhook may lead: to https on the open internet, and to what the operator named.

`providers.allowed_hosts` names hosts that may be private, and that may be called without TLS or at another port. In
development plain http is allowed everywhere; private addresses are not even then.
"""

from __future__ import annotations

from lumi_box.config import Config
from lumi_box.errors import Invalid, Refused, marked
from lumi_box.providers import addresses
from lumi_box.providers.addresses import Place
from lumi_box.providers.transport import Deadline, resolve

MOST_CHARACTERS = 1000
LOOK_UP_SECONDS = 2.0

NOT_AN_ADDRESS = marked("must be an address such as https://example.com/lumi, without a user name in it")
TOO_LONG = marked("must have at most 1000 characters")
NOT_SECURE = marked("must begin with https://")
OTHER_PORT = marked("must be at port 443, or at one that the operator allows")
PRIVATE = marked("leads to a private address, which only the operator can allow")


def check(url: str, config: Config) -> Place:
    """Invalid tells which rule the address breaks.

    What its name stands for is looked up if that works now, and is looked up again at every delivery.
    """
    place = parse(url, config)
    allowed = config.providers.allowed_hosts
    try:
        found = resolve(place.host, place.port, Deadline(LOOK_UP_SECONDS))
    except OSError:
        return place  # unknown today, or no name server within reach: nothing can be said of it yet
    try:
        addresses.check_addresses(place, {entry[4][0] for entry in found}, allowed)
    except Refused:
        raise _broken(PRIVATE) from None
    return place


def parse(url: str, config: Config) -> Place:
    """Without a look at the network."""
    if len(url) > MOST_CHARACTERS:
        raise _broken(TOO_LONG)
    allowed = config.providers.allowed_hosts
    try:
        place = addresses.parse(url)
    except Refused:
        raise _broken(NOT_AN_ADDRESS) from None
    if place.scheme != "https" and not (config.development or addresses.is_allowed(place, allowed)):
        raise _broken(NOT_SECURE)
    try:
        addresses.check_port(place, allowed)
    except Refused:
        raise _broken(OTHER_PORT) from None
    return place


def _broken(rule: str) -> Invalid:
    return Invalid({"url": [rule]})
