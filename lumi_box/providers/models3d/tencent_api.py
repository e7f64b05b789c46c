"""Calls to Tencent Cloud's ai3d: signed, and its envelope opened. Good answers and errors both have HTTP status 200."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from lumi_box.clock import now_ms
from lumi_box.config.schema import TencentConfig
from lumi_box.errors import AnswerLost, Unavailable, UpstreamError
from lumi_box.providers.http import Answer, Client
from lumi_box.providers.messages import LOST_MODEL
from lumi_box.providers.models3d import tc3
from lumi_box.providers.models3d.tencent_errors import ERRORS
from lumi_box.providers.vendor_errors import Told, told

SERVICE, VERSION = "ai3d", "2025-05-13"
NOTABLE_SKEW_SECONDS = 60  # of the 300 that the vendor allows


class TencentApi:
    def __init__(self, settings: TencentConfig) -> None:
        self._settings = settings
        self._host = _host_header(settings.endpoint)
        self._client = Client(
            settings.endpoint,
            timeout_seconds=settings.timeout_seconds,
            headers=self._signed_headers,
            vendor="tencent",
            name="3D service",
        )

    def submit(self, action: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """AnswerLost when the order may stand although its answer is no answer of the vendor's."""
        answer = self._call(action, fields)
        if _response(answer) is None and (answer.status == 200 or answer.status >= 500):
            raise AnswerLost(LOST_MODEL, code="answer_lost", vendor_text=f"status {answer.status}")
        return self._opened(answer)

    def query(self, action: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        return self._opened(self._call(action, fields))

    def skew_seconds(self, action: str, fields: Mapping[str, Any]) -> tuple[float | None, UpstreamError | None]:
        """How far our clock is ahead of the vendor's (None: not told), and the error that the query meets."""
        answer = self._call(action, fields)
        try:
            self._opened(answer)
        except UpstreamError as error:
            return _skew(answer), error
        return _skew(answer), None

    def _call(self, action: str, fields: Mapping[str, Any]) -> Answer:
        body = json.dumps(fields, separators=(",", ":")).encode()
        return self._client.call("POST", "/", data=body, headers={"X-TC-Action": action})

    def _signed_headers(self, body: bytes) -> dict[str, str]:
        timestamp = now_ms() // 1000
        own = self._settings
        signature = tc3.authorization(
            own.secret_id or "", own.secret_key or "", service=SERVICE, host=self._host, body=body, timestamp=timestamp
        )
        return {
            "Host": self._host,
            "Content-Type": tc3.CONTENT_TYPE,
            "Authorization": signature,
            "X-TC-Version": VERSION,
            "X-TC-Region": own.region,
            "X-TC-Timestamp": str(timestamp),
        }

    def _opened(self, answer: Answer) -> dict[str, Any]:
        response = _response(answer)
        if response is None:
            if answer.status == 200:
                raise Unavailable(LOST_MODEL, code="bad_answer", vendor_text="no JSON of the vendor's")
            raise self._error(told(answer, None, None))
        error = response.get("Error")
        if isinstance(error, dict):
            found = told(answer, error.get("Code"), error.get("Message"))
            if found.code == "AuthFailure.SignatureExpire":
                found = replace(found, message=f"{found.message} {skew_text(_skew(answer))}".strip())
            raise self._error(found)
        return response

    def _error(self, found: Told) -> UpstreamError:
        return ERRORS.error(found, keys=(self._settings.secret_id or "", self._settings.secret_key or ""))


def skew_text(skew: float | None) -> str:
    """Empty while the clocks agree well enough, or where the vendor's time is not known."""
    if skew is None or abs(skew) < NOTABLE_SKEW_SECONDS:
        return ""
    return f"The clock here is {abs(skew):.0f} seconds {'ahead of' if skew > 0 else 'behind'} the vendor's."


def _skew(answer: Answer) -> float | None:
    try:
        theirs = parsedate_to_datetime(answer.headers.get("Date", ""))
    except ValueError:
        return None
    return now_ms() / 1000 - theirs.timestamp()


def _response(answer: Answer) -> dict[str, Any] | None:
    """What is inside the envelope; None where a gateway answered instead of the API."""
    response = answer.body.get("Response") if isinstance(answer.body, dict) else None
    return response if answer.status == 200 and isinstance(response, dict) else None


def _host_header(endpoint: str) -> str:
    """As it goes out: without the port that the scheme implies."""
    parts = urlsplit(endpoint)
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    implied = {"http": 80, "https": 443}.get(parts.scheme)
    return host if parts.port in (None, implied) else f"{host}:{parts.port}"
