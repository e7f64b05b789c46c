"""TC3-HMAC-SHA256 as the server checks it: over the very bytes and headers that came."""

from __future__ import annotations

import hashlib
import hmac
import re
import time

from emulators.wire import Request

SERVICE, WINDOW = "ai3d", 300
AUTHORIZATION = re.compile(
    r"TC3-HMAC-SHA256 Credential=([^/,\s]+)/(\d{4}-\d{2}-\d{2})/([\w-]+)/tc3_request, ?"
    r"SignedHeaders=([\w;-]+), ?Signature=([0-9a-f]{64})"
)


class Failure(Exception):
    """An error of the API: `code` and a message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def check(request: Request, secret_id: str, secret_key: str, clock_offset: float = 0.0) -> None:
    match = AUTHORIZATION.fullmatch(request.headers.get("Authorization", "").strip())
    if match is None:
        raise Failure("AuthFailure.InvalidAuthorization", "The Authorization header is missing or malformed.")
    claimed_id, date, service, signed, signature = match.groups()
    timestamp = request.headers.get("X-TC-Timestamp", "")
    if not timestamp.isdigit():
        raise Failure("MissingParameter", "The request is missing the required parameter X-TC-Timestamp.")
    if abs(time.time() + clock_offset - int(timestamp)) > WINDOW:
        raise Failure("AuthFailure.SignatureExpire", "The request has expired; check the clock of your machine.")
    if claimed_id != secret_id:
        raise Failure("AuthFailure.SecretIdNotFound", "The SecretId is not found, please ensure that it is correct.")
    right_scope = service == SERVICE and date == time.strftime("%Y-%m-%d", time.gmtime(int(timestamp)))
    names = signed.split(";")
    if not right_scope or names != sorted(names) or not {"content-type", "host"} <= set(names):
        raise _mismatch()
    scope = f"{date}/{service}/tc3_request"
    for host in _hosts(request):
        expected = _sign(secret_key, date, service, f"TC3-HMAC-SHA256\n{timestamp}\n{scope}\n", request, names, host)
        if hmac.compare_digest(expected, signature):
            return
    raise _mismatch()


def _hosts(request: Request) -> list[str]:
    """As it came, and without its port: the vendor listens on the default port, and the Node SDK signs none."""
    host = request.headers.get("Host", "").strip().lower()
    return [host, host.partition(":")[0]]


def _sign(key: str, date: str, service: str, prefix: str, request: Request, names: list[str], host: str) -> str:
    values = {name: request.headers.get(name, "").strip().lower() for name in names} | {"host": host}
    lines = "".join(f"{name}:{values[name]}\n" for name in names)
    body_hash = hashlib.sha256(request.body).hexdigest()
    canonical = f"{request.method}\n/\n\n{lines}\n{';'.join(names)}\n{body_hash}"
    to_sign = prefix + hashlib.sha256(canonical.encode()).hexdigest()
    secret = _mac(_mac(_mac(f"TC3{key}".encode(), date), service), "tc3_request")
    return _mac(secret, to_sign).hex()


def _mac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _mismatch() -> Failure:
    return Failure(
        "AuthFailure.SignatureFailure",
        "The provided credentials could not be validated. Please check your signature is correct.",
    )
