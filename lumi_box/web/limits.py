"""Requests a minute, for a user or, signed out, an address: counted before anything else is done for them."""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import cast

from flask import Flask, Response, current_app, g, request

from lumi_box.accounts.rates import Rate, RequestRate
from lumi_box.errors import TooMany, marked
from lumi_box.tables.account import User

FILES = ("static", "files.")  # a page shows dozens of pictures: they are not what the limit is for
HEADERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
TOO_FAST = marked("Too many requests. Wait a moment, then go on.")


def install(app: Flask, limit: int) -> None:
    app.extensions["lumi_rate"] = RequestRate(limit)
    app.after_request(_tell)


def count(user: User | None) -> None:
    """TooMany once the minute's requests are used up."""
    if (request.endpoint or "").startswith(FILES):
        return
    rate = cast(RequestRate, current_app.extensions["lumi_rate"])
    g.rate = rate.spend(f"user:{user.id}" if user is not None else f"address:{origin()}")
    if not g.rate.allowed:
        raise TooMany(TOO_FAST, retry_after=g.rate.reset)


def origin() -> str:
    """Whom a stranger's requests are counted against: the address, or the IPv6 network that one household has.

    The address is that of the connection; what `X-Forwarded-For` says counts only behind `server.trusted_proxies`.
    """
    given = request.remote_addr or ""
    try:
        address = ip_address(given)
    except ValueError:
        return given[:64]
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(IPv6Network((address.packed, 64), strict=False))
    return given


def _tell(response: Response) -> Response:
    """`RateLimit-*` as in draft-ietf-httpapi-ratelimit-headers-06, on answers of the API."""
    rate: Rate | None = g.get("rate")
    if rate is not None and request.path.startswith("/api/"):
        told = (rate.limit, rate.remaining, rate.reset)
        response.headers.extend({name: str(value) for name, value in zip(HEADERS, told, strict=True)})
    return response
