"""One attempt at one delivery: a signed POST to a place that a user chose. It knows no rows but those it is given.

The name is looked up once, its addresses are checked, and the connection goes to one of those very addresses. No
redirect is followed, nothing of ours is sent along, and whatever the other side does, it is over in ten seconds.
"""

from __future__ import annotations

import http.client
import logging
import time
from contextlib import closing

from lumi_box import __version__
from lumi_box.clock import now_ms
from lumi_box.config import Config
from lumi_box.errors import Invalid, Refused, marked
from lumi_box.providers import pinned
from lumi_box.providers.addresses import Place
from lumi_box.providers.transport import Deadline
from lumi_box.storage import addresses
from lumi_box.tables.webhook import WebhookDelivery
from lumi_box.webhooks import payload, place, register, retry, sign
from lumi_box.webhooks.deliveries import Outcome

SECONDS = 10.0
MOST_BYTES = 64 << 10  # of an answer that are read
KEPT_CHARACTERS = 500

FORBIDDEN = marked("The address leads where webhooks may not go.")
UNKNOWN_NAME = marked("The name of the address is not known.")
NOT_TRUSTED = marked("There was no secure connection: its certificate is not valid, or not trusted.")
TOO_SLOW = marked("There was no answer within 10 seconds.")
BROKEN = marked("The connection failed.")
NOT_HTTP = marked("The answer was not HTTP.")
REDIRECT = marked("It answered with a redirect, which is not followed. Enter the new address instead.")
NOT_TAKEN = marked("It did not answer with a status from 200 to 299.")
OURS = marked("Something went wrong on our side. The operator can see it in the log.")

logger = logging.getLogger(__name__)


def attempt(config: Config, delivery: WebhookDelivery) -> Outcome:
    """Send what has been claimed, and tell how it went. No failure of the network or the other side is raised."""
    security = config.security.cookie_secret
    body = payload.body(delivery, lambda key: addresses.signed(config.public_url, security, key))
    keys = register.signing_keys(config, delivery.webhook)
    headers = sign.headers(keys, delivery.id, now_ms() // 1000, body)
    started = time.monotonic()
    try:
        target = place.parse(delivery.webhook.url, config)
        return _post(target, headers, body, config.providers.allowed_hosts, started)
    except (Invalid, Refused):  # its name leads elsewhere now, or the operator's rules are others
        return Outcome(_since(started), error=FORBIDDEN)
    except (OSError, http.client.HTTPException) as error:
        logger.info("webhook not reached delivery=%s reason=%s", delivery.id, type(error).__name__)
        return Outcome(_since(started), error=_words(error))


def _post(target: Place, headers: dict[str, str], body: bytes, allowed: tuple[str, ...], started: float) -> Outcome:
    deadline = Deadline(SECONDS)
    with closing(pinned.connection(target, allowed, deadline)) as connection:
        connection.putrequest("POST", target.target, skip_accept_encoding=True)
        own = {"User-Agent": f"lumi-box/{__version__}", "Content-Type": "application/json", "Connection": "close"}
        for name, value in {**own, "Accept-Encoding": "identity", "Content-Length": str(len(body)), **headers}.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        with closing(connection.getresponse()) as response:
            excerpt = _excerpt(response)
            wait = retry.asked_seconds(response.getheader("Retry-After", ""), time.time())
            return Outcome(_since(started), response.status, excerpt, _judged(response.status), wait)


def _excerpt(response: http.client.HTTPResponse) -> str:
    """How the answer begins. Its status is what counts: an answer that never ends, or breaks off, is as good."""
    found = b""
    try:
        while len(found) < MOST_BYTES and (piece := response.read1(MOST_BYTES - len(found))):
            found += piece
    except (OSError, http.client.HTTPException) as error:
        logger.debug("the answer broke off reason=%s", type(error).__name__)
    text = found[: 4 * KEPT_CHARACTERS].decode("utf-8", errors="replace")[:KEPT_CHARACTERS]
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()


def _judged(status: int) -> str | None:
    if 200 <= status < 300:
        return None
    return REDIRECT if 300 <= status < 400 else NOT_TAKEN


def _words(error: Exception) -> str:
    kinds = ((pinned.UnknownName, UNKNOWN_NAME), (pinned.NotTrusted, NOT_TRUSTED), (TimeoutError, TOO_SLOW))
    for kind, words in kinds:
        if isinstance(error, kind):
            return words
    return NOT_HTTP if isinstance(error, http.client.HTTPException) and not _is_cut(error) else BROKEN


def _is_cut(error: Exception) -> bool:
    return isinstance(error, http.client.RemoteDisconnected | http.client.IncompleteRead)


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
