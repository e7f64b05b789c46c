"""What is wrong after a run of faults: something lost, stuck, without its row or its file, or paid twice."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emulators.remote import RemoteEmulator

PICTURES = 4


@dataclass
class Findings:
    """What is wrong, one line each, and the figures of the run."""

    wrong: list[str] = field(default_factory=list)
    doubtful: list[tuple[Any, ...]] = field(default_factory=list)
    figures: dict[str, object] = field(default_factory=dict)

    def check(self, good: object, text: str) -> None:
        if not good:
            self.wrong.append(text)


def examine(findings: Findings, folder: Path, rows: Any, emulator: RemoteEmulator, count: int) -> None:
    statuses = Counter(row[0] for row in rows("SELECT status FROM generation_request"))
    findings.check(statuses == {"COMPLETED": count}, f"requests: {dict(statuses)}")
    pictures = Counter(row[0] for row in rows("SELECT status FROM image"))
    findings.check(pictures == {"COMPLETED": count * PICTURES}, f"pictures: {dict(pictures)}")
    jobs = Counter(row[0] for row in rows("SELECT status FROM job"))
    findings.check(jobs == {"COMPLETED": count * (PICTURES + 1)}, f"jobs: {dict(jobs)}")
    unended = rows("SELECT job_id FROM attempt WHERE ended_at IS NULL")
    findings.check(not unended, f"attempts that never ended: {unended}")
    findings.figures["outcomes"] = dict(Counter(row[0] for row in rows("SELECT outcome FROM attempt")))
    _examine_store(findings, folder, rows)
    _examine_orders(findings, rows, emulator)


def _examine_store(findings: Findings, folder: Path, rows: Any) -> None:
    root = folder / "data" / "objects"
    files = {path.relative_to(root).as_posix(): path.stat().st_size for path in root.rglob("*") if path.is_file()}
    partial = [name for name in files if Path(name).name.startswith(".partial-")]
    known = dict(rows("SELECT `key`, size FROM stored_object"))
    whole = {name: size for name, size in files.items() if not Path(name).name.startswith(".")}
    findings.check(whole.keys() <= known.keys(), f"files without a row: {sorted(whole.keys() - known.keys())}")
    findings.check(known.keys() <= whole.keys(), f"rows without a file: {sorted(known.keys() - whole.keys())}")
    wrong = [name for name in known if name in whole and known[name] != whole[name]]
    findings.check(not wrong, f"files that are not what their row says: {wrong}")
    states = Counter(row[0] for row in rows("SELECT state FROM stored_object"))
    findings.check(set(states) == {"stored"}, f"objects: {dict(states)}")
    findings.figures["files"] = len(whole)
    findings.figures["unfinished_writes"] = len(partial)


def _examine_orders(findings: Findings, rows: Any, emulator: RemoteEmulator) -> None:
    """An order may be paid once more for each doubtful attempt of its job, and every ticket but those is known."""
    record = emulator.record()
    job_of = dict(rows("SELECT ticket, job_id FROM attempt WHERE ticket IS NOT NULL"))
    findings.doubtful = list(rows("SELECT job_id, provider, number FROM attempt WHERE outcome = 'doubtful'"))
    doubts = Counter(job for job, _, _ in findings.doubtful)
    orders = defaultdict(list)
    for entry in record.submits():
        if entry.paid:
            orders[entry.vendor, entry.order].append(entry.ticket)
    for tickets in orders.values():
        jobs = {job_of[ticket] for ticket in tickets if ticket in job_of}
        known = [ticket for ticket in tickets if ticket in job_of]
        findings.check(jobs, f"paid, and known to no job: {tickets}")
        findings.check(len(known) <= 1, f"one order, several known tickets: {known}")
        allowed = 1 + sum(doubts[job] for job in jobs)
        findings.check(len(tickets) <= allowed, f"paid {len(tickets)} times, with {allowed - 1} doubts: {tickets}")
    booked = rows("SELECT COUNT(*) FROM purchase")[0][0]
    findings.check(booked == len(job_of), f"{booked} orders booked, {len(job_of)} tickets known")
    findings.figures["orders"] = len(orders)
    findings.figures["paid"] = record.paid()
    findings.figures["booked"] = booked
    findings.figures["doubtful"] = len(findings.doubtful)
