"""Pure: secrets and signatures as Standard Webhooks 1.0.0 has them (symmetric, `v1`).

A secret is made out of the installation's cookie secret, the webhook's id and its random salt, so that a copy of the
database alone signs nothing. The price: a new cookie secret makes new webhook secrets.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence

PREFIX = "whsec_"


def key(cookie_secret: str, webhook_id: str, salt: str) -> bytes:
    root = hashlib.sha256(b"lumi-box webhooks\0" + cookie_secret.encode()).digest()
    return hmac.digest(root, f"{webhook_id}\0{salt}".encode(), "sha256")


def secret(signing_key: bytes) -> str:
    """The key as its owner is shown it."""
    return PREFIX + base64.b64encode(signing_key).decode()


def headers(signing_keys: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """With a signature for each key: while a secret is being changed, the old one serves too."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    signatures = [base64.b64encode(hmac.digest(each, signed, "sha256")).decode() for each in signing_keys]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{each}" for each in signatures),
    }
