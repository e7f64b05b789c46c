"""The object store with the result files: presigned addresses, exact to the byte and good for a while only."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from emulators.faults import Fault
from emulators.files import Made
from emulators.wire import Answer, Reply, Request

CREDENTIALS = ("Authorization", "Cookie", "X-TC-Token", "X-DashScope-Async", "X-Api-Key", "X-TC-Action")


@dataclass(frozen=True, slots=True)
class Stored:
    vendor: str
    operation: str
    made: Made
    ticket: str


class ResultStore:
    """Serves `fetch` (the file itself) and `preview` under the name of the vendor whose job made them."""

    def __init__(self, known_secrets: Sequence[str]) -> None:
        self.base = ""
        self._secrets = [secret.encode() for secret in known_secrets]
        self._key = secrets.token_bytes(32)
        self._stored: dict[str, Stored] = {}
        self._expiry: dict[str, float] = {}
        self._guard = threading.Lock()

    def put(self, vendor: str, operation: str, made: Made, *, ticket: str, folder: str = "") -> str:
        """The path of the file; one folder holds the files that one signature opens."""
        folder = folder or f"/results/{vendor}/{secrets.token_hex(8)}"
        join = "%2F" if vendor == "siliconflow" else "/"  # an object key that a client must not decode
        with self._guard:
            for one in (made, *made.siblings):
                self._stored[f"{folder}{join}{quote(one.name)}"] = Stored(vendor, operation, one, ticket)
        return f"{folder}{join}{quote(made.name)}"

    def sign(self, path: str, expires: float) -> str:
        """An address for GET until then."""
        query = self._query(path, int(expires))
        with self._guard:
            self._expiry[query] = expires
        return f"{self.base}{path}?{query}"

    def content(self, url: str) -> bytes | None:
        """What a stranger on the network gets from one of our addresses now; None when it is none or has expired."""
        target = url.removeprefix(self.base)
        stored, problem = self._look_up(Request("GET", target, {}, b""))
        return Answer(body=stored.made.body()).content() if stored is not None and problem is None else None

    # the vendor protocol of server.py

    def find(self, request: Request) -> Stored | None:
        with self._guard:
            return self._stored.get(request.path)

    def answer(self, request: Request) -> Reply:
        leaked = self._leaks(request)
        stored, problem = self._look_up(request)
        if leaked:
            problem = _denied(400, "InvalidArgument", "Only one auth mechanism allowed.")
        ticket = stored.ticket if stored is not None else ""
        notes = {"leaked": leaked, "code": "" if problem is None else "refused", "ticket": ticket}
        if problem is not None or stored is None:
            return Reply(problem or _denied(404, "NoSuchKey", "The specified key does not exist."), notes)
        return Reply(Answer(200, stored.made.body(), stored.made.content_type), notes)

    def _look_up(self, request: Request) -> tuple[Stored | None, Answer | None]:
        query = request.target.partition("?")[2]
        with self._guard:
            stored, expires = self._stored.get(request.path), self._expiry.get(query)
        if stored is None:
            return None, _denied(404, "NoSuchKey", "The specified key does not exist.")
        mismatch = _denied(403, "SignatureDoesNotMatch", "The request signature we calculated does not match.")
        if expires is None or request.method != "GET":
            return stored, mismatch
        if not hmac.compare_digest(self._query(request.path, int(expires)), query):
            return stored, mismatch
        if time.time() > expires:
            return stored, _denied(403, "AccessDenied", "Request has expired.")
        return stored, None

    def _query(self, path: str, expires: int) -> str:
        folder = path.replace("%2F", "/").rpartition("/")[0]
        mac = hmac.new(self._key, f"{folder}\n{expires}".encode(), hashlib.sha256).hexdigest()
        vendor = path.split("/")[2]
        if vendor == "dashscope":
            return urlencode({"Expires": expires, "OSSAccessKeyId": "LTAI5tEmulator", "Signature": f"{mac[:27]}="})
        if vendor == "siliconflow":
            scope = "emulator/20251120/us-east-1/s3/aws4_request"
            return urlencode({
                "X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Credential": scope, "X-Amz-Date": _basic(expires - 3600),
                "X-Amz-Expires": 3600, "X-Amz-SignedHeaders": "host", "X-Amz-Signature": mac,
            })  # fmt: skip
        span = f"{expires - 86400};{expires}"
        return urlencode({
            "q-sign-algorithm": "sha1", "q-ak": "AKIDEmulator", "q-sign-time": span, "q-key-time": span,
            "q-header-list": "host", "q-url-param-list": "", "q-signature": mac[:40],
        })  # fmt: skip

    def _leaks(self, request: Request) -> tuple[str, ...]:
        names = [name for name in CREDENTIALS if name in request.headers]
        names += [name for name, value in request.headers.items() if self._holds_secret(value) and name not in names]
        names += ["target"] if self._holds_secret(request.target) else []
        return tuple(names)

    def _holds_secret(self, text: str) -> bool:
        return any(secret in text.encode() for secret in self._secrets)


class ResultsOf:
    """The store as one vendor's operations, so that faults and the journal can tell the vendors apart."""

    def __init__(self, vendor: str, store: ResultStore) -> None:
        self.name, self._store = vendor, store

    def operation(self, request: Request) -> str | None:
        stored = self._store.find(request)
        if stored is not None:
            return stored.operation if stored.vendor == self.name else None
        return "fetch" if request.path.startswith(f"/results/{self.name}/") else None

    def identify(self, request: Request) -> dict[str, str]:
        return {}

    def answer(self, operation: str, request: Request, fault: Fault | None) -> Reply:
        return self._store.answer(request)


class Detours:
    """The stations of the redirect faults: a loop, and chains that end at the true address."""

    name = "detours"

    def operation(self, request: Request) -> str | None:
        return "hop" if request.path == "/loop" or request.path.startswith("/hop/") else None

    def identify(self, request: Request) -> dict[str, str]:
        return {}

    def answer(self, operation: str, request: Request, fault: Fault | None) -> Reply:
        if request.path == "/loop":
            return Reply(Answer(302, headers={"Location": "/loop"}))
        left, _, rest = request.target.removeprefix("/hop/").partition("/")
        onward = f"/hop/{int(left) - 1}/{rest}" if int(left) > 1 else f"/{rest}"
        return Reply(Answer(302, headers={"Location": onward}))


def _basic(moment: int) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(moment))


def _denied(status: int, code: str, message: str) -> Answer:
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{message}</Message><RequestId>69204F1D</RequestId></Error>\n"
    )
    return Answer(status, text.encode(), "application/xml")
