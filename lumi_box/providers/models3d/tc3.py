"""The signature TC3-HMAC-SHA256 of Tencent Cloud. Pure: the same inputs give the same header."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime

CONTENT_TYPE = "application/json"
ALGORITHM = "TC3-HMAC-SHA256"
_SIGNED = "content-type;host"


def authorization(secret_id: str, secret_key: str, *, service: str, host: str, body: bytes, timestamp: int) -> str:
    """The Authorization header of a POST to `/` of exactly these bytes; the content type is `CONTENT_TYPE`."""
    date = datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d")
    scope = f"{date}/{service}/tc3_request"
    to_sign = "\n".join((ALGORITHM, str(timestamp), scope, _sha256(_canonical_request(host, body))))
    key = b"TC3" + secret_key.encode()
    for part in (date, service, "tc3_request", to_sign):
        key = hmac.digest(key, part.encode(), "sha256")
    return f"{ALGORITHM} Credential={secret_id}/{scope}, SignedHeaders={_SIGNED}, Signature={key.hex()}"


def _canonical_request(host: str, body: bytes) -> bytes:
    headers = f"content-type:{CONTENT_TYPE}\nhost:{host.lower().strip()}\n"
    return "\n".join(("POST", "/", "", headers, _SIGNED, _sha256(body))).encode()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
