"""`/admin/health`: how each service fares now, what else the doctor has noted, and when that changed."""

from __future__ import annotations

from flask import Blueprint, render_template

from lumi_box import doctor
from lumi_box.clock import iso
from lumi_box.health import history
from lumi_box.web.context import box, kept_findings
from lumi_box.web.session import admins_only

bp = Blueprint("admin_health", __name__, url_prefix="/admin/health")

SHOWN = 50


@bp.get("")
@admins_only
def overview() -> str:
    states = {row.service: row for row in history.states()}
    services = [
        {"id": finding.id, "healthy": finding.healthy, "text": finding.text, "hint": finding.hint}
        | {"critical": finding.id in doctor.CRITICAL, "since": _since(states.get(finding.id), finding.healthy)}
        for finding in kept_findings().findings()
    ]
    changes = [
        {"service": row.service, "healthy": row.healthy, "text": row.text, "at": iso(row.at)}
        for row in history.changes(SHOWN)
    ]
    return render_template("admin/health.html", services=services, notes=doctor.notes(box()), changes=changes)


def _since(state: history.HealthState | None, healthy: bool) -> str | None:
    """By the rounds of the worker; None while they do not know yet what is seen now."""
    return iso(state.since) if state is not None and state.healthy == healthy else None
