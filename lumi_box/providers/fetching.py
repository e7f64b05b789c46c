"""Fetch a result file from an address that somebody else chose.

Written on http.client: requests and urllib3 rewrite percent-encodings, which breaks a presigned URL.
"""

from __future__ import annotations

import http.client
import logging
import secrets
import time
import zlib
from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

from lumi_box import __version__
from lumi_box.errors import Refused, Unavailable, UpstreamError
from lumi_box.providers import pinned
from lumi_box.providers.addresses import Place, forbidden, parse, printable
from lumi_box.providers.transport import BLOCK, Deadline, decoded

READ_SECONDS = 15.0
MAX_REDIRECTS = 3
REDIRECTS = (301, 302, 303, 307, 308)
EXPIRED = (403, 404, 410)  # what object stores answer once a presigned URL is over
NETWORK_ERRORS = (OSError, http.client.HTTPException, zlib.error, EOFError)
NOT_FETCHED = "The finished result could not be fetched."

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Fetched:
    """`media_type` is what the server claims; believe the bytes instead."""

    size: int
    media_type: str


def fetch(
    url: str,
    target: Path,
    *,
    limit_bytes: int,
    deadline_seconds: float,
    allowed_hosts: Collection[str],
    allow_http: bool = True,
) -> Fetched:
    """Write what the URL holds to the target, whole or not at all; without cookies, keys or proxies.

    Unavailable: timeouts, resets, 5xx, cut short. Refused: "forbidden_address", "too_large", "result_expired",
    "redirects", or another answer that will not change.
    """
    deadline = Deadline(deadline_seconds, READ_SECONDS)
    for _ in range(MAX_REDIRECTS + 1):
        place = parse(url)
        if place.scheme == "http" and not allow_http:
            raise forbidden(f"plain http to {place.host}")
        started = time.monotonic()
        with (
            closing(_connection(place, allowed_hosts, deadline)) as connection,
            closing(_ask(connection, place)) as response,
        ):
            if response.status not in REDIRECTS:
                fetched = _keep(response, place, target, limit_bytes)
                milliseconds = (time.monotonic() - started) * 1000
                log.debug("fetched %d bytes from %s in %.0f ms", fetched.size, place.host, milliseconds)
                return fetched
            url = _redirected(url, response)
    raise Refused(NOT_FETCHED, code="redirects", vendor_text=f"more than {MAX_REDIRECTS} redirects")


def _connection(place: Place, allowed_hosts: Collection[str], deadline: Deadline) -> pinned.Connection:
    try:
        return pinned.connection(place, allowed_hosts, deadline)
    except OSError as error:
        raise _failed(place, error) from error


def _ask(connection: pinned.Connection, place: Place) -> http.client.HTTPResponse:
    try:
        connection.putrequest("GET", place.target, skip_accept_encoding=True)
        connection.putheader("Accept-Encoding", "identity")
        connection.putheader("User-Agent", f"lumi-box/{__version__}")
        connection.putheader("Connection", "close")
        connection.endheaders()
        return connection.getresponse()
    except NETWORK_ERRORS as error:
        raise _failed(place, error) from error


def _redirected(url: str, response: http.client.HTTPResponse) -> str:
    location = printable(response.getheader("Location", "").encode("latin-1"))  # as http.client decoded it
    if "://" in location.partition("?")[0]:
        return location  # as it stands: urljoin would tidy it up
    return urljoin(url, location)


def _keep(response: http.client.HTTPResponse, place: Place, target: Path, limit_bytes: int) -> Fetched:
    _check_status(response, place)
    if response.length is not None and response.length > limit_bytes:
        raise _too_large(limit_bytes)
    temporary = target.with_name(f".partial-{secrets.token_hex(8)}")
    try:
        size = _write(response, place, temporary, limit_bytes)
        temporary.replace(target)
    except OSError as error:
        raise Unavailable("The result could not be kept.", code="storage", vendor_text=str(error)) from error
    finally:
        temporary.unlink(missing_ok=True)
    return Fetched(size, response.getheader("Content-Type", "").partition(";")[0].strip().lower())


def _write(response: http.client.HTTPResponse, place: Place, path: Path, limit_bytes: int) -> int:
    size = 0
    with path.open("xb") as file:
        for piece in _pieces(response, place):
            size += len(piece)
            if size > limit_bytes:
                raise _too_large(limit_bytes)
            file.write(piece)
    return size


def _pieces(response: http.client.HTTPResponse, place: Place) -> Iterator[bytes]:
    """The body, decoded; a failure of the network shows as ours, so that it is not taken for one of the disk."""
    encoding = response.getheader("Content-Encoding", "").strip().lower()
    pieces = decoded(_chunks(response), encoding)
    while True:
        try:
            piece = next(pieces, None)
        except NETWORK_ERRORS as error:
            raise _failed(place, error) from error
        if piece is None:
            return
        yield piece


def _chunks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """Counts by itself: read1 neither stops at Content-Length in every Python nor complains of too few bytes."""
    announced, count = response.length, 0
    while announced is None or count < announced:
        chunk = response.read1(BLOCK if announced is None else min(BLOCK, announced - count))
        if not chunk and announced is not None:
            raise EOFError(f"{count} of {announced} bytes came")
        if not chunk:
            return
        count += len(chunk)
        yield chunk


def _check_status(response: http.client.HTTPResponse, place: Place) -> None:
    status, code = response.status, f"http_{response.status}"
    vendor_text = f"{place.host} answered {status}"
    if status == 200:
        return
    if status in EXPIRED:
        raise Refused("The finished result is no longer there.", code="result_expired", vendor_text=vendor_text)
    if 400 <= status < 500 and status not in (408, 425, 429):
        raise Refused(NOT_FETCHED, code=code, vendor_text=vendor_text)
    wait = response.getheader("Retry-After", "")
    retry_after = float(wait) if wait.isascii() and wait.isdigit() else None
    raise Unavailable(NOT_FETCHED, code=code, vendor_text=vendor_text, retry_after=retry_after)


def _too_large(limit_bytes: int) -> Refused:
    return Refused("The finished result is too large.", code="too_large", vendor_text=f"over {limit_bytes} bytes")


def _failed(place: Place, error: Exception) -> UpstreamError:
    code = "timeout" if isinstance(error, TimeoutError) else "truncated" if _is_cut(error) else "connection"
    return Unavailable(NOT_FETCHED, code=code, vendor_text=f"{place.host}: {type(error).__name__}: {error}"[:300])


def _is_cut(error: Exception) -> bool:
    return isinstance(error, EOFError | http.client.IncompleteRead)
