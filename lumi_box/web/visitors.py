"""Who looks at a model, for counting only: a user's id, or a hash that no longer fits the address the day after."""

from __future__ import annotations

import hashlib
import hmac

from flask import current_app

from lumi_box.gallery.interact import today
from lumi_box.web.limits import origin
from lumi_box.web.session import known_user


def visitor() -> str:
    user = known_user()
    return str(user.id) if user is not None else _hashed(origin())


def _hashed(address: str) -> str:
    """Keyed with the server's secret, or the few addresses that there are could all be tried."""
    secret = hashlib.sha256(b"lumi-box visitors\0" + current_app.config["SECRET_KEY"].encode()).digest()
    return hmac.digest(secret, f"{today()}\0{address}".encode(), "sha256").hex()[:40]
