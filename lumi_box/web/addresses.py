"""Addresses of files, by the running application's address and secret: made when a row is read, and absolute."""

from __future__ import annotations

from flask import current_app

from lumi_box.storage import addresses


def of(key: str | None, *, public: bool = False) -> str | None:
    """The absolute address of a stored object, signed unless it is public; None where there is none."""
    if not key:
        return None
    base = current_app.config["PUBLIC_URL"]
    return addresses.public(base, key) if public else addresses.signed(base, current_app.config["SECRET_KEY"], key)


def is_valid(ticket: str, key: str) -> bool:
    """Whether a ticket out of a path opens the key's folder now."""
    return addresses.is_valid(current_app.config["SECRET_KEY"], ticket, key)
