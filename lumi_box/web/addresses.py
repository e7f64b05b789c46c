"""Addresses of files: made when a row is read, absolute, and signed with an expiry when the object is private.

The signature stands in the path, as a folder before the names, so that an OBJ finds its MTL and an MTL its texture
beside it. It covers the folder and the expiry. The expiry is rounded up to whole days, so that the same file keeps
its address, and its place in a browser's cache, for a day.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from functools import lru_cache

from flask import current_app

from lumi_box.clock import now_ms
from lumi_box.storage import keys

DAY_MS = 24 * 3_600_000


def of(key: str | None, *, public: bool = False) -> str | None:
    """The absolute address of a stored object; None where there is none."""
    if not key:
        return None
    base = current_app.config["PUBLIC_URL"]
    if public:
        return f"{base}/files/{key}"
    return f"{base}/files/s/{_ticket(keys.folder(key), _expiry())}/{key}"


def is_valid(ticket: str, key: str) -> bool:
    """Whether a ticket out of a path opens the key's folder now."""
    expiry, _, _ = ticket.partition(".")
    if not expiry.isdecimal() or len(expiry) > 15 or int(expiry) < now_ms() // 1000:
        return False
    return hmac.compare_digest(ticket.encode(), _ticket(keys.folder(key), int(expiry)).encode())


def _expiry() -> int:
    """Seconds since 1970: valid for 24 to 48 hours from now."""
    return (now_ms() // DAY_MS + 2) * DAY_MS // 1000


def _ticket(folder: str, expiry: int) -> str:
    return _sign(current_app.config["SECRET_KEY"], folder, expiry)


@lru_cache(maxsize=10_000)
def _sign(secret: str, folder: str, expiry: int) -> str:
    key = hashlib.sha256(b"lumi-box files\0" + secret.encode()).digest()
    digest = hmac.digest(key, f"{expiry}\0{folder}".encode(), "sha256")[:18]
    return f"{expiry}.{base64.urlsafe_b64encode(digest).decode()}"
