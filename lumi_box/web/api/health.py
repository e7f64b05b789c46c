"""/health: that the process answers; /health/detailed: that everything it needs does."""

from __future__ import annotations

from flask import Blueprint, Response

from lumi_box.web.api.answers import success
from lumi_box.web.context import kept_findings
from lumi_box.web.session import anonymous, user_if_it_can_be_told

bp = Blueprint("health", __name__)


@bp.get("/health")
@anonymous
def health() -> Response:
    return success({"status": "ok"})


@bp.get("/health/detailed")
@anonymous
def detailed() -> Response:
    """Statuses for everybody; what was found, and what to do about it, for an administrator.

    Not counted against a rate, which the database would have to do: what is kept answers those who ask often.
    """
    user = user_if_it_can_be_told()
    findings = kept_findings().findings()
    telling = user is not None and bool(user.is_admin)
    services = [finding.as_service(with_message=telling) for finding in findings]
    return success({"services": services}, 200 if all(finding.healthy for finding in findings) else 503)
