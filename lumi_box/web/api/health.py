"""/health: that the process answers; /health/detailed: that everything it needs does."""

from __future__ import annotations

from flask import Blueprint, Response

from lumi_box import doctor
from lumi_box.web.api.answers import success
from lumi_box.web.context import box
from lumi_box.web.session import anonymous, current_user, open_to_all

bp = Blueprint("health", __name__)


@bp.get("/health")
@anonymous
def health() -> Response:
    return success({"status": "ok"})


@bp.get("/health/detailed")
@open_to_all
def detailed() -> Response:
    """Statuses for everybody; what was found, and what to do about it, for an administrator."""
    user = current_user()
    findings = doctor.examine(box())
    telling = user is not None and user.is_admin
    services = [finding.as_service(with_message=bool(telling)) for finding in findings]
    return success({"services": services}, 200 if all(finding.healthy for finding in findings) else 503)
