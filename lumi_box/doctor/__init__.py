"""Whether all that lumi-box needs really works: every check exercises its service, and tells what it found.

`lumi-box doctor`, `/health/detailed`, the start and the rounds of the worker all run these.
"""

from lumi_box.doctor.checks import ASK_VENDORS, CHECKS, CRITICAL
from lumi_box.doctor.finding import Finding, Note, Sick
from lumi_box.doctor.notes import notes
from lumi_box.doctor.running import TIMEOUT_SECONDS, Examiner, examine

__all__ = [
    "ASK_VENDORS",
    "CHECKS",
    "CRITICAL",
    "TIMEOUT_SECONDS",
    "Examiner",
    "Finding",
    "Note",
    "Sick",
    "examine",
    "notes",
]
