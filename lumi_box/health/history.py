"""The state of each service and its changes, and the messages that tell the operator of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lumi_box.clock import now_ms
from lumi_box.doctor import CRITICAL, Finding
from lumi_box.tables.base import transaction
from lumi_box.tables.health import HealthAlert, HealthChange, HealthState

ROUNDS_TO_TELL = 2  # in a row: what comes and goes is kept as history, and not told
KEEP_MS = 90 * 24 * 3_600_000
KEEP_CHANGES = 2000


@dataclass(frozen=True, slots=True)
class Change:
    """What the operator does not know yet of one service."""

    service: str
    healthy: bool
    text: str
    hint: str

    @property
    def critical(self) -> bool:
        return self.service in CRITICAL


def record(findings: Iterable[Finding], targets: Sequence[str]) -> list[Change]:
    """Keep what a round found; answer what is to be told now, which lies ready for each of the targets."""
    with transaction():
        known = {row.service: row for row in HealthState.select()}
        changes = [change for finding in findings if (change := _record(finding, known.get(finding.id)))]
        if changes:
            HealthState.update(told_healthy=HealthState.healthy).where(
                HealthState.service.in_([change.service for change in changes])
            ).execute()
            title, body = message(changes)
            for target in targets:
                HealthAlert.create(target=target, title=title, body=body)
    return changes


def _record(finding: Finding, known: HealthState | None) -> Change | None:
    now = now_ms()
    same = known is not None and known.healthy == finding.healthy
    rounds = known.rounds + 1 if known is not None and same else 1
    row = {"healthy": finding.healthy, "text": finding.text, "hint": finding.hint, "latency_ms": finding.latency_ms}
    row |= {"rounds": rounds, "checked_at": now} | ({} if same else {"since": now})
    if known is None:
        row |= {"told_healthy": True}
    if not same and not (known is None and finding.healthy):
        HealthChange.create(service=finding.id, healthy=finding.healthy, text=finding.text, at=now)
    if known is None:
        HealthState.create(service=finding.id, **row)
    else:
        HealthState.update(row).where(HealthState.service == finding.id).execute()
    told = known.told_healthy if known is not None else True
    if rounds < ROUNDS_TO_TELL or finding.healthy == told:
        return None
    return Change(finding.id, finding.healthy, finding.text, finding.hint)


def message(changes: Sequence[Change]) -> tuple[str, str]:
    """Title and text of what is sent."""
    ill = [change.service for change in changes if not change.healthy]
    well = [change.service for change in changes if change.healthy]
    parts = ([f"unhealthy: {', '.join(ill)}"] if ill else []) + ([f"well again: {', '.join(well)}"] if well else [])
    lines = [f"{change.service}: {change.text} {change.hint}".strip() for change in changes]
    return f"lumi-box {'; '.join(parts)}", "\n".join(lines)


def states() -> list[HealthState]:
    return list(HealthState.select())


def changes(limit: int) -> list[HealthChange]:
    """The latest first."""
    return list(HealthChange.select().order_by(HealthChange.id.desc()).limit(limit))


def last_round_ms() -> int:
    """When any node made one; 0 for never."""
    newest = HealthState.select(HealthState.checked_at).order_by(HealthState.checked_at.desc()).limit(1).scalar()
    return newest or 0


def prune() -> None:
    HealthChange.delete().where(HealthChange.at < now_ms() - KEEP_MS).execute()
    oldest_kept = HealthChange.select(HealthChange.id).order_by(HealthChange.id.desc()).offset(KEEP_CHANGES).limit(1)
    if (last := oldest_kept.scalar()) is not None:
        HealthChange.delete().where(HealthChange.id <= last).execute()
