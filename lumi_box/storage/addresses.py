"""Pure: addresses under which a stored object is opened without token or cookie.

The signature stands in the path, as a folder before the names, so that an OBJ finds its MTL and an MTL its texture
beside it. It covers the folder and the expiry. The expiry is rounded up to whole days, so that the same file keeps
its address, and its place in a browser's cache, for a day.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from functools import lru_cache

from lumi_box.clock import now_ms
from lumi_box.storage import keys

DAY_MS = 24 * 3_600_000


def public(base: str, key: str) -> str:
    """Opens what everybody may see, for as long as that is so."""
    return f"{base}/files/{key}"


def signed(base: str, secret: str, key: str) -> str:
    """Opens the object to whoever holds the address, for 24 to 48 hours."""
    expiry = (now_ms() // DAY_MS + 2) * DAY_MS // 1000
    return f"{base}/files/s/{ticket(secret, keys.folder(key), expiry)}/{key}"


def is_valid(secret: str, given: str, key: str) -> bool:
    """Whether a ticket out of a path opens the key's folder now."""
    expiry, _, _ = given.partition(".")
    if not expiry.isdecimal() or len(expiry) > 15 or int(expiry) < now_ms() // 1000:
        return False
    return hmac.compare_digest(given.encode(), ticket(secret, keys.folder(key), int(expiry)).encode())


@lru_cache(maxsize=10_000)
def ticket(secret: str, folder: str, expiry: int) -> str:
    """`expiry` in seconds since 1970."""
    key = hashlib.sha256(b"lumi-box files\0" + secret.encode()).digest()
    digest = hmac.digest(key, f"{expiry}\0{folder}".encode(), "sha256")[:18]
    return f"{expiry}.{base64.urlsafe_b64encode(digest).decode()}"
